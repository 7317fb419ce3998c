//! Software estimators as sources: they conform, and say what the published rules make of counters whose truth is known.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use harness::estimate_source::DRIVER;
use harness::rig::Rig;
use power_core::{Driver as _, Options, PowerSource, Recorder, SystemClock};
use power_testkit::{Expectations, conformance};
use virtual_rig::{Description, Load, VirtualRig};

fn values(source: &mut dyn PowerSource) -> Vec<Option<f64>> {
    let mut readings = Vec::new();
    source.read(&mut Recorder::new(&SystemClock, &mut readings)).unwrap();
    readings.iter().map(|reading| reading.value.number()).collect()
}

#[test]
fn estimators_conform() {
    for (device, options) in [
        ("tdp", Options::new().with("tdp_w", "700").with("gpu_tdp_w", "2800")),
        ("codecarbon-v2", Options::new().with("memory_gib", "2015.34")),
        ("codecarbon-v3", Options::new().with("cpu", "load")),
    ] {
        conformance(|| DRIVER.open(device, &options), Expectations::default());
    }
}

#[test]
fn a_rule_without_counters_says_its_constants() {
    let options = Options::new().with("memory_gib", "2015.3355");
    let mut source = DRIVER.open("codecarbon-v2", &options).unwrap();
    let said = values(&mut *source);
    // Half of 85 W, and 3/8 W for each GiB; no GPU is counted, and none is stated.
    assert!((said[0].unwrap() - 42.5 - 755.7508).abs() < 1e-3, "{said:?}");
    assert_eq!((said[1], said[3]), (Some(42.5), None));
}

#[test]
fn energy_counters_are_differenced_and_the_first_look_says_nothing() {
    let rig =
        VirtualRig::start(Description::node(2).with_load(Load::constant(300.0)).with_instruments()).unwrap();
    let options = sensors_of(&rig, "gpu0/counter,gpu1/counter").with("memory_gib", "2048");
    let mut source = DRIVER.open("codecarbon-v3", &options).unwrap();
    let first = values(&mut *source);
    assert_eq!((first[0], first[1], first[3]), (None, None, None), "{first:?}");
    sleep(Duration::from_secs(3));
    let said = values(&mut *source);
    let gpu_w = said[3].unwrap();
    // The counter steps every 100 ms: of 3 s that is 3 % at each end.
    assert!((gpu_w / 600.0 - 1.0).abs() < 0.08, "{gpu_w} W");
    assert_eq!(said[2], Some(70.0), "16 modules");
    let sum: f64 = said[1..].iter().map(|watts| watts.unwrap()).sum();
    assert!((said[0].unwrap() - sum).abs() < 1e-6 && said[1].unwrap() > 50.0, "{said:?}");
}

/// Until the average that power usage is holds nothing of before the start.
const POWER_USAGE_FILLS: Duration = Duration::from_millis(1500);

/// What a rig tells an estimator that reads all its GPUs as `gpus` and its CPUs by RAPL.
fn sensors_of(rig: &VirtualRig, gpus: &str) -> Options {
    Options::new()
        .with("gpus", gpus)
        .with("library", rig.nvml_path().display().to_string())
        .with("cpu", "rapl")
        .with("powercap_root", rig.powercap_root().unwrap().display().to_string())
}

#[test]
fn carbontracker_looks_at_gpus_and_waits_for_rapl() {
    let rig =
        VirtualRig::start(Description::node(2).with_load(Load::constant(300.0)).with_instruments()).unwrap();
    sleep(POWER_USAGE_FILLS);
    let mut source = DRIVER.open("carbontracker", &sensors_of(&rig, "gpu0/gauges,gpu1/gauges")).unwrap();
    assert_eq!(source.descriptor().details["period_ms"], "2000");
    let began = Instant::now();
    let said: Vec<f64> = values(&mut *source).into_iter().map(Option::unwrap).collect();
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert!((said[3] / 600.0 - 1.0).abs() < 0.02 && said[1] > 50.0 && said[2] > 5.0, "{said:?}");
    assert!((said[0] - said[1..].iter().sum::<f64>()).abs() < 1e-6, "{said:?}");

    let options =
        Options::new().with("gpus", "gpu0/gauges").with("library", rig.nvml_path().display().to_string());
    conformance(|| DRIVER.open("carbontracker", &options), Expectations::default());
    let said = values(&mut *DRIVER.open("carbontracker", &options).unwrap());
    assert!(said[0] == said[3] && said[1].is_none() && said[2].is_none(), "{said:?}");
}

#[test]
#[ignore = "needs Python with carbontracker: run by .ci/run"]
fn carbontracker_itself_reads_the_same() {
    let rig =
        VirtualRig::start(Description::node(2).with_load(Load::constant(300.0)).with_instruments()).unwrap();
    sleep(POWER_USAGE_FILLS);
    let python = std::env::var("WATTPROOF_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let output = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/carbontracker_reads.py"))
        .arg(rig.powercap_root().unwrap())
        .env("LD_LIBRARY_PATH", rig.nvml_path().parent().unwrap())
        .env_remove("CUDA_VISIBLE_DEVICES")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let theirs: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let sum = |of: &str, name: &str| -> f64 {
        let all: Vec<(String, f64)> = match &theirs[of] {
            serde_json::Value::Object(map) => {
                map.iter().map(|(name, watts)| (name.clone(), watts.as_f64().unwrap())).collect()
            }
            list => list.as_array().unwrap().iter().map(|w| (String::new(), w.as_f64().unwrap())).collect(),
        };
        let chosen: Vec<f64> =
            all.iter().filter(|(found, _)| found.contains(name)).map(|(_, w)| *w).collect();
        assert_eq!(chosen.len(), 2, "{theirs}");
        chosen.iter().sum()
    };
    let theirs = [sum("cpu", "cpu"), sum("cpu", "dram"), sum("gpu", "")];
    let mut source = DRIVER.open("carbontracker", &sensors_of(&rig, "gpu0/gauges,gpu1/gauges")).unwrap();
    let ours = values(&mut *source);
    for (theirs, ours) in theirs.into_iter().zip(&ours[1..]) {
        assert!((ours.unwrap() / theirs - 1.0).abs() < 0.02, "{theirs} {ours:?}");
    }
}

#[test]
fn wrong_options_are_refused_with_what_to_do() {
    for (device, options, said) in [
        ("codecarbon-v4", Options::new(), "there are codecarbon-v2"),
        ("tdp", Options::new().with("tdp", "5"), "this driver knows"),
        ("tdp", Options::new().with("tdp_w", "700"), "needs option gpu_tdp_w"),
        ("codecarbon-v3", Options::new().with("memory_gib", "-1"), "not negative"),
        ("codecarbon-v2", Options::new().with("cpu", "load"), "no such way"),
        ("carbontracker", Options::new(), "needs something to read"),
        ("carbontracker", Options::new().with("memory_gib", "2048"), "this driver knows"),
        ("carbontracker", Options::new().with("cpu", "load"), "by rapl"),
    ] {
        let error = DRIVER.open(device, &options).unwrap_err().to_string();
        assert!(error.contains(said), "{device}: {error}");
    }
    let text = "[[source]]\nname = \"cc\"\ndriver = \"estimate\"\ndevice = \"codecarbon-v3\"\noptions = { memory_gib = 2048 }\n";
    assert_eq!(Rig::parse(text, std::path::Path::new("rig.toml")).unwrap().sources.len(), 1);
}
