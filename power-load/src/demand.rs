//! What is asked of a machine.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// What is asked of each part of a machine, as shares of the most that it can do, 0 to 1.
///
/// ```
/// use power_load::{Demand, GpuDemand};
/// let demand = Demand { cpu: 0.5, ..Demand::IDLE }.with_gpus(2, GpuDemand { compute: 1.0, memory: 0.0 });
/// assert!(demand.check().is_ok() && !demand.is_idle());
/// assert!(Demand { cpu: 1.5, ..Demand::IDLE }.check().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Demand {
    /// Share of the CPUs' time.
    pub cpu: f64,
    /// Share of the time in which every CPU streams through memory.
    pub memory: f64,
    /// One for each GPU of the load, in its order; a GPU without one idles.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gpus: Vec<GpuDemand>,
}

/// What is asked of a GPU, as shares, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GpuDemand {
    /// Share of its multiprocessors that compute.
    pub compute: f64,
    /// Share of its multiprocessors that stream through its memory.
    pub memory: f64,
}

impl Demand {
    /// Nothing is asked.
    pub const IDLE: Self = Self { cpu: 0.0, memory: 0.0, gpus: Vec::new() };

    /// The same of `count` GPUs.
    #[must_use]
    pub fn with_gpus(mut self, count: usize, demand: GpuDemand) -> Self {
        self.gpus = vec![demand; count];
        self
    }

    /// Whether nothing is asked.
    pub fn is_idle(&self) -> bool {
        self.parts().all(|(_, share)| share <= 0.0)
    }

    /// Checks that every share is 0 to 1.
    ///
    /// # Errors
    ///
    /// - [`Error::Share`] names the first that is not.
    pub fn check(&self) -> Result<()> {
        match self.parts().find(|(_, share)| !(0.0..=1.0).contains(share)) {
            Some((part, share)) => Err(Error::Share { part: part.to_owned(), share }),
            None => Ok(()),
        }
    }

    fn parts(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let gpus =
            self.gpus.iter().flat_map(|gpu| [("GPU compute", gpu.compute), ("GPU memory", gpu.memory)]);
        [("CPU", self.cpu), ("memory", self.memory)].into_iter().chain(gpus)
    }
}
