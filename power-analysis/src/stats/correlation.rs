//! Correlation and agreement of paired series.
//!
//! Pearson's and Spearman's coefficients ignore a wrong gain or offset; the concordance coefficient does not.
//! All take two series of the same length, pair by pair, and return `None` below three pairs, for different
//! lengths, and where a series does not vary. The results are in [-1, 1].

use super::estimate::Estimate;
use super::numeric::{assert_finite, count, finite, normal_two_sided, sum};

/// Sums of squares and products around the means.
struct Moments {
    mean_x: f64,
    mean_y: f64,
    xx: f64,
    yy: f64,
    xy: f64,
}

impl Moments {
    fn new(x: &[f64], y: &[f64]) -> Option<Self> {
        assert_finite(x);
        assert_finite(y);
        if x.len() != y.len() || x.len() < 3 {
            return None;
        }
        let n = count(x.len());
        let (mean_x, mean_y) = (sum(x.iter().copied()) / n, sum(y.iter().copied()) / n);
        let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
        for (x, y) in x.iter().zip(y) {
            let (dx, dy) = (x - mean_x, y - mean_y);
            xx += dx * dx;
            yy += dy * dy;
            xy += dx * dy;
        }
        (varies(xx, n, mean_x) && varies(yy, n, mean_y)).then_some(Self { mean_x, mean_y, xx, yy, xy })
    }
}

/// Whether a sum of squares is more than the rounding of a constant series.
fn varies(squares: f64, n: f64, mean: f64) -> bool {
    squares.is_finite() && squares > n * (2.0 * f64::EPSILON * mean).powi(2)
}

/// Pearson's linear correlation coefficient.
pub fn pearson(x: &[f64], y: &[f64]) -> Option<f64> {
    let moments = Moments::new(x, y)?;
    // Two roots, not the root of a product: a product of squares overflows early.
    finite(moments.xy / moments.xx.sqrt() / moments.yy.sqrt()).map(|r| r.clamp(-1.0, 1.0))
}

/// Spearman's rank correlation coefficient: Pearson's of the ranks, ties given their mean rank; O(n log n).
pub fn spearman(x: &[f64], y: &[f64]) -> Option<f64> {
    if x.len() != y.len() {
        return None;
    }
    pearson(&ranks(x), &ranks(y))
}

/// Lin's concordance correlation coefficient: 1 only where every pair is equal.
///
/// `2 s_xy / (s_x² + s_y² + (x̄ - ȳ)²)` with divisor n, as in Lin (1989), *A concordance correlation
/// coefficient to evaluate reproducibility*, Biometrics 45(1).
pub fn concordance(x: &[f64], y: &[f64]) -> Option<f64> {
    let moments = Moments::new(x, y)?;
    let apart = count(x.len()) * (moments.mean_x - moments.mean_y).powi(2);
    finite(2.0 * moments.xy / (moments.xx + moments.yy + apart)).map(|c| c.clamp(-1.0, 1.0))
}

/// Interval of a correlation coefficient by Fisher's z: tanh(atanh r ± z / sqrt(n - 3)).
///
/// Fisher (1921), *On the "probable error" of a coefficient of correlation deduced from a small sample*, Metron
/// 1. For traces, `n_eff` is the effective number of pairs; up to 3 the interval is all of [-1, 1].
pub fn correlation_interval(r: f64, n_eff: f64, confidence: f64) -> Estimate {
    if n_eff.is_nan() || n_eff <= 3.0 {
        return Estimate { value: r, low: -1.0, high: 1.0, confidence };
    }
    let z = r.clamp(-1.0, 1.0).atanh();
    let half = normal_two_sided(confidence) / (n_eff - 3.0).sqrt();
    Estimate { value: r, low: (z - half).tanh(), high: (z + half).tanh(), confidence }
}

/// Ranks from 1; equal values share the mean of their ranks.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|&i, &j| values[i].total_cmp(&values[j]));
    let mut ranks = vec![0.0; values.len()];
    let mut done = 0;
    for ties in order.chunk_by(|&i, &j| values[i] >= values[j]) {
        let rank = count(done) + f64::midpoint(1.0, count(ties.len()));
        for &i in ties {
            ranks[i] = rank;
        }
        done += ties.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    const X: [f64; 8] = [80.0, 120.0, 120.0, 180.0, 240.0, 300.0, 310.0, 90.0];
    const Y: [f64; 8] = [85.0, 118.0, 131.0, 170.0, 251.0, 280.0, 280.0, 99.0];

    fn close(got: Option<f64>, expected: f64) {
        let got = got.unwrap_or(f64::NAN);
        assert!((got - expected).abs() < 1e-12, "{got} for {expected}");
    }

    #[test]
    fn agrees_with_scipy() {
        // scipy.stats.pearsonr(X, Y).statistic, scipy.stats.spearmanr(X, Y).statistic;
        // 2 * np.cov(X, Y, ddof=0)[0, 1] / (np.var(X) + np.var(Y) + (np.mean(X) - np.mean(Y)) ** 2)
        close(pearson(&X, &Y), 0.992_124_631_501_848_3);
        close(spearman(&X, &Y), 0.987_951_807_228_915_5);
        close(concordance(&X, &Y), 0.983_652_446_534_542_6);
    }

    #[test]
    fn concordance_sees_gain_and_offset() {
        let half: Vec<f64> = X.iter().map(|x| 0.5 * x).collect();
        close(pearson(&X, &half), 1.0);
        close(spearman(&X, &half), 1.0);
        assert!(concordance(&X, &half).unwrap() < 0.6);
        close(concordance(&X, &X), 1.0);
    }

    #[test]
    fn interval_agrees_with_scipy() {
        // scipy.stats.pearsonr(X, Y).confidence_interval(0.95)
        let got = correlation_interval(0.992_124_631_501_848_3, 8.0, 0.95);
        assert!(
            (got.low - 0.955_380_624_092_052_5).abs() < 1e-9
                && (got.high - 0.998_631_170_897_970_4).abs() < 1e-9,
            "{got:?}"
        );
        assert_eq!(correlation_interval(0.5, 3.0, 0.9), Estimate::new(0.5, -1.0, 1.0, 0.9));
        assert_eq!(correlation_interval(1.0, 50.0, 0.9), Estimate::new(1.0, 1.0, 1.0, 0.9));
    }

    #[test]
    fn nothing_to_correlate() {
        let constant = [0.1; 8];
        assert_eq!(pearson(&X, &constant), None);
        assert_eq!(spearman(&constant, &X), None);
        assert_eq!(concordance(&constant, &constant), None);
        assert_eq!(pearson(&X[..2], &Y[..2]), None);
        assert_eq!(pearson(&X, &Y[..7]), None);
        assert_eq!(spearman(&[], &[]), None);
        assert_eq!(pearson(&[f64::MAX, -f64::MAX, 0.0], &[1.0, 2.0, 3.0]), None);
    }
}
