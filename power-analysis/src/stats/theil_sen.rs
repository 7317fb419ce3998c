//! Straight lines that a quarter of wrong points does not bend.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::descriptive::median_in_place;
use super::numeric::{assert_finite, finite, generator};

/// A robust line y = intercept + slope × x.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RobustLine {
    /// Median of y - slope × x, in the unit of y.
    pub intercept: f64,
    /// Median slope over pairs of points, in units of y per unit of x.
    pub slope: f64,
}

/// Fits a line by the median slope over all pairs of points whose x differ by more than `min_dx`.
///
/// Theil (1950), *A rank-invariant method of linear and polynomial regression analysis*, and Sen (1968), JASA
/// 63; up to 29 % of the points can be wrong. A `min_dx` above 0, in the unit of x, leaves out pairs whose
/// slope is all noise. Up to `max_pairs` pairs the result is exact; beyond, it is the median over that many
/// pairs drawn evenly from those that qualify, by `seed`. Costs O(n log n + `max_pairs` log n).
///
/// `None` for different lengths and where no pair qualifies.
pub fn theil_sen(x: &[f64], y: &[f64], min_dx: f64, max_pairs: usize, seed: u64) -> Option<RobustLine> {
    assert_finite(x);
    assert_finite(y);
    if x.len() != y.len() {
        return None;
    }
    let mut points: Vec<(f64, f64)> = x.iter().copied().zip(y.iter().copied()).collect();
    points.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let partners = Partners::new(&points, min_dx.max(0.0));
    let slope_of = |(i, j): (usize, usize)| (points[j].1 - points[i].1) / (points[j].0 - points[i].0);
    let mut slopes: Vec<f64> = if partners.total <= u64::try_from(max_pairs).unwrap_or(u64::MAX) {
        partners.all().map(slope_of).collect()
    } else {
        let mut random = generator(seed);
        (0..max_pairs).map(|_| slope_of(partners.nth(random.random_range(0..partners.total)))).collect()
    };
    slopes.retain(|slope| slope.is_finite());
    let slope = median_in_place(&mut slopes)?;
    drop(slopes);
    let mut intercepts: Vec<f64> = points.iter().map(|(x, y)| y - slope * x).collect();
    if intercepts.iter().any(|intercept| !intercept.is_finite()) {
        return None;
    }
    Some(RobustLine { intercept: finite(median_in_place(&mut intercepts)?)?, slope })
}

/// Numbers the qualifying pairs: those of the lowest point first.
struct Partners {
    /// For each point by rising x, the first point that is far enough above it.
    first: Vec<usize>,
    /// For each point, the number of pairs up to and with its own.
    up_to: Vec<u64>,
    total: u64,
}

impl Partners {
    fn new(points: &[(f64, f64)], min_dx: f64) -> Self {
        let mut first = Vec::with_capacity(points.len());
        let mut up_to = Vec::with_capacity(points.len());
        let (mut next, mut total) = (0, 0);
        for &(x, _) in points {
            while next < points.len() && points[next].0 - x <= min_dx {
                next += 1;
            }
            first.push(next);
            total += u64::try_from(points.len() - next).unwrap_or(u64::MAX);
            up_to.push(total);
        }
        Self { first, up_to, total }
    }

    /// All qualifying pairs.
    fn all(&self) -> impl Iterator<Item = (usize, usize)> {
        let n = self.first.len();
        self.first.iter().enumerate().flat_map(move |(i, &first)| (first..n).map(move |j| (i, j)))
    }

    /// The pair with that number, below the total.
    fn nth(&self, number: u64) -> (usize, usize) {
        let i = self.up_to.partition_point(|&up_to| up_to <= number);
        let before_the_end = usize::try_from(self.up_to[i] - number).unwrap_or(usize::MAX);
        (i, self.first.len() - before_the_end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_scipy() {
        // s = scipy.stats.theilslopes(Y, X).slope; s, np.median(Y - s * X)
        let x = [80.0, 120.0, 120.0, 180.0, 240.0, 300.0, 310.0, 90.0];
        let y = [85.0, 118.0, 131.0, 170.0, 251.0, 280.0, 280.0, 99.0];
        let line = theil_sen(&x, &y, 0.0, 1000, 1).unwrap();
        assert!((line.slope - 0.852_631_578_947_368_4).abs() < 1e-12, "{line:?}");
        assert!((line.intercept - 19.526_315_789_473_685).abs() < 1e-9, "{line:?}");
    }

    #[test]
    fn numbers_name_the_pairs() {
        let points = [(0.0, 0.0), (1.0, 0.0), (1.0, 0.0), (5.0, 0.0), (7.0, 0.0)];
        for min_dx in [0.0, 1.0, 2.5, 6.0, 7.0] {
            let partners = Partners::new(&points, min_dx);
            let all: Vec<_> = partners.all().collect();
            let named: Vec<_> = (0..partners.total).map(|number| partners.nth(number)).collect();
            assert_eq!(all, named);
            assert!(all.iter().all(|&(i, j)| points[j].0 - points[i].0 > min_dx));
        }
    }

    #[test]
    fn drawn_pairs_come_near_the_exact_line() {
        let x: Vec<f64> = (0..2000_u32).map(|i| f64::from(i * 7919 % 1999)).collect();
        let y: Vec<f64> = x.iter().map(|x| 0.9 * x + x * 7.0 % 13.0).collect();
        let exact = theil_sen(&x, &y, 40.0, usize::MAX, 1).unwrap();
        let drawn = theil_sen(&x, &y, 40.0, 20_000, 1).unwrap();
        assert!((exact.slope - drawn.slope).abs() < 1e-3, "{exact:?} {drawn:?}");
        assert_eq!(drawn, theil_sen(&x, &y, 40.0, 20_000, 1).unwrap());
        assert!((exact.slope - 0.9).abs() < 1e-3);
    }

    #[test]
    fn without_an_answer() {
        assert_eq!(theil_sen(&[], &[], 0.0, 10, 1), None);
        assert_eq!(theil_sen(&[1.0], &[1.0], 0.0, 10, 1), None);
        assert_eq!(theil_sen(&[1.0, 1.0], &[1.0, 2.0], 0.0, 10, 1), None);
        assert_eq!(theil_sen(&[1.0, 2.0], &[1.0, 2.0], 1.0, 10, 1), None);
        assert_eq!(theil_sen(&[1.0, 2.0], &[1.0], 0.0, 10, 1), None);
        assert_eq!(theil_sen(&[1.0, 2.0], &[1.0, 2.0], 0.0, 0, 1), None);
        assert_eq!(theil_sen(&[1.0, 2.0], &[-f64::MAX, f64::MAX], 0.0, 9, 1), None);
    }
}
