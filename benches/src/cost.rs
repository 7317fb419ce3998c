//! What a bench counts beside time: CPU time of the calling thread, and energy.

use std::time::{Duration, Instant};

use criterion::Throughput;
use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use harness::record::os;
use power_core::{PowerSource, Quantity, Reading, Recorder, SystemClock, step};

/// CPU time of the calling thread: what others take away from it does not count.
#[derive(Debug, Clone, Copy)]
pub struct ThreadCpu;

impl Measurement for ThreadCpu {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        os::thread_cpu()
    }

    fn end(&self, start: Duration) -> Duration {
        os::thread_cpu().saturating_sub(start)
    }

    fn add(&self, one: &Duration, other: &Duration) -> Duration {
        *one + *other
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        WallTime.to_f64(value)
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

/// Energy in joules, for `iter_custom` with [`spent_j`]: a counter steps too seldom for batches that criterion times itself.
#[derive(Debug, Clone, Copy)]
pub struct Joules;

impl Measurement for Joules {
    type Intermediate = ();
    type Value = f64;

    fn start(&self) {}

    /// Not known by itself: benches of energy are made by `iter_custom`.
    fn end(&self, (): ()) -> f64 {
        f64::NAN
    }

    fn add(&self, one: &f64, other: &f64) -> f64 {
        one + other
    }

    fn zero(&self) -> f64 {
        0.0
    }

    fn to_f64(&self, value: &f64) -> f64 {
        *value
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        self
    }
}

impl ValueFormatter for Joules {
    fn scale_values(&self, typical: f64, values: &mut [f64]) -> &'static str {
        let (factor, unit) = match typical {
            _ if typical >= 1.0 => (1.0, "J"),
            _ if typical >= 1e-3 => (1e3, "mJ"),
            _ => (1e6, "uJ"),
        };
        for value in values {
            *value *= factor;
        }
        unit
    }

    fn scale_throughputs(&self, _: f64, _: &Throughput, _: &mut [f64]) -> &'static str {
        "J"
    }

    fn scale_for_machines(&self, _: &mut [f64]) -> &'static str {
        "J"
    }
}

/// Shortest time over which energy is counted: a hundred steps of RAPL, a few of a GPU's counter.
const LEAST: Duration = Duration::from_millis(500);

/// Energy in joules that `iterations` of `work` take by the energy counters of `source`: those that are no part of another.
///
/// The work is repeated until `LEAST` has passed, and the energy is that of as many as were asked for. It is that of the
/// whole machine meanwhile, idling included. `None` if the source has no counter or cannot be read.
pub fn spent_j(source: &mut dyn PowerSource, iterations: u64, mut work: impl FnMut()) -> Option<f64> {
    let before = counts(source)?;
    let begin = Instant::now();
    let mut rounds = 0_u32;
    while begin.elapsed() < LEAST {
        (0..iterations).for_each(|_| work());
        rounds += 1;
    }
    let after = counts(source)?;
    let mut joules = 0.0;
    for ((channel, before), (_, after)) in before.iter().zip(&after) {
        let channel = source.descriptor().channels.get(*channel)?;
        if let (Quantity::EnergyCounter { quantum, modulus }, None) = (channel.quantity, &channel.part_of) {
            let counts = step(*before, *after, modulus, u64::MAX).counts()?;
            joules += f64::from(u32::try_from(counts).ok()?) * quantum.get();
        }
    }
    Some(joules / f64::from(rounds))
}

fn counts(source: &mut dyn PowerSource) -> Option<Vec<(usize, u64)>> {
    let mut readings: Vec<Reading> = Vec::new();
    source.read(&mut Recorder::new(&SystemClock, &mut readings)).ok()?;
    Some(readings.iter().filter_map(|r| Some((usize::from(r.channel.0), r.value.count()?))).collect())
}
