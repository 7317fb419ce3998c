//! What is left of a recording when something goes wrong: it is killed, cut off, unplugged, filled.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]
#![cfg(all(target_os = "linux", feature = "virtual", feature = "nvml", feature = "smi"))]

mod record_support;

use std::fs::{self, OpenOptions};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use harness::record::live::Live;
use harness::record::{Settings, record};
use harness::rig::Rig;
use harness::run::{RowValue, Run, Severity, State, recover, verify};
use power_core::{Clock, Flags, SystemClock};
use record_support::{Bench, rows, said, signal, text, wait_for, wattproof};
use rustix::process::Signal;
use virtual_rig::Fault;

const POWER: &str = "gpu0/power.draw";

/// The most that a recording may lose, and as much again for a machine that is busy.
const LOSS_NS: i64 = 2_000_000_000;

/// Records until there are readings, then kills the recorder; gives when.
fn killed(bench: &Bench) -> i64 {
    let rig = bench.rig(&[("gpu0", "required")], "");
    let mut child = bench.record(&rig).stderr(Stdio::null()).spawn().unwrap();
    wait_for("readings", || rows(&bench.run_dir(), POWER) > 100);
    let busy = wattproof().arg("recover").arg(bench.run_dir()).output().unwrap();
    assert_eq!(busy.status.code(), Some(2), "{}", said(&busy));
    assert!(text(&busy.stderr).contains("is being recorded now"), "{}", said(&busy));
    let now = SystemClock.now().nanos();
    signal(&child, Signal::KILL);
    child.wait().unwrap();
    now
}

#[test]
fn sigkill_loses_a_second_at_most_and_recover_completes_the_run() {
    let bench = Bench::new();
    let dir = bench.run_dir();
    let killed_ns = killed(&bench);
    let before = Run::open(&dir).unwrap().rows(POWER).unwrap();
    let lost = killed_ns - before.last().unwrap().t_end_ns;
    assert!(lost < LOSS_NS, "{lost} ns lost");
    let verification = verify(&dir).unwrap();
    assert!(!verification.ok());
    let advice = verification.findings.iter().find(|finding| finding.severity == Severity::Fault).unwrap();
    assert!(advice.mend.contains("wattproof recover"), "{advice:?}");

    let output = wattproof().arg("recover").arg(&dir).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let run = Run::open(&dir).unwrap();
    assert_eq!(run.manifest().state, State::Finished);
    assert!(run.manifest().recovered_at.is_some());
    assert_eq!(run.rows(POWER).unwrap(), before);
    let verification = verify(&dir).unwrap();
    assert!(verification.ok(), "{verification:?}");
    assert!(
        verification.findings.iter().any(|finding| finding.what.contains("recovered")),
        "{verification:?}"
    );
    let again = wattproof().arg("recover").arg(&dir).output().unwrap();
    assert_eq!(again.status.code(), Some(2), "{}", said(&again));
}

#[test]
fn what_a_power_cut_leaves_in_the_middle_of_a_batch_is_cut_off() {
    let bench = Bench::new();
    let dir = bench.run_dir();
    killed(&bench);
    let stream = dir.join(&Run::open(&dir).unwrap().manifest().files[0].path);
    let length = fs::metadata(&stream).unwrap().len();
    let all = rows(&dir, POWER);
    OpenOptions::new().write(true).open(&stream).unwrap().set_len(length - 100).unwrap();
    let anchors = dir.join("anchors.jsonl");
    let length = fs::metadata(&anchors).unwrap().len();
    OpenOptions::new().write(true).open(&anchors).unwrap().set_len(length - 20).unwrap();

    let recovery = recover(&dir).unwrap();
    assert!(recovery.lost_bytes > 0 && recovery.lost_lines == 1, "{recovery:?}");
    let left = rows(&dir, POWER);
    assert!(left > 0 && left < all, "{left} of {all}");
    assert!(verify(&dir).unwrap().ok(), "{:?}", verify(&dir));
}

#[test]
fn a_gpu_that_is_lost_leaves_a_gap_and_comes_back() {
    let bench = Bench::new();
    let dir = bench.run_dir();
    let rig = bench.rig(&[("gpu0", "required"), ("gpu1", "optional")], "");
    let child = bench.record(&rig).spawn().unwrap();
    wait_for("readings", || rows(&dir, "gpu1/power.draw") > 10);
    let fault = bench.node.fault(Fault::lost(1)).unwrap();
    wait_for("the interruption in the manifest", || {
        let recording = Run::open(&dir).unwrap().manifest().recording.clone();
        recording.is_some_and(|recording| !recording.interruptions.is_empty())
    });
    bench.node.clear(fault).unwrap();
    let seen = rows(&dir, "gpu1/power.draw");
    wait_for("readings after the gap", || rows(&dir, "gpu1/power.draw") > seen + 10);
    signal(&child, Signal::INT);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(text(&output.stderr).contains("gpu1 was lost and came back"), "{}", said(&output));

    let run = Run::open(&dir).unwrap();
    let recording = run.manifest().recording.as_ref().unwrap();
    let [interruption] = &recording.interruptions[..] else { panic!("{:?}", recording.interruptions) };
    let (from, to) = (interruption.from_ns.unwrap(), interruption.to_ns.unwrap());
    assert!(from < to && interruption.source == "gpu1");
    let lost = run.rows("gpu1/power.draw").unwrap();
    let gap: Vec<_> = lost.iter().filter(|row| row.value == RowValue::Missing).collect();
    assert!(!gap.is_empty() && gap.iter().all(|row| row.flags.contains(Flags::MISSING)));
    assert!(gap[0].t_start_ns <= from && from <= gap[0].t_end_ns);
    let during = |key: &str| {
        let rows = run.rows(key).unwrap().into_iter();
        rows.filter(|row| row.value != RowValue::Missing && from < row.t_start_ns && row.t_end_ns < to)
            .count()
    };
    assert_eq!(during("gpu1/power.draw"), 0);
    assert!(during(POWER) > 0, "the other GPU went on");
    assert!(recording.sources[1].reads_away > 0 && recording.sources[1].reads_failed > 0);
    assert!(recording.sources[1].sample_ratio() < recording.sources[0].sample_ratio());
}

#[test]
fn a_gpu_that_is_not_there_at_the_start_joins_later() {
    let bench = Bench::new();
    let dir = bench.run_dir();
    let fault = bench.node.fault(Fault::lost(1)).unwrap();
    let rig = bench.rig(&[("gpu1", "optional"), ("gpu0", "required")], "");
    let child = bench.record(&rig).spawn().unwrap();
    wait_for("readings of the other", || rows(&dir, POWER) > 10);
    bench.node.clear(fault).unwrap();
    wait_for("readings", || rows(&dir, "gpu1/power.draw") > 10);
    signal(&child, Signal::INT);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(text(&output.stderr).contains("gpu1 cannot be opened"), "{}", said(&output));
    assert!(verify(&dir).unwrap().ok(), "{:?}", verify(&dir));
}

#[test]
fn a_required_gpu_that_stays_away_ends_the_recording_and_the_command() {
    let bench = Bench::new();
    let dir = bench.run_dir();
    let rig = bench.rig(&[("gpu0", "optional"), ("gpu1", "required")], "");
    let child = bench.record(&rig).args(["--", "sleep", "600"]).spawn().unwrap();
    wait_for("readings", || rows(&dir, "gpu1/power.draw") > 10);
    bench.node.fault(Fault::lost(1)).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(128 + 15), "{}", said(&output));
    assert!(text(&output.stderr).contains("the required source gpu1 was lost"), "{}", said(&output));
    assert!(verify(&dir).unwrap().ok(), "{:?}", verify(&dir));
}

#[test]
fn a_clock_that_is_set_and_a_host_that_sleeps_are_told() {
    let bench = Bench::new();
    let dir = bench.run_dir();
    let mut settings =
        Settings::new(Some(dir.clone()), Rig::read(&bench.rig(&[("gpu0", "required")], "")).unwrap());
    settings.duration = Some(Duration::from_millis(4_500));
    let taken = Arc::new(AtomicI64::new(0));
    settings.anchors = Box::new(move || {
        let number = taken.fetch_add(1, Ordering::Relaxed);
        let mut anchor = SystemClock.anchor();
        // From the second anchor on somebody has set the clock; from the third on the host has slept.
        anchor.realtime_ns += if number >= 1 { -5_000_000_000 } else { 0 };
        anchor.boottime_ns = anchor.boottime_ns.map(|t| t + if number >= 2 { 60_000_000_000 } else { 0 });
        anchor
    });
    let ended = record(settings, &Live::default()).unwrap();
    assert!(ended.failure.is_none() && ended.run.unwrap().anchors().len() >= 4);
    let findings = verify(&dir).unwrap().findings;
    let says = |words: &str| findings.iter().any(|finding| finding.what.contains(words));
    assert!(says("the real-time clock was set 1 times, first by -"), "{findings:?}");
    assert!(says("the host slept 1 times, first for"), "{findings:?}");
}

/// Runs `record` on a file system of its own that is 16 MiB or read-only, and copies what it leaves.
fn on_small_disk(bench: &Bench, options: &str, more: &str, command: &str) -> std::process::Output {
    let (mount, copy) = (bench.folder.path().join("mount"), bench.folder.path().join("copy"));
    fs::create_dir(&mount).unwrap();
    let script = format!(
        "mount -t tmpfs -o {options} tmpfs {mount} && {bin} record {more} -o {mount}/run {command}; code=$?; \
         cp -r {mount}/. {copy}; exit $code",
        mount = mount.display(),
        copy = copy.display(),
        bin = env!("CARGO_BIN_EXE_wattproof"),
    );
    Command::new("unshare").args(["-m", "sh", "-c", &script]).output().unwrap()
}

#[test]
#[ignore = "needs root: run by .ci/run"]
fn a_full_disk_ends_the_recording_and_keeps_what_fitted() {
    let bench = Bench::new();
    let output = on_small_disk(&bench, "size=16m", "--rig virtual --rate 1000 --for 120s", "");
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(text(&output.stderr).contains("make room on the disk"), "{}", said(&output));
    let dir = bench.folder.path().join("copy/run");
    let before = Run::open(&dir).unwrap().rows("gpu0-gauges/power.draw").unwrap();
    assert!(before.len() > 1_000, "{}", before.len());
    let verification = verify(&dir).unwrap();
    assert!(!verification.ok() && verification.state == Some(State::Recording));
    recover(&dir).unwrap();
    assert!(verify(&dir).unwrap().ok(), "{:?}", verify(&dir));
    assert_eq!(Run::open(&dir).unwrap().rows("gpu0-gauges/power.draw").unwrap(), before);
}

#[test]
#[ignore = "needs root: run by .ci/run"]
fn a_full_disk_does_not_stop_the_command() {
    let bench = Bench::new();
    let work = format!(
        "-- sh -c 'while [ $(df --output=avail {} | tail -1) -gt 0 ]; do sleep 0.1; done; sleep 1; echo worked'",
        bench.folder.path().join("mount").display()
    );
    let output = on_small_disk(&bench, "size=1m", "--rig virtual --rate 1000", &work);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(text(&output.stdout).contains("worked"), "{}", said(&output));
}

#[test]
#[ignore = "needs root: run by .ci/run"]
fn a_read_only_disk_is_told_before_anything_starts() {
    let bench = Bench::new();
    let output = on_small_disk(&bench, "size=16m,ro", "--rig virtual --for 1s", "");
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(text(&output.stderr).contains("cannot create"), "{}", said(&output));
}
