//! Sensors of every class under a load that tells them apart, polled at 1 kHz beside a meter: a run to characterise.

use std::path::Path;
use std::time::Duration;

use harness::run::{NewRun, Origin, Row, RowValue, Run, RunWriter, TimeBase};
use power_core::{Channel, Delivery, Descriptor, Flags, Quantity, Scope};
use power_testkit::{Filter, Schedule, SensorModel, Signal, poll};

/// What they are like: update period and filter, in milliseconds.
fn sensors(load: &Signal) -> [SensorModel; 7] {
    let ms = Duration::from_millis;
    let model = |period, filter, seed| {
        SensorModel::new(load.clone(), ms(period))
            .with_jitter(Duration::from_micros(300))
            .with_filter(filter)
            .with_delay(ms(7))
            .with_gain(0.98)
            .with_noise(0.5)
            .with_seed(seed)
    };
    [
        model(100, Filter::Boxcar(ms(25)), 1),
        model(100, Filter::Boxcar(ms(100)), 2),
        model(100, Filter::Boxcar(ms(1000)), 3),
        model(20, Filter::Boxcar(ms(10)), 4),
        model(20, Filter::Exponential(ms(53)), 5),
        model(20, Filter::BoxcarExponential { window: ms(60), tau: ms(40) }, 6),
        model(20, Filter::Point, 7),
    ]
}

/// Writes a run of seven sensors and a meter, each 1000 times a second for `seconds`, into the folder `dir`; the meter is
/// its reference.
///
/// # Errors
///
/// If the run cannot be written.
pub fn write_sensors_run(dir: &Path, seconds: i64) -> harness::Result<Run> {
    let span = 0..seconds * 1_000_000_000;
    let load = Signal::random_square(80.0, 300.0, Duration::from_millis(150), span.clone(), 1)
        .with_rise(Duration::from_millis(4));
    let board = |name: String| Channel::new(name, Quantity::power()).with_scope(Scope::Board);
    let meter = Channel::new("power", Quantity::average_power(Duration::from_millis(1)))
        .with_scope(Scope::Board)
        .with_delivery(Delivery::Streamed)
        .with_update_period(Duration::from_millis(1));
    let mut writer = RunWriter::create(
        dir,
        NewRun::new(TimeBase::HostMonotonic, Origin::Recorded { command: Vec::new(), exit_code: None }),
    )?;
    let row = |t_start_ns, t_end_ns, value| Row {
        channel: 0,
        t_start_ns,
        t_end_ns,
        t_device_ns: None,
        value,
        flags: Flags::NONE,
    };
    let source = writer.add_source("meter", Descriptor::new("simulated", "a meter", vec![meter]))?;
    writer.set_reference("meter/power")?;
    for end in (1..=seconds * 1_000).map(|step| step * 1_000_000) {
        let mean = load.energy_j(end - 1_000_000, end) * 1e3;
        // A mean is the power in the middle of its window.
        let middle = end - 500_000;
        writer.push(source, row(middle, middle, RowValue::Number(mean)))?;
    }
    for (index, model) in sensors(&load).iter().enumerate() {
        let channel = board("power".to_owned());
        let source = writer
            .add_source(&format!("sensor{index}"), Descriptor::new("simulated", "a GPU", vec![channel]))?;
        let schedule = Schedule::new(Duration::from_millis(1), span.clone())
            .with_cost(Duration::from_micros(5), Duration::from_micros(5));
        for reading in poll(model, &schedule) {
            let value = reading.value.map_or(RowValue::Missing, RowValue::Number);
            writer.push(source, row(reading.t_start_ns, reading.t_end_ns, value))?;
        }
    }
    writer.finish()
}
