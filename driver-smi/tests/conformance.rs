//! The conformance suite over every source, with 1, 4 and 8 GPUs.

#![cfg(unix)]

mod common;

use std::time::Duration;

use common::Fake;
use power_testkit::alloc::CountingAllocator;
use power_testkit::{DriverExpectations, Expectations, Report, conformance, driver_conformance};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const ALLOCATION: &str = "reads allocate nothing";

/// A way to read: its options, reads enough to see it, and whether its reads allocate.
struct Way {
    options: &'static [(&'static str, &'static str)],
    reads: usize,
    allocates: bool,
}

const LOOP: Way = Way { options: &[("period_ms", "20")], reads: 12, allocates: false };
const DMON: Way = Way { options: &[("mode", "dmon")], reads: 12, allocates: false };
// These start a process each time, which cannot be had without allocating.
const QUERY: Way = Way { options: &[("mode", "query")], reads: 5, allocates: true };
const TRACER: Way = Way { options: &[("mode", "tracer"), ("period_ms", "5")], reads: 5, allocates: true };

fn suite(way: &'static Way) {
    for gpus in ["1", "4", "8"] {
        for device in ["all", "0"] {
            let fake = Fake::new(&[("GPUS", gpus)]);
            let expectations = Expectations::default().with_reads(way.reads);
            if way.allocates {
                let report = power_testkit::inspect(|| fake.open(device, way.options), expectations);
                assert_fails_only_by_allocating(&report);
            } else {
                let report = conformance(|| fake.open(device, way.options), expectations);
                assert!(report.ran() > 15, "{gpus} GPUs, {device}: {report}");
            }
        }
    }
}

fn assert_fails_only_by_allocating(report: &Report) {
    let failed: Vec<_> = report.failed().collect();
    assert_eq!(failed, [ALLOCATION], "{report}");
}

#[test]
fn the_loop_conforms() {
    suite(&LOOP);
}

#[test]
fn dmon_conforms() {
    suite(&DMON);
}

#[test]
fn query_conforms_but_for_allocating() {
    suite(&QUERY);
}

#[test]
fn the_tracer_conforms_but_for_allocating() {
    suite(&TRACER);
}

#[test]
fn a_source_that_disconnects_conforms() {
    for (settings, options) in [
        (&[("END_AT", "4"), ("END_CODE", "15")][..], LOOP.options),
        (&[("LOST", "all"), ("LOST_AT", "4"), ("GPUS", "4")], LOOP.options),
    ] {
        let fake = Fake::new(&[]);
        let breaking = Fake::new(settings);
        let expectations = Expectations::default()
            .with_reads(12)
            .with_pause(Duration::from_millis(1))
            .with_disconnecting(move || breaking.open("all", options));
        conformance(|| fake.open("all", options), expectations);
    }
}

#[test]
fn the_driver_conforms() {
    let fake = Fake::new(&[("GPUS", "4")]);
    let expectations = DriverExpectations::default().with_device("2", fake.options(&[]));
    driver_conformance(&driver_smi::DRIVER, &expectations);
}
