//! The virtual rig: a node made of software that the real drivers read by their real interfaces.

use std::fmt::Write as _;
use std::path::Path;

use power_core::Options;
use virtual_rig::{Description, VirtualRig};

use super::{Policy, Rig, SourceSpec};
use crate::run::Run;
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

/// The sources of a virtual node of `gpus` GPUs: NVML's gauges, energy counter and sample ring of each, and
/// `nvidia-smi` in a loop.
///
/// # Errors
///
/// - if the node describes itself in a way that is no rig.
pub fn sources(node: &VirtualRig, gpus: usize) -> Result<Rig> {
    let path = |path: &Path| path.display().to_string();
    let library = Options::new().with("library", path(&node.nvml_path()));
    let source = |name: String, driver: &str, device: String, options: &Options| SourceSpec {
        name,
        driver: driver.to_owned(),
        device,
        rate_hz: None,
        polled_rate_hz: None,
        policy: Policy::Required,
        options: options.clone(),
    };
    let classes = (0..gpus).flat_map(|gpu| ["gauges", "counter", "ring"].map(|class| (gpu, class)));
    let mut sources: Vec<_> = classes
        .map(|(gpu, class)| {
            source(format!("gpu{gpu}-{class}"), "nvml", format!("gpu{gpu}/{class}"), &library)
        })
        .collect();
    let binary = Options::new().with("binary", path(&node.nvidia_smi_path()));
    sources.push(source("smi".to_owned(), "smi", "all".to_owned(), &binary));
    Ok(Rig { reference: None, sources })
}

/// The name of the file of the node's truth within a run.
pub const TRUTH: &str = "truth.csv";

/// Writes the true power of each GPU beside the readings: `t_ns,gpu,power_w`, each the power from that time of the
/// run's time base on.
///
/// # Errors
///
/// - if the file cannot be written.
pub fn write_truth(node: &VirtualRig, run: &Run) -> Result<()> {
    let Some((from, to)) = span(run) else { return Ok(()) };
    let mut text = "t_ns,gpu,power_w\n".to_owned();
    for gpu in 0.. {
        let Some(truth) = node.truth(gpu) else { break };
        let edges = truth.signal_within(from, to).edges_ns();
        let inner = edges.into_iter().filter(|&edge| from < edge && edge <= to);
        for t_ns in std::iter::once(from).chain(inner) {
            let _ = writeln!(text, "{t_ns},{gpu},{}", truth.power_w(t_ns));
        }
    }
    let path = run.dir().join(TRUTH);
    std::fs::write(&path, text).map_err(|error| Error::io(&path, "write", error))
}

/// The first and the last anchor of a run, which is when it was recorded.
fn span(run: &Run) -> Option<(i64, i64)> {
    Some((run.anchors().first()?.monotonic_ns, run.anchors().last()?.monotonic_ns))
}
