//! Automatic block length for the block bootstrap.

use super::autocorrelation::{MAX_BINS, bin_means, centred, is_spread, lagged};
use super::numeric::{assert_finite, count, sum, whole};

/// Block length, in values, at which the circular block bootstrap of the mean errs least; in [1, n / 3].
///
/// The rule of Politis and White (2004), *Automatic block-length selection for the dependent bootstrap*,
/// Econometric Reviews 23(1), with the correction of Patton, Politis and White (2009), Econometric Reviews
/// 28(4): b = (2 G² / D)^(1/3) n^(1/3), D = 4/3 g(0)², with G and g(0) from autocovariances under a flat-top
/// window. The window ends at twice the lag from which on max(5, sqrt(log10 n)) autocorrelations in a row are
/// below 2 sqrt(log10(n) / n).
///
/// A series longer than 65536 values is averaged over bins first, and the result is then a multiple of the
/// bin: O(n). A constant series gets 1.
pub fn block_length(values: &[f64]) -> usize {
    assert_finite(values);
    let (bins, length) = bin_means(values, MAX_BINS);
    let most = (values.len() / 3).max(1);
    whole(optimal(&bins).ceil()).clamp(1, (bins.len() / 3).max(1)).saturating_mul(length).min(most)
}

/// The rule before rounding and clipping; 1 where it has no answer.
fn optimal(values: &[f64]) -> f64 {
    let n = count(values.len());
    let deviations = centred(values);
    if values.len() < 9 || !is_spread(lagged(&deviations, 0), sum(values.iter().copied()) / n) {
        return 1.0;
    }
    let (covariances, window) = flat_top_window(&deviations);
    let (mut slope, mut level) = (0.0, covariances[0]);
    for (lag, covariance) in covariances.iter().enumerate().take(window + 1).skip(1) {
        let share = count(lag) / count(window);
        let weight = if share <= 0.5 { 1.0 } else { 2.0 * (1.0 - share) };
        slope += 2.0 * weight * count(lag) * covariance;
        level += 2.0 * weight * covariance;
    }
    let ratio = slope / level;
    let best = (1.5 * ratio * ratio * n).cbrt();
    if best.is_finite() { best } else { n }
}

/// Autocovariances, as far as needed, and the lag at which the window ends.
fn flat_top_window(deviations: &[f64]) -> (Vec<f64>, usize) {
    let n = count(deviations.len());
    let quiet_lags = whole(n.log10().sqrt().ceil()).max(5);
    let longest = (whole(n.sqrt().ceil()) + quiet_lags).min(deviations.len() - 1);
    let mut covariances = vec![lagged(deviations, 0)];
    let threshold = 2.0 * (n.log10() / n).sqrt() * covariances[0];
    let mut quiet = 0;
    let mut window = longest;
    for lag in 1..=longest {
        covariances.push(lagged(deviations, lag));
        quiet = if covariances[lag].abs() < threshold { quiet + 1 } else { 0 };
        if quiet == quiet_lags {
            window = (2 * (lag - quiet_lags).max(1)).min(longest);
            break;
        }
    }
    for lag in covariances.len()..=window {
        covariances.push(lagged(deviations, lag));
    }
    (covariances, window)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// x[i] = ρ x[i-1] + u with u from a linear congruential generator, so that numpy can make the same.
    fn autoregressive(n: usize, rho: f64) -> Vec<f64> {
        let (mut state, mut x) = (12_345_u32, 0.0);
        (0..n)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                x = rho * x + f64::from(state) / f64::from(u32::MAX) - 0.5;
                x
            })
            .collect()
    }

    #[test]
    fn agrees_with_numpy() {
        // The same formula written out in numpy (float64), over the same series.
        for (n, rho, expected) in [
            (200, 0.0, 2.069_458_108),
            (1000, 0.0, 2.341_606_263),
            (1000, 0.5, 12.049_039_855),
            (1000, 0.9, 50.369_774_281),
            (5000, 0.9, 86.507_220_701),
            (5000, 0.97, 145.170_960_396),
        ] {
            let got = optimal(&autoregressive(n, rho));
            assert!((got - expected).abs() < 1e-6, "{got} for {expected}");
        }
    }

    #[test]
    fn degenerate() {
        assert_eq!(block_length(&[]), 1);
        assert_eq!(block_length(&[1.0, 2.0]), 1);
        assert_eq!(block_length(&[0.1; 1000]), 1);
        for n in 9..60_u8 {
            let ramp: Vec<f64> = (0..n).map(f64::from).collect();
            assert!((2..=usize::from(n) / 3).contains(&block_length(&ramp)));
        }
    }

    #[test]
    fn long_series_scale() {
        let long = autoregressive(200_000, 0.99);
        let short = block_length(&long[..50_000]);
        let got = block_length(&long);
        // Grows with n^(1/3): 4^(1/3) = 1.6.
        assert!((short..4 * short).contains(&got), "{got} after {short}");
        assert_eq!(got % 4, 0);
    }
}
