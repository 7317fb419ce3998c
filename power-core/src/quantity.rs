//! What a channel measures, and in which unit.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::{Error, ErrorKind, Joules, Result};

/// The time that one publication of a power channel covers.
///
/// An average is never called instantaneous: where the maker does not say, it is [`Unknown`](Averaging::Unknown).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Averaging {
    /// The maker does not say, or it has not been looked up.
    #[default]
    Unknown,
    /// A point value: the averaging window is far below the update period and not stated.
    Instantaneous,
    /// A mean over this averaging window W, which ends at the publication less the sensor's delay.
    #[cfg_attr(feature = "serde", serde(rename = "over_ns", with = "crate::serde_duration"))]
    Over(Duration),
}

impl fmt::Display for Averaging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("unknown averaging"),
            Self::Instantaneous => f.write_str("instantaneous"),
            Self::Over(window) => write!(f, "average over {window:?}"),
        }
    }
}

/// The physical quantity of a channel.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(tag = "kind", rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Quantity {
    /// Active power, in watts.
    Power {
        /// What one publication covers.
        averaging: Averaging,
    },
    /// A counter of energy; readings are raw counts.
    EnergyCounter {
        /// Energy of one count, in joules.
        #[cfg_attr(feature = "serde", serde(rename = "quantum_j"))]
        quantum: Joules,
        /// The counter wraps to 0 when it reaches this count; `None` where it does not wrap in practice.
        modulus: Option<u64>,
    },
    /// Power that a model computes rather than a sensor measures, in watts.
    EstimatedPower,
    /// Share of time that a unit was busy, 0 to 1.
    Utilisation,
    /// Memory in use, in bytes (raw counts).
    MemoryUsed,
    /// Temperature, in degrees Celsius.
    Temperature,
    /// Clock frequency, in hertz.
    Frequency,
    /// Voltage, in volts.
    Voltage,
    /// Current, in amperes.
    Current,
    /// Apparent power, in volt-amperes.
    ApparentPower,
    /// Active over apparent power, -1 to 1.
    PowerFactor,
    /// A state or a set of flags of the device, as its raw number (performance state, throttle reasons).
    State,
    /// An exchange of times with the device's clock, by which that is related to the host's: the device time of such a
    /// reading is when the device was asked, its count how many nanoseconds later it answered, and its stamp brackets
    /// both on the host.
    ClockExchange,
    /// Time that whoever stamps the device took to read it, in nanoseconds (raw counts): the device times of the
    /// polled channels of this source are midpoints, known to half of it.
    ReadTime,
}

impl Quantity {
    /// Power of which nothing is known about averaging.
    pub const fn power() -> Self {
        Self::Power { averaging: Averaging::Unknown }
    }

    /// Power as a point value.
    pub const fn instantaneous_power() -> Self {
        Self::Power { averaging: Averaging::Instantaneous }
    }

    /// Power averaged over `window`.
    pub const fn average_power(window: Duration) -> Self {
        Self::Power { averaging: Averaging::Over(window) }
    }

    /// The unit of this quantity's readings.
    pub const fn unit(self) -> Unit {
        match self {
            Self::Power { .. } | Self::EstimatedPower => Unit::Watt,
            Self::EnergyCounter { .. } | Self::State | Self::ClockExchange | Self::ReadTime => Unit::Count,
            Self::Utilisation | Self::PowerFactor => Unit::One,
            Self::MemoryUsed => Unit::Byte,
            Self::Temperature => Unit::Celsius,
            Self::Frequency => Unit::Hertz,
            Self::Voltage => Unit::Volt,
            Self::Current => Unit::Ampere,
            Self::ApparentPower => Unit::VoltAmpere,
        }
    }

    /// Nominal averaging window W, where the maker states one.
    pub const fn window(self) -> Option<Duration> {
        match self {
            Self::Power { averaging: Averaging::Over(window) } => Some(window),
            _ => None,
        }
    }

    /// Whether an energy over an interval can be had from this quantity.
    pub const fn has_energy(self) -> bool {
        matches!(self, Self::Power { .. } | Self::EstimatedPower | Self::EnergyCounter { .. })
    }

    /// Whether readings are raw counts (`u64`) rather than measured numbers (`f64`).
    pub const fn is_counted(self) -> bool {
        matches!(
            self,
            Self::EnergyCounter { .. }
                | Self::MemoryUsed
                | Self::State
                | Self::ClockExchange
                | Self::ReadTime
        )
    }
}

impl fmt::Display for Quantity {
    /// The field's word for the quantity, such as `average power`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Power { averaging: Averaging::Unknown } => "power",
            Self::Power { averaging: Averaging::Instantaneous } => "instantaneous power",
            Self::Power { averaging: Averaging::Over(_) } => "average power",
            Self::EnergyCounter { .. } => "energy counter",
            Self::EstimatedPower => "estimated power",
            Self::Utilisation => "utilisation",
            Self::MemoryUsed => "memory used",
            Self::Temperature => "temperature",
            Self::Frequency => "frequency",
            Self::Voltage => "voltage",
            Self::Current => "current",
            Self::ApparentPower => "apparent power",
            Self::PowerFactor => "power factor",
            Self::State => "state",
            Self::ClockExchange => "clock exchange",
            Self::ReadTime => "read time",
        })
    }
}

/// The unit in which a channel's readings are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Unit {
    /// Watt.
    #[cfg_attr(feature = "serde", serde(rename = "W"))]
    Watt,
    /// A raw count, whose meaning the quantity gives.
    #[cfg_attr(feature = "serde", serde(rename = "count"))]
    Count,
    /// A plain number.
    #[cfg_attr(feature = "serde", serde(rename = "1"))]
    One,
    /// Byte.
    #[cfg_attr(feature = "serde", serde(rename = "B"))]
    Byte,
    /// Degree Celsius.
    #[cfg_attr(feature = "serde", serde(rename = "°C"))]
    Celsius,
    /// Hertz.
    #[cfg_attr(feature = "serde", serde(rename = "Hz"))]
    Hertz,
    /// Volt.
    #[cfg_attr(feature = "serde", serde(rename = "V"))]
    Volt,
    /// Ampere.
    #[cfg_attr(feature = "serde", serde(rename = "A"))]
    Ampere,
    /// Volt-ampere.
    #[cfg_attr(feature = "serde", serde(rename = "VA"))]
    VoltAmpere,
}

impl Unit {
    const ALL: [Self; 9] = [
        Self::Watt,
        Self::Count,
        Self::One,
        Self::Byte,
        Self::Celsius,
        Self::Hertz,
        Self::Volt,
        Self::Ampere,
        Self::VoltAmpere,
    ];

    /// The unit's symbol.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Watt => "W",
            Self::Count => "count",
            Self::One => "1",
            Self::Byte => "B",
            Self::Celsius => "°C",
            Self::Hertz => "Hz",
            Self::Volt => "V",
            Self::Ampere => "A",
            Self::VoltAmpere => "VA",
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.symbol())
    }
}

impl FromStr for Unit {
    type Err = Error;

    /// The unit with this symbol.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidConfig`] naming the symbols that are known.
    fn from_str(symbol: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|unit| unit.symbol() == symbol).ok_or_else(|| {
            let known = Self::ALL.map(Self::symbol).join(", ");
            Error::new(ErrorKind::InvalidConfig, format!("unknown unit {symbol:?}; the units are {known}"))
        })
    }
}
