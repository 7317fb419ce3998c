//! Printed figures: their value and how far they were rounded.

/// Joules in a watt-hour.
pub(super) const WATT_HOUR_J: f64 = 3.6e3;

/// Joules in a kilowatt-hour.
pub(super) const KWH_J: f64 = crate::import::carbontracker::KWH_J;

/// No figure of a benchmark is larger; what is would only overflow.
const MOST: f64 = 1e30;

/// A figure that can be reckoned with: `None` for what is not finite, or beyond reason.
pub(super) fn believable(value: f64) -> Option<f64> {
    (value.abs() < MOST).then_some(value)
}

/// Half of the last digit of a printed decimal number, such as 0.005 for `1.25`; 0.5 for a whole one.
pub(super) fn half_digit(text: &str) -> f64 {
    let (digits, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let decimals = digits.split_once('.').map_or(0, |(_, decimals)| decimals.trim_end().len());
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let decimals = i32::try_from(decimals.min(40)).unwrap_or(40);
    0.5 * 10_f64.powi(exponent.clamp(-300, 300) - decimals)
}

/// Half of the last digit of the most precise of several numbers, by their shortest decimal form.
///
/// Printers drop zeros at the end, so that the longest of them shows how many digits there were.
pub(super) fn half_digit_of(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().map(|value| half_digit(&value.to_string())).fold(0.5, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits() {
        for (text, half) in [("1.25", 0.005), ("7", 0.5), ("1.5e-3", 5e-5), ("2e3", 500.0), ("", 0.5)] {
            assert!((half_digit(text) / half - 1.0).abs() < 1e-9, "{text}");
        }
        assert!((half_digit_of([172.3033, 191.351_727_27]) / 5e-9 - 1.0).abs() < 1e-9);
        assert_eq!((believable(f64::NAN), believable(1e31), believable(-3.0)), (None, None, Some(-3.0)));
    }
}
