//! An energy counter against the integral of power, by how often it was read.

use serde::{Deserialize, Serialize};

use crate::readings::{Readings, Values};
use crate::stats::{Estimate, ratio_of_sums};
use crate::time::{Interval, milliseconds};
use crate::trace::Trace;

/// Pairs of counter and integral that a ratio needs.
const FEWEST: usize = 10;
/// Replicates of the bootstrap.
const REPLICATES: usize = 1_000;
/// Time that one pair covers, in nanoseconds: many updates of any counter.
const PAIR_NS: i64 = 2_000_000_000;

/// A counter's energy over the integral of another channel's power, at one polling rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CounterRatio {
    /// Median time between two reads of the counter.
    pub poll_ms: f64,
    /// Energy counted per energy integrated, with its interval.
    pub ratio: Estimate,
    /// Time covered, in seconds.
    pub seconds: f64,
}

/// The ratio at each polling rate that occurs, by octaves, from fast to slow: some counters lose energy when read often.
///
/// Empty for a channel that is no counter, and where there is too little to compare.
pub fn counter_ratios(counter: &Readings, power: &Trace, confidence: f64, seed: u64) -> Vec<CounterRatio> {
    let Values::Energy(energy) = counter.values() else { return Vec::new() };
    let mut groups: std::collections::BTreeMap<u32, Vec<(f64, f64, f64, f64)>> =
        std::collections::BTreeMap::new();
    let mut first = 0;
    for index in 1..counter.len() {
        let interval = Interval::new(counter.time(first), counter.time(index));
        if interval.length_ns() < PAIR_NS {
            continue;
        }
        // A pair ends on a step of the counter, so that both ends are equally old.
        if index + 1 < counter.len() && energy[index] <= energy[index - 1] {
            continue;
        }
        let reset =
            counter.resets_ns().iter().any(|reset| (interval.begin_ns..=interval.end_ns).contains(reset));
        if let Some(integral) = power.energy_j(interval).filter(|_| !reset) {
            let reads = i64::try_from(index - first).unwrap_or(i64::MAX).max(1);
            let poll_ns = interval.length_ns() / reads;
            let octave = u64::try_from(poll_ns).unwrap_or(1).max(1).ilog2();
            let counted = energy[index] - energy[first];
            groups.entry(octave).or_default().push((
                counted,
                integral,
                interval.seconds(),
                milliseconds(poll_ns),
            ));
        }
        first = index;
    }
    groups
        .into_values()
        .filter(|pairs| pairs.len() >= FEWEST)
        .filter_map(|pairs| {
            let of = |f: fn(&(f64, f64, f64, f64)) -> f64| pairs.iter().map(f).collect::<Vec<f64>>();
            let (counted, integral) = (of(|pair| pair.0), of(|pair| pair.1));
            let ratio = ratio_of_sums(&counted, &integral, REPLICATES, confidence, seed)?.estimate;
            let poll_ms = crate::stats::median(&of(|pair| pair.3))?;
            Some(CounterRatio { poll_ms, ratio, seconds: of(|pair| pair.2).iter().sum() })
        })
        .collect()
}
