//! One GPU of a rig.

use serde::{Deserialize, Serialize};

use super::{Load, Model, Restamp, SensorDescription};
use crate::{Error, Result};

/// What differs in one GPU from what the node says of all; what is absent does not.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct GpuDescription {
    /// Its model: one of the names in this crate's README.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Its UUID, with the prefix `GPU-`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uuid: Option<String>,
    /// Its PCI bus.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pci_bus: Option<u8>,
    /// Power without a load in W.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_w: Option<f64>,
    /// Power at which it counts as wholly used, in W; its power limit where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub busy_w: Option<f64>,
    /// Power limit that was set, in W.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit_w: Option<f64>,
    /// Names of its MIG instances, such as `1g.18gb`; MIG mode is on if there are any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mig: Vec<String>,
    /// Its load.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load: Option<Load>,
    /// What `nvmlDeviceGetPowerUsage` and `power.draw` show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<SensorDescription>,
    /// What field 185 and `power.draw.average` show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average: Option<SensorDescription>,
    /// What field 186 and `power.draw.instant` show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instant: Option<SensorDescription>,
    /// The ring of power samples.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ring: Option<SensorDescription>,
    /// How the stamps of its rings move; where absent, as an H200's on Hopper, and not at all on others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restamp: Option<Restamp>,
    /// The energy counter; of a sensor's properties it has period, delay and gain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counter: Option<SensorDescription>,
}

impl GpuDescription {
    /// A GPU as the node says.
    pub fn new() -> Self {
        Self::default()
    }

    /// A GPU with this load, for the rest as the node says.
    pub fn with_load(load: Load) -> Self {
        Self { load: Some(load), ..Self::default() }
    }

    /// Sets its model.
    #[must_use]
    pub fn with_model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Sets the names of its MIG instances, such as `1g.18gb`.
    #[must_use]
    pub fn with_mig(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.mig = names.into_iter().map(Into::into).collect();
        self
    }

    /// Sets how the stamps of its rings move.
    #[must_use]
    pub fn with_restamp(mut self, restamp: Restamp) -> Self {
        self.restamp = Some(restamp);
        self
    }

    pub(crate) fn check(&self) -> Result<()> {
        if let Some(restamp) = &self.restamp {
            restamp.check()?;
        }
        if let Some(model) = &self.model {
            Model::find(model)?;
        }
        if let Some(load) = &self.load {
            load.check()?;
        }
        let powers = [self.idle_w, self.busy_w, self.limit_w];
        if !powers.iter().flatten().all(|power| power.is_finite() && *power >= 0.0) {
            return Err(Error::new("idle_w, busy_w and limit_w of a GPU are 0 W or more"));
        }
        if self.mig.len() > 7 {
            return Err(Error::new("a GPU has at most 7 MIG instances"));
        }
        let sensors = [&self.usage, &self.average, &self.instant, &self.ring, &self.counter];
        sensors.into_iter().flatten().try_for_each(SensorDescription::check)
    }
}
