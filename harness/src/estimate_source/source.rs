//! An estimator that is read as a sensor is.

use std::convert::Infallible;

use power_core::{
    Channel, ChannelId, Descriptor, PowerSource, Quantity, Reading, Recorder, Result, Scope, Value, Watts,
};

use super::part::Parts;
use super::{carbontracker, code_carbon};

/// Whose rule it is.
#[derive(Debug)]
pub(super) enum Rule {
    CodeCarbon(code_carbon::Estimate),
    Carbontracker(carbontracker::Estimate),
    /// Rated power of CPUs and GPUs in watts, all the time.
    Rated(f64),
}

/// An open estimator.
#[derive(Debug)]
pub(super) struct Estimate {
    descriptor: Descriptor,
    rule: Rule,
}

impl Estimate {
    pub(super) fn new(device: &str, rule: Rule) -> Self {
        let channel =
            |name: &'static str, scope| Channel::new(name, Quantity::EstimatedPower).with_scope(scope);
        let mut channels = vec![channel("power", Scope::Unknown)];
        if !matches!(rule, Rule::Rated(_)) {
            channels.push(channel("cpu", Scope::Package));
            channels.push(channel("ram", Scope::Dram));
            channels.push(channel("gpu", Scope::Board));
        }
        let descriptor = Descriptor::new("estimate", format!("{device}, an estimate"), channels);
        let descriptor = match &rule {
            Rule::CodeCarbon(estimate) => descriptor
                .with_detail("memory_gib", estimate.memory_gib.to_string())
                .with_detail("rated_w", estimate.tdp_w.to_string())
                .with_detail("period_ms", code_carbon::PERIOD_MS.to_string()),
            Rule::Carbontracker(estimate) => {
                descriptor.with_detail("period_ms", estimate.period_ms().to_string())
            }
            // A constant: as often as the estimator that it is set beside.
            Rule::Rated(watts) => descriptor
                .with_detail("rated_w", watts.to_string())
                .with_detail("period_ms", code_carbon::PERIOD_MS.to_string()),
        };
        Self { descriptor, rule }
    }
}

impl PowerSource for Estimate {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// Blocks as long as the sensors do, and carbontracker for a second with RAPL.
    fn read(&mut self, recorder: &mut Recorder<'_>) -> Result<()> {
        let outcome = recorder.bracket(|| {
            Ok::<_, Infallible>(match &mut self.rule {
                Rule::Rated(watts) => [Some(*watts), None, None, None],
                Rule::CodeCarbon(estimate) => shown(estimate.parts()),
                Rule::Carbontracker(estimate) => shown(estimate.parts()),
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

/// In the order of the channels.
fn shown(parts: Parts) -> [Option<f64>; 4] {
    [parts.sum_w(), parts.cpu.watts(), parts.ram.watts(), parts.gpu.watts()]
}
