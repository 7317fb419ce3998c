//! The conformance suite over every way to read, on virtual nodes with 1, 4 and 8 GPUs.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::thread;
use std::time::Duration;

use common::{Fake, node};
use power_core::{Descriptor, PowerSource, Recorder, Result};
use power_testkit::alloc::{self, CountingAllocator};
use power_testkit::{DriverExpectations, Expectations, Report, conformance, driver_conformance, inspect};
use virtual_rig::{Description, Fault, VirtualRig};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const ALLOCATION: &str = "reads allocate nothing";

/// A way to read: its options, reads enough to see it, and whether its reads allocate.
#[derive(Clone, Copy)]
struct Way {
    options: &'static [(&'static str, &'static str)],
    reads: usize,
    allocates: bool,
}

const LOOP: Way = Way { options: node::LOOP, reads: 12, allocates: false };
// A line a second, and no faster.
const DMON: Way = Way { options: node::DMON, reads: 3, allocates: false };
// These start a process each time, which cannot be had without allocating.
const QUERY: Way = Way { options: node::QUERY, reads: 5, allocates: true };
const TRACER: Way = Way { options: node::TRACER, reads: 5, allocates: true };

fn conforms(way: Way, gpus: usize, device: &str) {
    let rig = node::rig(Description::node(gpus));
    let expectations = Expectations::default().with_reads(way.reads);
    let report = inspect(|| node::open(&rig, device, way.options), expectations);
    let failed: Vec<_> = report.failed().collect();
    let allowed: &[_] = if way.allocates { &[ALLOCATION] } else { &[] };
    assert_eq!(failed, allowed, "{gpus} GPUs, {device}: {report}");
    assert!(report.ran() > 15, "{gpus} GPUs, {device}: {report}");
    assert!(way.allocates || report.passed().any(|case| case == ALLOCATION), "{report}");
}

fn suite(way: Way) {
    // At once, because most of the time is spent waiting for lines.
    thread::scope(|scope| {
        for (gpus, device) in [(1, "all"), (1, "0"), (4, "all"), (4, "gpu3"), (8, "all"), (8, "5,7")] {
            scope.spawn(move || conforms(way, gpus, device));
        }
    });
}

#[test]
fn the_loop_conforms() {
    suite(LOOP);
}

#[test]
fn dmon_conforms() {
    suite(DMON);
}

#[test]
fn query_conforms_but_for_allocating() {
    suite(QUERY);
}

#[test]
fn the_tracer_conforms_but_for_allocating() {
    suite(TRACER);
}

/// A source whose GPUs are lost at once, with the rig that it needs.
#[derive(Debug)]
struct Losing {
    source: Box<dyn PowerSource>,
    _rig: VirtualRig,
}

impl Losing {
    fn open(gpus: usize, options: &[(&str, &str)]) -> Result<Self> {
        let rig = node::rig(Description::node(gpus));
        let source = node::open(&rig, "all", options)?;
        for gpu in 0..gpus {
            rig.fault(Fault::lost(gpu)).unwrap();
        }
        Ok(Self { source, _rig: rig })
    }
}

impl PowerSource for Losing {
    fn descriptor(&self) -> &Descriptor {
        self.source.descriptor()
    }

    fn read(&mut self, recorder: &mut Recorder<'_>) -> Result<()> {
        self.source.read(recorder)
    }
}

fn conforms_when_it_disconnects(way: Way, expectations: Expectations) -> Report {
    let rig = node::rig(Description::node(4));
    let report = inspect(|| node::open(&rig, "all", way.options), expectations.with_reads(12));
    assert!(report.failed().all(|case| way.allocates && case == ALLOCATION), "{report}");
    assert!(report.passed().any(|case| case == "disconnected stays disconnected"), "{report}");
    report
}

#[test]
fn sources_whose_gpus_are_lost_conform() {
    for way in [LOOP, QUERY, TRACER] {
        for gpus in [1, 4] {
            let losing = move || Losing::open(gpus, way.options);
            conforms_when_it_disconnects(way, Expectations::default().with_disconnecting(losing));
        }
    }
}

#[test]
fn a_loop_that_ends_conforms() {
    let ending = Fake::new(&[("END_AT", "4"), ("END_CODE", "15")]);
    let expectations = Expectations::default().with_disconnecting(move || ending.open("all", LOOP.options));
    conforms_when_it_disconnects(LOOP, expectations);
}

/// The stand-in's `dmon` is fast enough to see the headings that come again and again.
#[test]
fn dmon_allocates_nothing_when_its_headings_come_again() {
    let fake = Fake::new(&[("GPUS", "4")]);
    let report = conformance(|| fake.open("all", DMON.options), Expectations::default().with_reads(25));
    assert!(report.passed().any(|case| case == ALLOCATION), "{report}");
}

#[test]
fn the_loop_allocates_nothing_whatever_comes() {
    let rig = node::rig(Description::node(4));
    let mut source = node::open(&rig, "all", LOOP.options).unwrap();
    let mut readings = Vec::with_capacity(1 << 12);
    let mut count = |source: &mut dyn PowerSource, reads: usize| {
        (0..reads)
            .map(|_| {
                readings.clear();
                let mut recorder = Recorder::new(&power_core::SystemClock, &mut readings);
                let (outcome, allocations) = alloc::count(|| source.read(&mut recorder));
                outcome.unwrap();
                allocations
            })
            .sum::<u64>()
    };
    count(&mut *source, 3);
    assert_eq!(count(&mut *source, 20), 0);
    // Lines that wait, rounds that are dropped, a value that fails, GPUs that are lost.
    thread::sleep(Duration::from_millis(400));
    assert_eq!(count(&mut *source, 5), 0);
    rig.fault(Fault::error("nvmlDeviceGetPowerUsage", 999).on_gpu(0)).unwrap();
    rig.fault(Fault::lost(2)).unwrap();
    assert_eq!(count(&mut *source, 10), 0);
}

#[test]
fn the_driver_conforms() {
    let rig = node::rig(Description::node(4));
    let expectations = DriverExpectations::default().with_device("2", node::options(&rig, &[]));
    driver_conformance(&driver_smi::DRIVER, &expectations);
}

#[test]
fn the_driver_conforms_where_there_is_nothing() {
    driver_conformance(&driver_smi::DRIVER, &DriverExpectations::default());
}
