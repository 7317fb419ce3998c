//! The same on a real GPU: every way to read, by the conformance suite.
//!
//! It runs only when it is named, `cargo test -p driver-smi --test hardware`; a GPU that is not there is a failure. `WATTPROOF_NVIDIA_SMI` names the binary where it is not in the path.

#![allow(clippy::print_stdout, reason = "the figures are what it is run for")]
#![cfg(unix)]

use std::time::{Duration, Instant};

use power_core::{Access, Driver, ErrorKind, Options, Recorder, SystemClock};
use power_testkit::alloc::CountingAllocator;
use power_testkit::{DriverExpectations, Expectations, driver_conformance, inspect};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// A first look decides which of the fields are twins; it may decide otherwise at the next when power is steady.
const STEADY: &str = "reopens after drop";

#[test]
fn every_way_conforms_on_hardware() {
    let found = driver_smi::DRIVER.discover();
    assert!(found.iter().all(|found| found.access == Access::Ready), "{found:#?}");
    driver_conformance(&driver_smi::DRIVER, &DriverExpectations::default());
    for (mode, reads, allocates) in
        [("loop", 60, false), ("dmon", 5, false), ("query", 10, true), ("tracer", 10, true)]
    {
        for device in ["all", &found[0].device] {
            let options = Options::new().with("mode", mode);
            let open = || driver_smi::DRIVER.open(device, &options);
            let report = inspect(open, Expectations::default().with_reads(reads));
            let allowed = |case: &str| case == STEADY || (allocates && case == "reads allocate nothing");
            assert!(report.failed().all(allowed), "{mode} {device}: {report}");
            println!("{mode} {device}: {report}");
        }
    }
}

#[test]
fn the_loop_keeps_its_period_on_hardware() {
    let options = Options::new().with("fields", "power.draw");
    let mut source = driver_smi::DRIVER.open("0", &options).unwrap();
    println!("{:#?}", source.descriptor());
    let mut readings = Vec::new();
    let started = Instant::now();
    for _ in 0..100 {
        source.read(&mut Recorder::new(&SystemClock, &mut readings)).unwrap();
    }
    let took = started.elapsed();
    let fresh: Vec<_> =
        readings.iter().filter(|reading| !reading.flags.contains(power_core::Flags::COARSE)).collect();
    let delay_us = |reading: &&power_core::Reading| {
        let anchor = SystemClock.anchor();
        let arrival = reading.stamp.end().nanos() - anchor.monotonic_ns + anchor.realtime_ns;
        (arrival - reading.device_time.unwrap().nanos()) / 1_000
    };
    let mut delays: Vec<_> = fresh.iter().map(delay_us).collect();
    delays.sort_unstable();
    println!("100 rounds in {took:?}; from printed time to arrival {delays:?} us");
    assert!((Duration::from_secs(9)..Duration::from_secs(12)).contains(&took), "{took:?}");
    // The printed time is UTC cut down to whole milliseconds, and before the arrival but for clock adjustments.
    assert!(delays.iter().all(|delay| (-1_000..2_000_000).contains(delay)), "{delays:?}");
}

#[test]
fn what_is_not_there_is_refused_on_hardware() {
    for device in ["99", "GPU-ffffffff-0000-0000-0000-000000000000", "no-such-device"] {
        for mode in ["loop", "query", "tracer", "dmon"] {
            let error = driver_smi::DRIVER.open(device, &Options::new().with("mode", mode)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound, "{device} {mode}: {error}");
        }
    }
}
