//! Location and spread of a sample.
//!
//! Values must be finite, or a debug build panics. All functions return `None` for an empty sample and where
//! the result is too large for `f64`.

use super::numeric::{assert_finite, count, finite, sum, whole};

/// Makes the median absolute deviation of a normal sample its standard deviation: 1/Φ⁻¹(3/4).
const MAD_TO_SD: f64 = 1.482_602_218_505_602;

/// Arithmetic mean, in the unit of the values.
pub fn mean(values: &[f64]) -> Option<f64> {
    assert_finite(values);
    finite(sum(values.iter().copied()) / count(values.len()))
}

/// Mean with weights, such as dwell times; `None` also where lengths differ or the weights add up to nothing.
pub fn weighted_mean(values: &[f64], weights: &[f64]) -> Option<f64> {
    assert_finite(values);
    assert_finite(weights);
    if values.len() != weights.len() {
        return None;
    }
    let total = sum(weights.iter().copied());
    if total <= 0.0 {
        return None;
    }
    finite(sum(values.iter().zip(weights).map(|(v, w)| v * w)) / total)
}

/// Sample variance (divisor n - 1), in the unit squared; `None` below two values.
pub fn variance(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let centre = mean(values)?;
    finite(sum(values.iter().map(|v| (v - centre).powi(2))) / (count(values.len()) - 1.0))
}

/// Median, in the unit of the values; takes one copy and O(n).
pub fn median(values: &[f64]) -> Option<f64> {
    median_in_place(&mut values.to_vec())
}

/// Median that reorders its input instead of copying it.
pub(super) fn median_in_place(values: &mut [f64]) -> Option<f64> {
    assert_finite(values);
    if values.is_empty() {
        return None;
    }
    let middle = values.len() / 2;
    let even = values.len().is_multiple_of(2);
    let (below, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let lower = if even { below.iter().copied().max_by(f64::total_cmp) } else { None };
    Some(lower.map_or(*upper, |lower| f64::midpoint(lower, *upper)))
}

/// Quantile of values that are sorted upwards, linear between neighbours; `q` is clipped to [0, 1].
///
/// Definition 7 of Hyndman and Fan (1996), *Sample quantiles in statistical packages*, The American
/// Statistician 50(4), as numpy and R use it.
pub fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    debug_assert!(sorted.is_sorted(), "values must be sorted");
    let last = sorted.len().checked_sub(1)?;
    let place = q.clamp(0.0, 1.0) * count(last);
    let below = whole(place).min(last);
    let (low, high) = (sorted[below], sorted[(below + 1).min(last)]);
    let share = place - count(below);
    Some(low * (1.0 - share) + high * share)
}

/// Median absolute deviation from the median times 1.4826: the standard deviation of a normal sample.
///
/// Up to half of the values can be wrong before it is (Hampel 1974, *The influence curve and its role in
/// robust estimation*, JASA 69).
pub fn mad(values: &[f64]) -> Option<f64> {
    let mut deviations = values.to_vec();
    let centre = median_in_place(&mut deviations)?;
    for deviation in &mut deviations {
        *deviation = (*deviation - centre).abs();
    }
    if deviations.iter().any(|d| !d.is_finite()) {
        return None;
    }
    finite(MAD_TO_SD * median_in_place(&mut deviations)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: Option<f64>, expected: f64) {
        let got = got.unwrap_or(f64::NAN);
        assert!((got - expected).abs() <= 1e-12 * expected.abs().max(1.0), "{got} for {expected}");
    }

    #[test]
    fn hand_computed() {
        let values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        close(mean(&values), 5.0);
        close(variance(&values), 32.0 / 7.0);
        close(median(&values), 4.5);
        close(median(&values[1..]), 5.0);
        // Deviations from 4.5: 0.5 ×5, 2.5 ×2, 4.5; their median is 0.5.
        close(mad(&values), 0.5 * 1.482_602_218_505_602);
        close(weighted_mean(&[100.0, 300.0], &[3.0, 1.0]), 150.0);
    }

    #[test]
    fn quantiles_agree_with_numpy() {
        // numpy.quantile([1, 2, 4, 8, 16], [0, 0.1, 0.5, 0.9, 1])
        let sorted = [1.0, 2.0, 4.0, 8.0, 16.0];
        for (q, expected) in [(0.0, 1.0), (0.1, 1.4), (0.5, 4.0), (0.9, 12.8), (1.0, 16.0), (7.0, 16.0)] {
            close(quantile(&sorted, q), expected);
        }
    }

    #[test]
    fn nothing_gives_nothing() {
        assert_eq!(mean(&[]), None);
        assert_eq!(median(&[]), None);
        assert_eq!(mad(&[]), None);
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(variance(&[1.0]), None);
        assert_eq!(weighted_mean(&[1.0], &[0.0]), None);
        assert_eq!(weighted_mean(&[1.0], &[]), None);
    }

    #[test]
    fn huge_values_do_not_panic() {
        let huge = [f64::MAX, f64::MAX, -f64::MAX, f64::MAX];
        assert_eq!(mean(&huge[..2]), None);
        assert_eq!(variance(&huge), None);
        assert_eq!(median(&huge), Some(f64::MAX));
        assert_eq!(mad(&huge), None);
    }
}
