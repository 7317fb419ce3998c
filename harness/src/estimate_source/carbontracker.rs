//! carbontracker: power usage of GPUs at a moment, RAPL over the second after it, no rest of the node.
//!
//! Sources: `components/gpu/nvidia.py`, `components/cpu/intel.py` and `tracker.py` of carbontracker 2.4.7
//! (`pypi.org/project/carbontracker`). Its power usage effectiveness (1.58 in that version) is not in these figures, nor are the
//! zeros that it puts for a sensor that fails.

use std::thread::sleep;
use std::time::Duration;

use power_core::{Options, Result, Scope};

use super::part::{Part, Parts};
use super::sensors::Sensors;
use super::wrong;

/// How long it waits between two looks at RAPL (`MEASURE_DELAY`, `components/cpu/intel.py`).
const RAPL_WAIT: Duration = Duration::from_secs(1);

/// How often it looks, in ms: its `update_interval`, 1 s by default, comes after the wait for RAPL.
const PERIOD_MS: u32 = 1000;
const PERIOD_WITH_RAPL_MS: u32 = 2000;

pub(super) const OPTIONS: &[&str] = &["gpus", "cpu", "library", "powercap_root"];

/// What it reads of one machine.
#[derive(Debug)]
pub(super) struct Estimate {
    packages: Sensors,
    /// Memory that RAPL counts beside the packages; none on many machines.
    dram: Sensors,
    gpus: Sensors,
}

impl Estimate {
    pub(super) fn open(options: &Options) -> Result<Self> {
        let (packages, dram) = match options.text("cpu") {
            Some("rapl") => {
                (Sensors::rapl(options, &Scope::Package)?.some()?, Sensors::rapl(options, &Scope::Dram)?)
            }
            None => Default::default(),
            Some(other) => {
                return Err(wrong(format!(
                    "option cpu = {other:?}: carbontracker reads CPUs by rapl, or leaves them out where the option is absent"
                )));
            }
        };
        let gpus = options
            .text("gpus")
            .map_or_else(|| Ok(Sensors::default()), |devices| Sensors::gpu_gauges(devices, options))?;
        if packages.is_empty() && gpus.is_empty() {
            return Err(wrong(
                "carbontracker needs something to read: option gpus = \"gpu0/gauges\", or cpu = \"rapl\""
                    .into(),
            ));
        }
        Ok(Self { packages, dram, gpus })
    }

    pub(super) fn period_ms(&self) -> u32 {
        if self.packages.is_empty() { PERIOD_MS } else { PERIOD_WITH_RAPL_MS }
    }

    /// Blocks for a second where it reads RAPL, as carbontracker does.
    pub(super) fn parts(&mut self) -> Parts {
        let sum = |sensors: &mut Sensors| {
            if sensors.is_empty() { Part::NotCounted } else { sensors.power_w().into() }
        };
        let gpu = sum(&mut self.gpus);
        if !self.packages.is_empty() {
            self.packages.power_w();
            self.dram.power_w();
            sleep(RAPL_WAIT);
        }
        Parts { cpu: sum(&mut self.packages), ram: sum(&mut self.dram), gpu }
    }
}
