//! Which loads a calibration takes, in which order, and for how long.

use power_load::{Demand, GpuDemand, Schedule, Step};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_xoshiro::Xoshiro256PlusPlus;
use serde::{Deserialize, Serialize};

use super::{PRIME, Settling};
use crate::{Error, Result};

/// Rest at both ends of each run, in seconds: sources open and are read before anything happens.
const REST_S: f64 = 2.0;

/// Pause between two runs, in seconds: sources are closed and opened.
const BETWEEN_S: f64 = 2.0;

/// What can be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parts {
    /// The CPUs.
    pub cpu: bool,
    /// The memory.
    pub memory: bool,
    /// How many GPUs.
    pub gpus: usize,
}

/// What a plan follows from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlanRequest {
    /// What can be loaded.
    pub parts: Parts,
    /// How long a load lasts and settles.
    pub settling: Settling,
    /// How often each experiment is made.
    pub repeats: usize,
    /// Start of the random order.
    pub seed: u64,
}

/// The experiments of a calibration, in their order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Version of this structure.
    pub schema_version: u32,
    /// What is loaded.
    pub parts: Parts,
    /// How long a load lasts and settles.
    pub settling: Settling,
    /// Start of the random order.
    pub seed: u64,
    /// How long all of it takes if nothing has to cool, in seconds.
    pub seconds: f64,
    /// The experiments.
    pub experiments: Vec<Experiment>,
}

/// One load, kept until it has settled, and then for its plateau: one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Experiment {
    /// Its name, which is that of its run and of its plateau's phase.
    pub name: String,
    /// What is asked.
    pub demand: Demand,
}

/// The loads of `sensors.md` §5.11: each part at several strengths, then together; shares 0 to 1 of what the parts can do.
/// Name, CPU, memory, GPU compute, GPU memory.
const LOADS: [(&str, f64, f64, f64, f64); 16] = [
    ("cpu-25", 0.25, 0.0, 0.0, 0.0),
    ("cpu-50", 0.5, 0.0, 0.0, 0.0),
    ("cpu-100", 1.0, 0.0, 0.0, 0.0),
    (PRIME, 1.0, 0.0, 0.0, 0.0),
    ("dram", 0.0, 1.0, 0.0, 0.0),
    ("dram-50", 0.0, 0.5, 0.0, 0.0),
    ("cpu-dram", 1.0, 1.0, 0.0, 0.0),
    ("gpu-25", 0.0, 0.0, 0.25, 0.0),
    ("gpu-50", 0.0, 0.0, 0.5, 0.0),
    ("gpu-75", 0.0, 0.0, 0.75, 0.0),
    ("gpu-100", 0.0, 0.0, 1.0, 0.0),
    ("gpu-memory", 0.0, 0.0, 0.0, 1.0),
    ("gpu-25-cpu-25", 0.25, 0.0, 0.25, 0.0),
    ("gpu-50-cpu-50", 0.5, 0.0, 0.5, 0.0),
    ("gpu-75-dram", 0.0, 1.0, 0.75, 0.0),
    ("all", 1.0, 1.0, 1.0, 0.0),
];

impl Plan {
    /// Plans: rest first and last, so that what the node's temperature does in between is seen, and all other loads in
    /// random order, so that it is nobody's error in particular.
    ///
    /// # Errors
    ///
    /// - there is nothing to be loaded, or the times make no sense
    pub fn new(request: &PlanRequest) -> Result<Self> {
        let PlanRequest { parts, settling, repeats, seed } = *request;
        if !(parts.cpu || parts.memory || parts.gpus > 0) {
            return Err(Error::new("nothing here can be loaded").mend(
                "name a load, such as --load cpu, --load gpu='python burn.py', or take --rig virtual",
            ));
        }
        settling.check()?;
        if !(1..=20).contains(&repeats) {
            return Err(Error::new(format!("{repeats} repeats make no plan")).mend("repeat 1 to 20 times"));
        }
        let wanted = LOADS.iter().filter(|(_, cpu, memory, compute, stream)| {
            // A combination needs all its parts; by the rule below none is left that is another's twin.
            (*cpu == 0.0 || parts.cpu)
                && (*memory == 0.0 || parts.memory)
                && (*compute + *stream == 0.0 || parts.gpus > 0)
        });
        let mut loads: Vec<Experiment> = Vec::new();
        for (name, cpu, memory, compute, stream) in wanted {
            let gpu = GpuDemand { compute: *compute, memory: *stream };
            let gpus = if gpu == GpuDemand::default() { 0 } else { parts.gpus };
            let demand = Demand { cpu: *cpu, memory: *memory, ..Demand::IDLE }.with_gpus(gpus, gpu);
            loads.extend(
                (0..repeats)
                    .map(|repeat| Experiment { name: numbered(name, repeat), demand: demand.clone() }),
            );
        }
        loads.shuffle(&mut Xoshiro256PlusPlus::seed_from_u64(seed));
        let idle = |name: &str| Experiment { name: name.to_owned(), demand: Demand::IDLE };
        let experiments: Vec<Experiment> =
            [idle("idle-first")].into_iter().chain(loads).chain([idle("idle-last")]).collect();
        let each_s = settling.dwell_s + 2.0 * REST_S + BETWEEN_S;
        let seconds = experiments.iter().map(|_| each_s).sum();
        Ok(Self { schema_version: 1, parts, settling, seed, seconds, experiments })
    }

    /// What is played in the run of an experiment: rest, the load until it has settled, its plateau by name, rest.
    pub fn schedule(&self, experiment: &Experiment) -> Schedule {
        let Settling { dwell_s, discard_s, .. } = self.settling;
        let demand = &experiment.demand;
        Schedule::steps([
            Step::new(REST_S, Demand::IDLE),
            Step::new(discard_s, demand.clone()),
            Step::new(dwell_s - discard_s, demand.clone()).named(&experiment.name),
            Step::new(REST_S, Demand::IDLE),
        ])
    }
}

fn numbered(name: &str, repeat: usize) -> String {
    if repeat == 0 { name.to_owned() } else { format!("{name}-again-{repeat}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(parts: Parts) -> PlanRequest {
        PlanRequest { parts, settling: Settling::default(), repeats: 1, seed: 7 }
    }

    const ALL: Parts = Parts { cpu: true, memory: true, gpus: 4 };

    #[test]
    fn rest_is_first_and_last_and_the_order_is_the_seeds() {
        let plan = Plan::new(&request(ALL)).unwrap();
        let names: Vec<&str> = plan.experiments.iter().map(|it| it.name.as_str()).collect();
        assert_eq!((names[0], names[17]), ("idle-first", "idle-last"));
        assert_eq!(plan, Plan::new(&request(ALL)).unwrap());
        let other = Plan::new(&PlanRequest { seed: 8, ..request(ALL) }).unwrap();
        assert_ne!(plan.experiments, other.experiments);
        assert!(plan.experiments.iter().all(|it| it.demand.check().is_ok()));
        let twice = Plan::new(&PlanRequest { repeats: 2, ..request(ALL) }).unwrap();
        assert_eq!(twice.experiments.len(), 2 + 2 * LOADS.len());
        assert_eq!(twice.experiments.iter().filter(|it| super::super::is_prime(&it.name)).count(), 2);
    }

    #[test]
    fn what_is_not_there_is_not_loaded() {
        let plan = Plan::new(&request(Parts { memory: false, gpus: 0, ..ALL })).unwrap();
        assert!(plan.experiments.iter().all(|it| it.demand.memory == 0.0 && it.demand.gpus.is_empty()));
        assert_eq!(plan.experiments.len(), 6);
        let error = Plan::new(&request(Parts { cpu: false, memory: false, gpus: 0 })).unwrap_err();
        assert!(error.to_string().contains("--load"), "{error}");
    }

    #[test]
    fn the_plateau_is_what_has_settled() {
        let plan = Plan::new(&request(ALL)).unwrap();
        let schedule = plan.schedule(&plan.experiments[3]);
        let named: Vec<f64> =
            schedule.steps.iter().filter(|step| step.name.is_some()).map(|step| step.seconds).collect();
        assert_eq!(named, [plan.settling.dwell_s - plan.settling.discard_s]);
    }
}
