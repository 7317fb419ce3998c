//! Newtypes for the units of power measurement, so that watts and joules cannot be mixed.
//!
//! There is no `From<f64>`: a constructor names the unit on the wire (`from_milliwatts`), `get` gives the
//! number back in the base unit.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};
use std::time::Duration;

macro_rules! unit {
    ($(#[$doc:meta])* $name:ident, $symbol:literal, $new:ident, $base:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
        pub struct $name(f64);

        impl $name {
            #[doc = concat!("A value given ", $base, ".")]
            pub const fn $new(value: f64) -> Self {
                Self(value)
            }

            #[doc = concat!("The number ", $base, ".")]
            pub const fn get(self) -> f64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            /// Writes the number with its unit; a precision given by the caller is kept.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)?;
                f.write_str($symbol)
            }
        }
    };
}

macro_rules! additive {
    ($name:ident) => {
        impl Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }
        impl Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }
        impl Neg for $name {
            type Output = Self;
            fn neg(self) -> Self {
                Self(-self.0)
            }
        }
        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                self.0 += other.0;
            }
        }
        impl Mul<f64> for $name {
            type Output = Self;
            fn mul(self, factor: f64) -> Self {
                Self(self.0 * factor)
            }
        }
        impl Div<f64> for $name {
            type Output = Self;
            fn div(self, divisor: f64) -> Self {
                Self(self.0 / divisor)
            }
        }
        impl Div for $name {
            type Output = f64;
            fn div(self, other: Self) -> f64 {
                self.0 / other.0
            }
        }
        impl Sum for $name {
            fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
                Self(iter.map(|item| item.0).sum())
            }
        }
    };
}

unit!(
    /// Active power in watts.
    ///
    /// ```
    /// use power_core::Watts;
    /// assert_eq!(Watts::from_milliwatts(124_625), Watts::from_watts(124.625));
    /// assert_eq!(format!("{:.1}", Watts::from_watts(75.04)), "75.0 W");
    /// ```
    Watts, " W", from_watts, "in watts"
);
unit!(
    /// Energy in joules.
    ///
    /// ```
    /// use power_core::{Joules, Watts};
    /// use std::time::Duration;
    /// let energy = Watts::from_watts(300.0) * Duration::from_millis(100);
    /// assert_eq!(energy, Joules::from_joules(30.0));
    /// ```
    ///
    /// Power and energy do not add:
    ///
    /// ```compile_fail,E0308
    /// use power_core::{Joules, Watts};
    /// let nonsense = Watts::from_watts(1.0) + Joules::from_joules(1.0);
    /// ```
    Joules, " J", from_joules, "in joules"
);
unit!(
    /// Electric potential in volts.
    Volts, " V", from_volts, "in volts"
);
unit!(
    /// Electric current in amperes.
    Amperes, " A", from_amperes, "in amperes"
);
unit!(
    /// Apparent power in volt-amperes.
    VoltAmperes, " VA", from_volt_amperes, "in volt-amperes"
);
unit!(
    /// Frequency in hertz.
    Hertz, " Hz", from_hertz, "in hertz"
);
unit!(
    /// Temperature in degrees Celsius.
    Celsius, " °C", from_celsius, "in degrees Celsius"
);
unit!(
    /// A plain ratio: utilisation from 0 to 1, or a power factor from -1 to 1. It has no unit.
    Ratio, "", from_fraction, "as a fraction of one"
);

additive!(Watts);
additive!(Joules);
additive!(Volts);
additive!(Amperes);
additive!(VoltAmperes);
additive!(Hertz);

impl Watts {
    /// Power from a wire value in milliwatts (NVML's unit).
    pub fn from_milliwatts(milliwatts: u32) -> Self {
        Self(f64::from(milliwatts) * 1e-3)
    }

    /// Power from a wire value in microwatts (hwmon's unit).
    #[expect(clippy::cast_precision_loss, reason = "exact below 2^53 µW, which is 9 GW")]
    pub fn from_microwatts(microwatts: u64) -> Self {
        Self(microwatts as f64 * 1e-6)
    }
}

impl Joules {
    /// Energy from a wire value in millijoules (NVML's unit).
    #[expect(clippy::cast_precision_loss, reason = "exact below 2^53 mJ, which is 285 years at 1 kW")]
    pub fn from_millijoules(millijoules: u64) -> Self {
        Self(millijoules as f64 * 1e-3)
    }

    /// Energy from a wire value in microjoules (powercap's unit).
    #[expect(clippy::cast_precision_loss, reason = "exact below 2^53 µJ; above it the error is under 2 µJ")]
    pub fn from_microjoules(microjoules: u64) -> Self {
        Self(microjoules as f64 * 1e-6)
    }
}

impl Ratio {
    /// A ratio from a wire value in percent.
    pub fn from_percent(percent: f64) -> Self {
        Self(percent * 1e-2)
    }
}

impl Mul<Duration> for Watts {
    type Output = Joules;
    fn mul(self, time: Duration) -> Joules {
        Joules(self.0 * time.as_secs_f64())
    }
}

impl Div<Duration> for Joules {
    /// `None` for an interval of no length: the average power of no time is unknown.
    type Output = Option<Watts>;
    fn div(self, time: Duration) -> Option<Watts> {
        (!time.is_zero()).then(|| Watts(self.0 / time.as_secs_f64()))
    }
}

impl Mul<Amperes> for Volts {
    type Output = VoltAmperes;
    fn mul(self, current: Amperes) -> VoltAmperes {
        VoltAmperes(self.0 * current.0)
    }
}
