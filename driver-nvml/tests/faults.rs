//! What goes wrong, and what is said about it.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

mod common;

use std::time::Duration;

use common::{open, options, read, reading, rig};
use driver_nvml::DRIVER;
use power_core::{Access, Averaging, Driver, ErrorKind, Found, Options, Quantity, Value};
use virtual_rig::{Description, Fault, GpuDescription, VirtualRig};

fn discover(rig: &VirtualRig) -> Vec<Found> {
    DRIVER.discover_with(&options(rig)).unwrap()
}

#[test]
fn a_lost_gpu_is_named_and_the_others_go_on() {
    let rig = rig(Description::node(4));
    let mut sources: Vec<_> = (0..4).map(|index| open(&rig, &format!("gpu{index}"))).collect();
    rig.fault(Fault::lost(2)).unwrap();
    for (index, source) in sources.iter_mut().enumerate() {
        let (readings, outcome) = read(&mut **source);
        if index == 2 {
            let error = outcome.unwrap_err();
            assert_eq!((readings.len(), error.kind()), (0, ErrorKind::Disconnected));
            assert!(format!("{error:#}").contains("fell off the bus"), "{error:#}");
        } else {
            outcome.unwrap();
            assert!(readings.len() > 5);
        }
    }
    let lost = discover(&rig).into_iter().filter(|found| found.access != Access::Ready).collect::<Vec<_>>();
    assert!(!lost.is_empty() && lost.iter().all(|found| found.name.starts_with("gpu2")), "{lost:?}");
    assert_eq!(DRIVER.open("gpu2", &options(&rig)).unwrap_err().kind(), ErrorKind::Disconnected);
    assert!(DRIVER.open("gpu3", &options(&rig)).is_ok());
}

#[test]
fn what_is_not_supported_is_absent_with_the_reason() {
    let node = Description::node(1)
        .with_fault(Fault::not_supported("nvmlDeviceGetUtilizationRates"))
        .with_fault(Fault::not_supported("nvmlDeviceGetFieldValues:185"))
        .with_fault(Fault::not_supported("nvmlDeviceGetTotalEnergyConsumption"))
        .with_fault(Fault::not_supported("nvmlDeviceGetSamples"));
    let rig = rig(node);
    let source = open(&rig, "gpu0");
    let descriptor = source.descriptor();
    for absent in ["utilization.gpu", "utilization.memory", "power.draw.average"] {
        assert!(descriptor.find(absent).is_none());
        assert_eq!(descriptor.details[&format!("absent.{absent}")], "not supported by this GPU");
    }
    assert!(descriptor.find("power.draw.instant").is_some());
    for class in ["counter", "ring"] {
        let refused = DRIVER.open(&format!("gpu0/{class}"), &options(&rig)).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unsupported);
    }
    let found = discover(&rig);
    assert!(found[0].name.contains("utilization.gpu"), "{}", found[0].name);
    for found in &found[1..] {
        assert!(
            matches!(&found.access, Access::Unavailable { reason, .. } if reason.contains("not supported"))
        );
    }
}

#[test]
fn a_figure_that_fails_is_an_error_or_missing_and_the_rest_is_there() {
    let rig = rig(Description::node(1));
    let mut source = open(&rig, "gpu0");
    let all = read(&mut *source).0.len();
    let fault = rig.fault(Fault::error("nvmlDeviceGetPowerUsage", 999)).unwrap();
    let (readings, outcome) = read(&mut *source);
    assert_eq!((readings.len(), outcome.unwrap_err().kind()), (all - 1, ErrorKind::Protocol));
    rig.clear(fault).unwrap();
    rig.fault(Fault::not_supported("nvmlDeviceGetFieldValues:186:0")).unwrap();
    assert_eq!(reading(&mut *source, "power.draw.instant").value, Value::Missing);
    assert!(reading(&mut *source, "power.draw").value.number().is_some());
}

#[test]
fn a_slow_call_widens_its_own_stamp_alone() {
    let rig = rig(Description::node(1));
    let mut source = open(&rig, "gpu0");
    rig.fault(Fault::slow("nvmlDeviceGetTemperature", 100.0)).unwrap();
    let (readings, outcome) = read(&mut *source);
    outcome.unwrap();
    let slow = source.descriptor().find("temperature.gpu").unwrap();
    for reading in readings {
        let width = 2 * reading.stamp.half_width();
        assert!((reading.channel == slow) == (width >= Duration::from_millis(100)), "{reading:?}");
    }
}

#[test]
fn a_driver_that_does_not_start_says_how_to_mend_it() {
    for (fault, kind, line) in [
        (Fault::no_driver(), ErrorKind::Unavailable, "sudo modprobe nvidia"),
        (Fault::version_mismatch(), ErrorKind::Unavailable, "sudo reboot"),
        (Fault::error("nvmlInit_v2", 4), ErrorKind::PermissionDenied, "sudo chmod a+rw /dev/nvidia*"),
    ] {
        let rig = rig(Description::node(1).with_fault(fault));
        assert_eq!(DRIVER.open("gpu0", &options(&rig)).unwrap_err().kind(), kind);
        let found = discover(&rig);
        let mend = match &found[0].access {
            Access::Denied { mend } => Some(mend.as_str()),
            Access::Unavailable { mend, .. } => mend.as_deref(),
            _ => None,
        };
        assert_eq!((found.len(), mend), (1, Some(line)), "{found:?}");
    }
}

#[test]
fn a_driver_that_stops_and_comes_back_can_be_opened_again() {
    let rig = rig(Description::node(1));
    drop(open(&rig, "gpu0"));
    let fault = rig.fault(Fault::no_driver()).unwrap();
    assert_eq!(DRIVER.open("gpu0", &options(&rig)).unwrap_err().kind(), ErrorKind::Unavailable);
    rig.clear(fault).unwrap();
    assert!(read(&mut *open(&rig, "gpu0")).1.is_ok());
}

#[test]
fn a_library_that_is_not_there_is_named() {
    let options = Options::new().with("library", "/nowhere/libnvidia-ml.so.1");
    let error = DRIVER.open("gpu0", &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("/nowhere/libnvidia-ml.so.1"), "{error}");
    let found = DRIVER.discover_with(&options).unwrap();
    assert!(matches!(&found[0].access, Access::Unavailable { reason, .. } if reason.contains("/nowhere")));
}

#[test]
fn power_has_the_meaning_of_its_architecture() {
    let second = Averaging::Over(Duration::from_secs(1));
    for (model, draw, period_ms) in [
        ("NVIDIA H200", second, Some(100)),
        ("NVIDIA GeForce RTX 3090", second, Some(100)),
        ("NVIDIA A100-SXM4-40GB", Averaging::Instantaneous, Some(100)),
        ("Tesla V100-SXM2-16GB", Averaging::Instantaneous, Some(20)),
        ("Tesla K40m", Averaging::Instantaneous, None),
    ] {
        let rig = rig(Description::node(1).with_model(model));
        let source = open(&rig, "gpu0");
        let channel =
            |name: &str| source.descriptor().find(name).and_then(|id| source.descriptor().channel(id));
        let usage = channel("power.draw").unwrap();
        assert_eq!(usage.quantity, Quantity::Power { averaging: draw }, "{model}");
        assert_eq!(usage.update_period, period_ms.map(Duration::from_millis), "{model}");
        assert_eq!(usage.accuracy.is_some(), model == "Tesla K40m");
        if let Some(average) = channel("power.draw.average") {
            assert_eq!(average.quantity, Quantity::Power { averaging: second }, "{model}");
        }
        if let Some(instant) = channel("power.draw.instant") {
            assert_eq!(instant.quantity, Quantity::power(), "{model}");
        }
    }
}

#[test]
fn a_superchip_has_module_power_that_contains_the_gpu() {
    let rig = rig(Description::node(1).with_model("NVIDIA GH200 480GB"));
    for (device, part, whole) in [
        ("gpu0", "power.draw", "module.power.draw.average"),
        ("gpu0/ring", "power.samples", "module.power.samples"),
    ] {
        let source = open(&rig, device);
        let descriptor = source.descriptor();
        let part = descriptor.channel(descriptor.find(part).unwrap()).unwrap();
        assert_eq!(part.part_of, descriptor.find(whole));
        assert!(part.part_of.is_some());
    }
}

#[test]
fn a_mig_instance_opens_its_board_and_says_so() {
    let mut gpu = GpuDescription::default();
    gpu.mig = vec!["1g.18gb".into(), "2g.35gb".into()];
    let rig = rig(Description::node(2).with_gpu(1, gpu));
    let board = open(&rig, "gpu1");
    let mig = board.descriptor().details["mig"].clone();
    let instance = mig.split(", ").find(|word| word.starts_with("MIG-")).unwrap().to_owned();
    let mut source = open(&rig, &instance);
    assert_eq!(source.descriptor().device, board.descriptor().device);
    assert!(source.descriptor().details["mig"].contains(&format!("asked for {instance}")));
    assert!(reading(&mut *source, "power.draw").value.number().is_some());
    let found = discover(&rig);
    assert!(found.iter().any(|found| found.name.contains("MIG on, whole board")), "{found:?}");
    assert!(!open(&rig, "gpu0").descriptor().details.contains_key("mig"));
}
