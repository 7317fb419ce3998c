//! The paper's method: bounds for what no sensor sees, from an idle and a busy calibration.
//!
//! "Guidelines for the Quality Assessment of Energy-Aware NAS Benchmarks" (arXiv 2505.15631), section on holistic cost:
//! P total = P CPU + P memory + P GPU + P busy, where P busy is measured once when the node is idle and once when it is
//! busy. Without knowing the load, energy lies between both; with a prior estimate of it, between them in proportion.

use serde::{Deserialize, Serialize};

/// Power of what no sensor sees, with the node idle and with it busy.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bounds {
    /// Of the idle node, in watts.
    pub idle_w: f64,
    /// Of the busy node, in watts.
    pub busy_w: f64,
}

/// Bounds from one idle and one busy level: sum of the components and meter, in watts each.
pub const fn bounds(idle: (f64, f64), busy: (f64, f64)) -> Bounds {
    Bounds { idle_w: idle.1 - idle.0, busy_w: busy.1 - busy.0 }
}

impl Bounds {
    /// Lowest and highest power of the node in watts, for the sum of its components, with nothing known of the load.
    pub const fn without_prior(&self, sum_w: f64) -> (f64, f64) {
        let (low, high) = (self.idle_w.min(self.busy_w), self.idle_w.max(self.busy_w));
        (sum_w + low, sum_w + high)
    }

    /// Power of the node in watts, for the sum of its components and its load, 0 (idle) to 1 (busy).
    pub const fn with_prior(&self, sum_w: f64, load: f64) -> f64 {
        sum_w + self.rest_w(load)
    }

    /// Power of the GPUs as the meter sees it, in watts: what CPU, memory and the rest leave of the total.
    pub const fn gpu_w(&self, total_w: f64, cpu_w: f64, memory_w: f64, load: f64) -> f64 {
        total_w - cpu_w - memory_w - self.rest_w(load)
    }

    const fn rest_w(&self, load: f64) -> f64 {
        self.idle_w + load * (self.busy_w - self.idle_w)
    }
}
