//! What can be read here, what cannot, and the exact line that mends it.

mod machine;
mod timing;

use power_core::Access;
use serde::Serialize;

use crate::inventory::{Inventory, Listed};

pub use timing::{Lateness, wake_ups};

/// What the examination of this machine found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Examination {
    /// Version of this structure.
    pub schema_version: u32,
    /// How many sources can be read.
    pub ready: usize,
    /// The findings, sensors first.
    pub findings: Vec<Finding>,
    /// How late a thread of this machine wakes up; `None` where that cannot be measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wake_ups: Option<Lateness>,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How much it matters.
    pub level: Level,
    /// The device, or the part of the machine.
    pub about: String,
    /// What was found, without a full stop.
    pub what: String,
    /// The line that mends it, where one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// It is as it should be.
    Fine,
    /// It is not there on this machine, or could be better; measurements stand.
    Note,
    /// Something is there that cannot be read, or that spoils measurements.
    Problem,
}

impl Finding {
    fn new(level: Level, about: impl Into<String>, what: impl Into<String>, mend: Option<String>) -> Self {
        Self { level, about: about.into(), what: what.into(), mend }
    }
}

impl Examination {
    /// Whether nothing is to be mended.
    pub fn ok(&self) -> bool {
        self.findings.iter().all(|finding| finding.level < Level::Problem)
    }
}

/// Examines this machine and these sources. Blocks while the sources are opened and for a quarter of a second of
/// wake-ups.
pub fn examine(mut inventory: Inventory) -> Examination {
    inventory.describe();
    let mut findings: Vec<Finding> = inventory.sources.iter().map(sensor).collect();
    findings.extend(inventory.sources.iter().filter_map(persistence));
    findings.extend(machine::findings());
    let wake_ups = wake_ups();
    findings.extend(wake_ups.as_ref().map(timing::finding));
    Examination { schema_version: 1, ready: inventory.ready().count(), findings, wake_ups }
}

/// What is to be said of one device.
fn sensor(listed: &Listed) -> Finding {
    let about = format!("{} {}", listed.driver, listed.device);
    match &listed.access {
        Access::Ready => Finding::new(Level::Fine, about, format!("{}: ready", listed.name), None),
        Access::Denied { mend } => {
            let what = format!("{}: this user may not read it", listed.name);
            Finding::new(Level::Problem, about, what, Some(mend.clone()))
        }
        Access::Unavailable { reason, mend } => {
            Finding::new(Level::Note, about, format!("{}: {reason}", listed.name), mend.clone())
        }
        other => Finding::new(Level::Problem, about, format!("{}: {other:?}", listed.name), None),
    }
}

/// Persistence mode that is off, once a GPU.
fn persistence(listed: &Listed) -> Option<Finding> {
    let details = &listed.descriptor.as_ref()?.details;
    let mode = details.get("persistence_mode").filter(|mode| mode.starts_with("off"))?;
    // A GPU has several sources, and each says so.
    details.get("source").filter(|source| *source == "gauges")?;
    let what = mode.split(';').next().unwrap_or(mode);
    let about = format!("persistence mode of {}", listed.device);
    Some(Finding::new(Level::Problem, about, what, Some("sudo nvidia-smi -pm 1".to_owned())))
}
