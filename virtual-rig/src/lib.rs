#![doc = include_str!("../README.md")]

mod description;
mod error;
mod node;
mod num;
mod nvml;
mod rig;
mod smi;

pub use description::{
    Calls, Description, Fault, FaultKind, GpuDescription, Load, Restamp, SensorDescription, Smi, Stamps,
};
pub use error::{Error, Result};
pub use node::{RIG_VARIABLE, Truth};
#[cfg(unix)]
pub use rig::RigControl;
pub use rig::{FaultId, SOCKET_VARIABLE, VirtualRig};
#[doc(hidden)]
pub use smi::nvidia_smi;
