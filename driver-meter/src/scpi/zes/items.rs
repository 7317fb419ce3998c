//! The values that an LMG sends: one line a cycle, values apart by `;`, in the order that `actn` named them.

use power_core::{Amperes, DeviceTime, Quantity, Ratio, Value, Volts, Watts};

use crate::scpi::number::{Scalar, parse};

/// What one value of a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// The instrument's own time: `tsnorm`.
    Time,
    /// How long the cycle was, in seconds: `durnorm`.
    Duration,
    /// Voltage: `utrms`.
    Voltage,
    /// Current: `itrms`.
    Current,
    /// Active power: `p`.
    Power,
    /// Power factor: `pf`.
    PowerFactor,
}

impl Kind {
    /// The instrument's word in its short language.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Time => "tsnorm",
            Self::Duration => "durnorm",
            Self::Voltage => "utrms",
            Self::Current => "itrms",
            Self::Power => "p",
            Self::PowerFactor => "pf",
        }
    }

    /// Quantity and name of its channel; `None` for what has none.
    pub(crate) fn channel(self) -> Option<(&'static str, Quantity)> {
        Some(match self {
            Self::Voltage => ("voltage", Quantity::Voltage),
            Self::Current => ("current", Quantity::Current),
            Self::Power => ("power", Quantity::power()),
            Self::PowerFactor => ("power factor", Quantity::PowerFactor),
            Self::Time | Self::Duration => return None,
        })
    }

    /// A number of this kind as a value of its channel.
    pub(crate) fn value(self, number: f64) -> Value {
        match self {
            Self::Voltage => Volts::from_volts(number).into(),
            Self::Current => Amperes::from_amperes(number).into(),
            Self::Power => Watts::from_watts(number).into(),
            Self::PowerFactor => Ratio::from_fraction(number).into(),
            Self::Time | Self::Duration => Value::Missing,
        }
    }
}

/// One value of a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell {
    /// A number, or what stands for none.
    Scalar(Scalar),
    /// The instrument's own time.
    Time(DeviceTime),
}

/// Reads a line into `cells`, which `kinds` names. Takes any bytes.
///
/// `None` unless there are exactly as many values as kinds, and each is of its kind.
pub fn line(bytes: &[u8], kinds: &[Kind], cells: &mut [Cell]) -> Option<()> {
    let mut words = bytes.split(|byte| *byte == b';');
    for (kind, cell) in kinds.iter().zip(cells) {
        let word = words.next()?.trim_ascii();
        *cell = match kind {
            Kind::Time => Cell::Time(time(word)?),
            _ => Cell::Scalar(parse(word)?),
        };
    }
    words.next().is_none().then_some(())
}

/// The time `2015:01:21D17:20:55.437817000+0000` in nanoseconds since 1970 UTC. Takes any bytes.
///
/// ```
/// use driver_meter::scpi::zes::items::time;
/// let time = time(b"1970:01:02D00:00:00.500000000+0100").unwrap();
/// assert_eq!(time.nanos(), (23 * 3600) * 1_000_000_000 + 500_000_000);
/// ```
pub fn time(text: &[u8]) -> Option<DeviceTime> {
    let digits = |range: std::ops::Range<usize>| -> Option<i64> {
        let part = text.get(range)?;
        part.iter()
            .all(u8::is_ascii_digit)
            .then(|| part.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0')))
    };
    let at = |index: usize, byte: u8| text.get(index) == Some(&byte);
    let shaped = at(4, b':') && at(7, b':') && at(10, b'D') && at(13, b':') && at(16, b':') && at(19, b'.');
    if !shaped {
        return None;
    }
    let zone_at = text.iter().rposition(|byte| matches!(byte, b'+' | b'-'))?;
    let fraction = text.get(20..zone_at)?;
    if fraction.is_empty() || fraction.len() > 9 || text.len() != zone_at + 5 {
        return None;
    }
    let scale = 10_i64.pow(9 - u32::try_from(fraction.len()).ok()?);
    let nanos = digits(20..zone_at)? * scale;
    let zone = digits(zone_at + 1..zone_at + 3)? * 3600 + digits(zone_at + 3..zone_at + 5)? * 60;
    let zone = if at(zone_at, b'-') { -zone } else { zone };
    let (year, month, day) = (digits(0..4)?, digits(5..7)?, digits(8..10)?);
    let (hour, minute, second) = (digits(11..13)?, digits(14..16)?, digits(17..19)?);
    let valid = (1970..=2200).contains(&year) && hour < 24 && minute < 60 && second < 61;
    let days = crate::calendar::days_since_1970(year, month, day).filter(|_| valid)?;
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second - zone;
    Some(DeviceTime::from_nanos(seconds * 1_000_000_000 + nanos))
}
