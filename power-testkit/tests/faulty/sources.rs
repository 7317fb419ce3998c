//! Faulty sources, one for each case of the suite.

use std::collections::BTreeSet;
use std::hint::black_box;
use std::time::Duration;

use power_core::{
    Accuracy, Channel, ChannelId, ClockDomain, Descriptor, DeviceTime, Error, ErrorKind, Flags, HostTime,
    PowerSource, Quantity, Ratio, Reading, Recorder, Result, Scope, Stamp, Value, Watts,
};
use power_testkit::{Expectations, Report, VirtualClock, inspect};

use crate::base::{BOARD, BUSY, Base, CHIP, ENERGY, Read, Readings, STREAM, descriptor, healthy, push};

const OPENS: &str = "opens";
const REOPENS: &str = "reopens after drop";

/// A source that breaks the rule of one case.
struct Faulty {
    case: &'static str,
    describe: fn(&mut Descriptor),
    read: Read,
    expect: fn(Expectations) -> Expectations,
}

fn fine(_: &mut Descriptor) {}

fn faulty(case: &'static str, describe: fn(&mut Descriptor), read: Read) -> Faulty {
    Faulty { case, describe, read, expect: |expectations| expectations }
}

fn tolerating(case: &'static str, read: Read, expect: fn(Expectations) -> Expectations) -> Faulty {
    Faulty { case, describe: fine, read, expect }
}

fn run(faulty: &Faulty) -> Report {
    let clock = VirtualClock::new();
    let open = || {
        let mut described = descriptor();
        (faulty.describe)(&mut described);
        Ok(Base::new(&clock, described, faulty.read))
    };
    inspect(open, (faulty.expect)(Expectations::on(&clock, Duration::from_millis(30)).with_reads(10)))
}

/// A read whose readings are changed when it is the fault's turn.
macro_rules! twisted {
    ($change:expr) => {{
        fn read(base: &mut Base, recorder: &mut Recorder<'_>) -> Result<()> {
            let mut readings = base.fetch(recorder)?;
            let change: fn(&mut Readings) = $change;
            if base.is_turn() {
                change(&mut readings);
            }
            push(recorder, readings);
            Ok(())
        }
        read as Read
    }};
}

#[expect(clippy::too_many_lines, reason = "a table, one row for each way to break a case")]
fn table() -> Vec<Faulty> {
    vec![
        faulty("driver and device have names", |descriptor| descriptor.driver.clear(), healthy),
        faulty("driver and device have names", |descriptor| descriptor.device = " ".into(), healthy),
        faulty("descriptor stays the same", fine, changes_descriptor),
        faulty(
            "there are channels",
            |descriptor| descriptor.channels.clear(),
            |base, recorder| base.bracket(recorder).map(drop),
        ),
        faulty("channel names are unique and not empty", |d| d.channels[CHIP].name = "board".into(), healthy),
        faulty("channel names are unique and not empty", |d| d.channels[CHIP].name = "".into(), healthy),
        faulty("part_of names another channel, without a circle", dangling, healthy),
        faulty("part_of names another channel, without a circle", circle, healthy),
        faulty("a part's scope lies within the whole's", |d| d.channels[CHIP].scope = Scope::NodeAc, healthy),
        faulty(
            "nominal values are above 0",
            |d| d.channels[BOARD].update_period = Some(Duration::ZERO),
            healthy,
        ),
        faulty(
            "nominal values are above 0",
            |d| d.channels[BOARD].quantity = Quantity::average_power(Duration::ZERO),
            healthy,
        ),
        faulty("nominal values are above 0", |d| d.channels[BOARD].resolution = Some(f64::NAN), healthy),
        faulty("nominal values are above 0", unsourced, healthy),
        faulty("ranges are ordered", |d| *d = with_range(d, 500.0, 0.0), healthy),
        faulty("ranges are ordered", |d| *d = with_range(d, 0.0, f64::INFINITY), healthy),
        faulty("reads succeed", fine, |base, recorder| {
            if base.is_turn() {
                return Err(Error::new(ErrorKind::Timeout, "no answer"));
            }
            healthy(base, recorder)
        }),
        faulty("readings belong to a channel", fine, |base, recorder| {
            let readings = base.fetch(recorder)?;
            push(recorder, readings);
            recorder.push(Reading::new(ChannelId(99), Watts::from_watts(1.0), readings[BOARD].stamp));
            Ok(())
        }),
        faulty("every channel gives a reading", fine, |base, recorder| {
            let readings = base.fetch(recorder)?;
            push(recorder, readings.into_iter().filter(|reading| reading.channel != ChannelId(1)));
            Ok(())
        }),
        faulty(
            "values fit their quantity",
            fine,
            twisted!(|r| r[ENERGY].value = Watts::from_watts(1.0).into()),
        ),
        faulty("values fit their quantity", fine, twisted!(|r| r[BOARD].value = Value::Count(250))),
        faulty(
            "a missing value is flagged, and no other is",
            fine,
            twisted!(|r| r[BUSY].value = Value::Missing),
        ),
        faulty(
            "a missing value is flagged, and no other is",
            fine,
            twisted!(|r| r[BUSY].flags = Flags::MISSING),
        ),
        faulty("numbers are finite", fine, twisted!(|r| r[BOARD].value = Watts::from_watts(f64::NAN).into())),
        faulty(
            "numbers are within the channel's range",
            fine,
            twisted!(|r| r[BOARD].value = Watts::from_watts(501.0).into()),
        ),
        faulty("ratios are plausible", fine, twisted!(|r| r[BUSY].value = Ratio::from_fraction(40.0).into())),
        faulty("a polled channel is read at most once a read", fine, |base, recorder| {
            let readings = base.fetch(recorder)?;
            push(recorder, readings);
            recorder.push(readings[BOARD]);
            Ok(())
        }),
        faulty("counts stay below the modulus", fine, twisted!(|r| r[ENERGY].value = Value::Count(1 << 32))),
        faulty("energy counters step plausibly", fine, twisted!(|r| r[ENERGY].value = Value::Count(0))),
        faulty(
            "energy counters step plausibly",
            fine,
            twisted!(|r| r[ENERGY].value = Value::Count(90_000_000)),
        ),
        faulty("stamps are ordered", fine, stamps_backwards),
        faulty("stamps lie within the call", fine, |base, recorder| {
            let stamp = base.bracket(recorder)?;
            let old = base.kept.replace(stamp).unwrap_or(stamp);
            push(recorder, Base::readings(old));
            Ok(())
        }),
        faulty("stamps do not go back", fine, |base, recorder| {
            let first = base.bracket(recorder)?;
            let mut readings = base.fetch(recorder)?;
            readings[STREAM].stamp = first;
            push(recorder, readings);
            Ok(())
        }),
        faulty("device times are there as the clock domain claims", fine, |base, recorder| {
            let mut readings = base.fetch(recorder)?;
            readings[STREAM].device_time = None;
            push(recorder, readings);
            Ok(())
        }),
        faulty(
            "device times are there as the clock domain claims",
            |d| d.clock = ClockDomain::HostBracket,
            healthy,
        ),
        faulty(
            "device times of a stream do not go back",
            fine,
            twisted!(|r| r[STREAM].device_time = Some(DeviceTime::from_nanos(-1))),
        ),
        faulty("the buffer is only appended to", fine, swaps_recorder),
        tolerating("an error leaves whole readings", half_a_reading, |e| e.tolerating(ErrorKind::Timeout)),
        tolerating("disconnected stays disconnected", comes_back, |e| e.tolerating(ErrorKind::Disconnected)),
        tolerating("disconnected stays disconnected", healthy, |expectations| {
            expectations.with_disconnecting(|| Ok(Base::new(&VirtualClock::new(), descriptor(), still)))
        }),
        tolerating("disconnected stays disconnected", healthy, |expectations| {
            let gone = || Err::<Base, _>(Error::new(ErrorKind::NotFound, "cannot open"));
            expectations.with_disconnecting(gone)
        }),
        faulty("reads allocate nothing", fine, |base, recorder| {
            black_box(Box::new(base.reads));
            healthy(base, recorder)
        }),
    ]
}

fn dangling(descriptor: &mut Descriptor) {
    descriptor.channels[CHIP].part_of = Some(ChannelId(17));
}

fn circle(descriptor: &mut Descriptor) {
    for (from, to) in [(BOARD, 1), (CHIP, 0)] {
        descriptor.channels[from].scope = Scope::Unknown;
        descriptor.channels[from].part_of = Some(ChannelId(to));
    }
}

fn unsourced(descriptor: &mut Descriptor) {
    descriptor.channels[BOARD].accuracy =
        Some(Accuracy { percent_of_reading: 1.0, percent_of_range: 0.0, source: "".into() });
}

fn with_range(descriptor: &Descriptor, low: f64, high: f64) -> Descriptor {
    let mut changed = descriptor.clone();
    changed.channels[CHIP] = changed.channels[CHIP].clone().with_range(low, high);
    changed
}

fn changes_descriptor(base: &mut Base, recorder: &mut Recorder<'_>) -> Result<()> {
    if base.is_turn() {
        base.descriptor.channels[BOARD].resolution = Some(0.01);
    }
    healthy(base, recorder)
}

fn stamps_backwards(base: &mut Base, recorder: &mut Recorder<'_>) -> Result<()> {
    base.clock.advance(Duration::from_micros(100));
    let ((), stamp) = recorder.bracket(|| {
        let back = base.clock.peek_ns() - 50_000;
        base.clock.set(HostTime::from_nanos(back));
        Ok::<(), Error>(())
    })?;
    base.clock.advance(Duration::from_micros(100));
    push(recorder, Base::readings(stamp));
    Ok(())
}

/// Goes on writing into a buffer of its own.
fn swaps_recorder(base: &mut Base, recorder: &mut Recorder<'_>) -> Result<()> {
    healthy(base, recorder)?;
    if base.is_turn() {
        let clock: &'static VirtualClock = Box::leak(Box::new(base.clock.clone()));
        *recorder = Recorder::new(clock, Box::leak(Box::default()));
    }
    Ok(())
}

fn half_a_reading(base: &mut Base, recorder: &mut Recorder<'_>) -> Result<()> {
    if !base.is_turn() {
        return healthy(base, recorder);
    }
    let stamp: Stamp = base.bracket(recorder)?;
    recorder.push(Reading::new(ChannelId(0), Watts::from_watts(f64::NAN), stamp));
    Err(Error::new(ErrorKind::Timeout, "the second half did not come"))
}

fn comes_back(base: &mut Base, recorder: &mut Recorder<'_>) -> Result<()> {
    if base.is_turn() {
        return Err(Error::new(ErrorKind::Disconnected, "gone"));
    }
    healthy(base, recorder)
}

/// Gives no reading and no error.
#[expect(clippy::unnecessary_wraps, reason = "has the type of a read")]
fn still(_: &mut Base, _: &mut Recorder<'_>) -> Result<()> {
    Ok(())
}

#[test]
fn a_healthy_source_passes_every_case() {
    let clock = VirtualClock::new();
    let other = clock.clone();
    let expectations = Expectations::on(&clock, Duration::from_millis(30)).with_disconnecting(move || {
        let gone: Read = |base, recorder| match base.reads {
            0..5 => healthy(base, recorder),
            _ => Err(Error::new(ErrorKind::Disconnected, "gone")),
        };
        Ok(Base::new(&other, descriptor(), gone))
    });
    let report = power_testkit::conformance(|| Ok(Base::new(&clock, descriptor(), healthy)), expectations);
    assert_eq!(report.not_run().count(), 0, "{report}");
    assert_eq!((report.reads, report.readings), (200, 5 * 155));
}

#[test]
fn each_faulty_source_is_caught_by_its_case_alone() {
    for faulty in table() {
        let report = run(&faulty);
        assert_eq!(report.failed().collect::<Vec<_>>(), [faulty.case], "{report}");
    }
}

#[test]
fn every_case_has_a_faulty_source() {
    let healthy = run(&faulty("", fine, healthy));
    assert_eq!(healthy.failed().count(), 0, "{healthy}");
    let cases: BTreeSet<&str> = healthy.cases.iter().map(|result| result.case).collect();
    let mut broken: BTreeSet<&str> = table().iter().map(|faulty| faulty.case).collect();
    broken.extend([OPENS, REOPENS]);
    assert_eq!(cases, broken);
}

#[test]
fn a_source_that_does_not_open_fails_that_case() {
    let open = || Err::<Base, _>(Error::new(ErrorKind::Unavailable, "no library"));
    let report = inspect(open, Expectations::default());
    assert_eq!(report.failed().collect::<Vec<_>>(), [OPENS]);
    assert!(report.to_string().contains("no library: unavailable"), "{report}");
}

#[test]
fn a_source_that_opens_once_fails_to_reopen() {
    let clock = VirtualClock::new();
    let mut opened = 0;
    let open = || {
        opened += 1;
        if opened == 2 {
            return Err(Error::new(ErrorKind::Busy, "port still held"));
        }
        Ok(Base::new(&clock, descriptor(), healthy))
    };
    let report = inspect(open, Expectations::on(&clock, Duration::from_millis(30)));
    assert_eq!(report.failed().collect::<Vec<_>>(), [REOPENS], "{report}");
}

#[test]
fn a_source_that_opens_as_another_fails_to_reopen() {
    let clock = VirtualClock::new();
    let mut opened = 0;
    let open = || {
        opened += 1;
        Ok(Base::new(&clock, descriptor().with_detail("session", opened.to_string()), healthy))
    };
    let report = inspect(open, Expectations::on(&clock, Duration::from_millis(30)));
    assert_eq!(report.failed().collect::<Vec<_>>(), [REOPENS], "{report}");
}

#[test]
#[should_panic(expected = "FAILED   ratios are plausible")]
fn conformance_panics_and_names_the_case() {
    let clock = VirtualClock::new();
    let read = twisted!(|readings| readings[BUSY].value = Ratio::from_fraction(-0.1).into());
    let open = || Ok(Base::new(&clock, descriptor(), read));
    power_testkit::conformance(open, Expectations::on(&clock, Duration::from_millis(30)));
}

#[test]
fn what_a_source_does_not_have_is_reported_as_not_run() {
    #[derive(Debug)]
    struct Small(Descriptor);
    impl PowerSource for Small {
        fn descriptor(&self) -> &Descriptor {
            &self.0
        }
        fn read(&mut self, recorder: &mut Recorder<'_>) -> Result<()> {
            let ((), stamp) = recorder.bracket(|| Ok::<(), Error>(()))?;
            recorder.push(Reading::new(ChannelId(0), Watts::from_watts(5.0), stamp));
            Ok(())
        }
    }
    let open = || Ok(Small(Descriptor::new("small", "one", vec![Channel::new("power", Quantity::power())])));
    let report = power_testkit::conformance(open, Expectations::default());
    let not_run: Vec<&str> = report.not_run().collect();
    for case in ["energy counters step plausibly", "ratios are plausible", "disconnected stays disconnected"]
    {
        assert!(not_run.contains(&case), "{report}");
        assert!(report.to_string().contains(case), "the report lists it");
    }
    assert_eq!(report.ran() + not_run.len(), report.cases.len());
}
