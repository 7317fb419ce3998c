//! The crate's few conversions between integers and floating point, each with its bound stated.

use std::time::Duration;

/// An integer as a float.
#[expect(clippy::cast_precision_loss, reason = "exact below 2^53, which in ns is 104 days")]
pub(crate) const fn float(value: i64) -> f64 {
    value as f64
}

/// Seconds from nanoseconds.
pub(crate) const fn seconds(nanos: i64) -> f64 {
    float(nanos) / 1e9
}

/// The integer nearest to `value`, at most the limits of `i64`.
#[expect(clippy::cast_possible_truncation, reason = "the value is whole already, and the cast saturates")]
pub(crate) fn rounded(value: f64) -> i64 {
    value.round() as i64
}

/// Whole counts in `value`, 0 if it is negative.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates at 0 and at the top")]
pub(crate) const fn counts(value: f64) -> u64 {
    value as u64
}

/// Nanoseconds of a duration, at most the limit of `i64` (292 years).
pub(crate) fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}
