//! How much neighbouring values say the same.

use std::borrow::Cow;

use super::numeric::{assert_finite, count, sum};

/// Longer series are first averaged over bins of equal length, so that the cost beyond is O(n).
pub(super) const MAX_BINS: usize = 1 << 16;

/// Lags looked at before the series is averaged in pairs, which halves all lags.
const MAX_LAG: usize = 200;

/// Autocovariances at lag 0 to `max_lag` (at most n - 1), in the unit squared: O(n × lags).
///
/// The biased form with divisor n, which keeps the sequence positive semi-definite. Empty for no values.
pub fn autocovariance(values: &[f64], max_lag: usize) -> Vec<f64> {
    assert_finite(values);
    let deviations = centred(values);
    (0..values.len().min(max_lag.saturating_add(1))).map(|lag| lagged(&deviations, lag)).collect()
}

/// Number of independent values that know the mean as well as these: n / (1 + 2 Σ ρₖ), within [1, n].
///
/// The sum of autocorrelations ends where the sum of two neighbours, ρ₂ₘ + ρ₂ₘ₊₁, is no longer positive, and
/// these sums are not let rise again: the initial monotone sequence of Geyer (1992), *Practical Markov chain
/// Monte Carlo*, Statistical Science 7(4). A series longer than 65536 values is first averaged over bins, and
/// one whose correlation outlives 200 lags is averaged in pairs until it does not: averages over neighbours
/// have the same mean, so the variance of that mean can be read from either. This makes it O(n).
///
/// A constant series counts as one value; no values count as 0.
pub fn effective_sample_size(values: &[f64]) -> f64 {
    assert_finite(values);
    let n = count(values.len());
    if values.len() < 4 {
        return n;
    }
    let spread = lagged(&centred(values), 0);
    let level = sum(values.iter().copied()) / n;
    if !is_spread(spread, level) {
        return 1.0;
    }
    let variance_of_mean = variance_of_mean(values);
    if variance_of_mean > 0.0 { (spread / variance_of_mean).clamp(1.0, n) } else { n }
}

/// Whether a variance is more than the rounding of a constant series at this level.
pub(super) fn is_spread(variance: f64, level: f64) -> bool {
    variance.is_finite() && variance > (2.0 * f64::EPSILON * level).powi(2)
}

/// Variance of the mean of a stationary series, averaged in pairs until its correlation fits into the lags.
fn variance_of_mean(values: &[f64]) -> f64 {
    let mut bins = bin_means(values, MAX_BINS).0.into_owned();
    loop {
        let (long_run, cut) = long_run_variance(&bins);
        if cut || bins.len() < 8 {
            return long_run / count(bins.len());
        }
        bins = bins.chunks_exact(2).map(|pair| f64::midpoint(pair[0], pair[1])).collect();
    }
}

/// Geyer's estimate of Σ γₖ over all lags, and whether the sequence ended within the lags looked at.
fn long_run_variance(values: &[f64]) -> (f64, bool) {
    let deviations = centred(values);
    let mut total = -lagged(&deviations, 0);
    let mut before = f64::INFINITY;
    for lag in (0..MAX_LAG).step_by(2) {
        if lag + 1 >= values.len() {
            return (total, false);
        }
        let pair = lagged(&deviations, lag) + lagged(&deviations, lag + 1);
        if pair <= 0.0 {
            return (total, true);
        }
        before = pair.min(before);
        total += 2.0 * before;
    }
    (total, false)
}

/// The values without their mean.
pub(super) fn centred(values: &[f64]) -> Vec<f64> {
    let mean = sum(values.iter().copied()) / count(values.len());
    values.iter().map(|v| v - mean).collect()
}

/// Autocovariance (divisor n) of deviations from the mean at one lag.
pub(super) fn lagged(deviations: &[f64], lag: usize) -> f64 {
    let products = deviations.iter().zip(&deviations[lag..]).map(|(a, b)| a * b);
    products.sum::<f64>() / count(deviations.len())
}

/// At most `limit` means over bins of equal length, and that length; values that fill no bin are left out.
pub(super) fn bin_means(values: &[f64], limit: usize) -> (Cow<'_, [f64]>, usize) {
    let length = values.len().div_ceil(limit).max(1);
    if length == 1 {
        return (Cow::Borrowed(values), 1);
    }
    let means = values.chunks_exact(length).map(|bin| bin.iter().sum::<f64>() / count(length)).collect();
    (Cow::Owned(means), length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn autocovariance_by_hand() {
        // Deviations -1.5, -0.5, 0.5, 1.5: lag 0 is 5/4, lag 1 (0.75 - 0.25 + 0.75)/4, lag 2 -1.5/4, lag 3
        // -2.25/4.
        let got = autocovariance(&[1.0, 2.0, 3.0, 4.0], 9);
        assert_eq!(got, [1.25, 0.3125, -0.375, -0.5625]);
        assert_eq!(autocovariance(&[1.0, 2.0, 3.0, 4.0], 0), [1.25]);
        assert!(autocovariance(&[], 5).is_empty());
    }

    #[test]
    fn repeated_values_count_once() {
        // A polled trace: every publication read 25 times.
        let polled: Vec<f64> =
            (0..2000_u32).map(|i| f64::from((i / 25).wrapping_mul(2_654_435_761) >> 20)).collect();
        let got = effective_sample_size(&polled);
        assert!((40.0..=160.0).contains(&got), "{got} for 80");
    }

    #[test]
    fn alternating_values_are_clipped_to_n() {
        let alternating: Vec<f64> = (0..100_u8).map(|i| f64::from(i % 2)).collect();
        assert!((effective_sample_size(&alternating) - 100.0).abs() < f64::EPSILON);
    }

    #[test]
    fn few_or_constant_values() {
        assert!(effective_sample_size(&[]).abs() < f64::EPSILON);
        assert!((effective_sample_size(&[5.0]) - 1.0).abs() < f64::EPSILON);
        assert!((effective_sample_size(&[0.1; 50]) - 1.0).abs() < f64::EPSILON);
        assert!(effective_sample_size(&[f64::MAX, -f64::MAX, 1.0, 2.0, 3.0]) >= 1.0);
    }

    #[test]
    fn bins_are_of_equal_length() {
        let (bins, length) = bin_means(&[1.0, 3.0, 5.0, 7.0, 100.0], 3);
        assert_eq!((bins.as_ref(), length), ([2.0, 6.0].as_slice(), 2));
    }
}
