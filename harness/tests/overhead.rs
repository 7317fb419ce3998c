//! `wattproof overhead` on the virtual rig, whose `nvidia-smi -q` is told to disturb the sensors.

use std::process::Command;

use assert_cmd::assert::OutputAssertExt;
use serde_json::Value;

#[test]
#[ignore = "needs two minutes: it records for as long"]
fn the_way_of_reading_that_disturbs_is_found_and_every_cost_is_stated() {
    let folder = tempfile::tempdir().unwrap();
    let (json, page) = (folder.path().join("o.json"), folder.path().join("o.html"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_wattproof"));
    command.args(["overhead", "--quick", "--rig", "virtual", "--report"]).arg(&page).arg("--json").arg(&json);
    let output = command.assert().success().get_output().clone();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    let found: Value = serde_json::from_str(&std::fs::read_to_string(&json).unwrap()).unwrap();

    for view in found["interference"]["views"].as_array().unwrap() {
        let channel = view["channel"].as_str().unwrap();
        for row in view["beside"].as_array().unwrap() {
            let reader = row["reader"].as_str().unwrap();
            let disturbs = reader.contains("-q -x") && !channel.contains("ring");
            match row["disturbed"].as_bool() {
                Some(disturbed) => assert_eq!(disturbed, disturbs, "{channel} beside {reader}: {row}"),
                None => assert_eq!(reader, "nothing", "{channel}: {row}"),
            }
        }
    }
    let rates: Vec<f64> =
        found["rates"].as_array().unwrap().iter().map(|row| row["asked_hz"].as_f64().unwrap()).collect();
    assert_eq!(rates, [1.0, 10.0, 100.0, 1_000.0, 10_000.0]);
    let gpus: Vec<u64> =
        found["pollers"].as_array().unwrap().iter().map(|row| row["gpus"].as_u64().unwrap()).collect();
    assert_eq!(gpus, [1, 2, 2, 4, 4, 8, 8]);
    assert!(
        found["slowdown"][0]["slowdown"]["low"].is_f64() && found["power_added"]["added_w"]["low"].is_f64()
    );
    assert!(std::fs::read_to_string(page).unwrap().contains("<svg"));
}

#[test]
fn a_command_that_fails_and_a_rig_that_is_not_there_are_said() {
    let says = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wattproof"));
        let output = command.arg("overhead").args(words).assert().code(2).get_output().clone();
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(says(&["--rig", "nowhere.toml"]).contains("nowhere.toml"));
    assert!(
        says(&["--rig", "virtual", "--", "no-such-program"]).contains("no-such-program cannot be started")
    );
    assert!(says(&["--rig", "virtual", "--", "false"]).contains("has to end well each time"));
}
