//! How a recording went, put together from what its threads counted.

use std::sync::Arc;
use std::time::Duration;

use super::cost::{self, Counters, get};
use super::fleet::Fleet;
use super::os;
use super::settings::Settings;
use crate::rig::Policy;
use crate::run::{LaneRecord, Latency, Recording, SourceRecord};

/// All but the interruptions and the writer.
pub(super) fn recording(
    settings: &Settings,
    counters: &[Arc<Counters>],
    fleet: &Fleet,
    duration: Duration,
    ended: String,
) -> Recording {
    let specs = (0_u16..).zip(&settings.rig.sources).zip(counters);
    let sources = specs.map(|((number, spec), counters)| {
        let period = fleet.period(number);
        let polled =
            fleet.finished.iter().flat_map(|lane| &lane.sources).find(|source| source.number == number);
        SourceRecord {
            id: spec.name.clone(),
            policy: match spec.policy {
                Policy::Required => "required",
                Policy::Optional => "optional",
            }
            .to_owned(),
            rate_hz: period.map(|period| 1.0 / period.as_secs_f64()),
            jitter: settings.jitter,
            reads_asked: get(&counters.asked),
            reads_done: get(&counters.done),
            reads_missed: get(&counters.missed),
            reads_failed: get(&counters.failed),
            reads_away: get(&counters.away),
            readings: get(&counters.readings),
            readings_dropped: get(&counters.dropped),
            read_latency: polled.map_or_else(Latency::default, |polled| cost::latency(&polled.latency)),
            never_opened: period.is_none().then(|| "it could not be opened".to_owned()),
        }
    });
    let mut lanes: Vec<LaneRecord> = fleet.finished.iter().map(|lane| lane.record.clone()).collect();
    lanes.extend(fleet.stuck.iter().map(|lane| LaneRecord { lane: lane.clone(), ..LaneRecord::default() }));
    Recording {
        duration_s: duration.as_secs_f64(),
        ended,
        sources: sources.collect(),
        lanes,
        resident_bytes: os::resident_bytes(),
        peak_resident_bytes: os::peak_resident_bytes(),
        cpu_s: os::process_cpu().as_secs_f64(),
        ..Recording::default()
    }
}
