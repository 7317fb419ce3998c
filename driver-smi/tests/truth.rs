//! What every way to read shows against what is true of a virtual node.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use common::node::{self, DMON, LOOP, QUERY, TRACER, WAYS};
use common::{of, read};
use power_core::{ErrorKind, PowerSource, Quantity, Reading, SystemClock, Value};
use power_testkit::Signal;
use virtual_rig::{Description, GpuDescription, Load, VirtualRig};

/// Update period of an H200's power fields in ns.
const PERIOD_NS: i64 = 100_000_000;

/// Phases of publication that are tried, one every so many ns.
const PHASE_NS: i64 = 20_000;

const LOW_W: f64 = 100.0;
const HIGH_W: f64 = 500.0;

/// A value, and the host times between which it was asked for.
#[derive(Debug, Clone, Copy)]
struct Shown {
    from_ns: i64,
    until_ns: i64,
    watts: f64,
}

impl Shown {
    fn new(reading: &Reading) -> Self {
        let anchor = SystemClock.anchor();
        let (start, until_ns) = (reading.stamp.start().nanos(), reading.stamp.end().nanos());
        // The time of a line is printed, cut down to whole ms, before its values are asked for.
        let printed = reading.device_time.map(|time| time.nanos() - anchor.realtime_ns + anchor.monotonic_ns);
        let from_ns = printed.map_or(start, |printed| printed - 1_000_000);
        assert!(from_ns <= until_ns, "{reading:?}");
        Self { from_ns, until_ns, watts: reading.value.number().unwrap() }
    }

    /// Whether this is a mean of the truth over `window_ns` up to a publication that could have been seen.
    fn is_explained(self, truth: &Signal, window_ns: i64, phase_ns: i64, tolerance_w: f64) -> bool {
        let first = (self.from_ns - phase_ns).div_euclid(PERIOD_NS) * PERIOD_NS + phase_ns;
        (first..=self.until_ns)
            .step_by(usize::try_from(PERIOD_NS).unwrap())
            .any(|end| (truth.mean_w(end - window_ns, end) - self.watts).abs() <= tolerance_w)
    }
}

/// The phases of publication at which a sensor of this window would have shown all of this.
fn phases(shown: &[Shown], truth: &Signal, window_ms: i64, rounding_w: f64) -> BTreeSet<i64> {
    let window_ns = window_ms * 1_000_000;
    // Half a step of what is printed and of the sensor, and what half a step of the phases can change.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let share = PHASE_NS as f64 / 2.0 / window_ns as f64;
    let tolerance_w = rounding_w / 2.0 + 0.0006 + (HIGH_W - LOW_W) * share;
    let explains =
        |phase: &i64| shown.iter().all(|one| one.is_explained(truth, window_ns, *phase, tolerance_w));
    (0..PERIOD_NS).step_by(usize::try_from(PHASE_NS).unwrap()).filter(explains).collect()
}

/// Power that changes faster than it is published, on two GPUs.
fn changing() -> VirtualRig {
    let mut node = Description::node(2).with_load(Load::random(LOW_W, HIGH_W, 0.15));
    node.smi.any_order = true;
    node::rig(node)
}

/// Reads with pauses; a way that has a period of its own waits for that all the same.
fn collect(source: &mut dyn PowerSource, reads: usize, pause_ms: u64) -> Vec<Reading> {
    let pause = || thread::sleep(Duration::from_millis(pause_ms));
    (0..reads).inspect(|_| pause()).flat_map(|_| read(source).unwrap()).collect()
}

fn truth(rig: &VirtualRig, gpu: usize, readings: &[Reading]) -> Signal {
    let times = readings.iter().map(|reading| reading.stamp.end().nanos());
    let (from, until) = (times.clone().min().unwrap(), times.max().unwrap());
    rig.truth(gpu).unwrap().signal_within(from - 6_000_000_000, until + 1_000_000_000)
}

#[test]
fn all_ways_show_the_truth_through_the_sensor() {
    const SECOND: i64 = 1_000;
    const AVERAGES: &[(&str, i64)] = &[("power.draw", SECOND), ("power.draw.average", SECOND)];
    for (options, reads, pause_ms, fields) in [
        (&[("period_ms", "70")][..], 40, 0, AVERAGES),
        (QUERY, 30, 70, AVERAGES),
        (TRACER, 30, 70, &[("power.draw.average", SECOND)]),
    ] {
        let rig = changing();
        let mut source = node::open(&rig, "all", options).unwrap();
        let readings = collect(&mut source, reads, pause_ms);
        for gpu in 0..2 {
            let truth = truth(&rig, gpu, &readings);
            // All of a GPU's fields are published together.
            let mut common: Option<BTreeSet<i64>> = None;
            for (field, window_ms) in fields.iter().copied().chain([("power.draw.instant", 25)]) {
                let channel = format!("gpu{gpu}/{field}");
                let shown: Vec<_> = of(&source, &readings, &channel).into_iter().map(Shown::new).collect();
                let changes =
                    shown.windows(2).filter(|pair| (pair[0].watts - pair[1].watts).abs() > 0.001).count();
                assert!(shown.len() == reads && changes > 3, "{options:?} {channel}: {changes} changes");
                let phases = phases(&shown, &truth, window_ms, 0.01);
                assert!(!phases.is_empty(), "{options:?} {channel}: {shown:?}");
                common = Some(common.map_or(phases.clone(), |before| &before & &phases));
            }
            let common = common.unwrap().len();
            // It is the truth that is shown, and not anything.
            let all = usize::try_from(PERIOD_NS / PHASE_NS).unwrap();
            assert!((1..all / 2).contains(&common), "{options:?} gpu{gpu}: {common} phases of {all}");
        }
    }
}

#[test]
fn dmon_shows_the_truth_in_whole_watts() {
    let rig = changing();
    let mut source = node::open(&rig, "all", DMON).unwrap();
    let readings = collect(&mut source, 4, 0);
    for gpu in 0..2 {
        let channel = format!("gpu{gpu}/pwr");
        let shown: Vec<_> = of(&source, &readings, &channel).into_iter().map(Shown::new).collect();
        assert_eq!(shown.len(), 4);
        assert!(!phases(&shown, &truth(&rig, gpu, &readings), 1_000, 1.0).is_empty(), "{channel}: {shown:?}");
        assert!(shown.iter().all(|one| one.watts.fract() == 0.0));
    }
}

#[test]
fn each_gpu_shows_its_own_values_in_whatever_order_they_come() {
    let rig = node::staircase(4);
    for options in WAYS {
        let mut source = node::open(&rig, "all", options).unwrap();
        let dmon = options == DMON;
        let reads = if dmon { 3 } else { 12 };
        for _ in 0..reads {
            let readings = read(&mut source).unwrap();
            assert_eq!(readings.len(), source.descriptor().channels.len(), "{options:?}");
            let value = |name: &str, gpu: usize| of(&source, &readings, &format!("gpu{gpu}/{name}"))[0].value;
            for gpu in 0..4 {
                let watts = Some(node::step(gpu));
                if dmon {
                    assert_eq!(value("pwr", gpu).number(), watts, "{options:?}");
                    continue;
                }
                for field in ["power.draw.average", "power.draw.instant"] {
                    assert_eq!(value(field, gpu).number(), watts, "{options:?} {field}");
                }
                assert_eq!(value("power.limit_mw", gpu), Value::Count(700_000));
                assert_eq!(value("pstate", gpu), Value::Count(0));
                // Above an idle 75 W, of 625 W that it has besides; whole per cent.
                let share = ((node::step(gpu) - 75.0) / 6.25).round() / 100.0;
                let shown = value("utilization.gpu", gpu).number().unwrap();
                assert!((shown - share).abs() < 1e-9, "{options:?}: {shown} of {share}");
            }
        }
    }
}

#[test]
fn a_gpu_is_the_same_by_index_uuid_and_bus_id() {
    let rig = node::staircase(4);
    for options in [LOOP, QUERY, TRACER] {
        let uuid = node::open(&rig, "2", options).unwrap().descriptor().device.clone();
        let uuid = uuid.split_whitespace().last().unwrap().to_owned();
        for device in ["2", "gpu2", &uuid, "00000000:03:00.0"] {
            let mut source = node::open(&rig, device, options).unwrap();
            assert!(source.descriptor().device.ends_with(&uuid), "{device}: {}", source.descriptor().device);
            let readings = read(&mut source).unwrap();
            let power = of(&source, &readings, "power.draw.average")[0];
            assert_eq!(power.value.number(), Some(300.0), "{device} {options:?}");
        }
    }
}

/// The power channels that are part of no other: what a sum over a source is made of.
fn roots(source: &dyn PowerSource) -> Vec<String> {
    let channels = source.descriptor().channels.iter();
    let roots = channels.filter(|channel| matches!(channel.quantity, Quantity::Power { .. }));
    roots.filter(|channel| channel.part_of.is_none()).map(|channel| channel.name.to_string()).collect()
}

#[test]
fn a_sum_counts_every_rail_once() {
    for (model, watts, root, tracer_root) in [
        ("NVIDIA H200", 300.0, "power.draw", "power.draw.average"),
        // A superchip: the module is its GPU and 110 W more.
        ("NVIDIA GH200 480GB", 410.0, "module.power.draw.average", "module.power.draw.average"),
        // No averages.
        ("NVIDIA A100-SXM4-40GB", 300.0, "power.draw", "power.draw.instant"),
        ("Tesla V100-SXM2-16GB", 300.0, "power.draw", "power.draw.instant"),
    ] {
        let rig = node::rig(Description::node(1).with_model(model).with_load(Load::constant(300.0)));
        for (options, expected) in [(LOOP, root), (QUERY, root), (TRACER, tracer_root), (DMON, "pwr")] {
            let mut source = node::open(&rig, "0", options).unwrap();
            assert_eq!(roots(&source), [expected], "{model} {options:?}");
            let readings = read(&mut source).unwrap();
            let expected_w = if options == DMON { 300.0 } else { watts };
            assert_eq!(
                of(&source, &readings, expected)[0].value.number(),
                Some(expected_w),
                "{model} {options:?}"
            );
        }
    }
}

#[test]
fn every_generation_shows_the_truth_by_every_way() {
    const DRAW: &[&str] = &["power.draw"];
    const ALL: &[&str] = &["power.draw", "power.draw.average", "power.draw.instant"];
    const NEW: &[&str] = &["power.draw.average", "power.draw.instant"];
    for (driver, by_query, by_tracer, old_keys) in [
        ("470.256.02", DRAW, DRAW, true),
        ("510.108.03", DRAW, DRAW, true),
        ("525.147.05", ALL, DRAW, true),
        ("530.41.03", ALL, DRAW, true),
        ("535.104.05", ALL, DRAW, false),
        ("550.54.15", ALL, DRAW, false),
        ("565.57.01", ALL, DRAW, false),
        ("570.124.06", ALL, NEW, false),
        ("580.159.04", ALL, NEW, false),
        ("590.44.01", ALL, NEW, false),
    ] {
        let rig = node::rig(Description::node(1).with_driver(driver).with_load(Load::constant(321.5)));
        for (options, fields) in [(LOOP, by_query), (QUERY, by_query), (TRACER, by_tracer)] {
            let mut source = node::open(&rig, "0", options).unwrap();
            assert_eq!(source.descriptor().details["driver_version"], driver);
            let readings = read(&mut source).unwrap();
            for field in ALL {
                let shown =
                    source.descriptor().find(field).map(|_| of(&source, &readings, field)[0].value.number());
                let expected = fields.contains(field).then_some(Some(321.5));
                assert_eq!(shown, expected, "{driver} {options:?} {field}");
            }
            // Under its older name before 535.
            assert!(
                source.descriptor().find("clocks_event_reasons.active").is_some(),
                "{driver} {options:?}"
            );
        }
        let old =
            node::open(&rig, "0", &[("mode", "tracer"), ("period_ms", "5"), ("keys", "power_readings")]);
        assert_eq!(
            old.map(drop).map_err(|error| error.kind()),
            if old_keys { Ok(()) } else { Err(ErrorKind::Unsupported) },
            "{driver}"
        );
    }
}

#[test]
fn with_mig_power_is_the_boards_and_utilisation_is_not_there() {
    let gpu = GpuDescription::with_load(Load::constant(250.0)).with_mig(["1g.18gb", "2g.35gb"]);
    let rig = node::rig(Description::node(1).with_gpu(0, gpu));
    for options in [LOOP, QUERY, TRACER] {
        let mut source = node::open(&rig, "0", options).unwrap();
        assert_eq!(
            source.descriptor().details["no utilization.gpu"],
            "not available on this GPU",
            "{options:?}"
        );
        assert_eq!(source.descriptor().find("utilization.gpu"), None);
        let readings = read(&mut source).unwrap();
        assert_eq!(of(&source, &readings, "power.draw.average")[0].value.number(), Some(250.0));
    }
}
