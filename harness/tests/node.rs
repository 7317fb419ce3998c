//! `calibrate` and `estimate` as a user meets them, on runs of a node whose truth is known.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

mod node_support;

use node_support::{Lab, Options, PLAIN, PLAN, wall_w, write};
use serde_json::Value;

fn near(value: &Value, expected: f64, within: f64) {
    let value = value.as_f64().unwrap();
    assert!((value - expected).abs() <= within, "{value}, expected {expected} within {within}");
}

#[test]
fn every_watt_is_counted_once() {
    let lab = Lab::new();
    let calibration = lab.calibrated();
    let channels: Vec<(&str, Vec<&str>)> = calibration["file"]["channels"]
        .as_array()
        .unwrap()
        .iter()
        .map(|component| {
            let keys = component["channels"].as_array().unwrap();
            (component["name"].as_str().unwrap(), keys.iter().map(|key| key.as_str().unwrap()).collect())
        })
        .collect();
    assert_eq!(
        channels,
        [
            ("gpu", vec!["nvml0/energy", "nvml1/energy"]),
            ("cpu", vec!["rapl/package-0"]),
            ("dram", vec!["rapl/dram-0"])
        ]
    );
}

#[test]
fn a_run_without_a_meter_gets_the_energy_that_a_meter_would_show() {
    let lab = Lab::new();
    let calibration = lab.calibrated();
    assert!(calibration["file"]["model"]["held_out"]["max_percent"].as_f64().unwrap() < 1.0, "{calibration}");
    let unseen = [(1000.0, 200.0, 90.0), (1700.0, 300.0, 60.0)];
    write(&lab.path("job"), &unseen, Options { meter: false, ..PLAIN });
    let found = lab.json(&["estimate", "job", "-m", "model.toml"], &[]);
    // The last second has no reading after it.
    let truth = 60.0 * wall_w(unseen[0]) + 59.0 * wall_w(unseen[1]);
    near(&found["energy_j"]["value"], truth, 0.005 * truth);
    let (low, high) =
        (found["energy_j"]["low"].as_f64().unwrap(), found["energy_j"]["high"].as_f64().unwrap());
    assert!(low < truth && truth < high && high - low < 0.05 * truth, "{low} {truth} {high}");
    let parts: f64 = found["components"]
        .as_array()
        .unwrap()
        .iter()
        .chain([&serde_json::json!({"energy_j": found["constant_j"]})])
        .chain([&serde_json::json!({"energy_j": found["load_dependent_j"]})])
        .map(|part| part["energy_j"].as_f64().unwrap())
        .sum();
    near(&found["energy_j"]["value"], parts, 1e-6 * truth);
    assert_eq!(found["warnings"], serde_json::json!([]));
    assert_eq!(found["phases"].as_array().unwrap().len(), 2);
    assert_eq!(found["meter"], Value::Null);
}

#[test]
fn a_meter_in_the_run_checks_the_estimate() {
    let lab = Lab::new();
    lab.calibrated();
    write(&lab.path("job"), &[(1000.0, 200.0, 90.0)], PLAIN);
    let (out, _, code) = lab.wattproof(&["estimate", "job", "-m", "model.toml"], &[]);
    assert_eq!(code, Some(0), "{out}");
    let words = out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("the meter is within its interval"), "{out}");
    write(&lab.path("off"), &[(1000.0, 200.0, 90.0)], Options { meter_scale: 1.2, ..PLAIN });
    let (out, _, code) = lab.wattproof(&["estimate", "off", "-m", "model.toml"], &[]);
    assert_eq!(code, Some(1), "{out}");
}

#[test]
fn other_tools_stand_beside() {
    let lab = Lab::new();
    lab.calibrated();
    write(&lab.path("job"), &[(1000.0, 200.0, 90.0)], PLAIN);
    let arguments =
        ["estimate", "job", "-m", "model.toml", "--compare-with", "codecarbon-v2,codecarbon-v3,tdp"];
    let more = ["--memory-gib", "2015", "--tdp-w", "700", "--gpu-tdp-w", "2800"];
    let found = lab.json(&[&arguments[..], &more[..]].concat(), &[]);
    let seconds = found["seconds"].as_f64().unwrap();
    for (at, watts) in [1200.0 + 2015.0 * 0.375, 1200.0 + 70.0, 3500.0].into_iter().enumerate() {
        near(&found["compared"][at]["energy_j"], watts * seconds, 1.0);
    }
    near(
        &found["compared"][0]["against_meter_percent"],
        100.0 * (1955.6 / wall_w((1000.0, 200.0, 90.0)) - 1.0),
        0.1,
    );
    // The memory of the host is recorded, the rated power is not.
    let found = lab.json(&["estimate", "job", "-m", "model.toml", "--compare-with", "codecarbon-v3"], &[]);
    near(&found["compared"][0]["memory_w"], 10.0, 1e-9);
    let (_, err, code) =
        lab.wattproof(&["estimate", "job", "-m", "model.toml", "--compare-with", "tdp"], &[]);
    assert_eq!(code, Some(2));
    assert!(err.contains("pass --tdp-w"), "{err}");
}

#[test]
fn the_code_carbon_configuration_carries_the_rest() {
    let lab = Lab::new();
    lab.calibrated();
    write(&lab.path("job"), &[(1000.0, 200.0, 90.0)], Options { meter: false, ..PLAIN });
    let arguments =
        ["estimate", "job", "-m", "model.toml", "--code-carbon-config", "cc.config", "--cpu-load", "0.5"];
    lab.json(&arguments, &[]);
    let text = std::fs::read_to_string(lab.path("cc.config")).unwrap();
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("{key} = "))).unwrap();
        line.parse::<f64>().unwrap()
    };
    assert!((value("force_ram_power") - (wall_w((1000.0, 200.0, 90.0)) - 1200.0)).abs() < 8.0, "{text}");
    assert!((value("force_cpu_power") - 200.0 / (0.1 + 0.9 * 0.125)).abs() < 0.1, "{text}");
}

#[test]
fn outside_its_range_machine_and_time_a_model_warns() {
    let lab = Lab::new();
    lab.calibrated();
    let strange = Options { hostname: "node2", written_at: "2027-01-02T03:04:05Z", meter: false, ..PLAIN };
    write(&lab.path("job"), &[(4000.0, 200.0, 90.0)], strange);
    let found = lab.json(&["estimate", "job", "-m", "model.toml"], &[]);
    let warnings = found["warnings"].to_string();
    for said in
        ["another machine: hostname node2 instead of node1", "In 100 % of the time", "expired on 2026-07-01"]
    {
        assert!(warnings.contains(said), "{warnings}");
    }
}

#[test]
fn one_recording_of_all_plateaus_is_held_out_plateau_by_plateau() {
    let lab = Lab::new();
    write(&lab.path("all"), &PLAN, PLAIN);
    let one = [lab.path("all")];
    let refusal = lab.refusal(&["calibrate", "-o", "model.toml", "--phases", "--discard", "20s"], &one);
    assert!(refusal.contains("--hold-out plateau"), "{refusal}");
    let arguments =
        ["calibrate", "-o", "model.toml", "--phases", "--discard", "20s", "--hold-out", "plateau"];
    let calibration = lab.json(&arguments, &one);
    assert_eq!(calibration["file"]["model"]["held_out"]["runs"], 12);
    assert_eq!(calibration["runs"][0]["levels"], 12);
}

#[test]
fn what_bears_no_model_is_refused_with_what_to_do() {
    let lab = Lab::new();
    let runs = lab.runs(Options { meter_scale: 1e-3, ..PLAIN });
    let refusal = lab.refusal(&["calibrate", "-o", "model.toml"], &runs);
    assert!(refusal.contains("it seems to be in kW"), "{refusal}");
    let lab = Lab::new();
    let runs = lab.runs(PLAIN);
    let refusal = lab.refusal(&["calibrate", "-o", "model.toml"], &runs[..2]);
    assert!(refusal.contains("record at least"), "{refusal}");
    let refusal =
        lab.refusal(&["calibrate", "-o", "model.toml", "-c", "gpu=rapl/package-0,rapl/core-0"], &runs);
    assert!(refusal.contains("is part of the other"), "{refusal}");
    let refusal =
        lab.refusal(&["calibrate", "-o", "model.toml", "-r", "nvml0/power", "-c", "gpu=nvml9/energy"], &runs);
    assert!(refusal.contains("has no channel nvml9/energy"), "{refusal}");
    let meter = ["calibrate", "-o", "model.toml", "-c", "gpu=meter/power"];
    assert!(lab.refusal(&meter, &runs).contains("meter/power is the meter"));
    let block = lab.refusal(&["calibrate", "-o", "model.toml", "--block", "0s"], &runs);
    assert!(block.contains("too short for means"), "{block}");
    write(&lab.path("other"), &PLAN[..2], Options { hostname: "node2", ..PLAIN });
    let refusal = lab.refusal(&["calibrate", "-o", "model.toml"], &[runs[0].clone(), lab.path("other")]);
    assert!(refusal.contains("another machine"), "{refusal}");
}

#[test]
fn a_gap_of_the_meter_leaves_a_level_out_and_says_so() {
    let lab = Lab::new();
    let mut runs = lab.runs(PLAIN);
    write(&lab.path("gap"), &[PLAN[3], PLAN[4]], Options { gap: true, ..PLAIN });
    runs.push(lab.path("gap"));
    let (out, err, code) = lab.wattproof(&["calibrate", "-o", "model.toml"], &runs);
    assert_eq!(code, Some(0), "{err}");
    let text = out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("gap: left out at") && text.contains("meter/power has a gap of"), "{out}");
    for line in out.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn the_model_file_is_read_back_or_refused() {
    let lab = Lab::new();
    lab.calibrated();
    let text = std::fs::read_to_string(lab.path("model.toml")).unwrap();
    let model = harness::node::ModelFile::parse(&text).unwrap();
    assert_eq!(model.to_toml().unwrap(), text);
    let coefficient = text.lines().position(|line| line.starts_with("coefficients")).unwrap();
    for line in 0..text.lines().count() {
        let damaged: Vec<&str> =
            text.lines().enumerate().filter(|(at, _)| *at != line).map(|(_, it)| it).collect();
        let parsed = harness::node::ModelFile::parse(&damaged.join("\n"));
        assert!(line != coefficient || parsed.is_err());
    }
    let newer = text.replace("schema_version = 1", "schema_version = 9");
    assert!(harness::node::ModelFile::parse(&newer).unwrap_err().to_string().contains("update wattproof"));
}

#[test]
fn what_code_carbon_stated_is_corrected_by_the_model() {
    let lab = Lab::new();
    let named = ["-c", "gpu=nvml0/energy,nvml1/energy", "-c", "cpu=rapl/package-0"];
    lab.json(&[&["calibrate", "-o", "model.toml"], &named[..]].concat(), &lab.runs(PLAIN));
    // 600 s with GPUs at 1000 W and CPUs at 200 W, as energy counters gave them, and memory by Code Carbon 2's rule.
    let rows = "timestamp,project_name,run_id,duration,cpu_energy,gpu_energy,ram_energy,energy_consumed\n\
                2026-01-02T03:04:05,job,b,600,0.0333333333,0.1666666667,0.1259375,0.3259375\n";
    std::fs::write(lab.path("emissions.csv"), rows).unwrap();
    let (_, err, code) = lab.wattproof(&["import", "code-carbon", "emissions.csv", "-o", "stated"], &[]);
    assert_eq!(code, Some(0), "{err}");
    let components = ["-c", "gpu=job-b/gpu_energy", "-c", "cpu=job-b/cpu_energy"];
    let found = lab.json(&[&["estimate", "stated", "-m", "model.toml"], &components[..]].concat(), &[]);
    // Memory of 40 to 160 W is not told by these sensors: the constant and the interval hold it.
    let truth = 600.0 * wall_w((1000.0, 200.0, 90.0));
    let (low, high) =
        (found["energy_j"]["low"].as_f64().unwrap(), found["energy_j"]["high"].as_f64().unwrap());
    assert!(low < truth && truth < high, "{low} {truth} {high}");
    near(&found["energy_j"]["value"], truth, 0.05 * truth);
    assert!(found["notes"].to_string().contains("too slow for blocks of 30 s"), "{}", found["notes"]);
}

#[test]
fn the_report_shows_the_node_by_parts_and_methods() {
    let lab = Lab::new();
    lab.calibrated();
    write(&lab.path("job"), &[(1000.0, 200.0, 90.0), (1700.0, 300.0, 60.0)], PLAIN);
    let (_, err, code) = lab.wattproof(&["report", "job", "-m", "model.toml", "-o", "page.html"], &[]);
    assert_ne!(code, Some(2), "{err}");
    let page = std::fs::read_to_string(lab.path("page.html")).unwrap();
    let section = page.split("<section id=\"node\">").nth(1).unwrap().split("</section>").next().unwrap();
    assert_eq!(section.matches("role=\"img\"").count(), 3, "{section}");
    for said in
        ["From below: gpu, cpu, dram", "codecarbon-v3", "upper bound", "(chosen)", "the model errs by"]
    {
        assert!(section.contains(said), "{said}: {section}");
    }
    assert!(!section.contains("NaN") && !section.contains("inf"), "{section}");
}

#[test]
fn short_phases_are_corrected_by_a_card_and_what_it_leaves_open_is_in_the_interval() {
    let lab = Lab::new();
    let plan = [150.0, 600.0, 1200.0, 1800.0, 2200.0, 900.0, 300.0, 1500.0].map(|gpu| (gpu, 120.0, 40.0));
    let runs: Vec<_> = plan
        .chunks(2)
        .enumerate()
        .map(|(at, plateaus)| {
            let dir = lab.path(&format!("gpus{at}"));
            write(&dir, plateaus, PLAIN);
            dir
        })
        .collect();
    let gpus = "gpu=nvml0/energy,nvml1/energy";
    lab.json(&["calibrate", "-o", "model.toml", "--component", gpus], &runs);
    let manifest = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let recording = manifest.join("../recordings/h200-short-epochs");
    let estimate = |component: &str, more: &[&str]| {
        let arguments =
            ["estimate", recording.to_str().unwrap(), "-m", "model.toml", "--component", component];
        lab.json(&[&arguments[..], more].concat(), &[])["phases"].as_array().unwrap().clone()
    };
    let truth = estimate("gpu=ring/power", &[]);
    let cards = manifest.join("../docs/cards");
    let corrected = estimate("gpu=nvml/power_usage", &["--card", cards.to_str().unwrap()]);
    let (mut epochs, mut held, mut sums) = (0, 0, [0.0; 3]);
    for (phase, truth) in corrected.iter().zip(&truth) {
        assert_eq!(phase["name"], truth["name"]);
        if !phase["name"].as_str().unwrap().starts_with("epoch") {
            continue;
        }
        let number = |value: &Value| value.as_f64();
        match number(&phase["energy_j"]["value"]) {
            None => assert!(phase["unknown"].is_string(), "{phase}"),
            Some(energy) => {
                // One that is as short as a few of the ring's samples is not judged.
                let Some(true_j) = number(&truth["energy_j"]["value"]) else { continue };
                let (low, high) = (&phase["energy_j"]["low"], &phase["energy_j"]["high"]);
                held += usize::from(number(low).unwrap() <= true_j && true_j <= number(high).unwrap());
                epochs += 1;
                let shown = number(&phase["shown_j"]["value"]).unwrap_or_else(|| panic!("{phase}"));
                sums = [sums[0] + energy, sums[1] + shown, sums[2] + true_j];
            }
        }
    }
    assert!(epochs >= 60 && held * 10 >= epochs * 9, "{held} of {epochs}");
    let [energy, shown, true_j] = sums;
    assert!((energy / true_j - 1.0).abs() < 0.02 && shown / true_j - 1.0 < -0.08, "{sums:?}");
    let arguments =
        ["estimate", recording.to_str().unwrap(), "-m", "model.toml", "--component", "gpu=nvml/power_usage"];
    let (out, _, _) =
        lab.wattproof(&[&arguments[..], &["--phases", "--card", cards.to_str().unwrap()]].concat(), &[]);
    assert!(out.contains("uncorrected") && out.contains("window and delay"), "{out}");
}
