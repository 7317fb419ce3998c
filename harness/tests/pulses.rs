//! Pulses at both ends of a recording, and the phases of a virtual workload: what `sync` and `compare` go by.

#![cfg(all(target_os = "linux", feature = "virtual", feature = "nvml", feature = "smi", feature = "meter"))]
#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

mod record_support;

use std::path::Path;
use std::time::Duration;

use harness::Error;
use harness::record::live::Live;
use harness::record::{Pulses, Settings, record};
use harness::rig::Rig;
use harness::rig::virtual_load::VirtualLoad;
use harness::rig::virtual_node::workload_marks;
use harness::run::{Phase, Run, verify};
use power_load::Burst;
use record_support::{Bench, said, text, wattproof};
use serde_json::Value;
use virtual_rig::{Description, Stage, StageKind, VirtualRig, Workload};

/// A recording of the bench's first GPU around a command of the shell.
fn settings(bench: &Bench, command: &str) -> Settings {
    let rig = Rig::read(&bench.rig(&[("gpu0", "required")], "")).unwrap();
    let mut settings = Settings::new(Some(bench.run_dir()), rig);
    settings.command = ["sh", "-c", command].map(Into::into).to_vec();
    settings
}

/// Three pulses of the virtual GPUs, short ones.
fn pulses(bench: &Bench) -> Pulses {
    let (socket, file) = (bench.node.socket(), bench.node.file());
    let mut pulses = Pulses::new(move || Ok(VirtualLoad::connect(&socket, &file)?.opened(1.0)));
    pulses.burst = Burst { pulses: 3, shortest_s: 0.05, longest_s: 0.1, idle_s: 0.1, ..pulses.burst };
    pulses
}

fn named<'a>(phases: &'a [Phase], name: &str) -> Vec<&'a Phase> {
    phases.iter().filter(|phase| phase.name == name).collect()
}

#[test]
fn pulses_stand_before_and_after_the_command_and_the_power_is_there() {
    let bench = Bench::new();
    let mut settings = settings(&bench, "sleep 0.2");
    settings.pulses = Some(pulses(&bench));
    let ended = record(settings, &Live::default()).unwrap();
    assert!(ended.failure.is_none() && ended.exit_code == Some(0), "{ended:?}");
    let phases = ended.run.as_ref().unwrap().phases().unwrap();
    let (pulses, command) = (named(&phases, "sync"), named(&phases, "command")[0]);
    let before = pulses.iter().filter(|pulse| pulse.end_ns <= command.begin_ns).count();
    let after = pulses.iter().filter(|pulse| pulse.begin_ns >= command.end_ns).count();
    assert_eq!((pulses.len(), before, after), (6, 3, 3), "{phases:?}");
    // The power went up and down as often, each time when the mark says so as far as a starved machine can tell it.
    let truth = bench.node.truth(0).unwrap();
    let (from, to) = (pulses[0].begin_ns - 1_000_000_000, pulses[5].end_ns + 1_000_000_000);
    let mut edges = truth.signal_within(from.max(bench.node.origin_ns()), to).edges_ns();
    edges.retain(|&edge| (truth.power_w(edge) - truth.power_w(edge - 1)).abs() > 100.0);
    // Before the first demand, which is rest, the node did what its description says.
    let edges = &edges[edges.len() - 12..];
    let marks = pulses.iter().flat_map(|pulse| [pulse.begin_ns, pulse.end_ns]);
    for (index, (edge, mark)) in edges.iter().zip(marks).enumerate() {
        assert!((edge - mark).abs() < 2_000_000_000, "edge {index}: {edge} and {mark}");
        assert_eq!(truth.power_w(edge + 100) > 500.0, index % 2 == 0, "edge {index}");
    }
    assert!(verify(&bench.run_dir()).unwrap().ok());
}

#[test]
fn a_load_that_is_not_to_be_had_leaves_nothing_and_the_command_undone() {
    let bench = Bench::new();
    let done = bench.folder.path().join("done");
    let mut settings = settings(&bench, &format!("touch {}", done.display()));
    settings.pulses = Some(Pulses::new(|| Err(Error::new("no load"))));
    assert_eq!(record(settings, &Live::default()).unwrap_err().to_string(), "no load");
    assert!(!done.exists() && !bench.run_dir().exists());
}

#[test]
fn a_load_that_fails_after_the_command_leaves_a_run_and_says_so() {
    let bench = Bench::new();
    let mut settings = settings(&bench, "true");
    let mut good = pulses(&bench);
    let mut open = std::mem::replace(&mut good.open, Box::new(|| Err(Error::new("unused"))));
    let mut left = 1;
    good.open = Box::new(move || {
        left -= 1;
        if left >= 0 { open() } else { Err(Error::new("the load is gone")) }
    });
    settings.pulses = Some(good);
    let ended = record(settings, &Live::default()).unwrap();
    assert_eq!(ended.failure.unwrap().to_string(), "the load is gone");
    assert_eq!(ended.exit_code, Some(0));
    assert_eq!(named(&ended.run.unwrap().phases().unwrap(), "sync").len(), 3);
}

#[test]
fn the_phases_of_a_virtual_workload_are_marks_of_the_run() {
    let stage = |kind, seconds| Stage::new(kind, seconds);
    let burn = stage(StageKind::Constant, 0.2).high_w(300.0).named("burn");
    let workload = Workload::new([stage(StageKind::Idle, 0.1), burn]);
    let mut bench = Bench::new();
    bench.node = VirtualRig::start(Description::node(1).with_workload(workload)).unwrap();
    let mut settings = settings(&bench, "");
    settings.command.clear();
    settings.duration = Some(Duration::from_secs(1));
    settings.late_marks = Some(workload_marks(&bench.node));
    let run = record(settings, &Live::default()).unwrap().run.unwrap();
    let phases = run.phases().unwrap();
    let burns = named(&phases, "burn");
    // A cycle of 0.3 s: at least two lie within a second as a whole.
    assert!((2..=4).contains(&burns.len()), "{phases:?}");
    for phase in burns {
        assert_eq!(phase.end_ns - phase.begin_ns, 200_000_000);
        assert_eq!((phase.begin_ns - bench.node.origin_ns()) % 300_000_000, 100_000_000);
    }
    let verified = verify(&bench.run_dir()).unwrap();
    assert!(verified.ok(), "{verified:?}");
}

#[test]
fn pulses_without_a_gpu_are_refused_before_anything_is_recorded() {
    let bench = Bench::new();
    let rig = bench.rig(&[("gpu0", "required")], "");
    let output = bench
        .record(&rig)
        .args(["--sync-pulses", "cuda:0", "--for", "1s"])
        .env("POWER_LOAD_CUDA_LIBRARY", "/nowhere/libcuda.so.1")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(text(&output.stderr).contains("NVIDIA's driver is not installed here"), "{}", said(&output));
    assert!(!bench.run_dir().exists());
}

/// By how much the meter's clock, as it was aligned, is off at a host time, and what the alignment claims, in ms.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "differences of days at the most"
)]
fn off_ms(dir: &Path, source: &str, host_ns: i64) -> (f64, f64) {
    let read = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap();
    let truth: toml::Value = toml::from_str(&read("truth-meters.toml")).unwrap();
    let meters = truth["meters"].as_array().unwrap();
    let meter = meters.iter().find(|meter| meter["name"].as_str() == Some(source)).unwrap();
    let number = |key: &str| meter[key].as_float().unwrap();
    let run = Run::open(dir).unwrap();
    let first = run.anchors()[0];
    let since = (host_ns - first.monotonic_ns) as f64;
    let ahead = number("clock_offset_s") * 1e9 + number("drift_ppm") * 1e-6 * since;
    let device_ns = host_ns + (first.realtime_ns - first.monotonic_ns) + ahead as i64;
    let aligned: Value = serde_json::from_str(&read("alignment.json")).unwrap();
    let clock = &aligned[source];
    let integer = |key: &str| clock[key].as_i64().unwrap();
    let drift = clock["drift_ppm"].as_f64().unwrap() * 1e-6 * (device_ns - integer("origin_ns")) as f64;
    let mapped = (device_ns + integer("offset_ns") - host_ns) as f64 + drift;
    (mapped * 1e-6, integer("uncertainty_ns") as f64 * 1e-6)
}

fn synced(dir: &Path) -> (f64, f64) {
    let output = wattproof().arg("sync").arg(dir).output().unwrap();
    let said = said(&output);
    assert!(said.contains("edges of the load as commanded by the phases sync"), "{said}");
    let run = Run::open(dir).unwrap();
    off_ms(dir, "wall", run.anchors()[run.anchors().len() / 2].monotonic_ns)
}

#[test]
#[ignore = "needs 50 s: two bursts of pulses in real time"]
fn sync_finds_a_meters_clock_by_the_pulses_of_a_virtual_recording() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("run");
    let recorded = wattproof()
        .args(["record", "--rig", "virtual", "--sync-pulses", "--for", "3s", "-o"])
        .arg(&dir)
        .output()
        .unwrap();
    assert_eq!(recorded.status.code(), Some(0), "{}", said(&recorded));
    let (off, claimed) = synced(&dir);
    // Within the interval, whose 95 % leave room for one run in twenty: twice as far is one in ten thousand.
    assert!(off.abs() < 2.0 * claimed && claimed < 3.0, "{off} ms off, {claimed} ms claimed");
}

#[test]
#[ignore = "needs 45 s: two bursts of pulses in real time"]
fn sync_finds_a_meters_clock_by_pulses_around_a_command() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("run");
    let recorded = wattproof()
        .args(["record", "--rig", "virtual", "--sync-pulses", "-o"])
        .arg(&dir)
        .args(["--", "sh", "-c", "sleep 1; exit 3"])
        .output()
        .unwrap();
    assert_eq!(recorded.status.code(), Some(3), "{}", said(&recorded));
    let (off, claimed) = synced(&dir);
    // The load is told in real time: a busy machine tells it late, the mark is in the middle of that, and the interval is
    // as wide as the edges then scatter.
    assert!(off.abs() < 2.0 * claimed && claimed < 100.0, "{off} ms off, {claimed} ms claimed");
}

#[test]
#[ignore = "needs 45 s: two bursts of pulses in real time"]
fn pulses_of_this_machines_cpus_stand_around_a_command() {
    let bench = Bench::new();
    let rig = bench.rig(&[("gpu0", "required")], "");
    let recorded =
        bench.record(&rig).args(["--sync-pulses", "cpu", "--", "sh", "-c", "exit 4"]).output().unwrap();
    assert_eq!(recorded.status.code(), Some(4), "{}", said(&recorded));
    let run = Run::open(&bench.run_dir()).unwrap();
    let phases = run.phases().unwrap();
    let (pulses, command) = (named(&phases, "sync"), named(&phases, "command")[0]);
    let before = pulses.iter().filter(|pulse| pulse.end_ns <= command.begin_ns).count();
    assert_eq!((pulses.len(), before), (16, 8));
    // The recorder's own process made them.
    let on_s: f64 = pulses
        .iter()
        .map(|p| Duration::from_nanos((p.end_ns - p.begin_ns).unsigned_abs()).as_secs_f64())
        .sum();
    let cpu_s = run.manifest().recording.as_ref().unwrap().cpu_s;
    assert!(cpu_s > 0.2 * on_s, "{cpu_s} s of CPU time in {on_s} s of pulses");
}
