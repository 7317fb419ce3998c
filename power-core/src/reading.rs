//! One value with its stamp, and the recorder that collects them.

use std::fmt;

use crate::{
    Amperes, Celsius, ChannelId, Clock, DeviceTime, Hertz, Quantity, Ratio, Stamp, VoltAmperes, Volts, Watts,
};

/// The value of one reading.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Active or estimated power.
    Power(Watts),
    /// A raw count: energy counter, bytes, state.
    Count(u64),
    /// Utilisation or power factor.
    Ratio(Ratio),
    /// Temperature.
    Temperature(Celsius),
    /// Frequency.
    Frequency(Hertz),
    /// Voltage.
    Voltage(Volts),
    /// Current.
    Current(Amperes),
    /// Apparent power.
    ApparentPower(VoltAmperes),
    /// The device answered that it has no value now. Never written as 0.
    Missing,
}

impl Value {
    /// The measured number in the unit of its quantity; `None` for a count and for a missing value.
    pub fn number(self) -> Option<f64> {
        match self {
            Self::Power(value) => Some(value.get()),
            Self::Ratio(value) => Some(value.get()),
            Self::Temperature(value) => Some(value.get()),
            Self::Frequency(value) => Some(value.get()),
            Self::Voltage(value) => Some(value.get()),
            Self::Current(value) => Some(value.get()),
            Self::ApparentPower(value) => Some(value.get()),
            Self::Count(_) | Self::Missing => None,
        }
    }

    /// A measured number in the unit of `quantity`, the inverse of [`number`](Self::number); `None` for a quantity that is
    /// counted.
    ///
    /// ```
    /// use power_core::{Quantity, Value};
    /// assert_eq!(Value::measured(Quantity::Voltage, 229.8).and_then(Value::number), Some(229.8));
    /// assert_eq!(Value::measured(Quantity::State, 2.0), None);
    /// ```
    pub fn measured(quantity: Quantity, number: f64) -> Option<Self> {
        Some(match quantity {
            Quantity::Power { .. } | Quantity::EstimatedPower => Watts::from_watts(number).into(),
            Quantity::Utilisation | Quantity::PowerFactor => Ratio::from_fraction(number).into(),
            Quantity::Temperature => Celsius::from_celsius(number).into(),
            Quantity::Frequency => Hertz::from_hertz(number).into(),
            Quantity::Voltage => Volts::from_volts(number).into(),
            Quantity::Current => Amperes::from_amperes(number).into(),
            Quantity::ApparentPower => VoltAmperes::from_volt_amperes(number).into(),
            _ => return None,
        })
    }

    /// The raw count; `None` for a measured number and for a missing value.
    pub fn count(self) -> Option<u64> {
        match self {
            Self::Count(count) => Some(count),
            _ => None,
        }
    }

    /// Whether a channel of `quantity` can give this value. A missing value fits every quantity.
    pub fn fits(self, quantity: Quantity) -> bool {
        match self {
            Self::Missing => true,
            Self::Count(_) => quantity.is_counted(),
            Self::Power(_) => matches!(quantity, Quantity::Power { .. } | Quantity::EstimatedPower),
            Self::Ratio(_) => matches!(quantity, Quantity::Utilisation | Quantity::PowerFactor),
            Self::Temperature(_) => quantity == Quantity::Temperature,
            Self::Frequency(_) => quantity == Quantity::Frequency,
            Self::Voltage(_) => quantity == Quantity::Voltage,
            Self::Current(_) => quantity == Quantity::Current,
            Self::ApparentPower(_) => quantity == Quantity::ApparentPower,
        }
    }
}

impl fmt::Display for Value {
    /// Writes the number with its unit; a precision given by the caller is kept.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Power(value) => value.fmt(f),
            Self::Count(count) => count.fmt(f),
            Self::Ratio(value) => value.fmt(f),
            Self::Temperature(value) => value.fmt(f),
            Self::Frequency(value) => value.fmt(f),
            Self::Voltage(value) => value.fmt(f),
            Self::Current(value) => value.fmt(f),
            Self::ApparentPower(value) => value.fmt(f),
            Self::Missing => f.write_str("missing"),
        }
    }
}

macro_rules! value_from {
    ($($unit:ident => $variant:ident),* $(,)?) => {
        $(impl From<$unit> for Value {
            fn from(value: $unit) -> Self {
                Self::$variant(value)
            }
        })*
    };
}

value_from! {
    Watts => Power,
    Ratio => Ratio,
    Celsius => Temperature,
    Hertz => Frequency,
    Volts => Voltage,
    Amperes => Current,
    VoltAmperes => ApparentPower,
}

/// What is remarkable about a reading; nothing is dropped, it is flagged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct Flags(u16);

impl Flags {
    /// Nothing remarkable.
    pub const NONE: Self = Self(0);
    /// The device answered that it has no value (`[N/A]`, undefined pattern).
    pub const MISSING: Self = Self(1);
    /// Values before this one were lost in the device (its buffer overran).
    pub const OVERRUN: Self = Self(1 << 1);
    /// The device says that the value exceeds its range.
    pub const OVERRANGE: Self = Self(1 << 2);
    /// The device says that the value is old.
    pub const STALE: Self = Self(1 << 3);
    /// The value is known to a coarser resolution than the channel's, or its time is.
    pub const COARSE: Self = Self(1 << 4);
    /// The device's own uncertainty check failed or could not be made.
    pub const UNCERTAIN: Self = Self(1 << 5);
    /// Nothing is known of what lies between the value before and this one: the host slept, the device restarted,
    /// or a counter was left unread for too long.
    pub const BREAK: Self = Self(1 << 6);

    /// The flags as bits, as they stand in a run on disk.
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Flags from the bits in a run on disk; unknown bits are kept.
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// Whether all of `other` are set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl std::ops::BitOr for Flags {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Display for Flags {
    /// Writes the names of the flags, such as `missing|stale`; unknown bits as one number; nothing for none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 7] = ["missing", "overrun", "overrange", "stale", "coarse", "uncertain", "break"];
        let mut separator = "";
        for (_, name) in NAMES.iter().enumerate().filter(|(bit, _)| (self.0 >> bit) & 1 == 1) {
            write!(f, "{separator}{name}")?;
            separator = "|";
        }
        match self.0 >> NAMES.len() << NAMES.len() {
            0 => Ok(()),
            unknown => write!(f, "{separator}{unknown:#x}"),
        }
    }
}

/// One value with its stamp.
///
/// There is none without a stamp:
///
/// ```compile_fail,E0061
/// use power_core::{ChannelId, Reading, Watts};
/// let unstamped = Reading::new(ChannelId(0), Watts::from_watts(300.0));
/// ```
///
/// ```compile_fail,E0639
/// use power_core::{ChannelId, Flags, Reading, Stamp, Value, Watts};
/// fn literal(stamp: Stamp) -> Reading {
///     let value = Value::Power(Watts::from_watts(300.0));
///     Reading { channel: ChannelId(0), value, stamp, device_time: None, flags: Flags::NONE }
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Reading {
    /// The channel that was read.
    pub channel: ChannelId,
    /// What it showed.
    pub value: Value,
    /// The host-clock bracket of the transaction.
    pub stamp: Stamp,
    /// The device's own time of the value, where it gives one.
    pub device_time: Option<DeviceTime>,
    /// What is remarkable about it.
    pub flags: Flags,
}

impl Reading {
    /// A reading with no device time; a missing value is flagged as such.
    pub fn new(channel: ChannelId, value: impl Into<Value>, stamp: Stamp) -> Self {
        let value = value.into();
        let flags = if matches!(value, Value::Missing) { Flags::MISSING } else { Flags::NONE };
        Self { channel, value, stamp, device_time: None, flags }
    }

    /// Adds the device's own time.
    #[must_use]
    pub fn at_device(mut self, time: DeviceTime) -> Self {
        self.device_time = Some(time);
        self
    }

    /// Adds flags.
    #[must_use]
    pub fn flagged(mut self, flags: Flags) -> Self {
        self.flags = self.flags | flags;
        self
    }
}

/// Stamps transactions and collects readings into the caller's buffer.
///
/// A recorder allocates nothing as long as the buffer's capacity lasts.
pub struct Recorder<'a> {
    clock: &'a dyn Clock,
    readings: &'a mut Vec<Reading>,
}

impl<'a> Recorder<'a> {
    /// A recorder that appends to `readings` and stamps by `clock`.
    pub fn new(clock: &'a dyn Clock, readings: &'a mut Vec<Reading>) -> Self {
        Self { clock, readings }
    }

    /// Runs one transaction with the device between two readings of the host clock.
    ///
    /// Blocks as long as the transaction does.
    ///
    /// # Errors
    ///
    /// - that of `transaction`, unchanged; no stamp is made then.
    pub fn bracket<T, E>(&self, transaction: impl FnOnce() -> Result<T, E>) -> Result<(T, Stamp), E> {
        let start = self.clock.now();
        let outcome = transaction()?;
        let end = self.clock.now();
        Ok((outcome, Stamp::new(start, end)))
    }

    /// The same for a transaction that is awaited rather than blocked on.
    ///
    /// The bracket ends when the runtime gets to the answer, so a busy runtime widens it. A bracket that is
    /// dropped before its end makes no stamp.
    ///
    /// # Errors
    ///
    /// - that of `transaction`, unchanged; no stamp is made then.
    #[cfg(feature = "async")]
    pub async fn bracket_async<T, E>(
        &self,
        transaction: impl Future<Output = Result<T, E>>,
    ) -> Result<(T, Stamp), E> {
        let start = self.clock.now();
        let outcome = transaction.await?;
        let end = self.clock.now();
        Ok((outcome, Stamp::new(start, end)))
    }

    /// Appends one reading. Does not block.
    #[inline]
    pub fn push(&mut self, reading: Reading) {
        self.readings.push(reading);
    }

    /// Number of readings in the buffer, including those of earlier calls.
    pub fn len(&self) -> usize {
        self.readings.len()
    }

    /// Whether the buffer is empty.
    pub fn is_empty(&self) -> bool {
        self.readings.is_empty()
    }
}

impl fmt::Debug for Recorder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("clock", &self.clock)
            .field("readings", &self.readings.len())
            .finish()
    }
}
