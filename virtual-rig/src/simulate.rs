//! A whole run of a virtual node on a virtual clock.

use std::time::Duration;

use power_core::{Joules, Quantity};
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::description::{Description, MeterKind};
use crate::node::{Gpu, MeterModel, MeterTruth, Node, NodeTruth, Rail, RaplCounter, Sensors};
use crate::num::{float, mix, nanos, nanos_of_ms, rounded};
use crate::{Error, Result};

/// Host time of second 0 of a simulated run, where the description does not say it: a machine that has been up for
/// an hour.
const ORIGIN_NS: i64 = 3_600_000_000_000;

/// How a simulated recorder polls. Each read comes late by up to a fifth of a period, so that polls do not lock to a
/// sensor's own period.
///
/// ```
/// use virtual_rig::{Description, Rail, Simulation};
/// let run = Simulation::new(Description::paper_node()).gpu_hz(20.0).run(60.0, 7)?;
/// let wall = run.channel("wall/power").expect("the paper's node has a wall meter");
/// let shown_w = wall.readings.iter().map(|reading| reading.value).sum::<f64>() / wall.readings.len() as f64;
/// let true_w = run.truth.mean_w(Rail::NodeAc, run.origin_ns, run.end_ns).expect("mains");
/// assert!((shown_w / true_w - 1.0).abs() < 0.005);
/// # Ok::<(), virtual_rig::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Simulation {
    description: Description,
    gpu_hz: f64,
    rapl_hz: f64,
}

/// A simulated run: what a recorder has read, and the truth.
#[derive(Debug)]
#[non_exhaustive]
pub struct Simulated {
    /// Host time at which the workload and the recording began, in ns.
    pub origin_ns: i64,
    /// Host time at which the recording ended.
    pub end_ns: i64,
    /// What was read, channel by channel.
    pub channels: Vec<SimulatedChannel>,
    /// What each meter is like.
    pub meters: Vec<MeterTruth>,
    /// The truth.
    pub truth: NodeTruth,
}

/// One channel of a simulated run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SimulatedChannel {
    /// Its name: source and channel, such as `gpu0/power`, `rapl/package-0` or `wall/power`.
    pub name: String,
    /// What it is a sensor of.
    pub rail: Rail,
    /// What it shows; values are in W, in fractions, or in counts.
    pub quantity: Quantity,
    /// What was read, in order.
    pub readings: Vec<SimulatedReading>,
}

/// One reading.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct SimulatedReading {
    /// Host time just before the read, in ns.
    pub t_start_ns: i64,
    /// Host time just after it.
    pub t_end_ns: i64,
    /// The device's own time of the value, in ns of its clock, where it has one.
    pub t_device_ns: Option<i64>,
    /// What was read.
    pub value: f64,
}

impl Simulated {
    /// A channel by its name.
    pub fn channel(&self, name: &str) -> Option<&SimulatedChannel> {
        self.channels.iter().find(|channel| channel.name == name)
    }
}

/// One read of the simulated recorder, in ns of host time: when it began, when the device looked, when it ended.
#[derive(Debug, Clone, Copy)]
struct Read {
    start: i64,
    seen: i64,
    end: i64,
}

/// Simulates `seconds` of a node with all its instruments, as [`Simulation::run`] does with its defaults.
///
/// # Errors
///
/// As [`Simulation::run`].
pub fn simulate(description: &Description, seconds: f64, seed: u64) -> Result<Simulated> {
    Simulation::new(description.clone()).run(seconds, seed)
}

impl Simulation {
    /// A recorder that reads each GPU 50 times a second, and each energy counter of the CPUs as often.
    pub const fn new(description: Description) -> Self {
        Self { description, gpu_hz: 50.0, rapl_hz: 50.0 }
    }

    /// Sets how often each GPU is read, in Hz; 0 for not at all.
    #[must_use]
    pub const fn gpu_hz(mut self, hertz: f64) -> Self {
        self.gpu_hz = hertz;
        self
    }

    /// Sets how often each energy counter of the CPUs is read, in Hz; 0 for not at all.
    #[must_use]
    pub const fn rapl_hz(mut self, hertz: f64) -> Self {
        self.rapl_hz = hertz;
        self
    }

    /// Simulates `seconds`. The seed takes the place of the description's: it draws workload, clocks, errors, noise
    /// and when reads happen. Takes some ms for a minute.
    ///
    /// # Errors
    ///
    /// If the description makes no sense, or if the length is not 0.001 to 100000 s.
    pub fn run(&self, seconds: f64, seed: u64) -> Result<Simulated> {
        if !(1e-3..=1e5).contains(&seconds) {
            return Err(Error::new("a simulated run has 0.001 to 100000 s"));
        }
        let origin_ns = self.description.origin_ns.unwrap_or(ORIGIN_NS);
        let described =
            Description { seed, origin_ns: Some(origin_ns), journal: None, ..self.description.clone() };
        described.check()?;
        let end_ns = origin_ns + nanos(seconds);
        let mut node = Node::new(Description { stamp_offset_ns: Some(0), ..described.clone() })?;
        let truth = node.truth();
        let mut random = Xoshiro256PlusPlus::seed_from_u64(mix(&[seed, 0x51A1]));
        let mut channels = Vec::new();
        let span = (origin_ns, end_ns);
        if self.gpu_hz > 0.0 {
            for gpu in &mut node.gpus {
                let reads = reads(self.gpu_hz, span, (20_000, 60_000), &mut random);
                channels.extend(of_gpu(gpu, &reads));
            }
        }
        if let Some(rapl) = described.rapl.as_ref().filter(|_| self.rapl_hz > 0.0) {
            let tick_ns = nanos_of_ms(rapl.period_ms).max(1);
            for counter in RaplCounter::all(rapl, described.node.packages, seed) {
                let reads = reads(self.rapl_hz, span, (4_000, 20_000), &mut random);
                channels.push(of_counter(&counter, &truth, tick_ns, &reads));
            }
        }
        let mut meters = Vec::new();
        for meter in &described.meters {
            let model = MeterModel::new(meter, seed, origin_ns);
            meters.push(model.truth(origin_ns));
            channels.push(of_meter(&model, &truth, span, &mut random));
        }
        Ok(Simulated { origin_ns, end_ns, channels, meters, truth })
    }
}

/// Reads at a rate, each taking a time within `cost` ns.
fn reads(hertz: f64, (from, to): (i64, i64), cost: (i64, i64), random: &mut Xoshiro256PlusPlus) -> Vec<Read> {
    let period = rounded(1e9 / hertz).max(1_000);
    (from..to)
        .step_by(usize::try_from(period).unwrap_or(usize::MAX))
        .map(|due| {
            let start = due + random.random_range(0..=period / 5);
            let end = start + random.random_range(cost.0..=cost.1);
            Read { start, seen: random.random_range(start..=end), end }
        })
        .collect()
}

fn channel(
    name: String,
    rail: Rail,
    quantity: Quantity,
    readings: Vec<SimulatedReading>,
) -> SimulatedChannel {
    SimulatedChannel { name, rail, quantity, readings }
}

/// What NVML shows of a GPU: power, instantaneous power, energy counter, utilisations.
fn of_gpu(gpu: &mut Gpu, reads: &[Read]) -> Vec<SimulatedChannel> {
    type Look = fn(&Sensors, i64) -> Option<f64>;
    let index = gpu.index;
    let rail = Rail::Gpu(index);
    let power = |window_ms: f64| {
        let window = Duration::from_nanos(nanos_of_ms(window_ms).unsigned_abs());
        if window.is_zero() { Quantity::power() } else { Quantity::average_power(window) }
    };
    let counter = Quantity::EnergyCounter { quantum: Joules::from_millijoules(1), modulus: None };
    let mut looks: Vec<(&str, Quantity, Look)> =
        vec![("power", power(gpu.model.usage.window_ms), |s, t| Sensors::shown(Some(&s.usage), t))];
    if let Some(instant) = gpu.model.instant {
        looks.push(("instant", power(instant.window_ms), |s, t| Sensors::shown(s.instant.as_ref(), t)));
    }
    if gpu.model.counter {
        looks.push(("energy", counter, |s, t| {
            s.counter.as_ref().map(|c| float(i64::try_from(c.count_at(t)).unwrap_or(i64::MAX)))
        }));
    }
    looks.push(("utilisation", Quantity::Utilisation, |s, t| s.utilisation.value_at(t).map(share)));
    looks.push(("memory_utilisation", Quantity::Utilisation, |s, t| {
        s.memory_utilisation.value_at(t).map(share)
    }));
    let mut shown: Vec<Vec<SimulatedReading>> = vec![Vec::with_capacity(reads.len()); looks.len()];
    for read in reads {
        let sensors = gpu.sensors(read.seen);
        for ((_, _, look), readings) in looks.iter().zip(&mut shown) {
            readings.extend(look(sensors, read.seen).map(|value| reading(*read, None, value)));
        }
    }
    looks
        .into_iter()
        .zip(shown)
        .map(|((name, quantity, _), readings)| {
            channel(format!("gpu{index}/{name}"), rail, quantity, readings)
        })
        .collect()
}

/// A utilisation in % as a fraction, in whole per cent.
fn share(percent: f64) -> f64 {
    percent.clamp(0.0, 100.0).round() / 100.0
}

fn reading(read: Read, t_device_ns: Option<i64>, value: f64) -> SimulatedReading {
    SimulatedReading { t_start_ns: read.start, t_end_ns: read.end, t_device_ns, value }
}

/// An energy counter of the CPUs, updated every `tick_ns`.
fn of_counter(counter: &RaplCounter, truth: &NodeTruth, tick_ns: i64, reads: &[Read]) -> SimulatedChannel {
    let (package, domain) = counter.zone;
    let name = match domain {
        None => format!("rapl/package-{package}"),
        Some(_) => format!("rapl/package-{package}/{}", counter.name),
    };
    let quantity = Quantity::EnergyCounter {
        quantum: Joules::from_microjoules(1),
        modulus: Some(counter.range_uj().saturating_add(1)),
    };
    let readings = reads.iter().map(|read| {
        let shown = counter.shown_uj(truth, read.seen - read.seen.rem_euclid(tick_ns));
        reading(*read, None, float(i64::try_from(shown).unwrap_or(i64::MAX)))
    });
    channel(name, counter.rail, quantity, readings.collect())
}

/// A meter: one that sends by itself gives each publication once, another is polled twice as often as it publishes.
fn of_meter(
    model: &MeterModel,
    truth: &NodeTruth,
    (from, to): (i64, i64),
    random: &mut Xoshiro256PlusPlus,
) -> SimulatedChannel {
    let signal = truth.signal(Rail::NodeAc, from - 2 * model.reach_ns(), to);
    let sensor = model.sensor(signal.unwrap_or_else(|| power_testkit::Signal::constant(0.0)));
    let stamp = |device_ns: i64| model.stamped.then_some(device_ns);
    let sends = matches!(model.kind, MeterKind::Lmg450 | MeterKind::Lmg670 | MeterKind::WattsUp);
    let readings = if sends {
        (model.newest(from) + 1..=model.newest(to))
            .map(|index| {
                let published = model.published(&sensor, index);
                // Across the line, and until the recorder's thread has woken.
                let end = published.t_ns + random.random_range(100_000..=800_000);
                let read = Read { start: end - random.random_range(20_000..=80_000), seen: end, end };
                reading(read, stamp(published.device_ns), published.power_w)
            })
            .filter(|reading| reading.t_end_ns < to)
            .collect()
    } else {
        let hertz = 2e9 / float(model.period_ns);
        reads(hertz, (from, to), (300_000, 1_200_000), random)
            .into_iter()
            .map(|read| {
                let published = model.published(&sensor, model.newest(read.seen));
                reading(read, stamp(published.device_ns), published.power_w)
            })
            .collect()
    };
    let quantity = match (model.window_ns, model.tau_ns) {
        (window @ 1.., 0) => Quantity::average_power(Duration::from_nanos(window.unsigned_abs())),
        _ => Quantity::power(),
    };
    channel(format!("{}/power", model.name), Rail::NodeAc, quantity, readings)
}

#[cfg(test)]
mod tests;
