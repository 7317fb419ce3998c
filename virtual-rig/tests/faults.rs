//! What goes wrong on command, seen through the library.

use std::time::{Duration, Instant};

use nvml_wrapper::Nvml;
use nvml_wrapper::error::NvmlError;
use virtual_rig::{Description, Fault, VirtualRig};

fn try_load(rig: &VirtualRig) -> Result<Nvml, NvmlError> {
    Nvml::builder().lib_path(rig.nvml_path().as_os_str()).init()
}

#[test]
fn a_lost_gpu_is_lost_in_every_call_and_the_others_go_on() {
    let rig = VirtualRig::start(Description::node(4)).unwrap();
    let nvml = try_load(&rig).unwrap();
    let (lost, other) = (nvml.device_by_index(2).unwrap(), nvml.device_by_index(1).unwrap());
    assert!(lost.power_usage().is_ok());
    let fault = rig.fault(Fault::lost(2)).unwrap();
    assert!(matches!(lost.power_usage(), Err(NvmlError::GpuLost)));
    assert!(matches!(lost.name(), Err(NvmlError::GpuLost)));
    assert!(matches!(lost.total_energy_consumption(), Err(NvmlError::GpuLost)));
    assert!(matches!(nvml.device_by_index(2), Err(NvmlError::GpuLost)));
    assert!(other.power_usage().is_ok());
    assert_eq!(nvml.device_count().unwrap(), 4);
    rig.clear(fault).unwrap();
    assert!(lost.power_usage().is_ok());
}

#[test]
fn a_fault_of_the_description_has_its_time() {
    let fault = Fault::error("nvmlDeviceGetPowerUsage", 999).since(0.3).until(0.6);
    let rig = VirtualRig::start(Description::node(1).with_fault(fault)).unwrap();
    let nvml = try_load(&rig).unwrap();
    let device = nvml.device_by_index(0).unwrap();
    let mut failed = Vec::new();
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(800) {
        if let Err(error) = device.power_usage() {
            assert!(matches!(error, NvmlError::Unknown));
            failed.push(start.elapsed());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let (first, last) = (failed[0], failed[failed.len() - 1]);
    assert!(first < Duration::from_millis(400) && last < Duration::from_millis(600), "{first:?} {last:?}");
}

#[test]
fn one_field_can_fail_alone() {
    let rig = VirtualRig::start(Description::node(1)).unwrap();
    let nvml = try_load(&rig).unwrap();
    let device = nvml.device_by_index(0).unwrap();
    rig.fault(Fault::not_supported("nvmlDeviceGetFieldValues:186")).unwrap();
    let ids = [185, 186].map(nvml_wrapper::structs::device::FieldId);
    let values = device.field_values_for(&ids).unwrap();
    assert!(values[0].as_ref().unwrap().value.is_ok());
    assert!(matches!(values[1].as_ref().unwrap().value, Err(NvmlError::NotSupported)));
}

#[test]
fn a_driver_that_fails_is_not_initialised() {
    for (fault, expected) in [
        (Fault::no_driver(), "a driver that is not loaded"),
        (Fault::version_mismatch(), "another version"),
        (Fault::error("nvmlInit_v2", 4), "no permission"),
    ] {
        let rig = VirtualRig::start(Description::node(1).with_fault(fault)).unwrap();
        let error = try_load(&rig).map(drop).unwrap_err();
        let right = match expected {
            "a driver that is not loaded" => matches!(error, NvmlError::DriverNotLoaded),
            "another version" => matches!(error, NvmlError::LibRmVersionMismatch),
            _ => matches!(error, NvmlError::NoPermission),
        };
        assert!(right, "{expected}: {error:?}");
    }
}

#[test]
fn a_node_without_gpus_has_none() {
    let rig = VirtualRig::start(Description::node(0)).unwrap();
    let nvml = try_load(&rig).unwrap();
    assert_eq!(nvml.device_count().unwrap(), 0);
    assert!(nvml.device_by_index(0).is_err());
}

#[test]
fn a_slow_call_is_slow() {
    let rig = VirtualRig::start(Description::node(1)).unwrap();
    let nvml = try_load(&rig).unwrap();
    let device = nvml.device_by_index(0).unwrap();
    rig.fault(Fault::slow("nvmlDeviceGetPowerUsage", 40.0)).unwrap();
    let start = Instant::now();
    device.power_usage().unwrap();
    assert!(start.elapsed() >= Duration::from_millis(40));
    let start = Instant::now();
    device.utilization_rates().unwrap();
    assert!(start.elapsed() < Duration::from_millis(40));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let rig = VirtualRig::start(Description::node(1)).unwrap();
    assert!(rig.set_load(1, 100.0).is_err());
    assert!(rig.set_load(0, -1.0).is_err());
    assert!(rig.set_load(0, f64::NAN).is_err());
    assert!(rig.fault(Fault::lost(1)).is_err());
    assert!(VirtualRig::start(Description::node(1).with_model("NVIDIA H2000")).is_err());
    for text in [
        "cuont = 2",
        "count = 1\n[[gpus]]\n[[gpus]]",
        "driver = \"new\"",
        "load = { kind = \"square\", low_w = 1, high_w = 2, half_period_s = 0 }",
        "load = { kind = \"steps\", steps = [[1.0, 2.0]] }",
        "load = { kind = \"constant\", power_w = 5, odd = 1 }",
        "faults = [{ kind = \"error\", call = \"nvmlInit_v2\" }]",
        "calls = { scale = -1 }",
    ] {
        assert!(Description::from_toml(text).is_err(), "{text}");
    }
}
