//! The lines that lie above some points and below others: a linear programme in two variables, solved exactly.

/// A point, or a line's offset and slope.
pub(super) type Point = (f64, f64);

/// All lines y = offset + slope × x that pass above every lower and below every upper point.
///
/// For one slope the offsets run from the highest of `lower - slope x` to the lowest of `upper - slope x`: a convex and a
/// concave chain of straight pieces whose corners are the slopes of the points' convex hulls. So the feasible set is a
/// polygon, and its corners are found in O(n log n), most of it for sorting.
#[derive(Debug, Clone)]
pub(super) struct Lines {
    lower: Vec<Point>,
    upper: Vec<Point>,
    slopes: Vec<f64>,
}

/// What the feasible lines range over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ranges {
    /// Offset at x = 0: lowest and highest.
    pub(super) offset: (f64, f64),
    /// Slope: lowest and highest.
    pub(super) slope: (f64, f64),
}

impl Lines {
    /// From points by ascending x; slopes within ±`steepest`.
    pub(super) fn new(lower: &[Point], upper: &[Point], steepest: f64) -> Self {
        let lower = chain(lower, 1.0);
        let upper = chain(upper, -1.0);
        let mut slopes: Vec<f64> = [&lower, &upper]
            .into_iter()
            .flat_map(|chain| chain.windows(2).map(|pair| (pair[1].1 - pair[0].1) / (pair[1].0 - pair[0].0)))
            .filter(|slope| slope.abs() < steepest)
            .chain([-steepest, steepest])
            .collect();
        slopes.sort_unstable_by(f64::total_cmp);
        Self { lower, upper, slopes }
    }

    /// Lowest and highest offset at slope `slope`.
    fn offsets(&self, slope: f64) -> (f64, f64) {
        // On a hull the extreme of y - slope x is where the edges' slopes pass `slope`.
        let at = |chain: &[Point], past: &dyn Fn(f64) -> bool| {
            let (mut low, mut high) = (0, chain.len() - 1);
            while low < high {
                let middle = usize::midpoint(low, high);
                let edge = (chain[middle + 1].1 - chain[middle].1) / (chain[middle + 1].0 - chain[middle].0);
                if past(edge) { high = middle } else { low = middle + 1 }
            }
            chain[low].1 - slope * chain[low].0
        };
        (at(&self.lower, &|edge| edge <= slope), at(&self.upper, &|edge| edge >= slope))
    }

    fn slack(&self, slope: f64) -> f64 {
        let (low, high) = self.offsets(slope);
        high - low
    }

    /// The ranges of offset and slope; `None` if no line fits.
    pub(super) fn ranges(&self) -> Option<Ranges> {
        if self.lower.is_empty() || self.upper.is_empty() {
            return None;
        }
        // The slack is concave over the slope, and straight between two corners.
        let slacks: Vec<f64> = self.slopes.iter().map(|&slope| self.slack(slope)).collect();
        let first = slacks.iter().position(|&slack| slack >= 0.0)?;
        let last = slacks.iter().rposition(|&slack| slack >= 0.0)?;
        let cross = |inside: usize, outside: usize| {
            let share = slacks[inside] / (slacks[inside] - slacks[outside]);
            self.slopes[inside] + share * (self.slopes[outside] - self.slopes[inside])
        };
        let lowest = if first == 0 { self.slopes[0] } else { cross(first, first - 1) };
        let highest = if last + 1 == slacks.len() { self.slopes[last] } else { cross(last, last + 1) };
        let corners = self.slopes[first..=last].iter().copied().chain([lowest, highest]);
        let mut offset = (f64::INFINITY, f64::NEG_INFINITY);
        for slope in corners {
            let (low, high) = self.offsets(slope);
            offset = (offset.0.min(low.min(high)), offset.1.max(high.max(low)));
        }
        Some(Ranges { offset, slope: (lowest, highest) })
    }

    /// The offsets of the line with this slope that lies in the middle.
    pub(super) fn middle(&self, slope: f64) -> f64 {
        let (low, high) = self.offsets(slope);
        f64::midpoint(low, high)
    }
}

/// The upper hull of points by ascending x (`sign` 1) or the lower one (`sign` -1); of equal x the extreme one.
fn chain(points: &[Point], sign: f64) -> Vec<Point> {
    let mut hull: Vec<Point> = Vec::new();
    for &(x, y) in points {
        if let Some(last) = hull.last()
            && last.0 >= x
        {
            if sign * (y - last.1) <= 0.0 {
                continue;
            }
            hull.pop();
        }
        while hull.len() >= 2 {
            let (a, b) = (hull[hull.len() - 2], hull[hull.len() - 1]);
            let turn = (b.0 - a.0) * (y - a.1) - (b.1 - a.1) * (x - a.0);
            if sign * turn < 0.0 {
                break;
            }
            hull.pop();
        }
        hull.push((x, y));
    }
    hull
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn two_gates_bound_slope_and_offset() {
        // Through [-1, 1] at x = 0 and [0, 2] at x = 10.
        let lines = Lines::new(&[(0.0, -1.0), (10.0, 0.0)], &[(0.0, 1.0), (10.0, 2.0)], 10.0);
        let ranges = lines.ranges().unwrap();
        assert!((ranges.slope.0 + 0.1).abs() < 1e-12 && (ranges.slope.1 - 0.3).abs() < 1e-12, "{ranges:?}");
        assert!((ranges.offset.0 + 1.0).abs() < 1e-12 && (ranges.offset.1 - 1.0).abs() < 1e-12, "{ranges:?}");
    }

    #[test]
    fn gates_that_contradict_have_no_line() {
        let lower = [(0.0, 0.0), (1.0, 5.0), (2.0, 0.0)];
        let upper = [(0.0, 1.0), (1.0, 6.0), (2.0, 1.0)];
        assert_eq!(Lines::new(&lower, &upper, 10.0).ranges(), None);
    }

    proptest! {
        /// The exact answer lies at the corners of what a dense search finds.
        #[test]
        fn agrees_with_a_dense_search(
            gates in proptest::collection::vec((-1.0..1.0_f64, 0.05..1.0_f64), 2..12),
            offset in -1.0..1.0_f64,
            slope in -0.5..0.5_f64,
        ) {
            let line = |x: f64| offset + slope * x;
            let points: Vec<(f64, f64, f64)> = (0_u32..).zip(&gates).map(|(k, (shift, width))| {
                let x = f64::from(k);
                let middle = line(x) + shift * width;
                (x, middle - width, middle + width)
            }).collect();
            let lower: Vec<Point> = points.iter().map(|&(x, low, _)| (x, low)).collect();
            let upper: Vec<Point> = points.iter().map(|&(x, _, high)| (x, high)).collect();
            let ranges = Lines::new(&lower, &upper, 3.0).ranges().unwrap();
            let feasible = |slope: f64| {
                let low = points.iter().map(|(x, low, _)| low - slope * x).fold(f64::NEG_INFINITY, f64::max);
                let high = points.iter().map(|(x, _, high)| high - slope * x).fold(f64::INFINITY, f64::min);
                (low <= high).then_some((low, high))
            };
            let mut seen = (f64::INFINITY, f64::NEG_INFINITY, f64::INFINITY, f64::NEG_INFINITY);
            for k in 0..=6000_u32 {
                let slope = -3.0 + f64::from(k) * 1e-3;
                if let Some((low, high)) = feasible(slope) {
                    seen = (seen.0.min(slope), seen.1.max(slope), seen.2.min(low), seen.3.max(high));
                }
            }
            prop_assert!(ranges.slope.0 <= slope && slope <= ranges.slope.1);
            prop_assert!(ranges.offset.0 <= offset && offset <= ranges.offset.1);
            if seen.0 <= seen.1 {
                prop_assert!(ranges.slope.0 <= seen.0 + 1e-9 && ranges.slope.0 >= seen.0 - 1.1e-3);
                prop_assert!(ranges.slope.1 >= seen.1 - 1e-9 && ranges.slope.1 <= seen.1 + 1.1e-3);
                prop_assert!(ranges.offset.0 <= seen.2 + 1e-9 && ranges.offset.0 >= seen.2 - 0.015);
                prop_assert!(ranges.offset.1 >= seen.3 - 1e-9 && ranges.offset.1 <= seen.3 + 0.015);
            }
        }
    }
}
