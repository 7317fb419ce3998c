//! A recorder that is killed loses nothing that it had flushed.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]
#![cfg(unix)]

mod run_support;

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use harness::run::{Mark, MarkEvent, Run, RunWriter, Severity, State, verify};
use run_support::{descriptor, energy, fill, new_run, power};

/// The variable by which this test's child learns where to record.
const RECORD_INTO: &str = "HARNESS_TEST_RECORD_INTO";

/// What the child does: it records 100 rows a channel and flushes, then on and on, and never ends.
#[test]
fn child_records_without_end() {
    let Some(dir) = std::env::var_os(RECORD_INTO).map(PathBuf::from) else { return };
    let mut writer = RunWriter::create(&dir, new_run()).unwrap();
    let sources = fill(&mut writer);
    writer.mark(Mark { t_ns: 95_000, event: MarkEvent::Begin, name: "never ends".to_owned() }).unwrap();
    std::io::stderr().write_all(b"flushed\n").unwrap();
    for step in 100_i64.. {
        writer.push(sources[0], power(step * 1_000, 1.0)).unwrap();
        writer.push(sources[0], energy(step * 1_000, 1)).unwrap();
        if step % 1_000 == 0 {
            writer.flush().unwrap();
        }
    }
}

#[test]
fn what_was_flushed_outlives_sigkill() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("run");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_records_without_end", "--nocapture"])
        .env(RECORD_INTO, &dir)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "flushed"));
    std::thread::sleep(std::time::Duration::from_millis(50));
    child.kill().unwrap(); // SIGKILL
    child.wait().unwrap();

    let run = Run::open(&dir).unwrap();
    assert_eq!(run.manifest().state, State::Recording);
    assert_eq!(run.rows("meter/power_w").unwrap().len(), 100);
    let power = run.rows("gpu0/power_w").unwrap();
    assert!(power.len() >= 100, "{} rows", power.len());
    assert!(power.windows(2).all(|pair| pair[0].t_start_ns < pair[1].t_start_ns));
    assert_eq!(run.marks().len(), 3);
    assert_eq!(run.phases().unwrap().len(), 1);

    let verification = verify(&dir).unwrap();
    assert!(!verification.ok());
    let faults: Vec<_> =
        verification.findings.iter().filter(|found| found.severity == Severity::Fault).collect();
    assert_eq!(faults.len(), 1, "{faults:?}");
    let rows = verification.counts.rows;
    assert!(faults[0].what.contains(&format!("{rows} readings are there")), "{faults:?}");
    assert!(verification.findings.iter().any(|found| found.what.contains("never ends")));
}

#[test]
fn a_dropped_recording_keeps_its_rows() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("run");
    let mut writer = RunWriter::create(&dir, new_run()).unwrap();
    let source = writer.add_source("gpu0", descriptor("nvml")).unwrap();
    writer.push(source, power(1, 1.0)).unwrap();
    drop(writer);
    assert_eq!(Run::open(&dir).unwrap().rows("gpu0/power_w").unwrap().len(), 1);
}

#[test]
fn a_mark_that_was_cut_off_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("run");
    let mut writer = RunWriter::create(&dir, new_run()).unwrap();
    fill(&mut writer);
    drop(writer);
    let marks = dir.join("marks.jsonl");
    let mut bytes = std::fs::read(&marks).unwrap();
    bytes.truncate(bytes.len() - 5);
    std::fs::write(&marks, &bytes).unwrap();
    assert_eq!(Run::open(&dir).unwrap().marks().len(), 1);
    let findings = verify(&dir).unwrap().findings;
    let cut = findings.iter().find(|found| found.what.contains("line 2 was cut off")).unwrap();
    assert_eq!(cut.severity, Severity::Remark);
}
