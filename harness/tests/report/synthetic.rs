//! Runs made of arithmetic: what every sensor shows follows from one known load.

use std::path::Path;
use std::time::Duration;

use harness::run::{Mark, MarkEvent, NewRun, Origin, Row, RowValue, Run, RunWriter, TimeBase};
use power_core::{Accuracy, Channel, Delivery, Descriptor, Joules, Quantity, Scope};

/// Nanoseconds of a second.
pub(crate) const SECOND: i64 = 1_000_000_000;

/// Seconds and watts.
pub(crate) type Series = Vec<(i64, f64)>;

/// Nanoseconds of a millisecond.
pub(crate) const MS: i64 = 1_000_000;

/// When the runs begin: large enough that a float has not every nanosecond.
pub(crate) const BEGIN: i64 = 1_700_000_000_000_000_123;

/// A name that is markup and script at once.
pub(crate) const HOSTILE: &str = "<img src=x onerror=alert(1)></script><!--\u{2028}\"'&";

/// The load: phases of work of growing length with pauses between them, in milliseconds since the begin.
pub(crate) fn phases(count: i64) -> Vec<(String, i64, i64)> {
    let mut begin = 3000;
    let mut phases = Vec::new();
    for index in 0..count {
        let length = 60 + 35 * (index * 7 % 40);
        let group = if index % 3 == 0 { "test" } else { "epoch" };
        phases.push((format!("{group} {}/{}", index / 10, index % 10), begin, begin + length));
        begin += length + 150 + 20 * (index * 5 % 9);
    }
    phases
}

/// Power of the load at `ms`, in watts, and its integral up to there, in joules.
pub(crate) struct Load {
    watts: Vec<f64>,
    joules: Vec<f64>,
}

impl Load {
    pub(crate) fn new(phases: &[(String, i64, i64)]) -> Self {
        let length = usize::try_from(phases.last().map_or(0, |phase| phase.2) + 4000).unwrap();
        let mut watts = vec![80.0; length];
        for (index, (_, begin, end)) in (0_u32..).zip(phases) {
            let level = 250.0 + f64::from(index * 37 % 90) * 4.0;
            watts[usize::try_from(*begin).unwrap()..usize::try_from(*end).unwrap()].fill(level);
        }
        let mut total = 0.0;
        let mut joules = Vec::with_capacity(length);
        for power in &watts {
            joules.push(total);
            total += power * 1e-3;
        }
        Self { watts, joules }
    }

    pub(crate) fn length_ms(&self) -> i64 {
        i64::try_from(self.watts.len()).unwrap()
    }

    fn at(&self, ms: i64) -> f64 {
        self.watts[usize::try_from(ms.clamp(0, self.length_ms() - 1)).unwrap()]
    }

    fn joules_at(&self, ms: i64) -> f64 {
        self.joules[usize::try_from(ms.clamp(0, self.length_ms() - 1)).unwrap()]
    }

    /// Mean power of the `window` milliseconds before `ms`.
    fn mean(&self, ms: i64, window: i32) -> f64 {
        (self.joules_at(ms) - self.joules_at(ms - i64::from(window))) * 1e3 / f64::from(window)
    }
}

/// A little noise that is the same every time.
fn noise(step: i64) -> f64 {
    f64::from(i32::try_from(step.wrapping_mul(7919) % 199).unwrap() - 99) * 0.01
}

/// A run that was imported without any fact about it.
pub(crate) fn new_run(time_base: TimeBase) -> NewRun {
    let mut new = NewRun::new(time_base, Origin::Imported { inputs: Vec::new() });
    new.written_at = "2026-01-02T03:04:05Z".into();
    new
}

/// A source of one channel that is named like it.
pub(crate) fn source(channel: Channel) -> Descriptor {
    Descriptor::new("synthetic", "made of arithmetic", vec![channel])
}

/// Marks phases that are given in milliseconds.
pub(crate) fn mark(writer: &mut RunWriter, phases: &[(String, i64, i64)]) {
    for (name, begin, end) in phases {
        for (at, event) in [(begin, MarkEvent::Begin), (end, MarkEvent::End)] {
            writer.mark(Mark { t_ns: BEGIN + at * MS, event, name: name.clone() }).unwrap();
        }
    }
}

/// A run with a streaming meter (`meter/power`, every `meter_ms`), an averaging sensor that is polled (`gpu/power.draw`),
/// a counter (`gpu/energy`) and a slow poll (`slow/power`), of whose averaging nobody knows.
pub(crate) fn typical(dir: &Path, count: i64, meter_ms: i64) -> Run {
    let phases = phases(count);
    let load = Load::new(&phases);
    let mut new = new_run(TimeBase::Unix);
    new.host.insert("cpu".into(), "two of them".into());
    new.notes.push(format!("A note with {HOSTILE} in it"));
    let mut writer = RunWriter::create(dir, new).unwrap();

    let meter = Channel::new("power", Quantity::instantaneous_power())
        .with_scope(Scope::Board)
        .with_delivery(Delivery::Streamed)
        .with_update_period(Duration::from_millis(meter_ms.unsigned_abs()))
        .with_accuracy(Accuracy {
            percent_of_reading: 0.07,
            percent_of_range: 0.04,
            source: "its data sheet".into(),
        });
    let meter = writer.add_source("meter", source(meter)).unwrap();
    let average = Channel::new("power.draw", Quantity::average_power(Duration::from_millis(500)))
        .with_scope(Scope::Board)
        .with_update_period(Duration::from_millis(100));
    let counter = Quantity::EnergyCounter { quantum: Joules::from_joules(1e-3), modulus: None };
    let counter = Channel::new("energy", counter).with_scope(Scope::Board);
    let gpu = Descriptor::new("synthetic", "one GPU", vec![average, counter]);
    let gpu = writer.add_source("gpu", gpu).unwrap();
    writer.set_asked_period(gpu, u64::try_from(20 * MS).unwrap());
    let slow = writer.add_source("slow", source(Channel::new("power", Quantity::power()))).unwrap();
    mark(&mut writer, &phases);

    let row = |channel, ms: i64, value| Row::at(channel, BEGIN + ms * MS, value);
    for ms in (0..load.length_ms()).step_by(usize::try_from(meter_ms).unwrap()) {
        writer.push(meter, row(0, ms, RowValue::Number(load.at(ms) + noise(ms)))).unwrap();
    }
    for ms in (0..load.length_ms()).step_by(20) {
        let published = ms / 100 * 100;
        let milliwatts = (load.mean(published, 500) * 1000.0).round();
        writer.push(gpu, row(0, ms, RowValue::Number(milliwatts / 1000.0))).unwrap();
        let count = serde_json::Number::from_f64((load.joules_at(published) * 1e3).round()).unwrap();
        let count = count.to_string().split('.').next().unwrap().parse().unwrap();
        writer.push(gpu, row(1, ms, RowValue::Count(count))).unwrap();
    }
    for ms in (0..load.length_ms()).step_by(400) {
        writer.push(slow, row(0, ms, RowValue::Number(load.at(ms).round()))).unwrap();
    }
    writer.finish().unwrap()
}

/// A run with the given channels, each with readings at whole seconds.
pub(crate) fn run_of(dir: &Path, time_base: TimeBase, channels: Vec<(&str, Channel, Series)>) -> Run {
    let mut writer = RunWriter::create(dir, new_run(time_base)).unwrap();
    for (id, channel, readings) in channels {
        let source = writer.add_source(id, source(channel)).unwrap();
        for (second, watts) in readings {
            let begin = if time_base == TimeBase::Ordinal { 0 } else { BEGIN };
            let row = Row::at(0, begin + second * SECOND, RowValue::Number(watts));
            writer.push(source, row).unwrap();
        }
    }
    writer.finish().unwrap()
}

/// Watts that go up and down, and up and down.
pub(crate) fn swings(seconds: std::ops::Range<i64>) -> Series {
    seconds.map(|second| (second, 100.0 + f64::from(i32::try_from(second * 37 % 61).unwrap()))).collect()
}
