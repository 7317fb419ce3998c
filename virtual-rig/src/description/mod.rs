//! What a rig is made of: the contents of its TOML file.

mod calls;
mod fault;
mod gpu;
mod load;
mod meter;
mod model;
mod node;
mod rapl;
mod restamp;
mod sensor;
mod whole;
mod workload;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use calls::{Calls, Smi};
pub use fault::{Fault, FaultKind};
pub use gpu::GpuDescription;
pub use load::Load;
pub(crate) use meter::RAPL;
pub use meter::{MeterDescription, MeterKind, StampPosition};
pub(crate) use model::{Model, Sensor};
pub use node::{CpuLoad, NodeDescription};
pub use rapl::{RaplDescription, RaplDomain};
pub use restamp::Restamp;
pub use sensor::SensorDescription;
pub use workload::{Stage, StageKind, Workload};

use crate::{Error, Result};

/// A virtual node, as its TOML file has it.
///
/// Every key has a default; an unknown key is an error. The default is a node of four GPUs that train network
/// after network, with no instrument but the GPUs' own; [`paper_node`](Self::paper_node) has them all.
///
/// ```
/// use virtual_rig::Description;
/// let rig = Description::from_toml(r#"
///     count = 2
///     model = "NVIDIA A100-SXM4-40GB"
///     driver = "535.104.05"
///     load = { kind = "square", low_w = 60, high_w = 300, half_period_s = 0.5 }
/// "#)?;
/// assert_eq!(rig.gpu_count(), 2);
/// # Ok::<(), virtual_rig::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Description {
    /// Driver version. Its first number chooses the generation of `nvidia-smi`'s output.
    pub driver: String,
    /// CUDA version of the driver.
    pub cuda: String,
    /// How many GPUs there are; where absent, as many as [`gpus`](Self::gpus) lists, or 4 if that is empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<usize>,
    /// Model of each GPU that does not say another.
    pub model: String,
    /// Seed of loads, noise, publication phases and identities.
    pub seed: u64,
    /// Clock of the sample ring's stamps.
    pub stamps: Stamps,
    /// Host time in ns (`CLOCK_MONOTONIC`) at which loads and faults have their second 0, and counters are 0;
    /// where absent, the host's boot. [`VirtualRig::start`](crate::VirtualRig::start) sets it to now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin_ns: Option<i64>,
    /// From host time to the time of the stamps in ns; where absent, each process measures it, to 1 ms.
    /// [`VirtualRig::start`](crate::VirtualRig::start) sets it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stamp_offset_ns: Option<i64>,
    /// File of what happened at run time; written by [`VirtualRig`](crate::VirtualRig), read by every process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub journal: Option<PathBuf>,
    /// Load of each GPU that does not say another, if there is no workload.
    pub load: Load,
    /// What the whole node has to do; in place of [`load`](Self::load).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workload: Option<Workload>,
    /// The node around the GPUs.
    pub node: NodeDescription,
    /// The energy counters of the CPUs; none where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rapl: Option<RaplDescription>,
    /// The meters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub meters: Vec<MeterDescription>,
    /// How long NVML's calls take.
    pub calls: Calls,
    /// How `nvidia-smi` behaves.
    pub smi: Smi,
    /// The GPUs one by one; those not listed are as the node says.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gpus: Vec<GpuDescription>,
    /// What goes wrong, and when.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
}

/// Clock of the sample ring's stamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stamps {
    /// `CLOCK_REALTIME`, as on an H200 with driver 580.
    #[default]
    Realtime,
    /// `CLOCK_BOOTTIME`, as seen elsewhere.
    Boottime,
}

impl Default for Description {
    fn default() -> Self {
        Self {
            driver: "580.159.04".to_owned(),
            cuda: "13.0".to_owned(),
            count: None,
            model: "NVIDIA H200".to_owned(),
            seed: 1,
            stamps: Stamps::default(),
            origin_ns: None,
            stamp_offset_ns: None,
            journal: None,
            load: Load::default(),
            workload: None,
            node: NodeDescription::default(),
            rapl: None,
            meters: Vec::new(),
            calls: Calls::default(),
            smi: Smi::default(),
            gpus: Vec::new(),
            faults: Vec::new(),
        }
    }
}

impl Description {
    /// A node of `count` GPUs, for the rest the default.
    pub fn node(count: usize) -> Self {
        Self { count: Some(count), ..Self::default() }
    }

    /// Sets the load of every GPU.
    #[must_use]
    pub fn with_load(mut self, load: Load) -> Self {
        self.load = load;
        self
    }

    /// Sets the workload of the whole node.
    #[must_use]
    pub fn with_workload(mut self, workload: Workload) -> Self {
        self.workload = Some(workload);
        self
    }

    /// Sets the node around the GPUs.
    #[must_use]
    pub fn with_node(mut self, node: NodeDescription) -> Self {
        self.node = node;
        self
    }

    /// Gives the CPUs energy counters.
    #[must_use]
    pub fn with_rapl(mut self, rapl: RaplDescription) -> Self {
        self.rapl = Some(rapl);
        self
    }

    /// Adds a meter.
    #[must_use]
    pub fn with_meter(mut self, meter: MeterDescription) -> Self {
        self.meters.push(meter);
        self
    }

    /// Sets how long NVML's calls take.
    #[must_use]
    pub const fn with_calls(mut self, calls: Calls) -> Self {
        self.calls = calls;
        self
    }

    /// Sets how `nvidia-smi` behaves.
    #[must_use]
    pub const fn with_smi(mut self, smi: Smi) -> Self {
        self.smi = smi;
        self
    }

    /// Sets the model of every GPU.
    #[must_use]
    pub fn with_model(mut self, model: impl Into<String>) -> Self {
        self.model = model.into();
        self
    }

    /// Sets the driver version.
    #[must_use]
    pub fn with_driver(mut self, driver: impl Into<String>) -> Self {
        self.driver = driver.into();
        self
    }

    /// Sets the seed.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Adds a fault.
    #[must_use]
    pub fn with_fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Describes GPU `index`; those before it that are not described yet are as the node says.
    #[must_use]
    pub fn with_gpu(mut self, index: usize, gpu: GpuDescription) -> Self {
        if self.gpus.len() <= index {
            self.gpus.resize_with(index + 1, GpuDescription::default);
        }
        self.gpus[index] = gpu;
        self
    }

    /// Reads a description and checks it.
    ///
    /// # Errors
    ///
    /// If it is no TOML, has an unknown key or model, or a value that makes no sense.
    pub fn from_toml(text: &str) -> Result<Self> {
        let read: Self =
            toml::from_str(text).map_err(|error| Error::because("not a rig description", error))?;
        read.check()?;
        Ok(read)
    }

    /// Reads a description from a file.
    ///
    /// # Errors
    ///
    /// As [`from_toml`](Self::from_toml), or if the file cannot be read.
    pub fn from_file(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Error::because(format!("cannot read {}", path.display()), error))?;
        Self::from_toml(&text).map_err(|error| Error::because(format!("in {}", path.display()), error))
    }

    /// This as TOML.
    ///
    /// # Errors
    ///
    /// If the seed is above 2^63 - 1, which TOML cannot hold.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|error| Error::because("cannot be written as TOML", error))
    }

    /// How many GPUs the node has.
    pub fn gpu_count(&self) -> usize {
        match (self.count, self.gpus.len()) {
            (Some(count), _) => count,
            (None, 0) => 4,
            (None, listed) => listed,
        }
    }

    /// Checks everything that [`from_toml`](Self::from_toml) checks.
    ///
    /// # Errors
    ///
    /// Names the first value that makes no sense.
    pub fn check(&self) -> Result<()> {
        if self.gpus.len() > self.gpu_count() {
            return Err(Error::new(format!(
                "{} GPUs are described, but count is {}",
                self.gpus.len(),
                self.gpu_count()
            )));
        }
        if self.gpu_count() > 64 {
            return Err(Error::new("a node has at most 64 GPUs"));
        }
        if self.generation() == 0 {
            return Err(Error::new(format!("{:?} is not a driver version", self.driver)));
        }
        self.calls.check()?;
        self.smi.check()?;
        self.load.check()?;
        self.node.check()?;
        self.workload.iter().try_for_each(|workload| workload.check(self.gpu_count()))?;
        self.rapl.iter().try_for_each(RaplDescription::check)?;
        for (index, meter) in self.meters.iter().enumerate() {
            meter.check()?;
            if self.meters[..index].iter().any(|other| other.name == meter.name) {
                return Err(Error::new(format!("two meters are called {:?}", meter.name)));
            }
        }
        for gpu in &self.gpus {
            gpu.check()?;
        }
        Model::find(&self.model)?;
        self.faults.iter().try_for_each(Fault::check)
    }

    /// Power of GPU `index` without a load and its power limit, in W.
    ///
    /// # Errors
    ///
    /// If its model is unknown.
    pub fn gpu_span_w(&self, index: usize) -> Result<(f64, f64)> {
        let own = self.gpus.get(index);
        let model = Model::find(own.and_then(|gpu| gpu.model.as_ref()).unwrap_or(&self.model))?;
        let idle_w = own.and_then(|gpu| gpu.idle_w).unwrap_or(model.idle_w);
        Ok((idle_w, own.and_then(|gpu| gpu.limit_w).unwrap_or(model.limit_w)))
    }

    /// First number of the driver version; 0 if there is none.
    pub(crate) fn generation(&self) -> u32 {
        self.driver.split('.').next().and_then(|first| first.parse().ok()).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;
