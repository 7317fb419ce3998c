#![doc = include_str!("../README.md")]

mod description;
mod error;
#[cfg(unix)]
mod meter;
mod node;
mod num;
mod nvml;
mod rig;
mod simulate;
mod smi;

pub use description::{
    Calls, CpuLoad, Description, Fault, FaultKind, GpuDescription, Load, MeterDescription, MeterKind,
    NodeDescription, RaplDescription, RaplDomain, Restamp, SensorDescription, Smi, Stage, StageKind,
    StampPosition, Stamps, Workload,
};
pub use error::{Error, Result};
#[cfg(unix)]
pub use meter::Address;
pub use node::{Mark, MeterTruth, NodeTruth, RIG_VARIABLE, Rail, Truth};
pub use rig::{FaultId, SOCKET_VARIABLE, VirtualRig};
#[cfg(unix)]
pub use rig::{Meter, RigControl, serve};
pub use simulate::{Simulated, SimulatedChannel, SimulatedReading, Simulation, simulate};
#[doc(hidden)]
pub use smi::nvidia_smi;
