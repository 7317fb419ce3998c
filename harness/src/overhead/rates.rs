//! One source at several rates.

use serde::Serialize;

use super::Lengths;
use super::slot::{Recorded, Slot};
use super::target::{Target, at};
use crate::rig::SourceSpec;
use crate::run::Latency;
use crate::{Error, Result};

/// Rates from once a second to more than any power sensor publishes.
const RATES_HZ: [f64; 5] = [1.0, 10.0, 100.0, 1_000.0, 10_000.0];

/// What recording one source at one rate costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RateRow {
    /// The source.
    pub source: String,
    /// Reads a second that were asked for.
    pub asked_hz: f64,
    /// Reads a second that were made.
    pub achieved_hz: f64,
    /// Reads made, of those asked for; `None` if none was due.
    pub sample_ratio: Option<f64>,
    /// Readings a second that came of it: several channels, or several samples of a ring.
    pub readings_hz: f64,
    /// How late the thread woke up.
    pub wake_up: Latency,
    /// How long a read took.
    pub read: Latency,
    /// CPU time of the reading and of the writing thread as a share of one core.
    pub cpu_share: f64,
    /// CPU time of both threads a read in microseconds; `None` if none was made.
    pub cpu_us_per_read: Option<f64>,
}

/// The subject at all rates, and its device in words.
pub(super) fn rates(target: &Target, lengths: Lengths) -> Result<(Vec<RateRow>, String)> {
    let mut rows = Vec::new();
    let mut device = String::new();
    for hz in RATES_HZ {
        // At 1 Hz there is little to count.
        let seconds = lengths.rate_s.max(3.0 / hz);
        let recorded = Slot::new([at(&target.subject, hz)]).run(seconds)?;
        rows.push(row(&recorded, &target.subject.name)?);
        if let Some(source) = recorded.run.manifest().sources.first() {
            device.clone_from(&source.descriptor.device);
        }
    }
    Ok((rows, device))
}

/// Each source of the first GPU as `record` reads it where nobody says how often.
pub(super) fn sources(target: &Target, lengths: Lengths) -> Result<Vec<RateRow>> {
    let Some(gpu) = target.gpus.first() else { return Ok(Vec::new()) };
    let one = |source: &SourceSpec| row(&Slot::new([source.clone()]).run(lengths.rate_s)?, &source.name);
    [&gpu.gauges, &gpu.ring, &gpu.counter].into_iter().map(one).collect()
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn row(recorded: &Recorded, name: &str) -> Result<RateRow> {
    let source = recorded.source(name)?;
    let seconds = recorded.recording.duration_s.max(1e-9);
    let cpu_share = recorded.cpu_share(&[]);
    let lane = recorded.recording.lanes.first();
    let lane =
        lane.ok_or_else(|| Error::new(format!("the recording of {name} has no lane: nothing was polled")))?;
    let done = source.reads_done as f64;
    // The first read, before the schedule begins, and the one at the end are in it.
    let on_schedule = source.reads_done.saturating_sub(2) as f64;
    Ok(RateRow {
        source: name.to_owned(),
        asked_hz: source.rate_hz.unwrap_or(f64::NAN),
        achieved_hz: on_schedule / seconds,
        sample_ratio: source.sample_ratio(),
        readings_hz: source.readings as f64 / seconds,
        wake_up: lane.wake_up_lateness,
        read: source.read_latency,
        cpu_share,
        cpu_us_per_read: (source.reads_done > 0).then(|| cpu_share * seconds * 1e6 / done),
    })
}
