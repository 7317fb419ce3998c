//! Which instruments an experiment reads: those of the rig, and nvidia-smi in the two ways of the paper.

use std::collections::BTreeSet;

use power_core::Options;

use super::plan::{ExperimentId, RigChoice};
use crate::Result;
use crate::inventory::Inventory;
use crate::rig::{Policy, Rig, SourceSpec};

/// Name of the source that reads as EA-HAS-Bench does.
const TRACER: &str = "smi-tracer";

/// The rig of a choice that needs no virtual node.
///
/// # Errors
///
/// - if its file cannot be read.
pub fn rig(choice: &RigChoice) -> Result<Rig> {
    match choice {
        RigChoice::File(path) => Rig::read(path),
        RigChoice::Found | RigChoice::Virtual => Ok(Rig::found(&Inventory::discover())),
    }
}

/// What an experiment reads of a rig: nvidia-smi in loop mode and as EA-HAS-Bench's tracer, or not at all; of GPUs that
/// rest only what tells their energy.
pub fn of_experiment(mut rig: Rig, id: ExperimentId) -> Rig {
    let smi = rig.sources.iter().find(|source| source.driver == "smi").cloned();
    let first = rig.sources.iter().find(|source| source.driver == "nvml").and_then(gpu);
    rig.sources.retain(|source| {
        let resting = !id.is_on_all_gpus() && source.driver == "nvml" && gpu(source) != first;
        let gauges = source.device.ends_with("/gauges");
        (source.driver != "smi" || id.has_smi()) && !(resting && gauges)
    });
    let has_tracer = rig.sources.iter().any(|source| source.options.text("mode") == Some("tracer"));
    if let Some(smi) = smi.filter(|_| id.has_smi() && !has_tracer) {
        let binary = smi.options.text("binary").map(str::to_owned);
        let options = Options::new().with("mode", "tracer");
        let options = match binary {
            Some(binary) => options.with("binary", binary),
            None => options,
        };
        // Its name has to be free in any rig.
        let taken = rig.sources.iter().any(|source| source.name == TRACER);
        let name = if taken { format!("{TRACER}.2") } else { TRACER.to_owned() };
        rig.sources.push(SourceSpec {
            name,
            driver: "smi".to_owned(),
            device: "all".to_owned(),
            rate_hz: None,
            polled_rate_hz: None,
            policy: Policy::Optional,
            options,
        });
    }
    rig
}

/// How many GPUs there are to study.
pub fn gpu_count(rig: &Rig) -> usize {
    let gpus = rig.sources.iter().filter(|source| source.driver == "nvml").filter_map(gpu);
    gpus.collect::<BTreeSet<_>>().len()
}

/// The GPU of a source of NVML: its device without the part.
fn gpu(source: &SourceSpec) -> Option<String> {
    source.device.split('/').next().map(str::to_owned)
}
