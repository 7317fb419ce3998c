//! What the tests of runs share: descriptors, rows, and new runs.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::path::Path;

use harness::run::{NewRun, Origin, Row, RowValue, RunWriter, SourceIndex, TimeBase};
use power_core::{Channel, Descriptor, Joules, Lane, Quantity};

/// A run of which only the readings matter.
pub(crate) fn new_run() -> NewRun {
    NewRun::new(
        TimeBase::HostMonotonic,
        Origin::Recorded { command: vec!["true".to_owned()], exit_code: None },
    )
}

/// A source with `power_w` (numbers) and `energy` (raw counts) in the lane `lane`.
pub(crate) fn descriptor(lane: &str) -> Descriptor {
    let counter = Quantity::EnergyCounter { quantum: Joules::from_joules(1e-3), modulus: None };
    let channels = vec![Channel::new("power_w", Quantity::power()), Channel::new("energy", counter)];
    Descriptor::new("test", "Test device", channels).with_lane(Lane::new(lane))
}

/// A row of power at `t_ns`.
pub(crate) fn power(t_ns: i64, watts: f64) -> Row {
    Row::at(0, t_ns, RowValue::Number(watts))
}

/// A row of the energy counter at `t_ns`.
pub(crate) fn energy(t_ns: i64, count: u64) -> Row {
    Row::at(1, t_ns, RowValue::Count(count))
}

/// Writes a finished run of two sources in lanes of their own, 100 rows a channel, and one phase.
pub(crate) fn small_run(dir: &Path) -> harness::run::Run {
    let mut writer = RunWriter::create(dir, new_run()).unwrap();
    fill(&mut writer);
    writer.finish().unwrap()
}

/// Fills a run as [`small_run`] does.
pub(crate) fn fill(writer: &mut RunWriter) -> Vec<SourceIndex> {
    use harness::run::{Mark, MarkEvent};
    let sources: Vec<_> =
        ["gpu0", "meter"].iter().map(|id| writer.add_source(id, descriptor(id)).unwrap()).collect();
    let mark = |t_ns, event| Mark { t_ns, event, name: "train".to_owned() };
    writer.mark(mark(1_000, MarkEvent::Begin)).unwrap();
    for step in 0..100_u32 {
        let t_ns = i64::from(step) * 1_000;
        for &source in &sources {
            writer.push(source, power(t_ns, 100.0 + f64::from(step))).unwrap();
            writer.push(source, energy(t_ns, u64::from(step) * 7)).unwrap();
        }
    }
    writer.mark(mark(90_000, MarkEvent::End)).unwrap();
    writer.flush().unwrap();
    sources
}
