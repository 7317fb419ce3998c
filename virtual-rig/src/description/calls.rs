//! How long calls take.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// How long NVML's calls take, in microseconds, as measured on an H200 with driver 580; and by how much that
/// is scaled.
///
/// A call keeps one processor busy for its time, and holds the driver's lock, as the real ones do.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Calls {
    /// Factor on all of the below: 1 as on the real machine, 0 for no time at all. The default keeps tests
    /// short.
    pub scale: f64,
    /// `nvmlInit_v2`.
    pub init_us: f64,
    /// `nvmlDeviceGetPowerUsage`.
    pub power_usage_us: f64,
    /// `nvmlDeviceGetFieldValues`, each field but the energy counter.
    pub field_us: f64,
    /// `nvmlDeviceGetSamples`.
    pub samples_us: f64,
    /// `nvmlDeviceGetTotalEnergyConsumption`, and that counter as a field.
    pub energy_us: f64,
    /// `nvmlDeviceGetMemoryInfo`.
    pub memory_us: f64,
    /// Every other call.
    pub other_us: f64,
}

impl Default for Calls {
    fn default() -> Self {
        Self {
            scale: 0.05,
            init_us: 9_500.0,
            power_usage_us: 0.3,
            field_us: 0.35,
            samples_us: 250.0,
            energy_us: 3_000.0,
            memory_us: 5.0,
            other_us: 0.3,
        }
    }
}

impl Calls {
    pub(crate) fn check(&self) -> Result<()> {
        let all = [
            self.scale,
            self.init_us,
            self.power_usage_us,
            self.field_us,
            self.samples_us,
            self.energy_us,
            self.memory_us,
            self.other_us,
        ];
        if all.iter().all(|value| value.is_finite() && *value >= 0.0) {
            return Ok(());
        }
        Err(Error::new("calls take 0 us or more"))
    }
}

/// How `nvidia-smi` behaves.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Smi {
    /// Time from its start to its first output, in ms: 24 to 33 on an H200 alone, seconds on nodes of many
    /// GPUs without persistence mode. The default keeps tests short.
    pub start_ms: f64,
    /// Time of one more report in a loop, in ms.
    pub report_ms: f64,
    /// Whether each report begins with another GPU, by chance: a reader may not count on an order.
    pub any_order: bool,
}

impl Default for Smi {
    fn default() -> Self {
        Self { start_ms: 2.0, report_ms: 0.1, any_order: false }
    }
}

impl Smi {
    pub(crate) fn check(&self) -> Result<()> {
        if [self.start_ms, self.report_ms].iter().all(|value| value.is_finite() && *value >= 0.0) {
            return Ok(());
        }
        Err(Error::new("nvidia-smi takes 0 ms or more"))
    }
}
