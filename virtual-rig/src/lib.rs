#![doc = include_str!("../README.md")]

mod description;
mod error;
mod node;
mod num;
mod nvml;
mod rig;
mod smi;

pub use description::{
    Calls, CpuLoad, Description, Fault, FaultKind, GpuDescription, Load, MeterDescription, MeterKind,
    NodeDescription, RaplDescription, RaplDomain, SensorDescription, Smi, Stage, StageKind, StampPosition,
    Stamps, Workload,
};
pub use error::{Error, Result};
pub use node::{Mark, NodeTruth, RIG_VARIABLE, Rail, Truth};
#[cfg(unix)]
pub use rig::RigControl;
pub use rig::{FaultId, SOCKET_VARIABLE, VirtualRig};
#[doc(hidden)]
pub use smi::nvidia_smi;
