//! The command line, as a user meets it: the bundled recording, and the errors that a beginner makes first.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;

fn bundled() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../recordings/h200-short-epochs")
}

fn wattproof() -> Command {
    Command::new(env!("CARGO_BIN_EXE_wattproof"))
}

/// Standard output, standard error and exit code.
fn run(command: &mut Command) -> (String, String, Option<i32>) {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr), output.status.code())
}

/// The comparison of the bundled recording as JSON.
fn comparison() -> Value {
    let (out, err, code) = run(wattproof().arg("compare").arg(bundled()).args(["--json", "-"]));
    assert_eq!((err.as_str(), code), ("", Some(0)));
    serde_json::from_str(&out).unwrap()
}

fn sensor<'a>(comparison: &'a Value, name: &str) -> &'a Value {
    let sensors = comparison["sensors"].as_array().unwrap();
    &sensors.iter().find(|judged| judged["sensor"]["name"] == name).unwrap()["comparison"]
}

fn epochs(comparison: &Value) -> &Value {
    comparison["groups"].as_array().unwrap().iter().find(|group| group["group"] == "epoch").unwrap()
}

fn near(value: &Value, expected: f64, within: f64) {
    let value = value.as_f64().unwrap();
    assert!((value - expected).abs() <= within, "{value}, expected {expected} within {within}");
}

#[test]
fn whole_run_energies_agree_within_one_per_cent() {
    let comparison = comparison();
    for name in ["nvml/power_usage", "nvml/power_instant", "counter/energy"] {
        near(&sensor(&comparison, name)["energies"]["naive"]["error"]["value"], 0.0, 0.01);
    }
}

#[test]
fn epochs_err_by_what_was_found_independently() {
    // Computed from the recorded tables by numpy, trapezoids through the polls: -26.2, -12.4 and -5.1 %.
    let comparison = comparison();
    for (name, error) in
        [("nvml/power_usage", -0.26), ("nvml/power_instant", -0.12), ("counter/energy", -0.05)]
    {
        let epochs = epochs(sensor(&comparison, name));
        assert_eq!(epochs["phases"], 72);
        near(&epochs["error"]["value"], error, 0.02);
        assert!(epochs["error"]["low"].as_f64().unwrap() < epochs["error"]["value"].as_f64().unwrap());
    }
    let spawned = epochs(sensor(&comparison, "smi/power_instant"));
    assert_eq!(spawned["without_reading"], 19);
}

#[test]
fn the_text_says_why_and_fits_a_terminal() {
    let (out, _, code) = run(wattproof().arg("compare").arg(bundled()));
    assert_eq!(code, Some(0));
    assert!(out.contains("19 of 72 have no whole reading"), "{out}");
    let text = out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("averaging window 1000 ms) would be off by -26"), "{text}");
    assert!(text.contains("when it publishes and what it averages explain the error"), "{text}");
    for line in out.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn the_same_seed_gives_the_same_result() {
    assert_eq!(comparison(), comparison());
}

#[test]
fn the_bundled_run_is_whole() {
    let (out, err, code) = run(wattproof().arg("verify").arg(bundled()));
    assert_eq!((err.as_str(), code), ("", Some(0)));
    assert!(out.ends_with("whole\n"));
}

#[test]
fn energy_states_every_channel_and_every_phase() {
    let (out, _, code) =
        run(wattproof().arg("energy").arg(bundled()).args(["-c", "ring/power", "--json", "-"]));
    assert_eq!(code, Some(0));
    let result: Value = serde_json::from_str(&out).unwrap();
    let ring = &result["channels"][0];
    assert_eq!(ring["phases"].as_array().unwrap().len(), 576);
    near(&ring["whole"]["mean_w"], 313.8, 0.5);
}

#[test]
fn an_export_is_what_import_reads() {
    let folder = tempfile::tempdir().unwrap();
    let (csv, again) = (folder.path().join("run.csv"), folder.path().join("again"));
    let done = |command: &mut Command| assert_eq!(run(command).2, Some(0));
    done(wattproof().arg("export").arg(bundled()).arg("-o").arg(&csv));
    done(wattproof().args(["import", "csv"]).arg(&csv).arg("-o").arg(&again));
    let rows = |dir: &Path, key: &str| {
        let rows = harness::run::Run::open(dir).unwrap().rows(key).unwrap();
        rows.into_iter().map(|row| (row.t_start_ns, row.t_end_ns, row.value)).collect::<Vec<_>>()
    };
    for key in ["counter/energy", "smi/power_instant", "ring/power"] {
        assert_eq!(rows(&bundled(), key), rows(&again, key), "{key}");
    }
}

#[test]
fn a_report_is_written_beside_the_result() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("report.html");
    let (_, err, code) = run(wattproof().arg("report").arg(bundled()).arg("-o").arg(&page));
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains("report.html"));
    assert!(std::fs::read_to_string(page).unwrap().to_lowercase().starts_with("<!doctype html>"));
}

#[test]
fn mistakes_are_told_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.csv");
    std::fs::write(&empty, "").unwrap();
    let here = folder.path();
    let missing = here.join("nothing");
    let cases: Vec<(Vec<String>, &[&str])> = vec![
        (vec!["compare".into(), missing.display().to_string()], &["is no run", "wattproof import"]),
        (
            vec!["compare".into(), bundled().display().to_string(), "-r".into(), "ring/powr".into()],
            &["has no channel ring/powr", "did you mean ring/power"],
        ),
        (
            vec!["compare".into(), bundled().display().to_string(), "-s".into(), "ring/power".into()],
            &["is the reference"],
        ),
        (
            vec![
                "compare".into(),
                bundled().display().to_string(),
                "-r".into(),
                "nvml/gpu_utilisation".into(),
            ],
            &["has no energy", "choose one of"],
        ),
        (
            vec!["compare".into(), bundled().display().to_string(), "-w".into(), "ring/power=25".into()],
            &["has no unit"],
        ),
        (
            vec!["import".into(), "csv".into(), empty.display().to_string(), "-o".into(), "run".into()],
            &["empty.csv"],
        ),
        (
            vec!["import".into(), "csv".into(), missing.display().to_string(), "-o".into(), "run".into()],
            &["nothing", "check the path"],
        ),
        (
            vec!["import".into(), "cvs".into(), "x".into(), "-o".into(), "run".into()],
            &["invalid value 'cvs'", "csv"],
        ),
    ];
    for (arguments, said) in cases {
        let (out, err, code) = run(wattproof().current_dir(here).args(&arguments));
        assert_eq!((out.as_str(), code), ("", Some(2)), "{arguments:?}: {err}");
        for words in said {
            assert!(err.contains(words), "{arguments:?}: {err}");
        }
        assert!(!err.contains("panicked"), "{err}");
    }
    assert!(!here.join("run").exists(), "a failed import leaves nothing behind");
}

#[test]
fn recordings_that_never_met_are_not_compared() {
    let folder = tempfile::tempdir().unwrap();
    let (csv, dir) = (folder.path().join("apart.csv"), folder.path().join("apart"));
    let mut text = String::from("t_ns,channel,quantity,value\n");
    for step in 0..50_i64 {
        writeln!(text, "{},a/power,power,{}", step * 100_000_000, 80 + step).unwrap();
    }
    for step in 100..150_i64 {
        writeln!(text, "{},b/power,power,{}", step * 100_000_000, 80 + step).unwrap();
    }
    std::fs::write(&csv, text).unwrap();
    assert_eq!(run(wattproof().args(["import", "csv"]).arg(&csv).arg("-o").arg(&dir)).2, Some(0));
    let (out, _, code) = run(wattproof().arg("compare").arg(&dir).args(["-r", "b/power"]));
    assert_eq!(code, Some(1));
    assert!(out.contains("never recorded together"), "{out}");
}
