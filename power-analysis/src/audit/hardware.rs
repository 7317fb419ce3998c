//! What is known of the machine.

use serde::{Deserialize, Serialize};

/// What is known of the machine that was measured; unknown is `None`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Hardware {
    /// GPUs that took part.
    pub gpus: Option<u32>,
    /// Greatest power of one GPU by its board limit, in watts.
    pub gpu_limit_w: Option<f64>,
    /// Power of one idle GPU, in watts.
    pub gpu_idle_w: Option<f64>,
    /// Memory of the node as the system shows it, in GiB.
    pub memory_gib: Option<f64>,
    /// Thermal design power of all CPUs together, in watts.
    pub cpu_tdp_w: Option<f64>,
    /// Names of the GPUs.
    pub gpu_names: Vec<String>,
}

impl Hardware {
    /// These facts, and those of `other` where these have none.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        let names = if self.gpu_names.is_empty() { &other.gpu_names } else { &self.gpu_names };
        Self {
            gpus: self.gpus.or(other.gpus),
            gpu_limit_w: self.gpu_limit_w.or(other.gpu_limit_w),
            gpu_idle_w: self.gpu_idle_w.or(other.gpu_idle_w),
            memory_gib: self.memory_gib.or(other.memory_gib),
            cpu_tdp_w: self.cpu_tdp_w.or(other.cpu_tdp_w),
            gpu_names: names.clone(),
        }
    }

    /// The greatest power of all GPUs together, in watts.
    pub fn all_gpus_limit_w(&self) -> Option<f64> {
        Some(f64::from(self.gpus?) * self.gpu_limit_w?)
    }
}
