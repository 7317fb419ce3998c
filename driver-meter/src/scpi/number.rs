//! Numbers in the answers of instruments.

/// What stands where a number is expected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scalar {
    /// A number.
    Number(f64),
    /// The instrument says that the quantity exceeds its range: `INF`, `9.9E37` (SCPI-1999, 7.2.1.4) or an
    /// overload by name.
    Overrange,
    /// The instrument says that there is no value: `NAN`, `9.91E37` (SCPI-1999, 7.2.1.5), dashes.
    Missing,
}

/// SCPI's number for infinity.
const INFINITY: f64 = 9.9e37;
/// SCPI's number for what is not a number.
const NOT_A_NUMBER: f64 = 9.91e37;

/// Reads a number in the forms NR1, NR2 and NR3, and what stands in for one. Takes any bytes; `None` for what is
/// neither.
///
/// ```
/// use driver_meter::scpi::number::{Scalar, parse};
/// assert_eq!(parse(b"+1.2345E+02"), Some(Scalar::Number(123.45)));
/// assert_eq!(parse(b"INF"), Some(Scalar::Overrange));
/// assert_eq!(parse(b"9.910000E+37"), Some(Scalar::Missing));
/// assert_eq!(parse(b"12 W"), None);
/// ```
pub fn parse(bytes: &[u8]) -> Option<Scalar> {
    let text = str::from_utf8(bytes.trim_ascii()).ok()?;
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    if ["INF", "+INF", "-INF", "INFINITY", "--OL-", "--OF-", "OL", "OVER"].into_iter().any(is) {
        return Some(Scalar::Overrange);
    }
    if ["NAN", "ERROR", "------", "-----", "----"].into_iter().any(is) {
        return Some(Scalar::Missing);
    }
    // The standard library also takes words, which are none of SCPI's.
    let digits = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E');
    let number: f64 = text.bytes().all(digits).then(|| text.parse().ok())??;
    Some(if !number.is_finite() {
        Scalar::Overrange
    } else if (number.abs() - NOT_A_NUMBER).abs() < NOT_A_NUMBER * 1e-6 {
        Scalar::Missing
    } else if number.abs() >= INFINITY * (1.0 - 1e-6) {
        Scalar::Overrange
    } else {
        Scalar::Number(number)
    })
}
