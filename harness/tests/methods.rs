//! `calibrate --plan`, `calibrate --run` and `methods` as a user meets them, on the paper's node made of software (2 TB of
//! memory, four GPUs, a ZES meter): by a virtual clock. In real time, by the real
//! interfaces, it is a command: `methods --rig virtual -o lab --live`.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;
use virtual_rig::{Description, Load, VirtualRig};

fn wattproof(dir: &Path, arguments: &[&str]) -> (String, String, Option<i32>) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_wattproof")).current_dir(dir).args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr), output.status.code())
}

fn json(dir: &Path, arguments: &[&str]) -> Value {
    let (out, err, _) = wattproof(dir, &[arguments, &["--json", "-"]].concat());
    serde_json::from_str(&out).unwrap_or_else(|_| panic!("{err}"))
}

/// The greatest error of a method without its sign, in per cent.
fn worst(found: &Value, method: &str) -> f64 {
    let methods = found["methods"].as_array().unwrap();
    let method =
        methods.iter().find(|it| it["method"] == method).unwrap_or_else(|| panic!("{method}: {found}"));
    method["error"]["worst_percent"].as_f64().unwrap().abs()
}

#[test]
fn the_papers_order_follows_from_a_node_that_nobody_tuned() {
    for seed in ["1", "2", "3"] {
        let dir = tempfile::tempdir().unwrap();
        let found = json(dir.path(), &["methods", "--rig", "virtual", "-o", "lab", "--seed", seed]);
        assert_eq!(found["judged"].as_array().unwrap().len(), 20, "{found}");
        let (upper, prior) = (worst(&found, "upper bound"), worst(&found, "prior of the prime run"));
        for version in ["codecarbon-v2", "codecarbon-v3"] {
            assert!(worst(&found, version) > upper, "seed {seed}: {version} {found}");
        }
        assert!(upper > prior, "seed {seed}: {upper} {prior}");
        assert!(worst(&found, "model") <= 1.5, "seed {seed}: {found}");
        assert_eq!(found["falsified"], serde_json::json!([]), "seed {seed}");
        assert!(found["differs"].as_array().unwrap().len() >= 3, "{found}");
    }
}

#[test]
fn falsified_gpu_runs_cost_at_most_three_per_cent() {
    for seed in ["1", "2", "3"] {
        let dir = tempfile::tempdir().unwrap();
        let arguments = ["methods", "--rig", "virtual", "-o", "lab", "--falsify", "0.1", "--seed", seed];
        let found = json(dir.path(), &arguments);
        assert!(worst(&found, "model") <= 3.0, "seed {seed}: {found}");
        assert!(!found["falsified"].as_array().unwrap().is_empty(), "seed {seed}: {found}");
    }
}

#[test]
fn what_the_papers_figure_takes_is_said_for_every_rest() {
    let dir = tempfile::tempdir().unwrap();
    let found = json(dir.path(), &["methods", "--rig", "virtual", "-o", "lab", "--sensitivity"]);
    let rows = found["sensitivity"]["rows"].as_array().unwrap();
    let of = |name: &str| rows.iter().map(|row| row[name].as_f64().unwrap()).collect::<Vec<f64>>();
    let falls = |errors: &[f64]| errors.is_sorted_by(|a, b| a > b);
    assert!(falls(&of("code_carbon_2")) && falls(&of("code_carbon_3")), "{rows:?}");
    assert!(of("model").iter().all(|error| error.abs() <= 1.5), "{rows:?}");
    // Version 2 errs by 10.3 % twice: where it still assumes too much, and where it leaves out too much.
    let crossings = found["sensitivity"]["as_the_paper_w"][0].as_array().unwrap();
    assert_eq!(crossings.len(), 2, "{found}");
}

#[test]
fn a_plan_is_printed_and_its_runs_are_made_once() {
    let dir = tempfile::tempdir().unwrap();
    let (out, _, code) = wattproof(dir.path(), &["calibrate", "--plan", "--rig", "virtual"]);
    assert_eq!(code, Some(0));
    assert!(out.contains("gpu-75-dram") && out.contains("18 runs, 20 min in all"), "{out}");
    assert!(out.lines().all(|line| line.chars().count() <= 80), "{out}");
    let arguments = ["calibrate", "--run", "lab", "--rig", "virtual", "--virtual-clock"];
    let (out, err, code) = wattproof(dir.path(), &arguments);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("prior of the prime run"), "{out}");
    assert!(dir.path().join("node-model.toml").exists());
    std::fs::remove_dir_all(dir.path().join("lab/gpu-50")).unwrap();
    let (again, err, code) = wattproof(dir.path(), &arguments);
    assert_eq!((code, err.matches("is there already").count()), (Some(0), 17), "{err}");
    assert_eq!(again, out, "the same plan and seed give the same model");
    let (_, err, code) = wattproof(dir.path(), &[&arguments[..], &["--dwell", "90s"]].concat());
    assert_eq!(code, Some(2));
    assert!(err.contains("is in the way"), "{err}");
}

#[test]
fn what_cannot_be_planned_is_refused_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    for (arguments, said) in [
        (&["--plan", "--rig", "virtual", "--dwell", "10s"][..], "has no plateau"),
        (&["--plan", "--rig", "virtual", "--repeats", "0"], "repeat 1 to 20 times"),
        (&["--plan", "--rig", "virtual", "--load", "disk"], "write cpu, memory or gpu"),
        (&["--plan", "--rig", "missing.toml"], "check the path"),
        (&[], "required"),
    ] {
        let (out, err, code) = wattproof(dir.path(), &[&["calibrate"], arguments].concat());
        assert_eq!((out.as_str(), code), ("", Some(2)), "{arguments:?}: {err}");
        assert!(err.contains(said), "{arguments:?}: {err}");
    }
    let (_, err, code) = wattproof(dir.path(), &["methods", "run"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("--model"), "{err}");
}

#[test]
fn experiments_wait_for_a_cool_gpu_and_end_at_a_hot_one() {
    let dir = tempfile::tempdir().unwrap();
    // Its temperature is 31 °C + 45 °C at 700 W, of the mean power of 15 s.
    let steps = vec![(0.0, 700.0), (6.0, 75.0), (20.0, 700.0)];
    let load = Load::Steps { steps, repeat_s: Some(60.0) };
    let rig = VirtualRig::start(Description::node(1).with_load(load)).unwrap();
    let text = format!(
        "reference = \"gpu/power.draw\"\n\n[[source]]\nname = \"gpu\"\ndriver = \"nvml\"\ndevice = \"gpu0/gauges\"\n\
         rate_hz = 20\noptions = {{ library = {:?} }}\n",
        rig.nvml_path()
    );
    std::fs::write(dir.path().join("rig.toml"), text).unwrap();
    std::thread::sleep(std::time::Duration::from_secs(5));
    let (_, err, code) = wattproof(
        dir.path(),
        &[
            "calibrate",
            "--run",
            "lab",
            "--rig",
            "rig.toml",
            "--load",
            "cpu=sleep 100",
            "--cool-below",
            "45",
            "--end-above",
            "55",
        ],
    );
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("waiting for 45 °C"), "{err}");
    assert!(err.contains("°C in idle") && err.contains("--end-above"), "{err}");
    let left: Vec<_> = std::fs::read_dir(dir.path().join("lab")).unwrap().collect();
    assert!(left.is_empty(), "what was broken off is no plateau: {left:?}");
}
