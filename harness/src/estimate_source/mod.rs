//! Software estimators as sources: what Code Carbon, carbontracker, or rated power alone, would have said while a run was recorded.
//!
//! It is a driver of the harness and no crate: the formulas stand once, in `power-analysis`, on which no driver depends, and
//! the counters that an estimator reads are other drivers' sources.
//!
//! ```toml
//! [[source]]
//! name = "cc3"
//! driver = "estimate"
//! device = "codecarbon-v3"                 # or codecarbon-v2, carbontracker, tdp
//! options = { gpus = "gpu0/counter,gpu1/counter", cpu = "rapl", memory_gib = 2048 }
//! ```
//!
//! Options of codecarbon: `gpus` (devices of the driver nvml with energy counters; none where absent), `cpu` (`rapl`, `load` or
//! `constant`; what the version falls back to where absent: load for 3, constant for 2), `tdp_w` (85), `memory_gib` (what
//! `/proc/meminfo` shows). Of carbontracker: `gpus` (devices of the driver nvml with power usage, such as `gpu0/gauges`), `cpu`
//! (`rapl`, none where absent). Of both: `library` of NVML, `powercap_root` of RAPL. Of tdp: `tdp_w` and `gpu_tdp_w`, of all CPUs and of
//! all GPUs, which have to be told; 0 where there is none. Without `rate_hz` each is read as often as the tool looks by default.

mod carbontracker;
mod code_carbon;
mod host;
mod part;
mod sensors;
mod source;

use power_analysis::estimators::CodeCarbon;
use power_core::{Driver, Error, ErrorKind, Found, Options, PowerSource, Result};

use source::{Estimate, Rule};

/// The driver.
pub static DRIVER: Estimators = Estimators;

/// What rated power has to be told.
const RATED: &[&str] = &["tdp_w", "gpu_tdp_w"];

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
        let rule = match device {
            "codecarbon-v2" => code_carbon(CodeCarbon::V2, options)?,
            "codecarbon-v3" => code_carbon(CodeCarbon::V3, options)?,
            "carbontracker" => {
                options.only(carbontracker::OPTIONS)?;
                Rule::Carbontracker(carbontracker::Estimate::open(options)?)
            }
            "tdp" => {
                options.only(RATED)?;
                Rule::Rated(rated(options, "tdp_w")? + rated(options, "gpu_tdp_w")?)
            }
            _ => {
                return Err(Error::new(
                    ErrorKind::NotFound,
                    format!(
                        "there is no estimator {device}; there are codecarbon-v2, codecarbon-v3, carbontracker and tdp"
                    ),
                ));
            }
        };
        Ok(Box::new(Estimate::new(device, rule)))
    }
}

fn code_carbon(version: CodeCarbon, options: &Options) -> Result<Rule> {
    options.only(code_carbon::OPTIONS)?;
    Ok(Rule::CodeCarbon(code_carbon::Estimate::open(version, options)?))
}

fn rated(options: &Options, name: &str) -> Result<f64> {
    number(options, name)?.ok_or_else(|| {
        wrong(format!("estimator tdp needs option {name}: the rated power in W, 0 where there is none"))
    })
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
