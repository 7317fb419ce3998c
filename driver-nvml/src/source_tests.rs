//! The sources on a GPU made of software: what a real library does not do on command.

use std::thread;
use std::time::Duration;

use power_core::{
    ClockDomain, ErrorKind, Flags, Options, PowerSource, Reading, Recorder, Result, Scope, SystemClock,
    Value, Watts,
};
use power_testkit::{Expectations, conformance};

use crate::architecture::Architecture;
use crate::config::Config;
use crate::counter::Counter;
use crate::details::Identity;
use crate::error::Failure;
use crate::gauges::Gauges;
use crate::library::Note;
use crate::ring::Stream;
use crate::test_gpu::{DEPTH, RingScript, Script, TestGpu, usual_fields};

fn config(channels: &str) -> Config {
    let options = Options::new().with("alias_ms", "20");
    let options = if channels.is_empty() { options } else { options.with("channels", channels) };
    Config::new(&options, None).unwrap()
}

fn gauges_of(gpu: &TestGpu, channels: &str) -> Result<Gauges> {
    let identity = Identity::of(Architecture::Hopper);
    Gauges::open(Box::new(gpu.clone()), &identity, &config(channels), None).map(|(source, _)| source)
}

fn stream_of(gpu: &TestGpu, known: Option<Note>) -> Result<(Stream, Note)> {
    Stream::open(Box::new(gpu.clone()), &Identity::of(Architecture::Hopper), &config(""), known)
}

fn read(source: &mut impl PowerSource) -> (Vec<Reading>, Result<()>) {
    let mut readings = Vec::new();
    let outcome = source.read(&mut Recorder::new(&SystemClock, &mut readings));
    (readings, outcome)
}

#[test]
fn all_sources_conform() {
    let gpu = TestGpu::default();
    let identity = Identity::of(Architecture::Hopper);
    // As the driver does, opened again it says what it measured first.
    let open = |known| Gauges::open(Box::new(gpu.clone()), &identity, &config(""), known);
    let (_, measured) = open(None).unwrap();
    conformance(|| open(Some(measured.clone())).map(|(source, _)| source), Expectations::default());

    let open = |known| Counter::open(Box::new(gpu.clone()), &identity, &config(""), known);
    let (_, measured) = open(None).unwrap();
    conformance(|| open(Some(measured.clone())).map(|(source, _)| source), Expectations::default());

    let (_, note) = stream_of(&gpu, None).unwrap();
    assert_eq!(note.clock, ClockDomain::HostRealtime);
    let expectations = Expectations::default().with_pause(Duration::from_millis(2)).with_reads(20);
    conformance(|| stream_of(&gpu, Some(note.clone())).map(|(source, _)| source), expectations);
}

#[test]
fn values_come_in_their_units_and_bits_unknown_here_come_too() {
    let mut source = gauges_of(&TestGpu::default(), "").unwrap();
    let (readings, outcome) = read(&mut source);
    outcome.unwrap();
    let value = |name: &str| {
        let id = source.descriptor().find(name).unwrap();
        readings.iter().find(|reading| reading.channel == id).unwrap().value
    };
    assert_eq!(value("power.draw"), Watts::from_watts(300.0).into());
    assert_eq!(value("power.draw.instant"), Watts::from_watts(150.0).into());
    assert_eq!(value("utilization.gpu").number(), Some(0.97));
    assert_eq!(value("utilization.memory").number(), Some(0.31));
    assert_eq!(value("temperature.gpu").number(), Some(56.0));
    assert_eq!(value("clocks.current.sm").number(), Some(1.98e9));
    assert_eq!(value("enforced.power.limit_mw"), Value::Count(700_000));
    assert_eq!(value("clocks_event_reasons.active"), Value::Count(1 << 63 | 4));
    let details = &source.descriptor().details;
    assert!(details["absent.memory.used"].contains("no such function"), "{details:?}");
    assert!(details["absent.module.power.draw.average"].contains("not supported"));
    assert!(details["meaning.power.draw"].contains("1 s"));
    assert!(details["same_as.power.draw.average"].contains("power.draw"));
    assert!(!details.contains_key("same_as.power.draw.instant"));
    assert!(details.contains_key("call_cost_us.power.draw"));
}

#[test]
fn one_figure_that_fails_withholds_no_other() {
    let gpu = TestGpu::default();
    let mut source = gauges_of(&gpu, "power.draw,pstate,temperature.gpu").unwrap();
    gpu.script().usage_mw = Err(Failure::Internal);
    let (readings, outcome) = read(&mut source);
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Protocol);
    assert_eq!(readings.len(), 2);
    gpu.script().usage_mw = Err(Failure::NotSupported);
    gpu.script().pstate = Err(Failure::NoData);
    let (readings, outcome) = read(&mut source);
    outcome.unwrap();
    let missing = readings.iter().filter(|reading| reading.flags.contains(Flags::MISSING));
    assert_eq!((readings.len(), missing.count()), (3, 2));
}

#[test]
fn a_lost_gpu_is_disconnected_for_good() {
    let gpu = TestGpu::default();
    let mut gauges = gauges_of(&gpu, "").unwrap();
    let (mut stream, _) = stream_of(&gpu, None).unwrap();
    gpu.script().all_fail = Some(Failure::Lost);
    for _ in 0..2 {
        let (readings, outcome) = read(&mut gauges);
        assert_eq!((readings.len(), outcome.unwrap_err().kind()), (0, ErrorKind::Disconnected));
        assert_eq!(read(&mut stream).1.unwrap_err().kind(), ErrorKind::Disconnected);
        // Back again, it stays disconnected until it is opened anew.
        gpu.script().all_fail = None;
    }
    assert!(gauges_of(&gpu, "").is_ok());
}

#[test]
fn what_is_asked_for_and_not_there_is_unsupported_with_the_reason() {
    let gpu = TestGpu::default();
    let error = gauges_of(&gpu, "power.draw,memory.used").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(format!("{error:#}").contains("memory.used"), "{error:#}");
    assert_eq!(gauges_of(&gpu, "power").unwrap_err().kind(), ErrorKind::InvalidConfig);
    gpu.script().energy_mj = Err(Failure::NotSupported);
    let identity = Identity::of(Architecture::Pascal);
    let refused = Counter::open(Box::new(gpu.clone()), &identity, &config("energy.total"), None);
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn scopes_nest_so_that_sums_count_once() {
    let gpu = TestGpu::new(Script {
        field: |field, scope, script| {
            if scope == 0 { usual_fields(field, 0, script) } else { Ok(1_000 * scope) }
        },
        ..Script::default()
    });
    let source = gauges_of(&gpu, "").unwrap();
    let descriptor = source.descriptor();
    let whole = |name: &str| {
        let channel = descriptor.channel(descriptor.find(name).unwrap()).unwrap();
        (
            channel.scope.clone(),
            channel.part_of.and_then(|id| descriptor.channel(id)).map(|whole| whole.scope.clone()),
        )
    };
    assert_eq!(whole("power.draw"), (Scope::Board, Some(Scope::Module)));
    assert_eq!(whole("memory.power.draw.average"), (Scope::Dram, Some(Scope::Board)));
    assert_eq!(whole("module.power.draw.average"), (Scope::Module, None));
    // Of several views of one rail, all but the first are in the first.
    for (view, first) in [
        ("power.draw.average", "power.draw"),
        ("power.draw.instant", "power.draw"),
        ("memory.power.draw.instant", "memory.power.draw.average"),
        ("module.power.draw.instant", "module.power.draw.average"),
    ] {
        let channel = descriptor.channel(descriptor.find(view).unwrap()).unwrap();
        assert_eq!(channel.part_of, descriptor.find(first), "{view}");
    }
    let summed = descriptor
        .channels
        .iter()
        .filter(|channel| channel.quantity.has_energy() && channel.part_of.is_none());
    assert_eq!(summed.map(|channel| &*channel.name).collect::<Vec<_>>(), ["module.power.draw.average"]);
}

/// Numbers of the samples that were handed on, and how many were flagged.
fn follow(source: &mut Stream, fetches: usize, pause: Duration) -> (Vec<i64>, usize) {
    let (mut numbers, mut overruns) = (Vec::new(), 0);
    for _ in 0..fetches {
        thread::sleep(pause);
        let (readings, outcome) = read(source);
        outcome.unwrap();
        for reading in readings {
            let stamp = reading.device_time.unwrap().nanos();
            numbers.push(stamp / 1_000_000);
            overruns += usize::from(reading.flags.contains(Flags::OVERRUN));
        }
    }
    (numbers, overruns)
}

#[test]
fn the_ring_is_gapless_while_fetched_in_time_and_says_so_when_not() {
    let gpu = TestGpu::default();
    let (mut source, _) = stream_of(&gpu, None).unwrap();
    let (numbers, overruns) = follow(&mut source, 20, Duration::from_millis(3));
    assert!(numbers.len() > 40, "{numbers:?}");
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{numbers:?}");
    assert_eq!(overruns, 0);
    let (late, overruns) = follow(&mut source, 1, Duration::from_millis(700));
    assert_eq!((late.len(), overruns), (usize::try_from(DEPTH).unwrap(), 1));
    assert!(late[0] > numbers[numbers.len() - 1] + 1);
}

#[test]
fn a_ring_whose_clock_is_set_back_goes_on_without_a_gap() {
    let gpu = TestGpu::default();
    let (mut source, _) = stream_of(&gpu, None).unwrap();
    let (before, _) = follow(&mut source, 5, Duration::from_millis(3));
    gpu.script().ring.as_mut().unwrap().shift_ns = -60_000_000_000;
    let (after, overruns) = follow(&mut source, 3, Duration::from_millis(3));
    assert_eq!(overruns, 0);
    // One number a millisecond, and the clock lacks 60 s.
    let numbers: Vec<_> = before.iter().copied().chain(after.iter().map(|number| number + 60_000)).collect();
    assert!(after.len() > 5 && numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{numbers:?}");
}

#[test]
fn a_ring_that_starts_anew_with_an_older_clock_goes_on_with_a_flag() {
    let gpu = TestGpu::default();
    let (mut source, _) = stream_of(&gpu, None).unwrap();
    follow(&mut source, 2, Duration::from_millis(3));
    {
        let mut script = gpu.script();
        let ring = script.ring.as_mut().unwrap();
        // Other samples than before, and other values.
        (ring.shift_ns, ring.spacing_ns, ring.depth) = (-60_000_000_000, 1_100_000, 300);
    }
    let (numbers, overruns) = follow(&mut source, 1, Duration::from_millis(3));
    assert_eq!((numbers.len(), overruns), (300, 1));
    let (numbers, overruns) = follow(&mut source, 3, Duration::from_millis(3));
    assert!(numbers.len() > 5 && overruns == 0);
}

#[test]
fn a_ring_deeper_than_it_says_and_one_that_is_empty() {
    let gpu = TestGpu::default();
    let mut ring = RingScript::new(10_000, 1_000, |anchor| anchor.boottime_ns.unwrap());
    ring.claimed_depth = 0;
    gpu.script().ring = Some(ring);
    let (source, note) = stream_of(&gpu, None).unwrap();
    assert!(matches!(note.clock, ClockDomain::HostBoottime));
    assert!(source.descriptor().details["clock"].contains("CLOCK_BOOTTIME"));

    gpu.script().ring.as_mut().unwrap().empty = true;
    assert_eq!(stream_of(&gpu, None).unwrap_err().kind(), ErrorKind::Unavailable);
}

#[test]
fn the_module_ring_is_a_second_channel_if_it_has_the_same_clock() {
    let gpu = TestGpu::default();
    gpu.script().module_ring = Some(RingScript::new(1_000_000, 100, |anchor| anchor.realtime_ns));
    let (mut source, _) = stream_of(&gpu, None).unwrap();
    let (readings, _) = {
        thread::sleep(Duration::from_millis(5));
        read(&mut source)
    };
    assert!([0, 1].iter().all(|id| readings.iter().any(|reading| reading.channel.0 == *id)));
    assert_eq!(source.descriptor().channels[0].part_of.map(|id| id.0), Some(1));

    gpu.script().module_ring = Some(RingScript::new(1_000_000, 100, |anchor| anchor.monotonic_ns));
    let (source, _) = stream_of(&gpu, None).unwrap();
    assert_eq!(source.descriptor().channels.len(), 1);
    assert!(source.descriptor().details["absent.module.power.samples"].contains("another clock"));
}
