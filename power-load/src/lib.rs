#![doc = include_str!("../README.md")]

mod clock;
mod command;
mod cpu;
mod cuda;
mod demand;
mod error;
mod load;
mod memory;
mod play;
mod schedule;
mod workers;

pub use command::CommandLoad;
pub use cpu::CpuLoad;
pub use cuda::{Activity, CudaLoad, CudaOptions, Gpu, GpuId, Kernel, LIBRARY_VARIABLE, ModuleLog};
pub use demand::{Demand, GpuDemand};
pub use error::{Error, Result};
pub use load::{Load, Loads};
pub use memory::MemoryLoad;
pub use play::{Event, EventKind, Played, play};
pub use schedule::{Burst, Excitation, Schedule, Step};
