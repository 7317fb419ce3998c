//! A load as the virtual node takes it: by a script before it starts, or while it runs.

use std::path::Path;

use power_load::{Demand, GpuDemand, Load, Schedule, Step};
use virtual_rig::{Description, RIG_VARIABLE, RigControl, SOCKET_VARIABLE, Stage, StageKind, Workload};

use crate::record::OpenedLoad;
use crate::{Error, Result};

/// Share of the way from idle to limit that a GPU's power goes for streams through its memory alone; an assumption, about
/// what boards with HBM show.
const MEMORY_SHARE: f64 = 0.5;

/// The shortest stage of a workload in s: shorter steps are joined to the next.
const SHORTEST_S: f64 = 1e-3;

/// Power of a GPU under a demand, in W, from that at rest to its limit.
fn power_w(demand: GpuDemand, (idle_w, limit_w): (f64, f64)) -> f64 {
    idle_w + (limit_w - idle_w) * (demand.compute + MEMORY_SHARE * demand.memory).min(1.0)
}

/// Power at rest and limit of each GPU of a node, in W.
fn spans_w(description: &Description) -> Result<Vec<(f64, f64)>> {
    let gpus = 0..description.gpu_count();
    gpus.map(|gpu| description.gpu_span_w(gpu).map_err(cannot)).collect()
}

fn cannot(error: virtual_rig::Error) -> Error {
    Error::new(error.to_string()).because(error)
}

/// The stages that do what a schedule asks of the node of `description`. Steps with a name become phases of that name.
///
/// # Errors
///
/// - if a step asks for something that is no share, has no length that can be played, or loads GPUs unlike each other,
///   which no stage can.
pub fn stages(schedule: &Schedule, description: &Description) -> Result<Vec<Stage>> {
    schedule.check().map_err(crate::record::load_error)?;
    let spans_w = spans_w(description)?;
    let mut stages = Vec::new();
    let mut joined_s = 0.0;
    for step in &schedule.steps {
        joined_s += step.seconds;
        if joined_s >= SHORTEST_S {
            stages.push(stage(step, joined_s, &spans_w)?);
            joined_s = 0.0;
        }
    }
    Ok(stages)
}

fn stage(step: &Step, seconds: f64, spans_w: &[(f64, f64)]) -> Result<Stage> {
    let demand = &step.demand;
    let wanted = |gpu: usize| demand.gpus.get(gpu).copied().unwrap_or_default();
    let loaded: Vec<usize> = (0..spans_w.len()).filter(|&gpu| wanted(gpu) != GpuDemand::default()).collect();
    let powers: Vec<f64> = loaded.iter().map(|&gpu| power_w(wanted(gpu), spans_w[gpu])).collect();
    let mut stage = if demand.is_idle() {
        Stage::new(StageKind::Idle, seconds)
    } else {
        Stage::new(StageKind::Constant, seconds).with_host(demand.cpu, demand.memory).on_gpus(loaded)
    };
    if let Some(&first) = powers.first() {
        if powers.iter().any(|power| (power - first).abs() > 1e-9) {
            return Err(Error::new("the virtual rig takes one power for all GPUs that a step loads")
                .mend("ask the same of each of them, or of models of one kind"));
        }
        stage = stage.high_w(first);
    }
    stage.name.clone_from(&step.name);
    Ok(stage)
}

/// The workload of schedules, one after the other, with other stages after each but the last; played once.
///
/// # Errors
///
/// - as [`stages`].
pub fn workload(parts: &[(&Schedule, &[Stage])], description: &Description) -> Result<Workload> {
    let mut all = Vec::new();
    for (schedule, after) in parts {
        all.extend(stages(schedule, description)?);
        all.extend_from_slice(after);
    }
    Ok(Workload::once(all))
}

/// The GPUs of a virtual node that runs, as a load. What its description or workload had for them ends with the first
/// demand.
#[derive(Debug)]
pub struct VirtualLoad {
    control: RigControl,
    spans_w: Vec<(f64, f64)>,
}

impl VirtualLoad {
    /// The rig with this socket and this file.
    ///
    /// # Errors
    ///
    /// - if it is not there.
    pub fn connect(socket: &Path, file: &Path) -> Result<Self> {
        let description = Description::from_file(file).map_err(cannot)?;
        let control = RigControl::connect(socket).map_err(cannot)?;
        Ok(Self { control, spans_w: spans_w(&description)? })
    }

    /// The rig whose environment this process has, within `wattproof record --rig virtual -- …`.
    ///
    /// # Errors
    ///
    /// - if it has none.
    pub fn from_env() -> Result<Self> {
        let (file, socket) = (std::env::var_os(RIG_VARIABLE), std::env::var_os(SOCKET_VARIABLE));
        let (file, socket) = file.zip(socket).ok_or_else(|| {
            Error::new("no virtual rig runs here")
                .mend("run this within `wattproof record --rig virtual -- …`, or load real parts")
        })?;
        Self::connect(Path::new(&socket), Path::new(&file))
    }

    /// It, with the demand of `level` of all its GPUs while it is on.
    pub fn opened(self, level: f64) -> OpenedLoad {
        let gpu = GpuDemand { compute: level, memory: 0.0 };
        OpenedLoad { on: Demand::IDLE.with_gpus(self.spans_w.len(), gpu), load: Box::new(self) }
    }
}

impl Load for VirtualLoad {
    /// Returns when it has happened, 1 to 2 ms later.
    fn set(&mut self, demand: &Demand) -> power_load::Result<()> {
        demand.check()?;
        let wanted = |gpu: usize| demand.gpus.get(gpu).copied().unwrap_or_default();
        let loads: Vec<(usize, f64)> =
            self.spans_w.iter().enumerate().map(|(gpu, span)| (gpu, power_w(wanted(gpu), *span))).collect();
        self.control.set_loads(&loads).map(drop).map_err(|error| power_load::Error::Command {
            program: "the virtual rig".to_owned(),
            what: error.to_string(),
            cause: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use power_load::Excitation;

    fn node() -> Description {
        Description::node(4).with_model("NVIDIA H100 80GB HBM3")
    }

    fn demand(gpus: usize, compute: f64) -> Demand {
        Demand { cpu: 0.4, memory: 0.2, ..Demand::IDLE }.with_gpus(gpus, GpuDemand { compute, memory: 0.0 })
    }

    #[test]
    fn a_step_is_a_stage_of_the_same_power_and_length() {
        let schedule = Schedule::steps([
            Step::new(1.0, Demand::IDLE),
            Step::new(2.0, demand(2, 0.5)).named("burn"),
            Step::new(0.5, Demand { cpu: 1.0, ..Demand::IDLE }),
        ]);
        let stages = stages(&schedule, &node()).unwrap();
        let (idle_w, limit_w) = node().gpu_span_w(0).unwrap();
        assert_eq!((stages[0].kind, stages[0].name.as_deref()), (StageKind::Idle, None));
        assert_eq!((stages[1].seconds, stages[1].name.as_deref()), (Some(2.0), Some("burn")));
        assert_eq!((stages[1].gpus.as_deref(), stages[1].cpu), (Some(&[0, 1][..]), Some(0.4)));
        assert!((stages[1].high_w.unwrap() - f64::midpoint(idle_w, limit_w)).abs() < 1e-9);
        assert_eq!((stages[2].gpus.as_deref(), stages[2].high_w), (Some(&[][..]), None));
        node().with_workload(Workload::once(stages)).check().unwrap();
    }

    #[test]
    fn an_excitation_keeps_its_length_although_no_stage_is_shorter_than_a_millisecond() {
        let excitation = Excitation { period_s: 0.005, random_s: 2.0, ..Excitation::new(demand(4, 1.0)) };
        let schedule = Schedule::excite(3, &excitation);
        let workload = workload(&[(&schedule, &[])], &node()).unwrap();
        let seconds: f64 = workload.stages.iter().filter_map(|stage| stage.seconds).sum();
        assert!((seconds - schedule.seconds()).abs() < 1e-3, "{seconds} of {}", schedule.seconds());
        node().with_workload(workload).check().unwrap();
    }

    #[test]
    fn gpus_unlike_each_other_are_refused_with_what_to_do() {
        let mut unlike = demand(2, 1.0);
        unlike.gpus[1].compute = 0.5;
        let error = stages(&Schedule::steps([Step::new(1.0, unlike)]), &node()).unwrap_err();
        assert!(error.to_string().contains("ask the same of each of them"), "{error}");
    }
}
