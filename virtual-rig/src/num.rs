//! The crate's few conversions between integers and floating point, each with its bound stated.

/// An integer as a float.
#[expect(clippy::cast_precision_loss, reason = "exact below 2^53: in ns 104 days, in mJ 9 TJ")]
pub(crate) const fn float(value: i64) -> f64 {
    value as f64
}

/// Seconds from nanoseconds.
pub(crate) const fn seconds(nanos: i64) -> f64 {
    float(nanos) / 1e9
}

/// Nanoseconds from seconds, to the nearest; at most the limits of `i64`.
pub(crate) fn nanos(seconds: f64) -> i64 {
    rounded(seconds * 1e9)
}

/// Nanoseconds from milliseconds, to the nearest; at most the limits of `i64`.
pub(crate) fn nanos_of_ms(milliseconds: f64) -> i64 {
    rounded(milliseconds * 1e6)
}

/// The integer nearest to `value`, at most the limits of `i64`.
#[expect(clippy::cast_possible_truncation, reason = "the value is whole already, and the cast saturates")]
pub(crate) fn rounded(value: f64) -> i64 {
    value.round() as i64
}

/// Whole units nearest to `value`: 0 if negative, at most the limit of `u32`.
pub(crate) fn whole(value: f64) -> u32 {
    u32::try_from(rounded(value).max(0)).unwrap_or(u32::MAX)
}

/// Milliwatts from watts, as NVML gives power.
pub(crate) fn milliwatts(watts: f64) -> u32 {
    whole(watts * 1e3)
}

/// The single-precision number nearest to `value`, as Modbus meters have them.
#[expect(clippy::cast_possible_truncation, reason = "rounds to 24 bits, which is what the meters do")]
pub(crate) const fn single(value: f64) -> f32 {
    value as f32
}

/// A number that follows from its arguments and looks random: one step of `SplitMix64` for each.
pub(crate) fn mix(parts: &[u64]) -> u64 {
    parts.iter().fold(0x9E37_79B9_7F4A_7C15, |state, part| {
        let mut z = state.wrapping_add(*part).wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    })
}
