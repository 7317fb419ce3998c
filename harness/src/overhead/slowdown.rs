//! Work with and without a recording, in turns.

use std::time::{Duration, Instant};

use power_analysis::stats::{self, Estimate, mean_interval};
use serde::Serialize;

use super::slot::Slot;
use super::target::Target;
use super::work::Work;
use super::{Lengths, Plan};
use crate::Result;

/// How often gauges are read meanwhile.
const RATE_HZ: f64 = 1_000.0;

/// Replicates of the bootstrap.
const REPLICATES: usize = 2_000;

/// No pair is begun after so long: a user's command may take minutes.
const LONGEST: (Duration, Duration) = (Duration::from_secs(40), Duration::from_secs(600));

/// What recording costs a workload.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Slowdown {
    /// The work.
    pub work: String,
    /// Pairs of a window without and one with a recording.
    pub pairs: usize,
    /// Share of its speed that it loses, mean over the pairs; `None` without a pair.
    pub mean: Option<f64>,
    /// The same with its interval; `None` below ten pairs.
    pub slowdown: Option<Estimate>,
}

/// What is recorded while the work goes on: all GPUs at 1 kHz, with their rings and counters as usual.
pub(super) fn recording(target: &Target) -> Slot {
    let mut sources = Vec::new();
    for gpu in &target.gpus {
        sources.extend([super::target::at(&gpu.gauges, RATE_HZ), gpu.ring.clone(), gpu.counter.clone()]);
    }
    if sources.is_empty() {
        sources.push(target.subject.clone());
    }
    Slot::new(sources)
}

/// Calls `measure` without and with a recording, the order changing from pair to pair so that drift cancels; gives the
/// pairs as (without, with).
pub(super) fn pairs<T>(
    slot: &Slot,
    (pairs, longest): (usize, Duration),
    mut measure: impl FnMut() -> Result<T>,
) -> Result<Vec<(T, T)>> {
    let begin = Instant::now();
    let mut found = Vec::new();
    for pair in 0..pairs {
        if pair > 0 && begin.elapsed() > longest {
            break;
        }
        let with = |measure: &mut dyn FnMut() -> Result<T>| {
            let going = slot.begin()?;
            let measured = measure();
            going.end()?;
            measured
        };
        found.push(if pair % 2 == 0 {
            let without = measure()?;
            (without, with(&mut measure)?)
        } else {
            let with = with(&mut measure)?;
            (measure()?, with)
        });
    }
    Ok(found)
}

/// The longest that a measurement by pairs may take.
pub(super) const fn longest(plan: &Plan) -> Duration {
    if plan.quick { LONGEST.0 } else { LONGEST.1 }
}

pub(super) fn measure(
    target: &Target,
    work: &mut dyn Work,
    lengths: Lengths,
    plan: &Plan,
) -> Result<Slowdown> {
    let window = Duration::from_secs_f64(lengths.window_s);
    // The first window finds clocks low and caches cold.
    work.speed(window)?;
    let speeds = pairs(&recording(target), (lengths.pairs, longest(plan)), || work.speed(window))?;
    let losses: Vec<f64> = speeds.iter().map(|(without, with)| 1.0 - with / without).collect();
    Ok(Slowdown {
        work: work.name(),
        pairs: losses.len(),
        mean: stats::mean(&losses),
        slowdown: mean_interval(&losses, REPLICATES, 0.95, plan.seed).map(|found| found.estimate),
    })
}
