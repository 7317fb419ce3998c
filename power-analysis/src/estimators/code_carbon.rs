//! Code Carbon: power of memory and CPU by its rules of version 2 and version 3.
//!
//! Sources: `codecarbon/external/hardware.py` of 2.8.4, `codecarbon/external/{ram,hardware}.py` of 3.3.2
//! (`pypi.org/project/codecarbon`). The tests compare with both packages.

use serde::{Deserialize, Serialize};

/// Thermal design power that Code Carbon assumes for a CPU that its table does not have, in watts
/// (`POWER_CONSTANT`, `external/hardware.py`).
pub const FALLBACK_TDP_W: f64 = 85.0;

/// Share of the thermal design power in constant mode (`CONSUMPTION_PERCENTAGE_CONSTANT`, `external/hardware.py`).
const CONSTANT_SHARE: f64 = 0.5;

/// Memory power of version 2: 3 W for every 8 GiB.
const V2_W_PER_GIB: f64 = 3.0 / 8.0;

/// Which generation of Code Carbon's rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeCarbon {
    /// Versions 1 and 2.
    V2,
    /// From version 3.0 on.
    V3,
}

/// Where Code Carbon takes the power of CPUs from when it cannot read RAPL.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CpuMode {
    /// Half the thermal design power, whatever the load.
    Constant,
    /// By the load of the whole machine, 0 to 1 (version 3 only).
    Load(f64),
    /// By the share of all CPU time that the tracked process took, 0 to 1 (version 3 only).
    ProcessShare(f64),
}

/// Kind of processor, by which version 3 chooses the power of a memory module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Processor {
    /// 5 W a module, at least 10 W.
    X86,
    /// 1.5 W a module, at least 3 W.
    Arm,
}

impl CodeCarbon {
    /// Power of the memory in watts, for the memory that the operating system shows, in GiB.
    pub fn ram_power_w(self, memory_gib: f64, kind: Processor) -> f64 {
        match self {
            Self::V2 => memory_gib * V2_W_PER_GIB,
            Self::V3 => dimms_power_w(dimms(memory_gib), kind),
        }
    }

    /// Power of all CPUs in watts, for their thermal design power together; `None` in a mode that this version has not.
    pub fn cpu_power_w(self, tdp_w: f64, mode: CpuMode) -> Option<f64> {
        match (self, mode) {
            (_, CpuMode::Constant) => Some(tdp_w * CONSTANT_SHARE),
            (Self::V2, _) => None,
            (Self::V3, CpuMode::Load(load)) => Some(tdp_w * (0.1 + 0.9 * load.powi(3))),
            (Self::V3, CpuMode::ProcessShare(share)) => Some(tdp_w * share),
        }
    }
}

/// How many memory modules version 3 guesses from the size of the memory in GiB (`_estimate_dimm_count`).
///
/// A node with nominally 256 GiB of which the system shows 251.2 counts 16 modules, one that shows all of it 8.
pub fn dimms(memory_gib: f64) -> u32 {
    const LARGEST: f64 = 32.0;
    match memory_gib {
        gib if gib <= 2.0 => 1,
        gib if gib <= 16.0 => 2,
        gib if gib <= 64.0 => 4,
        gib if gib <= 128.0 => 8,
        gib => {
            let size = [128.0, 64.0, 32.0, 16.0, 8.0, 4.0].into_iter().find(|size| *size <= gib / 8.0);
            let modules = size.map_or(8.0, |size| (gib / size).ceil().min(LARGEST));
            (1..=32).find(|n| f64::from(*n) >= modules).unwrap_or(32)
        }
    }
}

/// Power of so many modules: each further group takes a smaller share of the first ones' power.
fn dimms_power_w(modules: u32, kind: Processor) -> f64 {
    let (each_w, least_w) = match kind {
        Processor::X86 => (5.0, 10.0),
        Processor::Arm => (1.5, 3.0),
    };
    let in_group = |from: u32, to: u32| f64::from(modules.clamp(from, to) - from);
    let modules = in_group(0, 4) + 0.9 * in_group(4, 8) + 0.8 * in_group(8, 16) + 0.7 * in_group(16, 32);
    (each_w * modules).max(least_w)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_power_of_known_hosts() {
        // From the rule, by the sizes that hosts show (reference: reports in the project's issues, and the source).
        let v3 = |gib| CodeCarbon::V3.ram_power_w(gib, Processor::X86);
        for (gib, watts) in [
            (1.0, 10.0),
            (31.0, 20.0),
            (62.7, 20.0),
            (125.6, 38.0),
            (251.2, 70.0),
            (256.0, 38.0),
            (503.0, 70.0),
            (512.0, 38.0),
            (1007.0, 70.0),
            (1024.0, 38.0),
            (1511.0, 54.0),
            (2015.0, 70.0),
            (4096.0, 126.0),
        ] {
            assert!((v3(gib) - watts).abs() < 1e-9, "{gib} GiB: {} W", v3(gib));
        }
        // The row that a user reported for 2015.34 GiB with 2.8.4.
        assert!((CodeCarbon::V2.ram_power_w(2_015.335_5, Processor::X86) - 755.7508).abs() < 1e-3);
        assert!((CodeCarbon::V3.ram_power_w(1.0, Processor::Arm) - 3.0).abs() < 1e-12);
    }

    #[test]
    fn cpu_power_by_mode() {
        assert_eq!(CodeCarbon::V2.cpu_power_w(FALLBACK_TDP_W, CpuMode::Constant), Some(42.5));
        assert_eq!(CodeCarbon::V2.cpu_power_w(200.0, CpuMode::Load(0.5)), None);
        let half = CodeCarbon::V3.cpu_power_w(200.0, CpuMode::Load(0.5)).unwrap();
        assert!((half - 42.5).abs() < 1e-9, "{half} W");
        assert_eq!(CodeCarbon::V3.cpu_power_w(200.0, CpuMode::ProcessShare(0.25)), Some(50.0));
    }
}
