//! The virtual rig: a node made of software that the real drivers read by their real interfaces.

use std::path::Path;

use virtual_rig::{Description, VirtualRig};

use super::Rig;
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

/// The first and the last anchor of a run, which is when it was recorded.
fn span(run: &Run) -> Option<(i64, i64)> {
    Some((run.anchors().first()?.monotonic_ns, run.anchors().last()?.monotonic_ns))
}
