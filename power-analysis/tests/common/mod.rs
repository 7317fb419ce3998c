//! Simulated sensors and references, as a recorder would have read them.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::time::Duration;

use power_analysis::{Comparison, Phase, Raw, Readings, ReadingsBuilder, Reference, Settings, compare};
use power_core::{Channel, Delivery, Joules, Quantity};
use power_testkit::{CounterModel, Filter, Schedule, SensorModel, Signal, poll};

/// One second in nanoseconds.
pub(crate) const SECOND: i64 = 1_000_000_000;

/// A millisecond.
pub(crate) const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// On/off load between 80 and 300 W with dwells around `probe`, idle for 3 s at both ends of `span_s`.
pub(crate) fn load(probe: Duration, span_s: i64, seed: u64) -> Signal {
    Signal::random_square(80.0, 300.0, probe, 3 * SECOND..(span_s - 3) * SECOND, seed)
}

/// A reference that averages 10 ms without a gap and shows the truth, over `span_s` seconds.
pub(crate) fn perfect_reference(load: &Signal, span_s: i64) -> Readings {
    let model = SensorModel::new(load.clone(), ms(10)).with_filter(Filter::Boxcar(ms(10)));
    let channel = Channel::new("reference", Quantity::average_power(ms(10)))
        .with_delivery(Delivery::Streamed)
        .with_update_period(ms(10));
    let mut builder = ReadingsBuilder::new(channel).expect("power");
    for publication in model.publications(0, span_s * SECOND) {
        // A mean over the 10 ms before is the power in their middle.
        let time = publication.t_ns - 5_000_000;
        builder.push(time, time, publication.value.map_or(Raw::Missing, Raw::Number));
    }
    builder.finish()
}

/// What polling `model` every `period` gives, on `channel`.
pub(crate) fn polled(model: &SensorModel, channel: Channel, period: Duration, span_s: i64) -> Readings {
    let schedule = Schedule::new(period, 0..span_s * SECOND)
        .with_cost(Duration::from_micros(20), Duration::from_micros(30));
    let mut builder = ReadingsBuilder::new(channel).expect("power");
    for reading in poll(model, &schedule) {
        builder.push(reading.t_start_ns, reading.t_end_ns, reading.value.map_or(Raw::Missing, Raw::Number));
    }
    builder.finish()
}

/// What polling a counter every `period` gives.
pub(crate) fn polled_counter(model: &CounterModel, period: Duration, span_s: i64) -> Readings {
    let schedule = Schedule::new(period, 0..span_s * SECOND);
    let mut builder = ReadingsBuilder::new(model.channel("counter")).expect("energy");
    for reading in poll(model, &schedule) {
        builder.push(reading.t_start_ns, reading.t_end_ns, Raw::Count(reading.value));
    }
    builder.finish()
}

/// A counter of millijoules that steps every 100 ms.
pub(crate) fn counter(load: &Signal) -> CounterModel {
    CounterModel::new(load.clone(), Joules::from_joules(1e-3), ms(100))
}

/// A channel of averaged power with its nominal period.
pub(crate) fn averaging(window: Duration, period: Duration) -> Channel {
    Channel::new("sensor", Quantity::average_power(window)).with_update_period(period)
}

/// Compares with phases.
pub(crate) fn judge(sensor: &Readings, reference: &Readings, phases: Vec<Phase>) -> Comparison {
    let reference = Reference::new(reference).expect("the reference has readings");
    compare(sensor, &reference, &Settings { phases, ..Settings::default() })
        .expect("both cover the same time")
}
