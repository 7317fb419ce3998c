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
    /// Sets the factor on all times: 1 as on the real machine.
    #[must_use]
    pub const fn with_scale(mut self, scale: f64) -> Self {
        self.scale = scale;
        self
    }

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
    /// For how long `nvidia-smi -q` keeps a GPU from publishing its power, in ms from its first output on; 0 for not at
    /// all. On an H200, `-q -x` every 0.1 s takes a third of the publications of power usage and of field 186 away from
    /// whoever reads.
    pub log_hides_ms: f64,
}

impl Default for Smi {
    fn default() -> Self {
        Self { start_ms: 2.0, report_ms: 0.1, any_order: false, log_hides_ms: 0.0 }
    }
}

impl Smi {
    /// Sets for how long `nvidia-smi -q` keeps a GPU from publishing its power, in ms.
    #[must_use]
    pub const fn with_log_hides_ms(mut self, ms: f64) -> Self {
        self.log_hides_ms = ms;
        self
    }

    pub(crate) fn check(&self) -> Result<()> {
        if !(0.0..=1e3).contains(&self.log_hides_ms) {
            return Err(Error::new("log_hides_ms of nvidia-smi is 0 to 1000 ms"));
        }
        if [self.start_ms, self.report_ms].iter().all(|value| value.is_finite() && *value >= 0.0) {
            return Ok(());
        }
        Err(Error::new("nvidia-smi takes 0 ms or more"))
    }
}
