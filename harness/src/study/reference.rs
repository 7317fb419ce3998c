//! What the tools are held against: the node's meter, and of GPUs what it leaves when all else is taken away.
//!
//! The paper: `P_GPU = P_total − P_CPU − P_memory − P_busy`, CPU and memory by RAPL, and `P_busy`, which nothing measures,
//! from calibration at rest and under a load of the host. Where there is no meter, the GPUs' own sample rings.

use power_analysis::node::{Bounds, bounds};
use power_analysis::{Interval, Trace};
use power_core::Delivery;
use serde::{Deserialize, Serialize};

use super::instruments::Instruments;
use crate::Result;
use crate::clock_map::ClockMap;
use crate::run::{Phase, Run};
use crate::traces::{self, Role};

/// Left away at both ends of a calibration phase: sensors of the slowest kind tell an edge so late.
const EDGE_NS: i64 = 700_000_000;

/// Names of the phases of calibration.
pub const RESTING: &str = "rest";
/// See [`RESTING`].
pub const BUSY: &str = "host busy";

/// The traces of everything but the tools.
#[derive(Debug)]
pub struct NodeTraces {
    /// The meter.
    pub meter: Option<Trace>,
    /// CPUs.
    pub cpu: Vec<Trace>,
    /// Memory.
    pub dram: Vec<Trace>,
    /// Each GPU by its ring, else by its counter, else by what NVML shows.
    pub gpus: Vec<Option<Trace>>,
    /// By how much the meter's times can be wrong, in ns.
    pub clock_ns: i64,
    /// What a reader has to know.
    pub notes: Vec<String>,
}

/// What nothing but the meter sees of the node, by the paper's calibration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Power that is neither CPU, memory nor GPU, idle and busy.
    pub bounds: Bounds,
    /// Power of CPUs and memory at rest, in watts.
    pub host_idle_w: f64,
    /// Power of CPUs and memory under the load, in watts; as at rest where there was no load.
    pub host_busy_w: f64,
    /// Power of each GPU at rest, in watts; `None` where nothing told it.
    pub gpu_idle_w: Vec<Option<f64>>,
}

impl NodeTraces {
    /// Loads the traces of a run.
    ///
    /// # Errors
    ///
    /// - if the run cannot be read.
    pub fn load(run: &Run, instruments: &Instruments) -> Result<Self> {
        let mut notes = Vec::new();
        let mut clock_ns = 0;
        let mut load = |key: &String| -> Result<Option<Trace>> {
            let loaded = traces::load_as(run, key, Role::Power)?;
            notes.extend(loaded.remark);
            clock_ns = clock_ns.max(loaded.uncertainty_ns);
            Ok(Trace::naive(&loaded.readings))
        };
        let timed = instruments.meter.as_ref().map(|key| has_times(run, key)).transpose()?;
        let meter = instruments.meter.as_ref().filter(|_| timed == Some(true));
        let meter = meter.map(&mut load).transpose()?.flatten();
        let mut all = |keys: &[String]| -> Result<Vec<Trace>> {
            let traces = keys.iter().map(&mut load).collect::<Result<Vec<_>>>()?;
            Ok(traces.into_iter().flatten().collect())
        };
        let (cpu, dram) = (all(&instruments.cpu)?, all(&instruments.dram)?);
        let mut gpus = Vec::new();
        for gpu in &instruments.gpus {
            let key = [&gpu.ring, &gpu.counter, &gpu.draw].into_iter().flatten().next();
            gpus.push(key.map(&mut load).transpose()?.flatten());
        }
        if let (Some(key), Some(false)) = (&instruments.meter, timed) {
            notes.push(format!(
                "{key} has a clock of its own that could not be aligned: it is no reference here"
            ));
        }
        Ok(Self { meter, cpu, dram, gpus, clock_ns, notes })
    }

    /// Energy of CPUs and memory in joules; `None` where a part of it is unknown.
    pub fn host_j(&self, interval: Interval) -> Option<f64> {
        if self.cpu.is_empty() {
            return None;
        }
        self.cpu.iter().chain(&self.dram).map(|trace| trace.energy_j(interval)).sum()
    }

    /// Energy of GPUs by their own samples.
    pub fn gpus_j(&self, gpus: &[usize], interval: Interval) -> Option<f64> {
        gpus.iter().map(|gpu| self.gpus.get(*gpu)?.as_ref()?.energy_j(interval)).sum()
    }

    /// Energy by the meter.
    pub fn meter_j(&self, interval: Interval) -> Option<f64> {
        self.meter.as_ref()?.energy_j(interval)
    }

    /// All GPUs of which something is known.
    pub fn known_gpus(&self) -> Vec<usize> {
        (0..self.gpus.len()).filter(|gpu| self.gpus[*gpu].is_some()).collect()
    }
}

/// The first phase of this name without its ends; `None` where that is too short for a level.
pub fn steady(phases: &[Phase], name: &str) -> Option<Interval> {
    let phase = phases.iter().find(|phase| phase.name == name)?;
    let inner = Interval::new(phase.begin_ns.saturating_add(EDGE_NS), phase.end_ns.saturating_sub(EDGE_NS));
    (inner.length_ns() > EDGE_NS).then_some(inner)
}

/// Whether the times of a channel are on the run's time base: what streams with a clock of its own comes in bursts, so
/// that the host's times say little.
fn has_times(run: &Run, key: &str) -> Result<bool> {
    let channel = run.channel(key)?;
    let source = run.source_of(channel);
    let alignment = run.alignment()?;
    let (map, _) =
        ClockMap::of(&source.id, &source.descriptor.clock, run.manifest(), run.anchors(), &alignment);
    Ok(map != ClockMap::Bracket || run.describe(channel).delivery == Delivery::Polled)
}

impl Calibration {
    /// The calibration of a run that has its phases; `None` where it has no rest, or something is not measured.
    ///
    /// # Errors
    ///
    /// - if the run's marks cannot be read.
    pub fn of(run: &Run, traces: &NodeTraces) -> Result<Option<Self>> {
        let phases = run.phases()?;
        let phase = |name: &str| steady(&phases, name);
        let all = traces.known_gpus();
        // Sum of what is measured, meter, and host of a phase, in watts.
        let level = |interval: Interval| {
            let mean = |joules: f64| joules / interval.seconds();
            let host = traces.host_j(interval)?;
            let sum = host + traces.gpus_j(&all, interval)?;
            Some((mean(sum), mean(traces.meter_j(interval)?), mean(host)))
        };
        let Some(rest) = phase(RESTING) else { return Ok(None) };
        let Some(idle) = level(rest) else { return Ok(None) };
        let busy = phase(BUSY).and_then(level).unwrap_or(idle);
        let gpu_idle_w =
            traces.gpus.iter().map(|gpu| gpu.as_ref().and_then(|trace| trace.mean_w(rest))).collect();
        Ok(Some(Self {
            bounds: bounds((idle.0, idle.1), (busy.0, busy.1)),
            host_idle_w: idle.2,
            host_busy_w: busy.2,
            gpu_idle_w,
        }))
    }

    /// Load of the host, 0 to 1, by its power.
    pub fn load(&self, host_w: f64) -> f64 {
        let span = self.host_busy_w - self.host_idle_w;
        if span > 0.0 { ((host_w - self.host_idle_w) / span).clamp(0.0, 1.0) } else { 0.0 }
    }

    /// Energy of the GPUs in use in joules, as the meter sees it: what CPU, memory, the resting GPUs and the rest leave.
    pub fn gpus_j(&self, traces: &NodeTraces, used: &[usize], interval: Interval) -> Option<f64> {
        let seconds = interval.seconds();
        let host_w = traces.host_j(interval)? / seconds;
        let meter_w = traces.meter_j(interval)? / seconds;
        let resting: Option<f64> = traces
            .known_gpus()
            .iter()
            .filter(|gpu| !used.contains(gpu))
            .map(|gpu| self.gpu_idle_w.get(*gpu).copied().flatten())
            .sum();
        Some((self.bounds.gpu_w(meter_w, host_w, 0.0, self.load(host_w)) - resting?) * seconds)
    }
}
