//! One thread for all GPUs against one thread a GPU.

use serde::Serialize;

use super::Lengths;
use super::slot::Slot;
use super::target::{Target, at, renamed};
use crate::Result;
use crate::run::Latency;

/// Numbers of GPUs.
const GPUS: [usize; 4] = [1, 2, 4, 8];

/// How often each GPU is read.
const RATE_HZ: f64 = 1_000.0;

/// How often a second reader asks for power, to see how long the driver keeps it waiting.
const SECOND_HZ: f64 = 100.0;

/// Name of the second reader and of its lane.
const SECOND: &str = "second reader";

/// Several GPUs at 1 kHz.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PollerRow {
    /// GPUs that are read.
    pub gpus: usize,
    /// Threads that read them.
    pub threads: usize,
    /// Reads made, of those asked for, over all GPUs.
    pub sample_ratio: Option<f64>,
    /// How late the thread woke up that was the latest of all by its 99th percentile.
    pub wake_up: Latency,
    /// How long a read took on the GPU where it took longest by its 99th percentile.
    pub read: Latency,
    /// CPU time of the threads that read as a share of one core.
    pub cpu_share: f64,
    /// How long a second reader of the first GPU's power waited, which holds the time of the driver's lock.
    pub second_reader: Latency,
}

pub(super) fn pollers(target: &Target, lengths: Lengths) -> Result<Vec<PollerRow>> {
    let mut rows = Vec::new();
    for gpus in GPUS.into_iter().filter(|gpus| *gpus <= target.gpus.len()) {
        rows.push(row(target, gpus, false, lengths.pollers_s)?);
        if gpus > 1 {
            rows.push(row(target, gpus, true, lengths.pollers_s)?);
        }
    }
    Ok(rows)
}

fn row(target: &Target, gpus: usize, each: bool, seconds: f64) -> Result<PollerRow> {
    let polled: Vec<_> = target.gpus[..gpus].iter().map(|gpu| at(&gpu.gauges, RATE_HZ)).collect();
    let mut second = renamed(&target.gpus[0].gauges, SECOND, Some(SECOND_HZ));
    second.options = second.options.with("channels", "power.draw");
    let mut slot = Slot::new(polled.iter().cloned().chain([second])).lane(SECOND, SECOND);
    if each {
        slot = polled.iter().fold(slot, |slot, source| slot.lane(&source.name, &source.name));
    }
    let recorded = slot.run(seconds)?;
    let sources = polled.iter().map(|source| recorded.source(&source.name)).collect::<Result<Vec<_>>>()?;
    let sum = |of: fn(&crate::run::SourceRecord) -> u64| sources.iter().map(|source| of(source)).sum::<u64>();
    let (done, asked) = (sum(|source| source.reads_done), sum(|source| source.reads_asked));
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    let sample_ratio = (asked > 0).then(|| done as f64 / asked as f64);
    let lanes = || recorded.lanes(&[SECOND]);
    Ok(PollerRow {
        gpus,
        threads: lanes().count(),
        sample_ratio,
        wake_up: worst(lanes().map(|lane| lane.wake_up_lateness)),
        read: worst(sources.iter().map(|source| source.read_latency)),
        cpu_share: lanes().map(|lane| lane.cpu_share).sum(),
        second_reader: recorded.source(SECOND)?.read_latency,
    })
}

/// The one with the longest 99th percentile.
fn worst(all: impl Iterator<Item = Latency>) -> Latency {
    let p99 = |latency: &Latency| latency.p99_us.unwrap_or(f64::NEG_INFINITY);
    all.max_by(|a, b| p99(a).total_cmp(&p99(b))).unwrap_or_default()
}
