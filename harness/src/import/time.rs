//! Times as they stand in others' files, exact to the nanosecond.

use std::fmt;
use std::str::FromStr;

use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::Offset;

use super::nearest::hint;
use crate::{Error, Result};

/// The unit of a time that is written as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeUnit {
    /// Nanoseconds.
    Nanos,
    /// Microseconds.
    Micros,
    /// Milliseconds.
    Millis,
    /// Seconds.
    Seconds,
}

impl TimeUnit {
    /// Nanoseconds in one such unit.
    pub const fn nanos(self) -> i64 {
        match self {
            Self::Nanos => 1,
            Self::Micros => 1_000,
            Self::Millis => 1_000_000,
            Self::Seconds => 1_000_000_000,
        }
    }
}

impl FromStr for TimeUnit {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "ns" => Ok(Self::Nanos),
            "us" | "µs" | "μs" => Ok(Self::Micros),
            "ms" => Ok(Self::Millis),
            "s" => Ok(Self::Seconds),
            _ => Err(Error::new(format!("unknown unit of time `{text}`")).mend("known are ns, us, ms and s")),
        }
    }
}

/// Why a cell is no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeFault {
    /// It does not read as a time at all.
    Unreadable,
    /// It lies outside 1677 to 2262, which is what 64 bits of nanoseconds hold.
    OutOfRange,
}

impl fmt::Display for TimeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreadable => "is no time",
            Self::OutOfRange => "is a time beyond what 64 bits of nanoseconds hold",
        })
    }
}

/// A decimal number in `unit` as nanoseconds; digits below a nanosecond are cut off.
///
/// # Errors
///
/// - [`TimeFault`]
pub fn decimal_ns(text: &[u8], unit: TimeUnit) -> Result<i64, TimeFault> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let point = digits.iter().position(|byte| *byte == b'.').unwrap_or(digits.len());
    let (whole, fraction) = (&digits[..point], digits.get(point + 1..).unwrap_or(&[]));
    if whole.is_empty() && fraction.is_empty() {
        return Err(TimeFault::Unreadable);
    }
    // Built up on the negative side, which holds one number more.
    let mut nanos: i64 = 0;
    for byte in whole {
        nanos = nanos
            .checked_mul(10)
            .and_then(|n| n.checked_sub(digit(*byte)?))
            .ok_or_else(|| fault_at(*byte))?;
    }
    nanos = nanos.checked_mul(unit.nanos()).ok_or(TimeFault::OutOfRange)?;
    let mut place = unit.nanos();
    for byte in fraction {
        let digit = digit(*byte).ok_or(TimeFault::Unreadable)?;
        place /= 10;
        nanos = nanos.checked_sub(digit * place).ok_or(TimeFault::OutOfRange)?;
    }
    if negative { Ok(nanos) } else { nanos.checked_neg().ok_or(TimeFault::OutOfRange) }
}

fn digit(byte: u8) -> Option<i64> {
    byte.is_ascii_digit().then(|| i64::from(byte - b'0'))
}

fn fault_at(byte: u8) -> TimeFault {
    if byte.is_ascii_digit() { TimeFault::OutOfRange } else { TimeFault::Unreadable }
}

/// Reads an offset from UTC: `+01:00`, `-0730`, `+1`, `Z` or `UTC`.
///
/// # Errors
///
/// - it is none of these, or more than a day
pub fn parse_utc_offset(text: &str) -> Result<Offset> {
    let fault = || {
        Error::new(format!("`{text}` is no offset from UTC"))
            .mend("write it as +01:00; local time east of UTC is +")
    };
    if matches!(text, "Z" | "z" | "UTC" | "utc") {
        return Ok(Offset::UTC);
    }
    let (sign, rest) = match text.split_at_checked(1) {
        Some(("+", rest)) => (1, rest),
        Some(("-", rest)) => (-1, rest),
        _ => return Err(fault()),
    };
    let (hours, minutes) = match (rest.split_once(':'), rest.len()) {
        (Some(parts), _) => parts,
        (None, 1 | 2) => (rest, "0"),
        (None, 4) => rest.split_at_checked(2).ok_or_else(fault)?,
        _ => return Err(fault()),
    };
    let number = |text: &str, most: i32| {
        let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| text.parse().ok()).flatten().filter(|number: &i32| *number <= most)
    };
    let (hours, minutes) = number(hours, 23).zip(number(minutes, 59)).ok_or_else(fault)?;
    Offset::from_seconds(sign * (hours * 3_600 + minutes * 60)).map_err(|_| fault())
}

/// How times are written as text: a `strptime` format, with the zone that it leaves out.
#[derive(Debug, Clone)]
pub struct TextTime {
    format: Format,
    zone: Offset,
}

#[derive(Debug, Clone)]
enum Format {
    /// RFC 3339 with its own offset.
    Rfc3339,
    /// A `strptime` format; the layout is its fast reading where it has one.
    Strptime { format: String, layout: Option<Vec<Piece>>, zoned: bool },
}

/// One piece of a simple layout: a field of a fixed number of digits, or a letter that has to stand there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    Fraction,
    Letter(u8),
}

impl TextTime {
    /// Times written in `format`; `zone` is that of times that do not say theirs.
    ///
    /// # Errors
    ///
    /// - the format leaves out the zone and none is given
    /// - the format is none
    pub fn new(format: &str, zone: Option<Offset>) -> Result<Self> {
        if format == "rfc3339" {
            return Ok(Self { format: Format::Rfc3339, zone: Offset::UTC });
        }
        if !format.contains('%') {
            return Err(Error::new(format!("`{format}` is no format of a time"))
                .mend(hint(format, &["rfc3339", "%Y-%m-%d %H:%M:%S%.f", "%Y/%m/%d %H:%M:%S%.f"])));
        }
        let zoned = ["%z", "%:z", "%s"].iter().any(|directive| format.contains(directive));
        let Some(zone) = zone.or(zoned.then_some(Offset::UTC)) else {
            return Err(Error::new("its times are local and do not say their zone")
                .mend("pass --utc-offset, such as --utc-offset +01:00 for Central European winter time"));
        };
        let layout = if zoned { None } else { layout(format) };
        Ok(Self { format: Format::Strptime { format: format.to_owned(), layout, zoned }, zone })
    }

    /// The Unix time in nanoseconds that `text` writes.
    ///
    /// # Errors
    ///
    /// - [`TimeFault`]
    pub fn parse(&self, text: &[u8]) -> Result<i64, TimeFault> {
        let offset_ns = i64::from(self.zone.seconds()) * 1_000_000_000;
        let (format, zoned) = match &self.format {
            Format::Strptime { layout: Some(layout), format, zoned } => match read_layout(layout, text) {
                Some(local) => return local.checked_sub(offset_ns).ok_or(TimeFault::OutOfRange),
                None => (format, *zoned),
            },
            Format::Strptime { layout: None, format, zoned } => (format, *zoned),
            Format::Rfc3339 => {
                let text = std::str::from_utf8(text).map_err(|_| TimeFault::Unreadable)?;
                let stamp: jiff::Timestamp = text.parse().map_err(|_| TimeFault::Unreadable)?;
                return i64::try_from(stamp.as_nanosecond()).map_err(|_| TimeFault::OutOfRange);
            }
        };
        let fields = BrokenDownTime::parse(format, text).map_err(|_| TimeFault::Unreadable)?;
        let stamp = if zoned {
            fields.to_timestamp().map_err(|_| TimeFault::Unreadable)?
        } else {
            let local = fields.to_datetime().map_err(|_| TimeFault::Unreadable)?;
            self.zone.to_timestamp(local).map_err(|_| TimeFault::OutOfRange)?
        };
        i64::try_from(stamp.as_nanosecond()).map_err(|_| TimeFault::OutOfRange)
    }
}

/// The fast reading of a format, where it has one.
fn layout(format: &str) -> Option<Vec<Piece>> {
    use Piece::{Day, Hour, Minute, Month, Second, Year};
    let mut pieces = Vec::new();
    let mut bytes = format.bytes();
    while let Some(byte) = bytes.next() {
        pieces.push(match byte {
            b'%' => match bytes.next()? {
                b'Y' => Piece::Year,
                b'm' => Piece::Month,
                b'd' => Piece::Day,
                b'H' => Piece::Hour,
                b'M' => Piece::Minute,
                b'S' => Piece::Second,
                b'.' if bytes.next()? == b'f' => Piece::Fraction,
                _ => return None,
            },
            letter => Piece::Letter(letter),
        });
    }
    let once = |piece| pieces.iter().filter(|other| **other == piece).count() == 1;
    [Year, Month, Day, Hour, Minute, Second].into_iter().all(once).then_some(pieces)
}

/// Nanoseconds of a local time since 1970, `None` where the text does not follow the layout to the letter.
fn read_layout(layout: &[Piece], mut text: &[u8]) -> Option<i64> {
    let (mut year, mut month, mut day, mut seconds, mut nanos) = (0, 0, 0, 0, 0);
    for piece in layout {
        match piece {
            Piece::Letter(letter) => {
                let (first, rest) = text.split_first()?;
                if first != letter {
                    return None;
                }
                text = rest;
            }
            Piece::Year => year = digits(&mut text, 4)?,
            Piece::Month => month = digits(&mut text, 2)?,
            Piece::Day => day = digits(&mut text, 2)?,
            Piece::Hour => seconds += 3_600 * digits(&mut text, 2).filter(|hour| *hour < 24)?,
            Piece::Minute => seconds += 60 * digits(&mut text, 2).filter(|minute| *minute < 60)?,
            Piece::Second => seconds += digits(&mut text, 2).filter(|second| *second < 60)?,
            Piece::Fraction => {
                let Some(rest) = text.strip_prefix(b".") else { continue };
                let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
                if !(1..=9).contains(&count) {
                    return None;
                }
                let scale = 10_i64.pow(u32::try_from(9 - count).ok()?);
                text = rest;
                nanos = digits(&mut text, count)? * scale;
            }
        }
    }
    if !text.is_empty() || !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    let total = days_from_1970(year, month, day).checked_mul(86_400)? + seconds;
    total.checked_mul(1_000_000_000)?.checked_add(nanos)
}

fn digits(text: &mut &[u8], count: usize) -> Option<i64> {
    let (head, rest) = text.split_at_checked(count)?;
    *text = rest;
    head.iter().try_fold(0, |number, byte| Some(number * 10 + digit(*byte)?))
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1 January 1970 in the Gregorian calendar, by counting years from March.
fn days_from_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (month * 153 + 2) / 5 + day - 719_469
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decimals_are_exact() {
        assert_eq!(decimal_ns(b"1688840907467245", TimeUnit::Micros), Ok(1_688_840_907_467_245_000));
        assert_eq!(decimal_ns(b"1688840907.467245", TimeUnit::Seconds), Ok(1_688_840_907_467_245_000));
        assert_eq!(decimal_ns(b"-0.5", TimeUnit::Millis), Ok(-500_000));
        assert_eq!(decimal_ns(b".5", TimeUnit::Micros), Ok(500));
        assert_eq!(decimal_ns(b"7.99", TimeUnit::Nanos), Ok(7));
        assert_eq!(decimal_ns(b"9223372036854775807", TimeUnit::Nanos), Ok(i64::MAX));
        assert_eq!(decimal_ns(b"-9223372036854775808", TimeUnit::Nanos), Ok(i64::MIN));
        assert_eq!(decimal_ns(b"9223372036854775808", TimeUnit::Nanos), Err(TimeFault::OutOfRange));
        assert_eq!(decimal_ns(b"99999999999", TimeUnit::Seconds), Err(TimeFault::OutOfRange));
        for text in ["", "-", ".", "1e9", "nan", "1.2.3", "12 "] {
            assert_eq!(decimal_ns(text.as_bytes(), TimeUnit::Seconds), Err(TimeFault::Unreadable), "{text}");
        }
    }

    #[test]
    fn offsets() {
        for (text, seconds) in
            [("+01:00", 3_600), ("-0730", -27_000), ("+1", 3_600), ("Z", 0), ("+05:45", 20_700)]
        {
            assert_eq!(parse_utc_offset(text).unwrap().seconds(), seconds, "{text}");
        }
        for text in ["", "1", "+", "+24:00", "+1:60", "+-1", "Europe/Berlin", "+é1", "+12345"] {
            assert!(parse_utc_offset(text).unwrap_err().to_string().contains("+01:00"), "{text}");
        }
    }

    #[test]
    fn text_times() {
        let smi = TextTime::new("%Y/%m/%d %H:%M:%S%.f", Some(parse_utc_offset("+01:00").unwrap())).unwrap();
        assert_eq!(smi.parse(b"2023/07/08 19:28:27.236"), Ok(1_688_840_907_236_000_000));
        assert_eq!(smi.parse(b"2023/07/08 19:28:27"), Ok(1_688_840_907_000_000_000));
        for text in ["2023/02/29 00:00:00", "2023/07/08 19:28:27.", "2023/07/08", "", "[N/A]", "x"] {
            assert_eq!(smi.parse(text.as_bytes()), Err(TimeFault::Unreadable), "{text}");
        }
        assert_eq!(smi.parse(b"9999/01/01 00:00:00"), Err(TimeFault::OutOfRange));
        let zoned = TextTime::new("%Y-%m-%dT%H:%M:%S%.f%:z", None).unwrap();
        assert_eq!(zoned.parse(b"2023-07-08T19:28:27.236+01:00"), Ok(1_688_840_907_236_000_000));
        let rfc = TextTime::new("rfc3339", None).unwrap();
        assert_eq!(rfc.parse(b"2023-07-08T18:28:27.236Z"), Ok(1_688_840_907_236_000_000));
    }

    #[test]
    fn local_time_wants_its_zone() {
        let error = TextTime::new("%Y/%m/%d %H:%M:%S", None).unwrap_err().to_string();
        assert!(error.contains("--utc-offset +01:00"), "{error}");
        assert!(TextTime::new("rfc333", None).unwrap_err().to_string().contains("rfc3339"));
    }

    proptest! {
        #[test]
        fn the_fast_layout_agrees_with_strptime(nanos in 0_i64..4_000_000_000_000_000_000) {
            let stamp = jiff::Timestamp::from_nanosecond(i128::from(nanos)).unwrap();
            let text = stamp.strftime("%m-%d-%Y %H:%M:%S%.9f").to_string();
            let reader = TextTime::new("%m-%d-%Y %H:%M:%S%.f", Some(Offset::UTC)).unwrap();
            prop_assert_eq!(reader.parse(text.as_bytes()), Ok(nanos));
            let general = BrokenDownTime::parse("%m-%d-%Y %H:%M:%S%.f", &text).unwrap().to_datetime().unwrap();
            let general = Offset::UTC.to_timestamp(general).unwrap();
            prop_assert_eq!(general, stamp);
        }

        #[test]
        fn any_bytes_are_a_time_or_a_fault(text in proptest::collection::vec(any::<u8>(), 0..40)) {
            for unit in [TimeUnit::Nanos, TimeUnit::Seconds] {
                let _ = decimal_ns(&text, unit);
            }
            let _ = TextTime::new("%Y/%m/%d %H:%M:%S%.f", Some(Offset::UTC)).unwrap().parse(&text);
            let _ = TextTime::new("rfc3339", None).unwrap().parse(&text);
        }
    }
}
