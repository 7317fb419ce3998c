//! One printed value: a number with or without its unit, or why there is none.

use std::fmt;

use power_core::{Celsius, Hertz, Ratio, Value, Watts};

use super::Kind;

/// Why `nvidia-smi` printed no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Absence {
    /// `[N/A]`, `N/A`, `-`: this GPU has no such value, or not now.
    NotAvailable,
    /// `[Not Supported]`: this GPU never has it.
    NotSupported,
    /// `[Unknown Error]`, `ERR!`: asking for it failed.
    UnknownError,
    /// `[GPU is lost]`: the GPU has fallen off the bus.
    GpuLost,
    /// `[Insufficient Permissions]`: this user may not see it.
    InsufficientPermissions,
    /// `[GPU requires reset]`: nothing until the GPU is reset.
    RequiresReset,
    /// Another text in brackets, as a newer `nvidia-smi` may print.
    Other,
}

impl Absence {
    /// Reads the text in place of a value; `None` if it is not of that kind.
    pub fn parse(text: &str) -> Option<Self> {
        let bracketed = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        Some(match bracketed.unwrap_or(text) {
            "N/A" | "-" | "Not Available" => Self::NotAvailable,
            "Not Supported" => Self::NotSupported,
            "Unknown Error" | "ERR!" | "Unknown" => Self::UnknownError,
            "GPU is lost" => Self::GpuLost,
            "Insufficient Permissions" => Self::InsufficientPermissions,
            "GPU requires reset" => Self::RequiresReset,
            _ if bracketed.is_some() => Self::Other,
            _ => return None,
        })
    }

    /// Whether the value may come back on this GPU without opening it again.
    pub const fn is_passing(self) -> bool {
        matches!(self, Self::UnknownError | Self::RequiresReset | Self::GpuLost)
    }

    /// The absence in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::NotAvailable => "not available on this GPU",
            Self::NotSupported => "not supported by this GPU",
            Self::UnknownError => "unknown error",
            Self::GpuLost => "GPU is lost",
            Self::InsufficientPermissions => "insufficient permissions",
            Self::RequiresReset => "GPU requires reset",
            Self::Other => "no value",
        }
    }
}

impl fmt::Display for Absence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// What stands in the place of one value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell {
    /// A value in its unit.
    Value(Value),
    /// No value, and why.
    Absent(Absence),
}

impl Cell {
    /// The value for a reading: missing where there is none.
    pub const fn value(self) -> Value {
        match self {
            Self::Value(value) => value,
            Self::Absent(_) => Value::Missing,
        }
    }

    /// Why there is no value; `None` where there is one.
    pub const fn absence(self) -> Option<Absence> {
        match self {
            Self::Value(_) => None,
            Self::Absent(absence) => Some(absence),
        }
    }
}

/// Text that is neither a value of its kind nor an absence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a value of this kind: a number in {}", .0.unit().unwrap_or("no unit"))]
pub struct Malformed(pub Kind);

/// Reads one value of `kind`, with its unit or without.
///
/// ```
/// use driver_smi::protocol::{Absence, Cell, Kind, parse_cell};
/// use power_core::{Value, Watts};
/// assert_eq!(parse_cell(Kind::Power, "78.99 W"), Ok(Cell::Value(Watts::from_watts(78.99).into())));
/// assert_eq!(parse_cell(Kind::Power, "78.99"), Ok(Cell::Value(Watts::from_watts(78.99).into())));
/// assert_eq!(parse_cell(Kind::PowerLimit, "700.00 W"), Ok(Cell::Value(Value::Count(700_000))));
/// assert_eq!(parse_cell(Kind::Power, "[N/A]"), Ok(Cell::Absent(Absence::NotAvailable)));
/// assert!(parse_cell(Kind::Power, "78.99 mW").is_err());
/// assert!(parse_cell(Kind::Power, "").is_err());
/// ```
///
/// # Errors
///
/// - [`Malformed`] if it is neither a number of that kind nor a known absence: another unit, a sign where none can
///   be, a share above 100 %.
pub fn parse_cell(kind: Kind, text: &str) -> Result<Cell, Malformed> {
    let text = text.trim();
    if let Some(absence) = Absence::parse(text) {
        return Ok(Cell::Absent(absence));
    }
    number(kind, text).map(Cell::Value).ok_or(Malformed(kind))
}

/// Whether a value shows by itself that it was not cut off: by its unit, or because it is an absence. `78.4` may have
/// been `78.45 W`.
pub(super) fn is_whole(kind: Kind, text: &str) -> bool {
    let text = text.trim_end();
    let united = kind.unit().is_some_and(|unit| text.ends_with(unit)) || text.ends_with("MB");
    united || text.ends_with(']') || matches!(text, "N/A" | "ERR!")
}

fn number(kind: Kind, text: &str) -> Option<Value> {
    match kind {
        Kind::PState => return digits(text.strip_prefix('P')?).map(Value::Count),
        Kind::Mask => return u64::from_str_radix(hexadecimal(text)?, 16).ok().map(Value::Count),
        Kind::Text => return None,
        _ => {}
    }
    let number = match (text.split_once(' '), kind.unit()) {
        (None, _) => text,
        (Some((number, unit)), Some(right)) if unit == right => number,
        // `dmon` says MB and counts in MiB.
        (Some((number, "MB")), Some("MiB")) => number,
        (Some(_), _) => return None,
    };
    Some(match kind {
        Kind::Power => Watts::from_watts(positive(number)?).into(),
        Kind::PowerLimit => Value::Count(thousandths(number)?),
        Kind::Share => {
            let percent = positive(number)?;
            (percent <= 100.0).then(|| Ratio::from_percent(percent).into())?
        }
        Kind::Memory => Value::Count(digits(number)?.checked_mul(1 << 20)?),
        Kind::Temperature => Celsius::from_celsius(signed(number)?).into(),
        Kind::Clock => Hertz::from_hertz(positive(number)? * 1e6).into(),
        Kind::PState | Kind::Mask | Kind::Text => return None,
    })
}

/// Digits of a hexadecimal number that starts with `0x`; no sign, as the standard library would allow.
fn hexadecimal(text: &str) -> Option<&str> {
    let digits = text.strip_prefix("0x")?;
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(digits)
}

/// A whole number of digits alone.
fn digits(text: &str) -> Option<u64> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

/// A decimal number of digits and at most one point, which has digits on both sides.
fn positive(text: &str) -> Option<f64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    // Longer ones are no values of a sensor, and this keeps the number finite.
    (text.len() <= 20 && digits(whole).is_some() && digits(part).is_some()).then(|| text.parse().ok())?
}

fn signed(text: &str) -> Option<f64> {
    match text.strip_prefix('-') {
        Some(text) => positive(text).map(|number| -number),
        None => positive(text),
    }
}

/// A decimal number in thousandths, exactly; `None` if it has more than three decimals.
fn thousandths(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let scale = 10_u64.checked_pow(3_u32.checked_sub(u32::try_from(part.len()).ok()?)?)?;
    digits(whole)?.checked_mul(1_000)?.checked_add(digits(part)? * scale)
}
