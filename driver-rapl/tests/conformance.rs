//! The suite, by every way on every fake machine.

#![cfg(target_os = "linux")]

mod common;

use std::time::Duration;

use common::machines;
use common::truth::{Events, Layout, True};
use driver_rapl::{DRIVER, safe_total};
use power_core::{ChannelId, Clock, Driver, ErrorKind, SystemClock, Watts};
use power_testkit::alloc::CountingAllocator;
use power_testkit::{DriverExpectations, Expectations, conformance, driver_conformance};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// By every way but perf, whose system call this user may not be allowed.
const BY_FILES: [&str; 2] = ["powercap", "msr"];

fn suite(way: &str) -> usize {
    let mut seen = 0;
    for machine in machines::all().iter().filter(|machine| machine.ways.contains(&way)) {
        for edge in ["off", "on"] {
            let options = [("backend", way), ("edge", edge), ("edge_ms", "1")];
            let open = || machine.fake.open("all", &options);
            let source = open().unwrap_or_else(|error| panic!("{} by {way}: {error:#}", machine.name));
            let descriptor = source.descriptor();
            let channels: Vec<&str> = descriptor.channels.iter().map(|channel| &*channel.name).collect();
            assert_eq!(channels, machine.channels, "{} by {way}", machine.name);
            assert_eq!(descriptor.details["safe_total"], machine.total, "{} by {way}", machine.name);
            assert_eq!(descriptor.details["backend"], way);
            drop(source);
            let report = conformance(open, Expectations::default().with_reads(20));
            assert!(report.ran() > 15, "{report}");
            seen += 1;
        }
        let expectations =
            DriverExpectations::default().with_device("all", machine.fake.options(&[("backend", way)]));
        driver_conformance(&DRIVER, &expectations);
    }
    seen
}

#[test]
fn powercap_conforms() {
    assert_eq!(suite("powercap"), 14);
}

#[test]
fn registers_conform() {
    assert_eq!(suite("msr"), 10);
}

#[test]
#[ignore = "needs root and two CPUs: run by .ci/run"]
fn perf_conforms() {
    assert_eq!(suite("perf"), 10);
}

#[test]
#[ignore = "needs root and FUSE: run by .ci/run"]
fn counters_that_count_conform() {
    for layout in Layout::ALL {
        for edge in ["off", "on"] {
            let truth = True::starting(layout, SystemClock, SystemClock.now().nanos(), &Events::default());
            let options = truth.options(&[("edge", edge)]);
            // Above the rated power of a platform, so that no step but a true one is plausible.
            let expectations = Expectations::default()
                .with_reads(20)
                .with_pause(Duration::from_millis(3))
                .with_most_power(Watts::from_watts(900.0));
            let report = conformance(|| DRIVER.open("all", &options), expectations);
            assert!(report.ran() > 15, "{report}");
        }
    }
}

#[test]
fn the_driver_conforms_on_this_machine() {
    driver_conformance(&DRIVER, &DriverExpectations::default());
}

#[test]
fn a_cpu_that_is_unplugged_disconnects_for_good() {
    for way in BY_FILES {
        let machine = machines::two_sockets();
        let mut source = machine.fake.open("all", &[("backend", way)]).unwrap();
        let mut readings = Vec::new();
        source.read(&mut power_core::Recorder::new(&power_core::SystemClock, &mut readings)).unwrap();
        assert_eq!(readings.len(), 4);
        machine.fake.unplug();
        for _ in 0..3 {
            let mut recorder = power_core::Recorder::new(&power_core::SystemClock, &mut readings);
            assert_eq!(source.read(&mut recorder).unwrap_err().kind(), ErrorKind::Disconnected);
        }
        // And by the suite, with a machine that is whole beside one that loses its CPUs at the first read.
        let whole = machines::two_sockets();
        let options = [("backend", way)];
        let expectations = Expectations::default().with_disconnecting(move || {
            let broken = machines::two_sockets();
            let source = broken.fake.open("all", &options);
            broken.fake.unplug();
            source
        });
        conformance(|| whole.fake.open("all", &options), expectations);
    }
}

#[test]
fn a_package_alone_is_a_source_too() {
    let machine = machines::two_sockets();
    conformance(|| machine.fake.open("package-1/msr", &[]), Expectations::default());
    let source = machine.fake.open("package-1/powercap", &[]).unwrap();
    let descriptor = source.descriptor();
    assert_eq!(descriptor.lane.name(), "rapl/package-1");
    assert_eq!(safe_total(descriptor), [ChannelId(0), ChannelId(1)]);
    for unknown in ["package-2/msr", "package-x", "all/rapl", "0"] {
        let error = machine.fake.open(unknown, &[("backend", "msr")]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{unknown}: {error}");
    }
}
