//! The virtual node trains by itself; what is left is to mark what it does when it does it.

use std::time::Duration;

use power_core::{Clock, SystemClock};
use virtual_rig::{Description, Mark, Stage, StageKind, Workload};

use super::Scene;
use crate::Result;
use crate::run::MarkEvent;
use crate::study::plan::{ExperimentId, Plan};
use crate::study::reference::{BUSY as BUSY_PHASE, RESTING};

/// The phases of a virtual node, in its own time, which is the host's.
#[derive(Debug)]
pub struct Script {
    events: Vec<(i64, MarkEvent, String)>,
}

/// How long the recording goes on after the last phase, so that late publications are in it.
const AFTER: Duration = Duration::from_millis(600);

/// A mark that is later than this would be wrong by more than a sensor's window.
const LATE_NS: i64 = 25_000_000;

impl Script {
    /// The phases of a virtual node.
    pub fn new(phases: &[Mark]) -> Self {
        let mut events = Vec::new();
        for phase in phases {
            let depth = i64::try_from(phase.depth).unwrap_or(i64::MAX);
            // At one time, what is within ends first and begins last.
            events.push((phase.begin_ns, 1, depth, MarkEvent::Begin, phase.name.clone()));
            events.push((phase.end_ns, 0, -depth, MarkEvent::End, phase.name.clone()));
        }
        events.sort_by_key(|(time, ends_first, depth, _, _)| (*time, *ends_first, *depth));
        Self { events: events.into_iter().map(|(time, _, _, event, name)| (time, event, name)).collect() }
    }

    pub(super) fn run(self, scene: &Scene) -> Result<()> {
        crate::record::os::precise_timers();
        scene.wait_for_recording()?;
        for (time, event, name) in self.events {
            let left = time.saturating_sub(SystemClock.now().nanos());
            scene.sleep(Duration::from_nanos(u64::try_from(left).unwrap_or(0)));
            // What was over before the recording began cannot be marked; of rest, what is left of it can.
            if left < -LATE_NS && !(name == RESTING && event == MarkEvent::Begin) {
                continue;
            }
            if scene.is_over() {
                return Ok(());
            }
            scene.mark(event, &name);
        }
        scene.sleep(AFTER);
        Ok(())
    }
}

/// What `nvidia-smi -q -x` takes at the least on a real machine in use, in ms: the shortest of 1126 runs beside a training
/// on an H200, driver 580.159.04 (median 104, longest 245). How long it takes here beyond that is this machine's doing.
const SMI_MS: f64 = 87.5;

/// Rest before the first training, which is the base of everything; the recorder takes a second or two of it.
const REST_S: f64 = 4.0;

/// How long the host is busy for calibration, and how far: thrice what trainings ask of it. More would make its two edges,
/// which RAPL tells late on a machine in use, decide how the meter's clock is aligned.
const BUSY_S: f64 = 3.0;
const BUSY: (f64, f64) = (0.3, 0.3);

/// The virtual node of a part: the paper's, with its trainings.
pub fn virtual_description(plan: &Plan, id: ExperimentId, number: usize, count: usize) -> Description {
    let mut stages = vec![Stage::new(StageKind::Idle, REST_S).named(RESTING)];
    if id == ExperimentId::E1 && number == 0 {
        let busy = Stage::new(StageKind::Constant, BUSY_S).on_gpus([]).with_host(BUSY.0, BUSY.1);
        stages.push(busy.named(BUSY_PHASE));
        stages.push(Stage::new(StageKind::Idle, 1.0));
    }
    let (number_of_epochs, seconds) = plan.preset.epochs();
    let trainings = Stage::trainings(count).epochs(number_of_epochs, seconds);
    stages.push(if id.is_on_all_gpus() { trainings.distributed() } else { trainings.on_gpus([0]) });
    let mut description = Description::paper_node().with_workload(Workload::once(stages));
    // The meter of the paper alone.
    description.meters.truncate(1);
    description.smi.start_ms = SMI_MS;
    description.with_seed(super::seed(plan.seed, id, number))
}
