//! How often a tool read its sensor, from the lengths of windows and the fewest readings that their means can be of.

use super::robust::quantile;
use super::words::seconds;

/// Means of fewer readings than this say little of the period.
const FEW: u32 = 3;

/// Fewer means than this are too few.
const FEWEST_MEANS: usize = 5;

/// Time between two readings.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Period {
    /// In seconds.
    pub(super) seconds: f64,
    /// What it lies between if the readings came at even times; `None` where they cannot have, or nobody knows.
    pub(super) bounds: Option<(f64, f64)>,
    /// How it is known.
    pub(super) how: String,
}

impl Period {
    /// In words, with its bounds.
    pub(super) fn words(&self) -> String {
        let bounds = self
            .bounds
            .map_or_else(String::new, |(low, high)| format!(" [{}, {}]", seconds(low), seconds(high)));
        format!("{}{bounds} ({})", seconds(self.seconds), self.how)
    }
}

/// The period from lengths in seconds and the fewest readings in each; `None` for too few.
///
/// A mean may be a shorter fraction than its readings are: only those near the shortest period count. n readings at even
/// times lie in a window of n - 1 to n + 1 periods, whenever the first one came.
pub(super) fn period_of(means: Vec<(f64, u32)>) -> Option<Period> {
    let usable: Vec<(f64, f64)> = means
        .into_iter()
        .filter(|(seconds, n)| *n >= FEW && *seconds > 0.0)
        .map(|(seconds, n)| (seconds, f64::from(n)))
        .collect();
    let mut periods: Vec<f64> = usable.iter().map(|(seconds, n)| seconds / n).collect();
    periods.sort_by(f64::total_cmp);
    let shortest = quantile(&periods, 0.1).filter(|_| periods.len() >= FEWEST_MEANS)?;
    let near = || usable.iter().filter(move |(seconds, n)| seconds / n < 1.5 * shortest);
    let low = near().map(|(seconds, n)| seconds / (n + 1.0)).fold(0.0, f64::max);
    let high = near().map(|(seconds, n)| seconds / (n - 1.0)).fold(f64::INFINITY, f64::min);
    let (sum, n) = near().fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let bounds = (low <= high).then_some((low, high));
    let seconds = bounds.map_or(sum / n, |(low, high)| (sum / n).clamp(low, high));
    Some(Period { seconds, bounds, how: format!("by the fractions that {} means are", periods.len()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_readings_lie_within_their_bounds() {
        // Every 11 s from 1 s on, in windows of 40 to 237 s; the mean of the third could be of half its readings.
        let count = |window: u32| (window - 1) / 11 + 1;
        let means: Vec<(f64, u32)> =
            [40, 57, 98, 120, 155, 237].map(|window| (f64::from(window), count(window))).to_vec();
        let mut halved = means.clone();
        halved[2].1 = 5;
        for means in [means, halved] {
            let period = period_of(means).unwrap();
            let (low, high) = period.bounds.unwrap();
            assert!(low < 11.0 && 11.0 < high && high - low < 2.0, "{period:?}");
            assert!((low..=high).contains(&period.seconds), "{period:?}");
        }
    }

    #[test]
    fn uneven_readings_have_no_bounds() {
        let means = vec![(10.0, 5), (10.0, 7), (11.0, 6), (12.0, 9), (30.0, 21), (30.0, 14)];
        assert_eq!(period_of(means.clone()).unwrap().bounds, None);
        assert_eq!(period_of(means[..4].to_vec()), None);
        assert_eq!(period_of(vec![(10.0, 1); 20]), None);
    }
}
