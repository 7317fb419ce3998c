//! Decoders of what the kernel and the registers say: pure functions that never panic, on every platform.

mod cpu_list;
mod cpuinfo;
mod msr;
mod number;
mod pmu;
mod zone;

pub use cpu_list::{MOST_CPUS, cpu_list};
pub use cpuinfo::{Cpu, Vendor, capabilities};
pub use msr::{Register, Registers, energy_unit, filtering_bits, keeps_rapl_in_tpmi, registers};
pub use number::decimal;
pub use pmu::{event_config, scale};
pub use zone::{ZoneName, zone_name, zone_parent};
