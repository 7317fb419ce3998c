//! From a run to its epochs and trainings as every tool saw them.

use power_analysis::estimators::{CodeCarbon, CpuMode, FALLBACK_TDP_W, Processor};
use power_analysis::study::{Seen, Stretch, tracer_mean};
use power_analysis::{Interval, Readings, Values};

use super::folder::{EPOCH, trainings};
use super::instruments::{GpuChannels, Instruments};
use super::reference::{Calibration, NodeTraces, RESTING, steady};
use super::results::{Epoch, Tool};
use crate::Result;
use crate::run::{Phase, RowValue, Run};
use crate::traces;

/// The interval at which EA-HAS-Bench's loop and nvidia-smi's are asked to read, in seconds.
pub const ASKED_S: f64 = 0.1;

/// A run that is loaded for its epochs.
#[derive(Debug)]
pub struct Observed {
    /// The run's name.
    pub name: String,
    /// GPUs that trained.
    pub gpus: Vec<usize>,
    /// Everything but the tools.
    pub traces: NodeTraces,
    /// The epochs, by training.
    pub epochs: Vec<(Interval, Epoch)>,
    /// The trainings, from their first epoch's begin to their last one's end.
    pub whole: Vec<(Interval, Stretch)>,
    /// The tools' readings, GPU by GPU, where they are polled.
    pub polled: Vec<(Tool, Vec<Readings>)>,
    /// Power of the first GPU at rest in watts, where the run has a rest.
    pub idle_w: Option<f64>,
    /// Power limits of the GPUs that trained, in watts.
    pub limits_w: Vec<f64>,
}

/// What is the same for all runs of a study.
#[derive(Debug, Clone)]
pub struct Known {
    /// Calibration of what only the meter sees.
    pub calibration: Option<Calibration>,
    /// Memory that estimators go by, in GiB.
    pub memory_gib: Option<f64>,
}

/// A share of time over which a mean of utilisation stands.
type Points = Vec<(i64, f64)>;

impl Observed {
    /// Loads a run; its trainings get numbers from `first` on.
    ///
    /// # Errors
    ///
    /// - if the run cannot be read.
    pub fn load(run: &Run, traces: NodeTraces, all_gpus: bool, known: &Known, first: usize) -> Result<Self> {
        let instruments = Instruments::of(run);
        let gpus: Vec<usize> = if all_gpus { traces.known_gpus() } else { vec![0] };
        let mut polled = Vec::new();
        let keys: [(Tool, Key); 5] = [
            (Tool::SmiTracer, |gpu| &gpu.smi_tracer),
            (Tool::SmiLoop, |gpu| &gpu.smi_loop),
            (Tool::NvmlPolled, |gpu| &gpu.draw),
            (Tool::NvmlInstant, |gpu| &gpu.instant),
            (Tool::NvmlRing, |gpu| &gpu.ring),
        ];
        for (tool, key) in keys {
            let of_gpu = |gpu: &usize| instruments.gpus.get(*gpu).and_then(|gpu| key(gpu).as_ref());
            let Some(keys) = gpus.iter().map(of_gpu).collect::<Option<Vec<_>>>() else { continue };
            let readings = keys.iter().map(|key| Ok(traces::load(run, key)?.readings));
            polled.push((tool, readings.collect::<Result<Vec<_>>>()?));
        }
        let counters = gpus.iter().filter_map(|gpu| instruments.gpus.get(*gpu)?.counter.as_ref());
        let counters = counters
            .map(|key| Ok(power_analysis::Trace::naive(&traces::load(run, key)?.readings)))
            .collect::<Result<Option<Vec<_>>>>()?
            .filter(|counters| counters.len() == gpus.len());
        let points = |key: Key| -> Result<Vec<Points>> {
            let keys = gpus.iter().filter_map(|gpu| key(instruments.gpus.get(*gpu)?).as_ref());
            keys.map(|key| points(run, key)).collect()
        };
        let (used, memory_used) = (points(|gpu| &gpu.used)?, points(|gpu| &gpu.memory_used)?);
        let limits = points(|gpu| &gpu.limit)?;
        let limits_w = limits.iter().filter_map(|limit| Some(limit.last()?.1 * 1e-3)).collect();
        let scene =
            Scene { traces: &traces, gpus: &gpus, polled: &polled, counters: counters.as_deref(), known };
        let phases = run.phases()?;
        let rest = steady(&phases, RESTING);
        let idle_w = rest.and_then(|rest| traces.gpus.first()?.as_ref()?.mean_w(rest));
        let (mut epochs, mut whole) = (Vec::new(), Vec::new());
        for (number, training) in trainings(&phases).into_iter().enumerate() {
            let inside: Vec<&Phase> = phases
                .iter()
                .filter(|phase| phase.name.split_whitespace().next() == Some(EPOCH))
                .filter(|phase| training.begin_ns <= phase.begin_ns && phase.end_ns <= training.end_ns)
                .collect();
            let (Some(begin), Some(end)) = (
                inside.iter().map(|epoch| epoch.begin_ns).min(),
                inside.iter().map(|epoch| epoch.end_ns).max(),
            ) else {
                continue;
            };
            for phase in inside {
                let interval = Interval::new(phase.begin_ns, phase.end_ns);
                let stretch = scene.stretch(interval, first + number);
                let share = |points: &[Points]| mean_of(points, interval);
                let epoch = Epoch {
                    name: format!("{}, {}", training.name, phase.name),
                    gpu_w: scene.gpu_w(interval),
                    spread_w: scene.spread_w(interval),
                    used: share(&used),
                    memory_used: share(&memory_used),
                    true_gpus_j: None,
                    true_node_j: None,
                    stretch,
                };
                epochs.push((interval, epoch));
            }
            let interval = Interval::new(begin, end);
            whole.push((interval, scene.stretch(interval, first + number)));
        }
        Ok(Self { name: run.name(), gpus, epochs, whole, polled, idle_w, limits_w, traces })
    }

    /// The readings of a tool, GPU by GPU.
    pub fn readings(&self, tool: Tool) -> Option<&[Readings]> {
        self.polled.iter().find(|(polled, _)| *polled == tool).map(|(_, readings)| &readings[..])
    }
}

/// Values of a channel by the middle of their brackets.
fn points(run: &Run, key: &str) -> Result<Points> {
    let rows = run.rows(key)?;
    let value = |value: RowValue| match value {
        RowValue::Number(number) => Some(number),
        #[expect(clippy::cast_precision_loss, reason = "a setting, far below 2^53")]
        RowValue::Count(count) => Some(count as f64),
        RowValue::Missing => None,
    };
    Ok(rows
        .iter()
        .filter_map(|row| Some((row.t_start_ns.midpoint(row.t_end_ns), value(row.value)?)))
        .collect())
}

/// Mean over GPUs of the means of their points within an interval.
fn mean_of(all: &[Points], interval: Interval) -> Option<f64> {
    let means = all.iter().map(|points| {
        let from = points.partition_point(|point| point.0 < interval.begin_ns);
        let to = points.partition_point(|point| point.0 <= interval.end_ns);
        let inside: Vec<f64> = points.get(from..to)?.iter().map(|point| point.1).collect();
        power_analysis::stats::mean(&inside).filter(|_| !inside.is_empty())
    });
    let means: Vec<f64> = means.collect::<Option<_>>()?;
    power_analysis::stats::mean(&means).filter(|_| !means.is_empty())
}

/// Which channel of a GPU is meant.
type Key = fn(&GpuChannels) -> &Option<String>;

struct Scene<'a> {
    traces: &'a NodeTraces,
    gpus: &'a [usize],
    polled: &'a [(Tool, Vec<Readings>)],
    counters: Option<&'a [power_analysis::Trace]>,
    known: &'a Known,
}

impl Scene<'_> {
    /// Energy of the GPUs in use by the reference: the meter's way, else their own samples.
    fn reference_j(&self, interval: Interval) -> Option<f64> {
        match (&self.known.calibration, &self.traces.meter) {
            (Some(calibration), Some(_)) => calibration.gpus_j(self.traces, self.gpus, interval),
            _ => self.traces.gpus_j(self.gpus, interval),
        }
    }

    fn gpu_w(&self, interval: Interval) -> Option<f64> {
        let number = u32::try_from(self.gpus.len()).map_or(f64::NAN, f64::from);
        self.reference_j(interval).map(|joules| joules / interval.seconds() / number)
    }

    /// Spread of the ring's samples, else of what NVML shows, of the first GPU.
    fn spread_w(&self, interval: Interval) -> Option<f64> {
        let of = |tool: Tool| {
            let (_, readings) = self.polled.iter().find(|(polled, _)| *polled == tool)?;
            let watts = within(readings.first()?, interval, false);
            power_analysis::stats::variance(&watts).map(f64::sqrt)
        };
        of(Tool::NvmlRing).or_else(|| of(Tool::NvmlPolled))
    }

    fn stretch(&self, interval: Interval, training: usize) -> Stretch {
        let seen = Tool::ALL.into_iter().map(|tool| self.seen(tool, interval));
        Stretch { training, seconds: interval.seconds(), seen: seen.collect() }
    }

    fn seen(&self, tool: Tool, interval: Interval) -> Seen {
        if tool.is_of_node() {
            return Seen {
                energy_j: self.node_j(tool, interval),
                reference_j: self.traces.meter_j(interval),
                ..Seen::default()
            };
        }
        // What is the reference itself is no tool.
        let own = self.traces.meter.is_none() || self.known.calibration.is_none();
        let reference_j = if own && tool == Tool::NvmlRing { None } else { self.reference_j(interval) };
        if tool == Tool::NvmlCounter {
            let energy = |counters: &[power_analysis::Trace]| -> Option<f64> {
                counters.iter().map(|counter| counter.energy_j(interval)).sum()
            };
            return Seen { energy_j: self.counters.and_then(energy), reference_j, ..Seen::default() };
        }
        let Some((_, readings)) = self.polled.iter().find(|(polled, _)| *polled == tool) else {
            return Seen { reference_j, ..Seen::default() };
        };
        if tool == Tool::NvmlRing {
            let period = readings.first().and_then(|readings| readings.channel().update_period);
            let number = readings.iter().map(|readings| readings.within(interval).len()).min();
            return Seen {
                energy_j: self.traces.gpus_j(self.gpus, interval),
                reference_j,
                readings: number,
                expected: period.map(|period| interval.seconds() / period.as_secs_f64()),
            };
        }
        // The plain mean of what was read, times the length: what these tools' users do.
        let means: Vec<(usize, Option<f64>)> = readings
            .iter()
            .map(|readings| tracer_mean(within(readings, interval, tool == Tool::SmiTracer)))
            .collect();
        let sum: Option<f64> = means.iter().map(|(_, mean)| *mean).sum();
        let expected_s = match tool {
            Tool::SmiTracer | Tool::SmiLoop => Some(ASKED_S),
            _ => readings.first().and_then(Readings::poll_period_ns).map(|ns| Interval::new(0, ns).seconds()),
        };
        Seen {
            energy_j: sum.map(|watts| watts * interval.seconds()),
            reference_j,
            readings: means.iter().map(|(number, _)| *number).min(),
            expected: expected_s.map(|period| interval.seconds() / period),
        }
    }

    /// Energy of the node as an estimator states it.
    fn node_j(&self, tool: Tool, interval: Interval) -> Option<f64> {
        let seconds = interval.seconds();
        let gpus_j = self.traces.gpus_j(&self.traces.known_gpus(), interval)?;
        let carbon = |version: CodeCarbon| {
            // As it does itself: RAPL's packages where it can read them, half of a default where not.
            let cpu_j: Option<f64> = self.traces.cpu.iter().map(|cpu| cpu.energy_j(interval)).sum();
            let cpu_j = if self.traces.cpu.is_empty() {
                version.cpu_power_w(FALLBACK_TDP_W, CpuMode::Constant)? * seconds
            } else {
                cpu_j?
            };
            Some(gpus_j + cpu_j + version.ram_power_w(self.known.memory_gib?, Processor::X86) * seconds)
        };
        let rest = |bounded: &dyn Fn(&Calibration, f64, f64) -> f64| {
            let calibration = self.known.calibration.as_ref()?;
            let host_j = self.traces.host_j(interval)?;
            let load = calibration.load(host_j / seconds);
            Some(bounded(calibration, (host_j + gpus_j) / seconds, load) * seconds)
        };
        match tool {
            Tool::CodeCarbon2 => carbon(CodeCarbon::V2),
            Tool::CodeCarbon3 => carbon(CodeCarbon::V3),
            Tool::Components => Some(gpus_j + self.traces.host_j(interval)?),
            Tool::IdleBound => rest(&|calibration, sum_w, _| sum_w + calibration.bounds.idle_w),
            Tool::BusyBound => rest(&|calibration, sum_w, _| sum_w + calibration.bounds.busy_w),
            Tool::LoadPrior => rest(&|calibration, sum_w, load| calibration.bounds.with_prior(sum_w, load)),
            _ => None,
        }
    }
}

/// Powers that were read within an interval: of the tracer those whose reading began within, as its own loop counts them,
/// of others those whose middle lies within.
pub fn within(readings: &Readings, interval: Interval, by_begin: bool) -> Vec<f64> {
    let Values::Power(watts) = readings.values() else { return Vec::new() };
    let time = |index: usize| {
        if by_begin { readings.bracket(index).begin_ns } else { readings.time(index) }
    };
    // Readings are in order of their begin; the middles of a tool's readings are in the same order.
    let from = partition(readings.len(), |index| time(index) < interval.begin_ns);
    let to = partition(readings.len(), |index| time(index) <= interval.end_ns);
    watts.get(from..to).unwrap_or_default().to_vec()
}

/// First index of which `holds` is false, where it is true of all before.
fn partition(length: usize, holds: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, length);
    while low < high {
        let middle = low.midpoint(high);
        if holds(middle) { low = middle + 1 } else { high = middle }
    }
    low
}
