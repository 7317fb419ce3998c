//! An estimator that is read as a sensor is.

use std::convert::Infallible;

use power_analysis::estimators::{CodeCarbon, CpuMode, Processor};
use power_core::{
    Channel, ChannelId, Descriptor, PowerSource, Quantity, Reading, Recorder, Result, Scope, Value, Watts,
};

use super::counters::Counters;
use super::host::Load;

/// How often Code Carbon looks, in ms (`measure_power_secs`).
const PERIOD_MS: &str = "15000";

/// Whose rule it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    CodeCarbon(CodeCarbon),
    /// Rated power of CPUs and GPUs, all the time.
    Rated,
}

/// Where the power of the CPUs comes from.
#[derive(Debug)]
pub(super) enum Cpu {
    Rapl(Counters),
    Load(Load),
    Constant,
}

/// An open estimator.
#[derive(Debug)]
pub(super) struct Estimate {
    descriptor: Descriptor,
    rule: Rule,
    memory_gib: f64,
    rated_w: f64,
    cpu: Cpu,
    gpus: Counters,
}

impl Estimate {
    pub(super) fn new(
        device: &str,
        rule: Rule,
        (memory_gib, rated_w): (f64, f64),
        cpu: Cpu,
        gpus: Counters,
    ) -> Self {
        let channel =
            |name: &'static str, scope| Channel::new(name, Quantity::EstimatedPower).with_scope(scope);
        let mut channels = vec![channel("power", Scope::Unknown)];
        if rule != Rule::Rated {
            channels.push(channel("cpu", Scope::Package));
            channels.push(channel("ram", Scope::Dram));
            channels.push(channel("gpu", Scope::Board));
        }
        let descriptor = Descriptor::new("estimate", format!("{device}, an estimate"), channels)
            .with_detail("period_ms", PERIOD_MS)
            .with_detail("memory_gib", memory_gib.to_string())
            .with_detail("rated_w", rated_w.to_string());
        Self { descriptor, rule, memory_gib, rated_w, cpu, gpus }
    }

    /// Power of CPUs, memory and GPUs in watts; `None` where it is not known yet, or a counter failed.
    fn parts_w(&mut self, version: CodeCarbon) -> [Option<f64>; 3] {
        let kind = if cfg!(target_arch = "aarch64") { Processor::Arm } else { Processor::X86 };
        let cpu_w = match &mut self.cpu {
            Cpu::Rapl(counters) => counters.power_w(),
            Cpu::Load(load) => {
                load.share().and_then(|share| version.cpu_power_w(self.rated_w, CpuMode::Load(share)))
            }
            Cpu::Constant => version.cpu_power_w(self.rated_w, CpuMode::Constant),
        };
        // A GPU that it cannot read counts nothing in its sum.
        let gpu_w = if self.gpus.is_empty() { Some(0.0) } else { self.gpus.power_w() };
        [cpu_w, Some(version.ram_power_w(self.memory_gib, kind)), gpu_w]
    }
}

impl PowerSource for Estimate {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// Blocks as long as the counters do.
    fn read(&mut self, recorder: &mut Recorder<'_>) -> Result<()> {
        let outcome = recorder.bracket(|| {
            Ok::<_, Infallible>(match self.rule {
                Rule::Rated => [Some(self.rated_w), None, None, None],
                Rule::CodeCarbon(version) => {
                    let [cpu_w, ram_w, gpu_w] = self.parts_w(version);
                    let sum_w = cpu_w.zip(ram_w).zip(gpu_w).map(|((cpu, ram), gpu)| cpu + ram + gpu);
                    let gpu_w = if self.gpus.is_empty() { None } else { gpu_w };
                    [sum_w, cpu_w, ram_w, gpu_w]
                }
            })
        });
        let Ok((watts, stamp)) = outcome;
        for (id, watts) in (0_u16..).zip(watts).take(self.descriptor.channels.len()) {
            let value = watts.map_or(Value::Missing, |watts| Value::Power(Watts::from_watts(watts)));
            recorder.push(Reading::new(ChannelId(id), value, stamp));
        }
        Ok(())
    }
}
