//! Empirical cumulative distribution functions, with weights.

use super::numeric::sum;

/// Share of the weight at or below each value: a right-continuous staircase from 0 to 1.
///
/// For a power trace the values are publications (W) and the weights their dwell times (s), so that the
/// staircase says for which share of the time the power was at or below a level. It holds one sorted copy of
/// the distinct values.
///
/// ```
/// use power_analysis::stats::Ecdf;
///
/// let idle_and_busy = Ecdf::weighted(vec![(300.0, 1.0), (80.0, 3.0)]).unwrap();
/// assert_eq!(idle_and_busy.at(80.0), 0.75);
/// assert_eq!(idle_and_busy.quantile(0.9), 300.0);
/// assert_eq!(idle_and_busy.mean(), 135.0);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Ecdf {
    /// Distinct values upwards, each with the share at or below it; never empty, the last share is 1.
    steps: Vec<(f64, f64)>,
    mean: f64,
}

impl Ecdf {
    /// Builds from (value, weight) pairs in any order: O(n log n), in the memory of the argument.
    ///
    /// Pairs of weight 0 count for nothing. `None` where no weight is left. Values must be finite and weights
    /// finite and not negative, or a debug build panics.
    pub fn weighted(mut pairs: Vec<(f64, f64)>) -> Option<Self> {
        debug_assert!(
            pairs.iter().all(|(v, w)| v.is_finite() && w.is_finite() && *w >= 0.0),
            "values must be finite and weights not negative"
        );
        pairs.retain(|&(_, weight)| weight > 0.0);
        let total = sum(pairs.iter().map(|&(_, weight)| weight));
        if pairs.is_empty() || !total.is_finite() {
            return None;
        }
        let mean = sum(pairs.iter().map(|&(value, weight)| value * (weight / total)));
        pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        accumulate(&mut pairs, total);
        Some(Self { steps: pairs, mean })
    }

    /// Builds from values of equal weight; `None` where there are none.
    pub fn unweighted(values: Vec<f64>) -> Option<Self> {
        Self::weighted(values.into_iter().map(|value| (value, 1.0)).collect())
    }

    /// Share of the weight at or below `x`, in [0, 1]: O(log n).
    pub fn at(&self, x: f64) -> f64 {
        let above = self.steps.partition_point(|&(value, _)| value <= x);
        above.checked_sub(1).map_or(0.0, |last| self.steps[last].1)
    }

    /// Smallest value whose share reaches `q` (clipped to [0, 1]): the left-continuous inverse, O(log n).
    pub fn quantile(&self, q: f64) -> f64 {
        let step = self.steps.partition_point(|&(_, share)| share < q);
        self.steps[step.min(self.steps.len() - 1)].0
    }

    /// Weighted mean, in the unit of the values.
    pub const fn mean(&self) -> f64 {
        self.mean
    }

    /// Number of distinct values, at least 1.
    pub const fn len(&self) -> usize {
        self.steps.len()
    }

    /// Always false: a distribution has at least one value.
    pub const fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// At most `max_points` (value, share) corners for a plot, evenly thinned, the first and the last kept.
    ///
    /// Below two points, two are returned: without its ends a curve misleads.
    pub fn curve(&self, max_points: usize) -> Vec<(f64, f64)> {
        let last = self.steps.len() - 1;
        let wanted = max_points.max(2);
        if last < wanted {
            return self.steps.clone();
        }
        (0..wanted).map(|i| self.steps[scaled(last, i, wanted - 1)]).collect()
    }

    /// Distinct values upwards with the share at or below each.
    pub(super) fn steps(&self) -> &[(f64, f64)] {
        &self.steps
    }
}

/// `last * i / parts` without overflow on any platform.
fn scaled(last: usize, i: usize, parts: usize) -> usize {
    last / parts * i + last % parts * i / parts
}

/// Turns sorted (value, weight) pairs into steps: equal values merged, weights summed up to shares.
fn accumulate(pairs: &mut Vec<(f64, f64)>, total: f64) {
    let (mut running, mut lost) = (0.0_f64, 0.0_f64);
    for (_, weight) in pairs.iter_mut() {
        // Kahan's sum: shares stay exact to the last digits over millions of steps, and never fall.
        let term = *weight - lost;
        let next = running + term;
        lost = (next - running) - term;
        running = next;
        *weight = (running / total).min(1.0);
    }
    let mut kept = 0;
    for i in 1..pairs.len() {
        if pairs[i].0 > pairs[kept].0 {
            kept += 1;
        }
        pairs[kept] = pairs[i];
    }
    pairs.truncate(kept + 1);
    if let Some(last) = pairs.last_mut() {
        last.1 = 1.0;
    }
}

/// Half width of the Dvoretzky-Kiefer-Wolfowitz band: with probability 1 - `alpha` the true distribution is
/// within this share of the empirical one everywhere.
///
/// sqrt(ln(2/α) / (2 n)) with the tight constant of Massart (1990), *The tight constant in the
/// Dvoretzky-Kiefer-Wolfowitz inequality*, Annals of Probability 18(3). For a trace, `n_eff` is the effective
/// sample size. The result is clipped to 1, which also stands for no data.
pub fn dkw_half_width(n_eff: f64, alpha: f64) -> f64 {
    let width = ((2.0 / alpha).ln() / (2.0 * n_eff)).sqrt();
    if width.is_nan() { 1.0 } else { width.min(1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_right_continuous() {
        let ecdf = Ecdf::unweighted(vec![3.0, 1.0, 2.0, 2.0]).unwrap();
        for (x, share) in [(0.9, 0.0), (1.0, 0.25), (1.9, 0.25), (2.0, 0.75), (2.9, 0.75), (3.0, 1.0)] {
            assert!((ecdf.at(x) - share).abs() < 1e-15, "at {x}");
        }
        assert_eq!(ecdf.len(), 3);
        assert!(!ecdf.is_empty());
    }

    #[test]
    fn quantile_is_the_inverse() {
        let ecdf = Ecdf::unweighted(vec![10.0, 20.0, 30.0, 40.0]).unwrap();
        for (q, value) in [(-1.0, 10.0), (0.0, 10.0), (0.25, 10.0), (0.26, 20.0), (1.0, 40.0), (2.0, 40.0)] {
            assert!((ecdf.quantile(q) - value).abs() < 1e-15, "at {q}");
        }
    }

    #[test]
    fn weights_of_zero_count_for_nothing() {
        assert_eq!(Ecdf::weighted(vec![(1.0, 0.0)]), None);
        assert_eq!(Ecdf::weighted(Vec::new()), None);
        let ecdf = Ecdf::weighted(vec![(9.0, 0.0), (1.0, 2.0)]).unwrap();
        assert_eq!(ecdf.steps(), &[(1.0, 1.0)]);
    }

    #[test]
    fn curve_keeps_both_ends() {
        let ecdf = Ecdf::unweighted((0..1000_u16).map(f64::from).collect()).unwrap();
        for points in [0, 1, 2, 3, 10, 999] {
            let curve = ecdf.curve(points);
            assert_eq!(curve.len(), points.max(2));
            assert_eq!(curve[0], (0.0, 0.001));
            assert_eq!(curve[curve.len() - 1], (999.0, 1.0));
            assert!(curve.is_sorted());
        }
        assert_eq!(ecdf.curve(5000).len(), 1000);
        assert_eq!(Ecdf::unweighted(vec![5.0]).unwrap().curve(10), [(5.0, 1.0)]);
    }

    #[test]
    fn dkw_agrees_with_the_formula() {
        // sqrt(ln(40) / 200) = 0.13581015...
        assert!((dkw_half_width(100.0, 0.05) - 0.135_810_151_574_061_95).abs() < 1e-12);
        assert!((dkw_half_width(0.0, 0.05) - 1.0).abs() < f64::EPSILON);
        assert!((dkw_half_width(-1.0, 0.05) - 1.0).abs() < f64::EPSILON);
    }
}
