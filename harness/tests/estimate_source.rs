//! Software estimators as sources: they conform, and say what the published rules make of counters whose truth is known.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

use std::thread::sleep;
use std::time::Duration;

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
    let options = Options::new()
        .with("gpus", "gpu0/counter,gpu1/counter")
        .with("library", rig.nvml_path().display().to_string())
        .with("cpu", "rapl")
        .with("powercap_root", rig.powercap_root().unwrap().display().to_string())
        .with("memory_gib", "2048");
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

#[test]
fn wrong_options_are_refused_with_what_to_do() {
    for (device, options, said) in [
        ("codecarbon-v4", Options::new(), "there are codecarbon-v2"),
        ("tdp", Options::new().with("tdp", "5"), "this driver knows"),
        ("tdp", Options::new().with("tdp_w", "700"), "needs option gpu_tdp_w"),
        ("codecarbon-v3", Options::new().with("memory_gib", "-1"), "not negative"),
        ("codecarbon-v2", Options::new().with("cpu", "load"), "no such way"),
    ] {
        let error = DRIVER.open(device, &options).unwrap_err().to_string();
        assert!(error.contains(said), "{device}: {error}");
    }
    let text = "[[source]]\nname = \"cc\"\ndriver = \"estimate\"\ndevice = \"codecarbon-v3\"\noptions = { memory_gib = 2048 }\n";
    assert_eq!(Rig::parse(text, std::path::Path::new("rig.toml")).unwrap().sources.len(), 1);
}
