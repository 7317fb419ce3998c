//! What other tools would say of the same run.

use std::str::FromStr;

use power_analysis::estimators::{CodeCarbon, CpuMode, FALLBACK_TDP_W, Processor};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// An estimator to compare with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Estimator {
    /// Code Carbon 1 and 2.
    CodecarbonV2,
    /// Code Carbon from 3.0 on.
    CodecarbonV3,
    /// Rated power of CPUs and GPUs, all the time.
    Tdp,
}

impl Estimator {
    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CodecarbonV2 => "codecarbon-v2",
            Self::CodecarbonV3 => "codecarbon-v3",
            Self::Tdp => "tdp",
        }
    }
}

impl FromStr for Estimator {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let all = [Self::CodecarbonV2, Self::CodecarbonV3, Self::Tdp];
        all.into_iter().find(|estimator| estimator.name() == text).ok_or_else(|| {
            Error::new(format!("unknown estimator `{text}`"))
                .mend("known are codecarbon-v2, codecarbon-v3 and tdp")
        })
    }
}

/// What the estimators need to know of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Assumptions {
    /// Memory that the operating system shows, in GiB.
    pub memory_gib: Option<f64>,
    /// Rated power of all CPUs together, in watts.
    pub cpu_tdp_w: Option<f64>,
    /// Rated power of all GPUs together, in watts.
    pub gpu_tdp_w: Option<f64>,
    /// Load of the CPUs, 0 to 1, for Code Carbon's load mode where it cannot read RAPL.
    pub cpu_load: Option<f64>,
    /// Whether the processor is an ARM one.
    pub arm: bool,
}

/// What one estimator says of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assumed {
    /// The estimator.
    pub estimator: Estimator,
    /// Energy of the node as it would state it, in joules.
    pub energy_j: f64,
    /// Power that it takes for the memory, in watts, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_w: Option<f64>,
    /// How it came to its CPU power.
    pub cpu: String,
    /// Against the model's energy, in per cent.
    pub against_estimate_percent: f64,
    /// Against the meter, in per cent, where the run has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against_meter_percent: Option<f64>,
}

/// Energies that sensors have, in joules; `None` where nothing measures that part.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Measured {
    pub(super) seconds: f64,
    pub(super) gpu_j: Option<f64>,
    pub(super) cpu_j: Option<f64>,
}

/// Energy by an estimator in joules, its memory power in watts, and how it came to its CPU power.
pub(super) fn assumed(
    estimator: Estimator,
    measured: Measured,
    known: &Assumptions,
) -> Result<(f64, Option<f64>, String)> {
    let version = match estimator {
        Estimator::CodecarbonV2 => CodeCarbon::V2,
        Estimator::CodecarbonV3 => CodeCarbon::V3,
        Estimator::Tdp => {
            let cpu_w = known.cpu_tdp_w.ok_or_else(|| lacking("the rated power of the CPUs", "--tdp-w"))?;
            let gpu_w = match (known.gpu_tdp_w, measured.gpu_j) {
                (Some(watts), _) => watts,
                (None, None) => 0.0,
                (None, Some(_)) => return Err(lacking("the rated power of the GPUs", "--gpu-tdp-w")),
            };
            return Ok(((cpu_w + gpu_w) * measured.seconds, None, format!("rated power, {cpu_w} W")));
        }
    };
    let gib = known.memory_gib.ok_or_else(|| lacking("the size of the memory", "--memory-gib"))?;
    let processor = if known.arm { Processor::Arm } else { Processor::X86 };
    let memory_w = version.ram_power_w(gib, processor);
    let (cpu_j, how) = match (measured.cpu_j, known.cpu_load) {
        (Some(cpu_j), None) => (cpu_j, "RAPL, as measured".to_owned()),
        (_, load) => {
            let tdp_w = known.cpu_tdp_w.unwrap_or(FALLBACK_TDP_W);
            let mode = load.map_or(CpuMode::Constant, CpuMode::Load);
            let watts = version.cpu_power_w(tdp_w, mode).ok_or_else(|| {
                Error::new(format!("{} has no load mode", estimator.name())).mend("leave --cpu-load out")
            })?;
            let how = match load {
                Some(load) => format!("load mode: {watts:.1} W of {tdp_w} W at {:.0} % load", 100.0 * load),
                None => format!("constant mode: half of {tdp_w} W"),
            };
            (watts * measured.seconds, how)
        }
    };
    // Code Carbon counts nothing for a GPU that it cannot read; the reader is told so.
    let how = if measured.gpu_j.is_some() { how } else { format!("{how}; no GPU measured, none counted") };
    let energy_j = measured.gpu_j.unwrap_or(0.0) + cpu_j + memory_w * measured.seconds;
    Ok((energy_j, Some(memory_w), how))
}

fn lacking(what: &str, option: &str) -> Error {
    Error::new(format!("the run does not tell {what}, which the estimator needs"))
        .mend(format!("pass {option}"))
}
