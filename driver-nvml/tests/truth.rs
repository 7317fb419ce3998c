//! What sources show against what is true of a virtual node.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

mod common;

use std::thread;
use std::time::Duration;

use common::{open, options, read, reading, rig};
use driver_nvml::DRIVER;
use power_core::{ClockDomain, Driver, Flags, PowerSource, SystemClock};
use virtual_rig::{Description, GpuDescription, Load, Restamp, Stamps, VirtualRig};

/// A node whose GPU number n has 100 (n + 1) W.
fn staircase(gpus: u32) -> VirtualRig {
    let gpu = |index: u32| GpuDescription::with_load(Load::constant(100.0 * f64::from(index + 1)));
    let node = (0..gpus)
        .fold(Description::node(gpus as usize), |node, index| node.with_gpu(index as usize, gpu(index)));
    let rig = rig(node);
    // Until the averages over 1 s have seen nothing else.
    thread::sleep(Duration::from_millis(1_300));
    rig
}

#[test]
fn each_gpu_shows_its_own_power_by_whatever_name_it_is_opened() {
    let rig = staircase(4);
    let options = options(&rig);
    let mut names: Vec<(usize, String)> = Vec::new();
    for index in 0..4 {
        let source = open(&rig, &format!("gpu{index}"));
        let details = &source.descriptor().details;
        let (uuid, pci) = (details["uuid"].clone(), details["pci_bus_id"].clone());
        assert!(source.descriptor().device.contains(&uuid));
        names.extend([(index, index.to_string()), (index, uuid), (index, pci.to_lowercase()), (index, pci)]);
    }
    for (index, name) in names {
        let expected = 100.0 * f64::from(u32::try_from(index).unwrap() + 1);
        let close = |watts: f64| (watts - expected).abs() <= 0.02 * expected;
        let mut gauges = DRIVER.open(&name, &options).unwrap();
        for channel in ["power.draw", "power.draw.average", "power.draw.instant"] {
            let shown = reading(&mut *gauges, channel).value.number().unwrap();
            assert!(close(shown), "{name} {channel}: {shown} of {expected}");
        }
        let mut ring = DRIVER.open(&format!("{name}/ring"), &options).unwrap();
        thread::sleep(Duration::from_millis(60));
        let (samples, outcome) = read(&mut *ring);
        outcome.unwrap();
        assert!(!samples.is_empty());
        assert!(samples.iter().all(|sample| close(sample.value.number().unwrap())), "{name}: {samples:?}");
    }
}

#[test]
fn counter_and_ring_agree_with_the_true_energy() {
    let rig = rig(Description::node(1).with_load(Load::square(100.0, 500.0, 0.2)));
    let mut counter = open(&rig, "gpu0/counter");
    let mut ring = open(&rig, "gpu0/ring");
    let count = |counter: &mut dyn PowerSource| {
        let reading = reading(counter, "energy.total");
        (reading.stamp.midpoint().nanos(), reading.value.count().unwrap())
    };
    let (from, before) = count(&mut *counter);
    let mut samples = Vec::new();
    for _ in 0..6 {
        thread::sleep(Duration::from_millis(500));
        let (readings, outcome) = read(&mut *ring);
        outcome.unwrap();
        samples.extend(readings);
    }
    let (to, after) = count(&mut *counter);
    let truth = rig.truth(0).unwrap();
    let true_j = truth.energy_j(from, to);
    let counted_j = power_core::Joules::from_millijoules(after - before).get();
    // Each end is up to 100 ms old, at up to 500 W.
    assert!((counted_j - true_j).abs() < 60.0, "{counted_j} of {true_j}");

    let lead = match ring.descriptor().clock {
        ClockDomain::HostRealtime => {
            let anchor = SystemClock.anchor();
            anchor.realtime_ns - anchor.monotonic_ns
        }
        ref other => panic!("stamped by {other}"),
    };
    let times: Vec<i64> = samples.iter().map(|sample| sample.device_time.unwrap().nanos() - lead).collect();
    let mut ring_j = 0.0;
    for (pair, sample) in times.windows(2).zip(&samples[1..]) {
        let seconds = Duration::from_nanos((pair[1] - pair[0]).unsigned_abs()).as_secs_f64();
        ring_j += sample.value.number().unwrap() * seconds;
    }
    let true_j = truth.energy_j(times[0], times[times.len() - 1]);
    assert!((ring_j / true_j - 1.0).abs() < 0.02, "{ring_j} of {true_j}");
}

/// What a ring gave: its stamps, and how many readings were flagged.
fn fetch(ring: &mut dyn PowerSource) -> (Vec<i64>, usize) {
    let (readings, outcome) = read(ring);
    outcome.unwrap();
    let flagged = readings.iter().filter(|reading| reading.flags.contains(Flags::OVERRUN)).count();
    (readings.iter().map(|reading| reading.device_time.unwrap().nanos()).collect(), flagged)
}

#[test]
fn two_readers_of_a_ring_get_the_same_samples_however_they_fetch() {
    let rig = rig(Description::node(1));
    let (mut often, mut seldom) = (open(&rig, "gpu0/ring"), open(&rig, "gpu0/ring"));
    let (mut by_often, mut by_seldom) = (Vec::new(), Vec::new());
    for round in 0..60 {
        thread::sleep(Duration::from_millis(35));
        let (stamps, flagged) = fetch(&mut *often);
        assert_eq!(flagged, 0);
        by_often.extend(stamps);
        if round % 20 == 19 {
            let (stamps, flagged) = fetch(&mut *seldom);
            assert_eq!(flagged, 0);
            by_seldom.extend(stamps);
        }
    }
    by_often.extend(fetch(&mut *often).0);
    by_seldom.extend(fetch(&mut *seldom).0);
    // The second source was opened later, and the last fetches were not at once.
    let first = by_often[0].max(by_seldom[0]);
    let last = by_often[by_often.len() - 1].min(by_seldom[by_seldom.len() - 1]);
    let common = |stamps: Vec<i64>| {
        let near = first - 1_000_000..=last + 1_000_000;
        stamps.into_iter().filter(|stamp| near.contains(stamp)).collect::<Vec<_>>()
    };
    let (by_often, by_seldom) = (common(by_often), common(by_seldom));
    assert!(by_often.len() > 80, "{}", by_often.len());
    // The ring is stamped anew in between, so the two have the same sample by stamps that differ a little.
    assert_eq!(by_often.len(), by_seldom.len());
    assert!(by_often.iter().zip(&by_seldom).all(|(a, b)| a.abs_diff(*b) < 1_000_000));
    assert!(by_often.windows(2).all(|pair| pair[0] < pair[1]));
}

/// Follows all rings of a node whose stamps move every `every_s`, each ring by two sources: one fetches at every
/// round, the other at every eighth.
fn follow_moving_rings(gpus: usize, every_s: f64) {
    let gpu = || GpuDescription::new().with_restamp(Restamp::new(every_s, 0.4, 0.4));
    let load = Description::node(gpus).with_load(Load::random(90.0, 600.0, 0.1));
    let rig = rig((0..gpus).fold(load, |node, index| node.with_gpu(index, gpu())));
    let name = |index| format!("gpu{index}/ring");
    let mut often: Vec<_> = (0..gpus).map(|index| (open(&rig, &name(index)), Vec::new())).collect();
    let mut seldom: Vec<_> = (0..gpus).map(|index| (open(&rig, &name(index)), Vec::new())).collect();
    for round in 0..48 {
        thread::sleep(Duration::from_millis(70));
        let late = seldom.iter_mut().filter(|_| round % 8 == 7);
        for (ring, samples) in often.iter_mut().chain(late) {
            let (readings, outcome) = read(&mut **ring);
            outcome.unwrap();
            for reading in readings {
                assert!(!reading.flags.contains(Flags::OVERRUN), "{gpus} GPUs: {reading:?}");
                samples.push((reading.device_time.unwrap().nanos(), reading.value.number().unwrap()));
            }
        }
    }
    for ((_, often), (_, seldom)) in often.iter().zip(&seldom) {
        assert!(seldom.len() > 120, "{}", seldom.len());
        assert!(often.windows(2).all(|pair| pair[0].0 + 1_000_000 < pair[1].0), "twice, or out of order");
        // The other source was opened later: from its first sample on, both have the same ones.
        let first = often.iter().position(|sample| sample.0.abs_diff(seldom[0].0) < 1_000_000).unwrap();
        let same = |(a, b): (&(i64, f64), &(i64, f64))| {
            a.0.abs_diff(b.0) < 1_000_000 && a.1.to_bits() == b.1.to_bits()
        };
        assert!(often[first..].iter().zip(seldom).all(same));
        // Both fetched in the last round, one just after the other.
        assert!(seldom.len().abs_diff(often.len() - first) <= 1);
    }
}

#[test]
fn a_ring_whose_stamps_move_loses_and_doubles_nothing_on_1_4_and_8_gpus() {
    for gpus in [1, 4, 8] {
        follow_moving_rings(gpus, 0.15);
    }
}

#[test]
fn a_ring_that_is_fetched_too_late_says_so_once() {
    let rig = rig(Description::node(1));
    let mut ring = open(&rig, "gpu0/ring");
    let within: u64 = ring.descriptor().details["fetch_within_ms.power.samples"].parse().unwrap();
    assert!((1_000..2_400).contains(&within), "{within}");
    thread::sleep(Duration::from_millis(100));
    assert_eq!(fetch(&mut *ring).1, 0);
    // 120 samples of 20 ms are 2.4 s.
    thread::sleep(Duration::from_millis(2_900));
    let (late, flagged) = fetch(&mut *ring);
    assert!((115..=120).contains(&late.len()) && flagged == 1, "{} samples, {flagged} flagged", late.len());
    thread::sleep(Duration::from_millis(100));
    assert_eq!(fetch(&mut *ring).1, 0);
}

#[test]
fn the_clock_of_the_ring_is_found() {
    for (stamps, words) in [(Stamps::Realtime, "CLOCK_REALTIME"), (Stamps::Boottime, "CLOCK_BOOTTIME")] {
        let mut description = Description::node(1);
        description.stamps = stamps;
        let rig = rig(description);
        let mut ring = open(&rig, "gpu0/ring");
        let descriptor = ring.descriptor();
        assert!(descriptor.details["clock"].starts_with(words), "{}", descriptor.details["clock"]);
        let expected =
            if stamps == Stamps::Realtime { ClockDomain::HostRealtime } else { ClockDomain::HostBoottime };
        assert_eq!(descriptor.clock, expected);
        thread::sleep(Duration::from_millis(50));
        let (readings, _) = read(&mut *ring);
        let anchor = SystemClock.anchor();
        let now = if stamps == Stamps::Realtime { anchor.realtime_ns } else { anchor.boottime_ns.unwrap() };
        let ages = readings.iter().map(|reading| now - reading.device_time.unwrap().nanos());
        assert!(ages.clone().count() > 0 && ages.clone().all(|age| (0..1_000_000_000).contains(&age)));
    }
}

#[test]
fn figures_that_are_one_are_reported_and_not_renamed() {
    // On an A100 all polled figures are one; the load changes faster than they are published.
    let node =
        Description::node(1).with_model("NVIDIA A100-SXM4-40GB").with_load(Load::square(60.0, 300.0, 0.07));
    let rig = rig(node);
    let opened = DRIVER.open("gpu0", &options(&rig).with("alias_ms", "400")).unwrap();
    let details = &opened.descriptor().details;
    assert!(details["same_as.power.draw.instant"].starts_with("power.draw: the same"), "{details:?}");
    assert!(opened.descriptor().find("power.draw.instant").is_some());
}
