//! How much of the epochs a tool looked at.

use serde::{Deserialize, Serialize};

use super::Thresholds;
use super::clusters::{self, IntervalBy, Known};
use super::stretch::Stretch;
use crate::CONFIDENCE;
use crate::stats::{count, mean, median};

/// How much of the epochs one tool looked at.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// Epochs of which its readings were counted.
    pub epochs: usize,
    /// Mean of the epochs' sample ratios.
    pub mean_ratio: Option<Known>,
    /// Median of the epochs' sample ratios.
    pub median_ratio: Option<f64>,
    /// Share of the epochs with fewer readings than [`Thresholds::fewest_readings`]: under-sampled.
    pub under_sampled: Known,
    /// Share of the epochs with a sample ratio below [`Thresholds::sample_ratio`].
    pub below_ratio: Option<Known>,
    /// Epochs without any reading.
    pub without_reading: usize,
}

/// Counts the readings of tool number `tool`; `None` where it has none to count.
pub fn sampling(epochs: &[Stretch], tool: usize, thresholds: &Thresholds, seed: u64) -> Option<Sampling> {
    let seen = epochs.iter().filter_map(|epoch| {
        let seen = epoch.seen.get(tool)?;
        Some((epoch.training, seen.readings?, seen.sample_ratio()))
    });
    let seen: Vec<(usize, usize, Option<f64>)> = seen.collect();
    if seen.is_empty() {
        return None;
    }
    let ratios: Vec<(usize, f64)> = seen.iter().filter_map(|(at, _, ratio)| Some((*at, (*ratio)?))).collect();
    let values: Vec<f64> = ratios.iter().map(|(_, ratio)| *ratio).collect();
    let clusters: Vec<usize> = ratios.iter().map(|(training, _)| *training).collect();
    let mean_ratio = mean(&values).filter(|_| !values.is_empty()).map(|value| {
        let drawn = clusters::interval(&clusters, seed, |items| {
            mean(&items.iter().map(|item| values[*item]).collect::<Vec<_>>())
        });
        drawn.map_or(Known::alone(value), |(low, high)| Known {
            value,
            low: Some(low),
            high: Some(high),
            confidence: CONFIDENCE,
            by: IntervalBy::Trainings,
        })
    });
    let trainings: Vec<usize> = seen.iter().map(|(training, _, _)| *training).collect();
    let few: Vec<bool> = seen.iter().map(|(_, readings, _)| *readings < thresholds.fewest_readings).collect();
    let low: Vec<bool> = values.iter().map(|ratio| *ratio < thresholds.sample_ratio).collect();
    Some(Sampling {
        epochs: seen.len(),
        mean_ratio,
        median_ratio: median(&values),
        under_sampled: proportion(&few, &trainings, seed),
        below_ratio: (!low.is_empty()).then(|| proportion(&low, &clusters, seed)),
        without_reading: seen.iter().filter(|(_, readings, _)| *readings == 0).count(),
    })
}

/// Share of items of which something holds, with an interval by whole clusters.
pub fn proportion(holds: &[bool], clusters: &[usize], seed: u64) -> Known {
    let share = |items: &mut dyn Iterator<Item = bool>| {
        let (mut all, mut some) = (0_usize, 0_usize);
        for holds in items {
            all += 1;
            some += usize::from(holds);
        }
        (all > 0).then(|| count(some) / count(all))
    };
    let value = share(&mut holds.iter().copied()).unwrap_or(f64::NAN);
    match clusters::interval(clusters, seed, |items| share(&mut items.iter().map(|item| holds[*item]))) {
        Some((low, high)) => Known {
            value,
            low: Some(low),
            high: Some(high),
            confidence: CONFIDENCE,
            by: IntervalBy::Trainings,
        },
        None => Known::alone(value),
    }
}
