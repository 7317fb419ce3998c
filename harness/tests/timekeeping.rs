//! What is said of times on the clock of another host: how well they are known, and never that two hosts agree.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

use std::path::Path;

use assert_cmd::Command;
use harness::alignment::{AlignedClock, AlignedTimes, Alignment};
use harness::run::{NewRun, Origin, Row, RowValue, Run, RunWriter, TimeBase};
use power_core::{Channel, ClockDomain, Descriptor, Flags, Lane, Quantity};
use serde_json::Value;

const SECOND: i64 = 1_000_000_000;

/// A run of two meters at the same power, of which one is on the clock of host `far`, 100 s ahead. `kept` is what is
/// known of how both hosts' clocks are kept.
fn run_with(dir: &Path, kept: &[(&str, &str)]) -> Run {
    let origin = Origin::Recorded { command: Vec::new(), exit_code: None };
    let mut new = NewRun::new(TimeBase::HostMonotonic, origin);
    let facts = || kept.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    new.host = facts().collect();
    let mut writer = RunWriter::create(dir, new).unwrap();
    for (id, ahead_ns) in [("near", None), ("far", Some(100 * SECOND))] {
        let channel = Channel::new("power", Quantity::instantaneous_power());
        let mut descriptor = Descriptor::new("meter", id, vec![channel]).with_lane(Lane::new(id));
        if ahead_ns.is_some() {
            descriptor = descriptor.with_clock(ClockDomain::RemoteHost { host: "node7".to_owned() });
            descriptor.details = facts().map(|(name, value)| (format!("remote {name}"), value)).collect();
        }
        let source = writer.add_source(id, descriptor).unwrap();
        for k in 0..400_i64 {
            let t = k * SECOND / 10;
            let row = Row {
                channel: 0,
                t_start_ns: t,
                t_end_ns: t + 1_000_000,
                t_device_ns: ahead_ns.map(|ahead| t + ahead),
                value: RowValue::Number(if k / 50 % 2 == 0 { 100.0 } else { 300.0 }),
                flags: Flags::NONE,
            };
            writer.push(source, row).unwrap();
        }
    }
    writer.finish().unwrap()
}

/// What `compare` notes.
fn notes(dir: &Path) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wattproof"));
    let output =
        command.arg("compare").arg(dir).args(["--reference", "near/power", "--json", "-"]).output().unwrap();
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let notes = found["notes"].as_array().unwrap().iter();
    notes.filter_map(Value::as_str).collect::<Vec<_>>().join("\n")
}

fn align(run: &Run, uncertainty_ns: Option<u64>) {
    let clock = AlignedClock {
        times: AlignedTimes::Device,
        offset_ns: -100 * SECOND,
        uncertainty_ns,
        method: "a test".to_owned(),
        ..AlignedClock::default()
    };
    run.save_alignment(&Alignment([("far".to_owned(), clock)].into())).unwrap();
}

#[test]
fn what_is_worse_than_5_ms_or_unknown_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("run");
    let run = run_with(&dir, &[]);
    let said = notes(&dir);
    assert!(said.contains("the clock of host node7, which nothing relates to this one yet"), "{said}");
    assert!(said.contains("Neither is relied on") && said.contains("its error is unknown"), "{said}");
    align(&run, Some(7_000_000));
    assert!(notes(&dir).contains("are known here to 7.0 ms only"), "{}", notes(&dir));
    align(&run, None);
    assert!(notes(&dir).contains("are known here is unknown"), "{}", notes(&dir));
    align(&run, Some(60_000));
    let said = notes(&dir);
    assert!(!said.contains("known here") && said.contains("Neither is relied on"), "{said}");
}

#[test]
fn two_clocks_that_are_kept_well_are_not_talked_about_but_still_not_assumed_to_agree() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("run");
    let run = run_with(&dir, &[("clock.synchronised", "yes"), ("clock.max_error_us", "900")]);
    let said = notes(&dir);
    assert!(said.contains("nothing relates") && !said.contains("Neither is relied on"), "{said}");
    align(&run, Some(60_000));
    let said = notes(&dir);
    assert!(!said.contains("host node7"), "{said}");
    // How the clocks are kept is no part of what the machine is, on the page.
    let page = folder.path().join("page.html");
    let mut command = Command::new(env!("CARGO_BIN_EXE_wattproof"));
    // Whatever the verdict is, there is a page.
    command.arg("report").arg(&dir).args(["--reference", "near/power", "-o"]).arg(&page).output().unwrap();
    assert!(!std::fs::read_to_string(&page).unwrap().contains("clock.synchronised yes"));
}
