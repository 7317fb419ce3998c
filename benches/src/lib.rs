//! Made-up recordings of any size, for benches: a GPU sensor that is polled and a meter that streams.

pub mod cost;
mod sensors;

use std::fmt::Display;
use std::path::Path;
use std::process::ExitCode;
use std::str::FromStr;

use harness::run::{NewRun, Origin, Row, RowValue, Run, RunWriter, TimeBase};
use power_analysis::{Raw, Readings, ReadingsBuilder};
use power_core::{Channel, Delivery, Descriptor, Flags, Lane, Quantity, Scope};
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::time::Duration;

pub use sensors::write_sensors_run;

/// What a program does that writes a run: the folder and the size are its arguments.
#[expect(clippy::print_stderr, reason = "a program says what went wrong")]
pub fn example<S: FromStr, R, E: Display>(
    usage: &str,
    write: impl FnOnce(&Path, S) -> Result<R, E>,
) -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let size = arguments.get(2).and_then(|size| size.parse().ok());
    let said = match arguments.get(1).zip(size) {
        None => format!("usage: {usage}"),
        Some((dir, size)) => match write(Path::new(dir), size) {
            Ok(_) => return ExitCode::SUCCESS,
            Err(error) => error.to_string(),
        },
    };
    eprintln!("{said}");
    ExitCode::from(2)
}

/// Time between two readings of either channel: 1 ms.
const STEP_NS: i64 = 1_000_000;

/// Length of a level of the load: between 50 and 500 ms.
const DWELL_STEPS: std::ops::Range<u32> = 50..500;

/// The channel of the sensor: a mean over 100 ms, published every 100 ms.
fn sensor_channel() -> Channel {
    Channel::new("power", Quantity::average_power(Duration::from_millis(100)))
        .with_scope(Scope::Board)
        .with_update_period(Duration::from_millis(100))
}

/// The channel of the meter: one value a millisecond.
fn meter_channel() -> Channel {
    Channel::new("power", Quantity::instantaneous_power())
        .with_scope(Scope::Board)
        .with_delivery(Delivery::Streamed)
        .with_update_period(Duration::from_millis(1))
}

/// Calls `each` with time in ns, the sensor's value and the meter's, `steps` times.
fn simulate<E>(steps: u32, mut each: impl FnMut(i64, f64, f64) -> Result<(), E>) -> Result<(), E> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
    let (mut level, mut left) = (80.0_f64, 0_u32);
    let (mut shown, mut sum) = (80.0_f64, 0.0_f64);
    for step in 0..steps {
        if left == 0 {
            level = if random.random::<bool>() { random.random_range(200.0..600.0) } else { 80.0 };
            left = random.random_range(DWELL_STEPS);
        }
        left -= 1;
        let meter = level + random.random_range(-1.0..1.0);
        sum += meter;
        if step % 100 == 99 {
            shown = (sum * 0.97).round() / 100.0;
            sum = 0.0;
        }
        each(i64::from(step) * STEP_NS, shown, meter)?;
    }
    Ok(())
}

/// Readings of the sensor and of the meter, `readings` in all.
pub fn readings(readings: u32) -> (Readings, Readings) {
    let builder =
        |channel| ReadingsBuilder::new(channel).unwrap_or_else(|| unreachable!("a channel of power"));
    let (mut sensor, mut meter) = (builder(sensor_channel()), builder(meter_channel()));
    let done: Result<(), std::convert::Infallible> = simulate(readings / 2, |time, shown, watts| {
        sensor.push(time, time + 1_000, Raw::Number(shown));
        meter.push(time, time, Raw::Number(watts));
        Ok(())
    });
    let Ok(()) = done;
    (sensor.finish(), meter.finish())
}

/// Writes a run of `readings` readings into the folder `dir`; the meter is its reference.
///
/// # Errors
///
/// If the run cannot be written.
pub fn write_run(dir: &Path, readings: u32) -> harness::Result<Run> {
    let new = NewRun::new(TimeBase::HostMonotonic, Origin::Recorded { command: Vec::new(), exit_code: None });
    let mut writer = RunWriter::create(dir, new)?;
    let gpu = writer.add_source("gpu", Descriptor::new("simulated", "a GPU", vec![sensor_channel()]))?;
    let meter = writer.add_source("meter", Descriptor::new("simulated", "a meter", vec![meter_channel()]))?;
    writer.set_reference("meter/power")?;
    simulate(readings / 2, |time, shown, watts| {
        let row = |end, value| Row {
            channel: 0,
            t_start_ns: time,
            t_end_ns: end,
            t_device_ns: None,
            value: RowValue::Number(value),
            flags: Flags::NONE,
        };
        writer.push(gpu, row(time + 1_000, shown))?;
        writer.push(meter, row(time, watts))
    })?;
    writer.finish()
}

/// GPUs of a node.
pub const GPUS: usize = 4;

/// Channels of one GPU's gauges: power three times, utilisation, clocks, temperature, states.
pub const CHANNELS: usize = 13;

/// The gauges of one GPU.
pub fn gauges_descriptor() -> Descriptor {
    let power = |index| Channel::new(format!("power{index}"), Quantity::power());
    let other = |index| match index % 3 {
        0 => Channel::new(format!("clock{index}"), Quantity::Frequency),
        1 => Channel::new(format!("temperature{index}"), Quantity::Temperature),
        _ => Channel::new(format!("state{index}"), Quantity::State),
    };
    let channels = (0..CHANNELS).map(|index| if index < 3 { power(index) } else { other(index) });
    Descriptor::new("simulated", "a GPU", channels.collect()).with_lane(Lane::new("gpus"))
}

/// Readings of all gauges of all GPUs, polled `polls` times a millisecond apart, with the GPU of each: wake-ups are
/// 20 to 120 us late, a call takes 0.3 to 0.5 us, power is published every 100 ms in milliwatts.
pub fn gauges(polls: usize) -> Vec<(usize, Row)> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(2);
    let mut rows = Vec::with_capacity(polls * GPUS * CHANNELS);
    let mut watts = [[0.0_f64; 3]; GPUS];
    for poll in 0_i64.. {
        if rows.len() == polls * GPUS * CHANNELS {
            break;
        }
        if poll % 100 == 0 {
            watts.as_flattened_mut().fill_with(|| f64::from(random.random_range(75_000..700_000)) / 1000.0);
        }
        let mut now = poll * STEP_NS + random.random_range(20_000..120_000);
        for (gpu, watts) in watts.iter().enumerate() {
            for (channel, index) in (0_u16..).zip(0..CHANNELS) {
                let t_start_ns = now;
                now += random.random_range(300..500);
                let value = match (index, index % 3) {
                    (0..3, _) => RowValue::Number(watts[index]),
                    (_, 0) => RowValue::Number(1_980_000_000.0),
                    (_, 1) => {
                        RowValue::Number(f64::from(u32::try_from(poll / 5_000 % 40).unwrap_or(0)) + 40.0)
                    }
                    _ => RowValue::Count(1),
                };
                let (t_end_ns, t_device_ns, flags) = (now, None, Flags::NONE);
                rows.push((gpu, Row { channel, t_start_ns, t_end_ns, t_device_ns, value, flags }));
                now += random.random_range(30..60);
            }
        }
    }
    rows
}
