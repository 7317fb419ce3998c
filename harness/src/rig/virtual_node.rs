//! The virtual rig: a node made of software that the real drivers read by their real interfaces.

use std::path::Path;
use std::time::Duration;

use power_load::{Burst, Demand, GpuDemand};
use virtual_rig::{Description, Stage, StageKind, VirtualRig};

use super::{Rig, virtual_load};
use crate::record::{LateMarks, Pulses};
use crate::run::{Mark, MarkEvent, Run};
use crate::{Error, Result};

/// Starts a virtual node in this process; it ends when it is dropped.
///
/// # Errors
///
/// - if it cannot be started; the message says why.
pub fn start(description: Description) -> Result<VirtualRig> {
    VirtualRig::start(description).map_err(|error| {
        Error::new("the virtual rig cannot be started")
            .mend("read real sensors by a rig file, or build on Linux with cargo at hand")
            .because(error)
    })
}

/// Rest before the first pulse of a workload with pulses: in that time the recording begins.
const LEAD_S: f64 = 3.0;

/// The paper's node with pulses of all GPUs before and after trainings of this length, by which clocks are aligned; and how
/// long all that takes.
///
/// # Errors
///
/// - if the trainings are too short or too long for a stage.
pub fn pulsing(trainings: Duration) -> Result<(Description, Duration)> {
    let node = Description::paper_node();
    let gpu = GpuDemand { compute: 0.5, memory: 0.0 };
    let on = Demand { cpu: 0.5, memory: 0.2, ..Demand::IDLE }.with_gpus(node.gpu_count(), gpu);
    let [before, after] = Pulses::schedules(&Burst::new(on));
    let mut middle = Stage::new(StageKind::Trainings, trainings.as_secs_f64()).named("trainings");
    middle.epochs = Some((4, 8));
    middle.epoch_s = Some((0.3, 3.0));
    let mut workload = virtual_load::workload(&[(&before, &[middle]), (&after, &[])], &node)?;
    workload.stages.insert(0, Stage::new(StageKind::Idle, LEAD_S));
    let whole_s = LEAD_S + before.seconds() + trainings.as_secs_f64() + after.seconds();
    Ok((node.with_workload(workload), Duration::from_secs_f64(whole_s)))
}

/// The sources of a virtual node: its GPUs by NVML and `nvidia-smi`, its CPUs by RAPL, its meters, of which the first is
/// the reference.
///
/// # Errors
///
/// - if the node describes itself in a way that is no rig.
pub fn sources(node: &VirtualRig) -> Result<Rig> {
    Rig::parse(&node.sources(), Path::new("the virtual rig"))
}

/// Writes the node's truth beside the readings: `truth.csv` (power and energy of every rail), `truth-marks.csv` (phases of
/// its workload) and `truth-meters.toml` (clocks and errors of its meters), on the run's time base.
///
/// # Errors
///
/// - if a file cannot be written.
pub fn write_truth(node: &VirtualRig, run: &Run) -> Result<()> {
    let Some((from, to)) = span(run) else { return Ok(()) };
    node.write_truth(run.dir(), from, to)
        .map_err(|error| Error::file(run.dir(), "cannot take the virtual rig's truth").because(error))
}

/// The phases of the node's workload as marks of a recording: those that lie within it as a whole.
pub fn workload_marks(node: &VirtualRig) -> LateMarks {
    // What comes later is in it: a workload is known from its beginning.
    let truth = node.node();
    Box::new(move |from_ns, to_ns| {
        let mut events = Vec::new();
        for phase in truth.marks(from_ns, to_ns) {
            let depth = i64::try_from(phase.depth).unwrap_or(i64::MAX);
            let mark = |t_ns, event| Mark { t_ns, event, name: phase.name.clone() };
            // At one time, what is within ends first and begins last.
            events.push((phase.end_ns, 0, -depth, mark(phase.end_ns, MarkEvent::End)));
            events.push((phase.begin_ns, 1, depth, mark(phase.begin_ns, MarkEvent::Begin)));
        }
        events.sort_by_key(|(t_ns, ends_first, depth, _)| (*t_ns, *ends_first, *depth));
        events.into_iter().map(|(.., mark)| mark).collect()
    })
}

/// The first and the last anchor of a run, which is when it was recorded.
fn span(run: &Run) -> Option<(i64, i64)> {
    Some((run.anchors().first()?.monotonic_ns, run.anchors().last()?.monotonic_ns))
}
