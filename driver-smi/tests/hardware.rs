//! The same on a real GPU: every way to read, by the conformance suite, in well under two minutes.
//!
//! It runs only when it is named, `cargo test -p driver-smi --test hardware`; a GPU that is not there is a failure.
//! `WATTPROOF_NVIDIA_SMI` names the binary where it is not in the path. What it does and how long that took goes to
//! standard error as it happens.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use power_core::{Access, Driver, ErrorKind, Flags, Options, PowerSource, Reading, Recorder, SystemClock};
use power_testkit::alloc::CountingAllocator;
use power_testkit::{DriverExpectations, Expectations, driver_conformance, inspect};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Processes that run beside each other slow each other down.
static TURN: Mutex<()> = Mutex::new(());

/// How long the suite may read one way, as far as reads can be left out: it needs 15 all the same.
const BUDGET: Duration = Duration::from_secs(8);

/// What the suite reads for a number of reads: three forms, and as many again after three to warm up.
const RUNS: u32 = 4;

/// The steps of one test, told as they go, past what captures the output of tests.
struct Steps {
    test: &'static str,
    started: Instant,
    _turn: MutexGuard<'static, ()>,
}

impl Steps {
    fn start(test: &'static str) -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let steps = Self { test, started: Instant::now(), _turn: turn };
        steps.tell("starts");
        steps
    }

    fn tell(&self, what: &str) {
        let seconds = self.started.elapsed().as_secs_f64();
        writeln!(std::io::stderr(), "{} {seconds:6.2} s: {what}", self.test).unwrap();
    }
}

fn options(mode: &str) -> Options {
    // What hangs is to fail long before this test is given up.
    Options::new().with("mode", mode).with("deadline_ms", "5000")
}

fn read(source: &mut dyn PowerSource) -> Vec<Reading> {
    let mut readings = Vec::new();
    source.read(&mut Recorder::new(&SystemClock, &mut readings)).unwrap();
    readings
}

/// Runs the suite with as many reads as one read's time leaves within the budget.
fn conforms(steps: &Steps, mode: &str, device: &str, most: u32, allocates: bool) {
    let options = options(mode);
    let open = || driver_smi::DRIVER.open(device, &options);
    let before = Instant::now();
    let mut source = open().unwrap();
    let opened = before.elapsed();
    read(&mut source);
    let before = Instant::now();
    let readings = read(&mut source).len();
    let one = before.elapsed();
    drop(source);
    let affordable = BUDGET.as_millis() / (one * RUNS).as_millis().max(1);
    let reads = u32::try_from(affordable).unwrap_or(u32::MAX).clamp(3, most);
    steps.tell(&format!(
        "{mode} {device}: opens in {opened:?}, a read of {readings} readings takes {one:?}; the suite does {reads} a run"
    ));
    let expectations = Expectations::default().with_reads(usize::try_from(reads).unwrap());
    let report = inspect(open, expectations);
    assert!(
        report.failed().all(|case| allocates && case == "reads allocate nothing"),
        "{mode} {device}: {report}"
    );
    steps.tell(&format!("{mode} {device}: {} cases hold", report.passed().count()));
}

#[test]
fn every_way_conforms_on_hardware() {
    let steps = Steps::start("conformance");
    let found = driver_smi::DRIVER.discover();
    assert!(found.iter().all(|found| found.access == Access::Ready), "{found:#?}");
    steps.tell(&format!("{} GPUs, the first {}", found.len(), found[0].name));
    driver_conformance(&driver_smi::DRIVER, &DriverExpectations::default());
    steps.tell("the driver conforms");
    conforms(&steps, "loop", "all", 15, false);
    conforms(&steps, "loop", &found[0].device, 10, false);
    conforms(&steps, "query", "all", 5, true);
    conforms(&steps, "query", &found[0].device, 5, true);
    conforms(&steps, "tracer", "all", 4, true);
    conforms(&steps, "dmon", "all", 3, false);
}

#[test]
fn the_loop_keeps_its_period_on_hardware() {
    let steps = Steps::start("period");
    let options = options("loop").with("fields", "power.draw");
    let mut source = driver_smi::DRIVER.open("0", &options).unwrap();
    steps.tell(&format!("{:#?}", source.descriptor()));
    let (mut delays_us, mut printed) = (Vec::new(), Vec::new());
    for _ in 0..50 {
        let reading = read(&mut source)[0];
        let anchor = SystemClock.anchor();
        let arrival = reading.stamp.end().nanos() - anchor.monotonic_ns + anchor.realtime_ns;
        let time = reading.device_time.unwrap().nanos();
        printed.push(time);
        // A line that waited came before its bracket.
        if !reading.flags.contains(Flags::COARSE) {
            delays_us.push((arrival - time) / 1_000);
        }
    }
    delays_us.sort_unstable();
    let mut periods_ms: Vec<_> = printed.windows(2).map(|pair| (pair[1] - pair[0]) / 1_000_000).collect();
    periods_ms.sort_unstable();
    steps.tell(&format!(
        "between printed times {periods_ms:?} ms; from printed time to arrival {delays_us:?} us"
    ));
    let median = periods_ms[periods_ms.len() / 2];
    assert!((95..130).contains(&median), "{periods_ms:?}");
    // The printed time is UTC cut down to whole milliseconds, and before the arrival but for clock adjustments.
    assert!(delays_us.iter().all(|delay| (-1_000..2_000_000).contains(delay)), "{delays_us:?}");
}

#[test]
fn the_ways_show_the_same_gpu_on_hardware() {
    let steps = Steps::start("agreement");
    let limit_w = 1_500.0;
    for (mode, channels) in [
        ("loop", &["power.draw"][..]),
        ("query", &["power.draw"]),
        ("tracer", &["power.draw.average", "power.draw"]),
        ("dmon", &["pwr"]),
    ] {
        let mut source = driver_smi::DRIVER.open("0", &options(mode)).unwrap();
        let id = channels.iter().find_map(|channel| source.descriptor().find(channel)).unwrap();
        let readings = read(&mut source);
        let power = readings.iter().find(|reading| reading.channel == id).unwrap();
        steps.tell(&format!("{mode}: {:?} ± {:?}", power.value, power.stamp.half_width()));
        // No GPU is without power, and none of one board has more.
        assert!(
            power.value.number().is_some_and(|watts| watts > 1.0 && watts < limit_w),
            "{mode}: {power:?}"
        );
    }
}

#[test]
fn what_is_not_there_is_refused_on_hardware() {
    let steps = Steps::start("refusals");
    for device in ["99", "GPU-ffffffff-0000-0000-0000-000000000000"] {
        for mode in ["loop", "query", "tracer", "dmon"] {
            let error = driver_smi::DRIVER.open(device, &options(mode)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound, "{device} {mode}: {error}");
        }
        steps.tell(device);
    }
}
