//! Code Carbon: counters of GPUs, RAPL or a rule for CPUs, a rule for memory.

use power_analysis::estimators::{CodeCarbon, CpuMode, FALLBACK_TDP_W, Processor};
use power_core::{Options, Result, Scope};

use super::host;
use super::part::{Part, Parts};
use super::sensors::Sensors;
use super::{number, wrong};

/// How often it looks, in ms (`measure_power_secs`).
pub(super) const PERIOD_MS: u32 = 15_000;

pub(super) const OPTIONS: &[&str] = &["gpus", "cpu", "tdp_w", "memory_gib", "library", "powercap_root"];

/// One version of it, on one machine.
#[derive(Debug)]
pub(super) struct Estimate {
    version: CodeCarbon,
    pub(super) memory_gib: f64,
    pub(super) tdp_w: f64,
    cpu: Cpu,
    gpus: Sensors,
}

/// Where the power of the CPUs comes from.
#[derive(Debug)]
enum Cpu {
    Rapl(Sensors),
    Load(host::Load),
    Constant,
}

impl Estimate {
    pub(super) fn open(version: CodeCarbon, options: &Options) -> Result<Self> {
        let memory_gib = match number(options, "memory_gib")? {
            Some(gib) => gib,
            None => host::memory_gib()?,
        };
        let cpu = match (options.text("cpu"), version) {
            (Some("rapl"), _) => Cpu::Rapl(Sensors::rapl(options, &Scope::Package)?.some()?),
            (Some("load") | None, CodeCarbon::V3) => Cpu::Load(host::Load::open()?),
            (Some("constant"), _) | (None, CodeCarbon::V2) => Cpu::Constant,
            (Some(other), _) => {
                return Err(wrong(format!(
                    "option cpu = {other:?}: this version of codecarbon has no such way to CPU power"
                )));
            }
        };
        let gpus = options
            .text("gpus")
            .map_or_else(|| Ok(Sensors::default()), |devices| Sensors::gpu_counters(devices, options))?;
        Ok(Self {
            version,
            memory_gib,
            tdp_w: number(options, "tdp_w")?.unwrap_or(FALLBACK_TDP_W),
            cpu,
            gpus,
        })
    }

    pub(super) fn parts(&mut self) -> Parts {
        let kind = if cfg!(target_arch = "aarch64") { Processor::Arm } else { Processor::X86 };
        let cpu_w = match &mut self.cpu {
            Cpu::Rapl(counters) => counters.power_w(),
            Cpu::Load(load) => {
                load.share().and_then(|share| self.version.cpu_power_w(self.tdp_w, CpuMode::Load(share)))
            }
            Cpu::Constant => self.version.cpu_power_w(self.tdp_w, CpuMode::Constant),
        };
        Parts {
            cpu: cpu_w.into(),
            ram: Part::Watts(self.version.ram_power_w(self.memory_gib, kind)),
            // A GPU that it cannot read counts nothing in its sum.
            gpu: if self.gpus.is_empty() { Part::NotCounted } else { self.gpus.power_w().into() },
        }
    }
}
