//! On the host's clock: counters that change while they are read, and Linux' own perf events.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

mod common;

use std::thread;
use std::time::Duration;

use common::truth::{Events, Layout, PERIOD, True};
use common::{Fake, machines};
use power_core::{Clock, Flags, PowerSource, Quantity, Reading, Recorder, SystemClock};

fn read(source: &mut dyn PowerSource) -> Vec<Reading> {
    let mut readings = Vec::new();
    source.read(&mut Recorder::new(&SystemClock, &mut readings)).unwrap();
    readings
}

#[test]
#[ignore = "needs root and FUSE: run by .ci/run"]
fn an_edge_is_the_first_sight_of_an_update() {
    for layout in Layout::ALL {
        let truth = True::starting(layout, SystemClock, SystemClock.now().nanos(), &Events::default());
        let options = truth.options(&[("edge", "on"), ("edge_ms", "500")]);
        let mut source = power_core::Driver::open(&driver_rapl::DRIVER, "all", &options).unwrap();
        let package = source.descriptor().find("package-0").unwrap();
        for _ in 0..20 {
            let readings = read(&mut *source);
            let reading = readings.iter().find(|reading| reading.channel == package).unwrap();
            let samples = truth.mounted.samples(truth.package_counter());
            let [.., before, last] = &samples[..] else { panic!("{samples:?}") };
            assert_eq!(reading.value.count(), Some(last.count));
            assert_ne!(before.count, last.count, "the read before this one had shown the same");
            assert!((reading.stamp.start().nanos()..=reading.stamp.end().nanos()).contains(&last.t_ns));
            assert!(readings.iter().all(|reading| !reading.flags.contains(Flags::COARSE)));
        }
    }
}

#[test]
fn an_edge_that_does_not_come_is_flagged() {
    let machine = machines::client();
    for (edge, coarse) in [("on", true), ("off", false)] {
        let options = [("backend", "powercap"), ("edge", edge), ("edge_ms", "1")];
        let mut source = machine.fake.open("all", &options).unwrap();
        let readings = read(&mut *source);
        assert!(readings.iter().all(|reading| reading.flags.contains(Flags::COARSE) == coarse), "{edge}");
    }
}

#[test]
#[ignore = "needs root and FUSE: run by .ci/run"]
fn the_update_period_is_measured() {
    let truth = True::starting(Layout::Intel, SystemClock, SystemClock.now().nanos(), &Events::default());
    let options = truth.options(&[("measure_ms", "300"), ("channels", "package-0")]);
    let source = power_core::Driver::open(&driver_rapl::DRIVER, "all", &options).unwrap();
    let channel = &source.descriptor().channels[0];
    let words = &source.descriptor().details["update_period"];
    // On a machine too busy to see every update, it is unknown or longer, and never shorter than it is.
    match channel.update_period {
        Some(period) => {
            assert!(period >= PERIOD * 9 / 10, "{period:?}");
            assert!(words.contains("measured for 300 ms at open: package-0 "), "{words}");
        }
        None => assert!(words.contains("unknown of package-0"), "{words}"),
    }
    assert_eq!(
        source.descriptor().details["energy_filtering"],
        "on (IA32_MISC_PACKAGE_CTLS bit 0): single readings are randomised"
    );
}

/// The energy in J between two readings of a channel.
fn energy(source: &dyn PowerSource, earlier: &Reading, later: &Reading) -> f64 {
    let channel = source.descriptor().channel(later.channel).unwrap();
    let Quantity::EnergyCounter { quantum, .. } = channel.quantity else { panic!("{}", channel.quantity) };
    let counts = channel.step(earlier, later).and_then(power_core::Step::counts).unwrap();
    #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
    let counts = counts as f64;
    quantum.get() * counts
}

#[test]
#[ignore = "needs root and two CPUs: run by .ci/run"]
fn perf_events_count_what_they_should() {
    let machine = machines::two_sockets();
    let mut source = machine.fake.open("all/perf", &[]).unwrap();
    let first = read(&mut *source);
    thread::sleep(Duration::from_millis(300));
    let second = read(&mut *source);
    assert_eq!(second.len(), 4);
    // The events of a package are read by one call.
    assert_eq!(second[0].stamp, second[1].stamp);
    assert_ne!(second[1].stamp, second[2].stamp);
    for (earlier, later) in first.iter().zip(&second) {
        assert_eq!(earlier.channel, later.channel);
        // Every domain draws 1 W: joules are seconds, to within the brackets and what two clocks may differ.
        let shortest = later.stamp.start().since(earlier.stamp.end()).unwrap().as_secs_f64();
        let longest = later.stamp.end().since(earlier.stamp.start()).unwrap().as_secs_f64();
        let energy = energy(&*source, earlier, later);
        assert!(
            (shortest * 0.999..=longest * 1.001).contains(&energy),
            "{energy} J in {shortest} to {longest} s"
        );
    }
}

#[test]
#[ignore = "needs root and two CPUs: run by .ci/run"]
fn amds_cores_have_a_pmu_of_their_own() {
    let machine = machines::amd();
    let off = machine.fake.open("all/perf", &[]).unwrap();
    assert!(off.descriptor().details["cores"].starts_with("2 counters of single cores left out"));
    let skipped = &off.descriptor().details["skipped"];
    assert!(skipped.contains("CPU 1 of the cpumask: the counters of CPU 0 once more"), "{skipped}");
    let mut on = machine.fake.open("all/perf", &[("cores", "on")]).unwrap();
    assert_eq!(read(&mut *on).len(), 3);
    let names: Vec<_> = on.descriptor().channels.iter().map(|channel| &*channel.name).collect();
    assert_eq!(names, ["package-0", "package-0/core-of-cpu-0", "package-0/core-of-cpu-1"]);
}

#[test]
#[ignore = "needs root: run by .ci/run"]
fn perf_left_unread_for_longer_than_the_kernel_counts_is_flagged() {
    let machine = machines::one_socket();
    // 2^31 counts of 2^-16 J at 1 MW are 33 ms.
    let mut source = machine.fake.open("all/perf", &[("rated_w", "1000000")]).unwrap();
    assert_eq!(source.descriptor().details["read_within_ms"], "32");
    let broken = |readings: Vec<Reading>| readings.iter().all(|reading| reading.flags.contains(Flags::BREAK));
    assert!(!broken(read(&mut *source)));
    thread::sleep(Duration::from_millis(40));
    assert!(broken(read(&mut *source)));
    // Up to 200 W the kernel's own timer reads often enough.
    let calm = machine.fake.open("all/perf", &[("rated_w", "200")]).unwrap();
    assert_eq!(calm.descriptor().details["read_within_ms"], "no bound");
}

/// Makes an event one that never counts: Linux' software event of emulated instructions.
fn silence(fake: &Fake, event: &str) {
    fake.file(&format!("sys/bus/event_source/devices/power/events/{event}"), "event=0x08");
}

#[test]
#[ignore = "needs root: run by .ci/run"]
fn a_platform_that_is_listed_and_does_not_count_is_no_whole() {
    let machine = machines::client();
    silence(&machine.fake, "energy-psys");
    let source = machine.fake.open("all/perf", &[]).unwrap();
    let descriptor = source.descriptor();
    assert_eq!(descriptor.find("psys"), None);
    assert_eq!(descriptor.channels[0].part_of, None);
    assert!(descriptor.details["skipped"].starts_with("psys: listed, but it did not count"));

    // A virtual machine on Sapphire Rapids, as found on one: a PMU with psys alone, and nothing else.
    let guest = Fake::new();
    guest.cpu("GenuineIntel", 6, 0x8f, "Intel(R) Xeon(R) Processor", "fpu msr hypervisor");
    guest.topology(&[(0, 0, 0)]);
    guest.pmu("power", "0", &["energy-psys"]);
    silence(&guest, "energy-psys");
    let found = driver_rapl::DRIVER.discover_with(&guest.options(&[])).unwrap();
    let [only] = &found[..] else { panic!("{found:?}") };
    let power_core::Access::Unavailable { reason, .. } = &only.access else { panic!("{only:?}") };
    assert!(reason.starts_with("this is a virtual machine"), "{reason}");
}

#[test]
#[ignore = "needs root: run by .ci/run"]
fn a_pmu_whose_cpus_are_offline_is_explained() {
    let fake = Fake::new();
    fake.cpu("GenuineIntel", 6, 85, "Intel(R) Xeon(R) Gold 6148", "fpu msr");
    fake.topology(&[(0, 0, 0)]);
    fake.pmu("power", "0,7", &["energy-pkg"]);
    let source = fake.open("all/perf", &[]).unwrap();
    assert_eq!(source.descriptor().details["skipped"], "CPU 7 of the cpumask: offline");
    fake.file("sys/bus/event_source/devices/power/cpumask", "7");
    let error = fake.open("all/perf", &[]).unwrap_err();
    assert!(error.message().contains("CPU 7 of the cpumask: offline"), "{error}");
}
