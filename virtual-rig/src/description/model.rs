//! The models of GPUs that a rig can have, and their sensors.

use super::Restamp;
use crate::{Error, Result};

/// A sensor as a model has it; times in ms, 0 for none.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(clippy::struct_field_names, reason = "a unit in the name where the type has none")]
pub(crate) struct Sensor {
    pub(crate) period_ms: f64,
    pub(crate) window_ms: f64,
    pub(crate) tau_ms: f64,
}

/// A model of GPU.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Model {
    pub(crate) name: &'static str,
    pub(crate) brand: &'static str,
    /// NVML's number of the brand.
    pub(crate) brand_code: u32,
    pub(crate) architecture: &'static str,
    /// NVML's number of the architecture.
    pub(crate) architecture_code: u32,
    pub(crate) compute: (i32, i32),
    pub(crate) pci_device: u32,
    pub(crate) pci_subsystem: u32,
    pub(crate) idle_w: f64,
    pub(crate) limit_w: f64,
    pub(crate) min_limit_w: f64,
    pub(crate) memory_mib: u64,
    pub(crate) reserved_mib: u64,
    /// Highest clocks in MHz.
    pub(crate) sm_mhz: u32,
    pub(crate) memory_mhz: u32,
    pub(crate) video_mhz: u32,
    /// Clock at rest in MHz.
    pub(crate) idle_mhz: u32,
    /// What `nvmlDeviceGetPowerUsage` shows.
    pub(crate) usage: Sensor,
    pub(crate) average: Option<Sensor>,
    pub(crate) instant: Option<Sensor>,
    pub(crate) ring: Option<Sensor>,
    /// How the stamps of its ring move.
    pub(crate) restamp: Restamp,
    pub(crate) counter: bool,
    /// Power of a module around the GPU besides the GPU's own, in W.
    pub(crate) module_w: Option<f64>,
    pub(crate) memory_power: bool,
    /// Whether there is a temperature of the memory, ECC and MIG.
    pub(crate) data_centre: bool,
    pub(crate) mig: u32,
}

const fn boxcar(period_ms: f64, window_ms: f64) -> Sensor {
    Sensor { period_ms, window_ms, tau_ms: 0.0 }
}

/// Periods and windows are those of the harness's knowledge base (from `GPU_Power_Benchmark`, MIT); the H200's were
/// measured for this project.
const H200: Model = Model {
    name: "NVIDIA H200",
    brand: "NVIDIA",
    brand_code: 14,
    architecture: "Hopper",
    architecture_code: 9,
    compute: (9, 0),
    pci_device: 0x2335_10DE,
    pci_subsystem: 0x18BF_10DE,
    idle_w: 75.0,
    limit_w: 700.0,
    min_limit_w: 200.0,
    memory_mib: 143_771,
    reserved_mib: 616,
    sm_mhz: 1980,
    memory_mhz: 3201,
    video_mhz: 1545,
    idle_mhz: 345,
    usage: boxcar(100.0, 1000.0),
    average: Some(boxcar(100.0, 1000.0)),
    instant: Some(boxcar(100.0, 25.0)),
    ring: Some(boxcar(20.0, 20.0)),
    restamp: Restamp::H200,
    counter: true,
    module_w: None,
    memory_power: true,
    data_centre: true,
    mig: 7,
};

const H100: Model = Model {
    name: "NVIDIA H100 PCIe",
    pci_device: 0x2331_10DE,
    pci_subsystem: 0x1626_10DE,
    idle_w: 50.0,
    limit_w: 350.0,
    min_limit_w: 200.0,
    memory_mib: 81_559,
    reserved_mib: 551,
    sm_mhz: 1755,
    memory_mhz: 1593,
    ..H200
};

/// As the H200 but for its memory; the paper's node has four, of 75 W at rest.
const H100_SXM: Model = Model {
    name: "NVIDIA H100 80GB HBM3",
    pci_device: 0x2330_10DE,
    pci_subsystem: 0x16C1_10DE,
    memory_mib: 81_559,
    reserved_mib: 551,
    memory_mhz: 2619,
    ..H200
};

const GH200: Model = Model {
    name: "NVIDIA GH200 480GB",
    pci_device: 0x2342_10DE,
    pci_subsystem: 0x16EB_10DE,
    limit_w: 900.0,
    min_limit_w: 100.0,
    memory_mib: 97_871,
    memory_mhz: 2619,
    instant: Some(boxcar(100.0, 20.0)),
    module_w: Some(110.0),
    ..H200
};

const A100: Model = Model {
    name: "NVIDIA A100-SXM4-40GB",
    architecture: "Ampere",
    architecture_code: 7,
    compute: (8, 0),
    pci_device: 0x20B0_10DE,
    pci_subsystem: 0x134F_10DE,
    idle_w: 52.0,
    limit_w: 400.0,
    min_limit_w: 100.0,
    memory_mib: 40_960,
    reserved_mib: 624,
    sm_mhz: 1410,
    memory_mhz: 1215,
    video_mhz: 1290,
    idle_mhz: 210,
    usage: boxcar(101.0, 25.0),
    average: None,
    instant: Some(boxcar(101.0, 25.0)),
    restamp: Restamp::NONE,
    memory_power: false,
    ..H200
};

const V100: Model = Model {
    name: "Tesla V100-SXM2-16GB",
    brand: "Tesla",
    brand_code: 2,
    architecture: "Volta",
    architecture_code: 5,
    compute: (7, 0),
    pci_device: 0x1DB1_10DE,
    pci_subsystem: 0x1212_10DE,
    idle_w: 42.0,
    limit_w: 300.0,
    min_limit_w: 150.0,
    memory_mib: 16_384,
    reserved_mib: 227,
    sm_mhz: 1530,
    memory_mhz: 877,
    video_mhz: 1372,
    idle_mhz: 135,
    usage: boxcar(20.0, 10.0),
    average: None,
    instant: Some(boxcar(20.0, 10.0)),
    restamp: Restamp::NONE,
    memory_power: false,
    mig: 0,
    ..H200
};

const RTX3090: Model = Model {
    name: "NVIDIA GeForce RTX 3090",
    brand: "GeForce",
    brand_code: 5,
    architecture: "Ampere",
    architecture_code: 7,
    compute: (8, 6),
    pci_device: 0x2204_10DE,
    pci_subsystem: 0x1467_10DE,
    idle_w: 25.0,
    limit_w: 350.0,
    min_limit_w: 100.0,
    memory_mib: 24_576,
    reserved_mib: 316,
    sm_mhz: 2100,
    memory_mhz: 9751,
    video_mhz: 1950,
    idle_mhz: 210,
    usage: boxcar(100.0, 1000.0),
    average: Some(boxcar(100.0, 1000.0)),
    instant: Some(boxcar(100.0, 100.0)),
    restamp: Restamp::NONE,
    memory_power: false,
    data_centre: false,
    mig: 0,
    ..H200
};

const K40: Model = Model {
    name: "Tesla K40m",
    brand: "Tesla",
    brand_code: 2,
    architecture: "Kepler",
    architecture_code: 2,
    compute: (3, 5),
    pci_device: 0x1023_10DE,
    pci_subsystem: 0x097E_10DE,
    idle_w: 20.0,
    limit_w: 235.0,
    min_limit_w: 150.0,
    memory_mib: 11_441,
    reserved_mib: 0,
    sm_mhz: 875,
    memory_mhz: 3004,
    video_mhz: 875,
    idle_mhz: 324,
    usage: Sensor { period_ms: 15.0, window_ms: 0.0, tau_ms: 53.0 },
    average: None,
    instant: None,
    ring: None,
    counter: false,
    restamp: Restamp::NONE,
    memory_power: false,
    data_centre: false,
    mig: 0,
    ..H200
};

const ALL: [Model; 8] = [H200, H100_SXM, H100, GH200, A100, V100, RTX3090, K40];

impl Model {
    /// The model of this name.
    pub(crate) fn find(name: &str) -> Result<Self> {
        ALL.into_iter().find(|model| model.name == name).ok_or_else(|| {
            let known: Vec<&str> = ALL.iter().map(|model| model.name).collect();
            Error::new(format!("no model {name:?}: there are {}", known.join(", ")))
        })
    }
}
