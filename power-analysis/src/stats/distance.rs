//! Distances between two distributions, each by one merge pass.

use serde::{Deserialize, Serialize};

use super::ecdf::Ecdf;

/// Largest vertical distance between two distribution functions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct KolmogorovSmirnov {
    /// The distance D, a share in [0, 1].
    pub statistic: f64,
    /// Smallest value at which the distance is reached, in the unit of the values.
    pub location: f64,
}

/// Area between two distribution functions, split into what a constant offset explains and the rest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Wasserstein {
    /// Mean absolute difference of the quantiles, in the unit of the values.
    pub distance: f64,
    /// Mean of the first minus mean of the second, in the unit of the values.
    pub bias: f64,
    /// The part of the distance that no constant offset removes: distance - |bias|, never negative.
    pub shape: f64,
}

/// The two-sample Kolmogorov-Smirnov statistic max |F - G|, in O(n + m).
///
/// There is no p-value here: its textbook formula wants independent samples. See
/// [`ks_block_permutation`](super::ks_block_permutation).
pub fn kolmogorov_smirnov(a: &Ecdf, b: &Ecdf) -> KolmogorovSmirnov {
    let start = KolmogorovSmirnov { statistic: 0.0, location: a.steps()[0].0.min(b.steps()[0].0) };
    Merge::new(a, b).fold(start, |best, (x, f, g)| {
        let statistic = (f - g).abs();
        if statistic > best.statistic { KolmogorovSmirnov { statistic, location: x } } else { best }
    })
}

/// The first Wasserstein distance ∫ |F - G| dx, in O(n + m).
///
/// In one dimension it equals the mean absolute difference of the quantile functions, thus is at least the
/// absolute difference of the means (Vallender 1974, *Calculation of the Wasserstein distance between
/// probability distributions on the line*, Theory of Probability and its Applications 18(4)).
pub fn wasserstein(a: &Ecdf, b: &Ecdf) -> Wasserstein {
    let (mut distance, mut bias) = (0.0, 0.0);
    let mut before: Option<(f64, f64)> = None;
    for (x, f, g) in Merge::new(a, b) {
        if let Some((from, gap)) = before
            && gap != 0.0
        {
            let area = gap * (x - from);
            // Plain sums of the same terms in the same order: rounding cannot lift |bias| above distance.
            bias += area;
            distance += area.abs();
        }
        before = Some((x, g - f));
    }
    Wasserstein { distance, bias, shape: distance - bias.abs() }
}

/// Walks over all distinct values of two distributions upwards: (value, share of a, share of b).
struct Merge<'a> {
    a: &'a [(f64, f64)],
    b: &'a [(f64, f64)],
    shares: (f64, f64),
}

impl<'a> Merge<'a> {
    fn new(a: &'a Ecdf, b: &'a Ecdf) -> Self {
        Self { a: a.steps(), b: b.steps(), shares: (0.0, 0.0) }
    }
}

impl Iterator for Merge<'_> {
    type Item = (f64, f64, f64);

    fn next(&mut self) -> Option<Self::Item> {
        let x = match (self.a.first(), self.b.first()) {
            (Some(a), Some(b)) => a.0.min(b.0),
            (Some(step), None) | (None, Some(step)) => step.0,
            (None, None) => return None,
        };
        if let Some((&(value, share), rest)) = self.a.split_first()
            && value <= x
        {
            (self.a, self.shares.0) = (rest, share);
        }
        if let Some((&(value, share), rest)) = self.b.split_first()
            && value <= x
        {
            (self.b, self.shares.1) = (rest, share);
        }
        Some((x, self.shares.0, self.shares.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, expected: f64) {
        assert!((got - expected).abs() < 1e-12, "{got} for {expected}");
    }

    #[test]
    fn hand_computed() {
        let a = Ecdf::unweighted(vec![0.0, 1.0, 3.0]).unwrap();
        let b = Ecdf::unweighted(vec![5.0, 6.0, 8.0]).unwrap();
        assert_eq!(kolmogorov_smirnov(&a, &b), KolmogorovSmirnov { statistic: 1.0, location: 3.0 });
        let apart = wasserstein(&a, &b);
        close(apart.distance, 5.0);
        close(apart.bias, -5.0);
        close(apart.shape, 0.0);
    }

    #[test]
    fn agrees_with_scipy() {
        // scipy.stats.wasserstein_distance([3.4, 3.9, 7.5, 7.8], [4.5, 1.4], [1.4, 0.9, 3.1, 7.2], [3.2, 3.5])
        let a = Ecdf::weighted(vec![(3.4, 1.4), (3.9, 0.9), (7.5, 3.1), (7.8, 7.2)]).unwrap();
        let b = Ecdf::weighted(vec![(4.5, 3.2), (1.4, 3.5)]).unwrap();
        close(wasserstein(&a, &b).distance, 4.078_133_143_804_786);
        close(wasserstein(&a, &b).bias, a.mean() - b.mean());
        // scipy.stats.ks_2samp([1, 2, 2, 3, 5, 8], [2, 3, 3, 4]): statistic 1/3 at 4
        let a = Ecdf::unweighted(vec![1.0, 2.0, 2.0, 3.0, 5.0, 8.0]).unwrap();
        let b = Ecdf::unweighted(vec![2.0, 3.0, 3.0, 4.0]).unwrap();
        let ks = kolmogorov_smirnov(&a, &b);
        close(ks.statistic, 1.0 / 3.0);
        close(ks.location, 4.0);
    }

    #[test]
    fn equal_means_leave_the_shape() {
        let flat = Ecdf::unweighted(vec![200.0]).unwrap();
        let swinging = Ecdf::unweighted(vec![100.0, 300.0]).unwrap();
        assert_eq!(wasserstein(&flat, &swinging), Wasserstein { distance: 100.0, bias: 0.0, shape: 100.0 });
    }

    #[test]
    fn the_same_has_no_distance() {
        let a = Ecdf::unweighted(vec![2.0, 1.0]).unwrap();
        assert_eq!(kolmogorov_smirnov(&a, &a), KolmogorovSmirnov { statistic: 0.0, location: 1.0 });
        assert_eq!(wasserstein(&a, &a), Wasserstein { distance: 0.0, bias: 0.0, shape: 0.0 });
    }
}
