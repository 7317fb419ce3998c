//! Software estimators as sources: what Code Carbon, or rated power alone, would have said while a run was recorded.
//!
//! It is a driver of the harness and no crate: the formulas stand once, in `power-analysis`, on which no driver depends, and
//! the counters that an estimator reads are other drivers' sources.
//!
//! ```toml
//! [[source]]
//! name = "cc3"
//! driver = "estimate"
//! device = "codecarbon-v3"                 # or codecarbon-v2, tdp
//! options = { gpus = "gpu0/counter,gpu1/counter", cpu = "rapl", memory_gib = 2048 }
//! ```
//!
//! Options: `gpus` (devices of the driver nvml with energy counters; none where absent), `cpu` (`rapl`, `load` or `constant`; what
//! the version falls back to where absent: load for 3, constant for 2), `tdp_w` (85; `tdp` has to be told), `gpu_tdp_w` (of all GPUs, `tdp` has to
//! be told; 0 where there is none),
//! `memory_gib` (what `/proc/meminfo` shows), `library` of NVML, `powercap_root` of RAPL. Without `rate_hz` it is read each 15 s, as Code
//! Carbon does.

mod counters;
mod host;
mod source;

use power_analysis::estimators::{CodeCarbon, FALLBACK_TDP_W};
use power_core::{Driver, Error, ErrorKind, Found, Options, PowerSource, Result};

use counters::Counters;
use source::{Cpu, Estimate, Rule};

/// The driver.
pub static DRIVER: Estimators = Estimators;

/// What an estimator can be told.
const OPTIONS: [&str; 7] = ["gpus", "cpu", "tdp_w", "gpu_tdp_w", "memory_gib", "library", "powercap_root"];

/// Software estimators.
#[derive(Debug, Clone, Copy)]
pub struct Estimators;

impl Driver for Estimators {
    fn id(&self) -> &'static str {
        "estimate"
    }

    /// None: an estimate is no device, and is recorded only where a rig file names it.
    fn discover(&self) -> Vec<Found> {
        Vec::new()
    }

    fn open(&self, device: &str, options: &Options) -> Result<Box<dyn PowerSource>> {
        options.only(&OPTIONS)?;
        let rule = match device {
            "codecarbon-v2" => Rule::CodeCarbon(CodeCarbon::V2),
            "codecarbon-v3" => Rule::CodeCarbon(CodeCarbon::V3),
            "tdp" => Rule::Rated,
            _ => {
                return Err(Error::new(
                    ErrorKind::NotFound,
                    format!("there is no estimator {device}; there are codecarbon-v2, codecarbon-v3 and tdp"),
                ));
            }
        };
        let watts = |name: &str| number(options, name);
        let memory_gib = match number(options, "memory_gib")? {
            Some(gib) => gib,
            None => host::memory_gib()?,
        };
        let cpu = match (options.text("cpu"), rule) {
            (Some("rapl"), Rule::CodeCarbon(_)) => Cpu::Rapl(Counters::rapl(options)?),
            (Some("load") | None, Rule::CodeCarbon(CodeCarbon::V3)) => Cpu::Load(host::Load::open()?),
            (Some("constant"), Rule::CodeCarbon(_)) | (None, _) => Cpu::Constant,
            (Some(other), _) => {
                return Err(wrong(format!("option cpu = {other:?}: {device} has no such way to CPU power")));
            }
        };
        let gpus = match (rule, options.text("gpus")) {
            (Rule::CodeCarbon(_), Some(devices)) => Counters::gpus(devices, options)?,
            _ => Counters::default(),
        };
        let rated = |name: &str| {
            watts(name)?.ok_or_else(|| {
                wrong(format!(
                    "estimator tdp needs option {name}: the rated power in W, 0 where there is none"
                ))
            })
        };
        let rated_w = match rule {
            Rule::Rated => rated("tdp_w")? + rated("gpu_tdp_w")?,
            Rule::CodeCarbon(_) => watts("tdp_w")?.unwrap_or(FALLBACK_TDP_W),
        };
        Ok(Box::new(Estimate::new(device, rule, (memory_gib, rated_w), cpu, gpus)))
    }
}

/// A number that is not negative.
fn number(options: &Options, name: &str) -> Result<Option<f64>> {
    match options.parse::<f64>(name)? {
        Some(number) if !(number.is_finite() && number >= 0.0) => {
            Err(wrong(format!("option {name} = {number}: give a number that is not negative")))
        }
        number => Ok(number),
    }
}

fn wrong(message: String) -> Error {
    Error::new(ErrorKind::InvalidConfig, message)
}
