//! The library through the binding that the driver uses, against the truth.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::time::{Duration, Instant};

use nvml_wrapper::Nvml;
use nvml_wrapper::enum_wrappers::device::{Clock, Sampling, TemperatureSensor};
use nvml_wrapper::enums::device::{DeviceArchitecture, SampleValue};
use nvml_wrapper::error::NvmlError;
use nvml_wrapper_sys::bindings as sys;
use power_core::{Clock as _, SystemClock};
use virtual_rig::{Description, Fault, GpuDescription, Load, Restamp, Truth, VirtualRig};

fn load(rig: &VirtualRig) -> Nvml {
    Nvml::builder().lib_path(rig.nvml_path().as_os_str()).init().unwrap()
}

fn now_ns() -> i64 {
    SystemClock.now().nanos()
}

fn pause(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

/// Least and greatest mean over `window_ms` that a sensor of period 100 ms may show from `from` to `to`.
fn band(truth: &Truth, window_ms: i64, from: i64, to: i64) -> std::ops::RangeInclusive<f64> {
    let mut means = Vec::new();
    let mut t = from - 101_000_000;
    while t <= to + 1_000_000 {
        means.push(truth.mean_w(t - window_ms * 1_000_000, t));
        t += 200_000;
    }
    let least = means.iter().copied().fold(f64::MAX, f64::min);
    let most = means.iter().copied().fold(f64::MIN, f64::max);
    least - 1.0..=most + 1.0
}

#[test]
fn nodes_of_1_4_and_8_gpus_are_enumerated() {
    for count in [1, 4, 8_u32] {
        let rig = VirtualRig::start(Description::node(count as usize)).unwrap();
        let nvml = load(&rig);
        assert_eq!(nvml.device_count().unwrap(), count);
        assert_eq!(nvml.sys_driver_version().unwrap(), "580.159.04");
        assert_eq!(nvml.sys_nvml_version().unwrap(), "13.580.159.04");
        assert_eq!(nvml.sys_cuda_driver_version().unwrap(), 13_000);
        let mut uuids = Vec::new();
        for index in 0..count {
            let device = nvml.device_by_index(index).unwrap();
            assert_eq!(device.name().unwrap(), "NVIDIA H200");
            assert_eq!(device.index().unwrap(), index);
            assert_eq!(device.minor_number().unwrap(), index);
            assert_eq!(device.architecture().unwrap(), DeviceArchitecture::Hopper);
            let pci = device.pci_info().unwrap();
            assert_eq!(pci.bus_id, format!("00000000:{:02X}:00.0", index + 1));
            let uuid = device.uuid().unwrap();
            assert_eq!(nvml.device_by_uuid(uuid.as_str()).unwrap().index().unwrap(), index);
            assert_eq!(nvml.device_by_pci_bus_id(pci.bus_id.as_str()).unwrap().index().unwrap(), index);
            uuids.push(uuid);
        }
        uuids.sort();
        uuids.dedup();
        assert_eq!(uuids.len(), count as usize);
        assert!(matches!(nvml.device_by_index(count), Err(NvmlError::InvalidArg)));
        assert!(matches!(nvml.device_by_uuid("GPU-none"), Err(NvmlError::NotFound)));
    }
}

#[test]
fn power_is_the_mean_that_its_sensor_says() {
    let rig = VirtualRig::start(Description::node(2).with_load(Load::random(90.0, 600.0, 0.25))).unwrap();
    let nvml = load(&rig);
    for gpu in 0..2 {
        let device = nvml.device_by_index(gpu).unwrap();
        let truth = rig.truth(gpu as usize).unwrap();
        for _ in 0..40 {
            let from = now_ns();
            let usage = f64::from(device.power_usage().unwrap()) / 1e3;
            let [average, instant, memory] = fields(&nvml, &device, [(185, 0), (186, 0), (185, 2)]);
            let to = now_ns();
            let (second, short) = (band(&truth, 1_000, from, to), band(&truth, 25, from, to));
            assert!(second.contains(&usage), "{usage} {second:?}");
            assert!(second.contains(&average.unwrap()), "{average:?} {second:?}");
            assert!(short.contains(&instant.unwrap()), "{instant:?} {short:?}");
            assert!((45.0..120.0).contains(&memory.unwrap()), "{memory:?}");
            pause(23);
        }
    }
}

/// Power fields in W by id and scope, or NVML's code.
fn fields<const N: usize>(
    nvml: &Nvml,
    device: &nvml_wrapper::Device<'_>,
    asked: [(u32, u32); N],
) -> [Result<f64, u32>; N] {
    let mut values = asked.map(|(id, scope)| sys::nvmlFieldValue_t {
        fieldId: id,
        scopeId: scope,
        timestamp: 0,
        latencyUsec: 0,
        valueType: 0,
        nvmlReturn: 0,
        value: sys::nvmlValue_t { ullVal: 0 },
    });
    let count = i32::try_from(N).unwrap();
    // SAFETY: the handle is of this library, and there are N values.
    #[expect(unsafe_code, reason = "the binding cannot set the scope")]
    let code = unsafe { nvml.lib().nvmlDeviceGetFieldValues(device.handle(), count, values.as_mut_ptr()) };
    assert_eq!(code, 0);
    values.map(|value| {
        // SAFETY: every value of this library is an unsigned number in a field of 64 bits that is set as a whole.
        #[expect(unsafe_code, reason = "a union")]
        let milliwatts = unsafe { value.value.uiVal };
        if value.nvmlReturn == 0 { Ok(f64::from(milliwatts) / 1e3) } else { Err(value.nvmlReturn) }
    })
}

#[test]
fn scopes_are_those_of_the_model() {
    let gh200 = GpuDescription::new().with_model("NVIDIA GH200 480GB");
    let description = Description::node(2).with_load(Load::constant(300.0)).with_gpu(1, gh200);
    let rig = VirtualRig::start(description).unwrap();
    let nvml = load(&rig);
    pause(1_200);
    let asked = [(185, 0), (186, 0), (185, 1), (186, 1), (185, 2), (186, 2), (9_999, 0)];
    let h200 = fields(&nvml, &nvml.device_by_index(0).unwrap(), asked);
    assert_eq!(h200[..4], [Ok(300.0), Ok(300.0), Err(3), Err(3)]);
    assert_eq!((h200[4].is_ok(), h200[5], h200[6]), (true, Err(3), Err(3)));
    let gh200 = fields(&nvml, &nvml.device_by_index(1).unwrap(), asked);
    assert_eq!(gh200[..4], [Ok(300.0), Ok(300.0), Ok(410.0), Ok(410.0)]);
    assert!(nvml.device_by_index(1).unwrap().samples(Sampling::Power, None).is_ok());
}

#[test]
fn the_counter_is_the_energy_in_steps_of_100_ms() {
    let rig = VirtualRig::start(Description::node(1).with_load(Load::random(100.0, 500.0, 0.1))).unwrap();
    let nvml = load(&rig);
    let device = nvml.device_by_index(0).unwrap();
    let truth = rig.truth(0).unwrap();
    // Each change of the counter, between the beginning of the call before it and the end of the one that saw it.
    let mut changes: Vec<(i64, i64, u64)> = Vec::new();
    let mut earlier = now_ns();
    let mut last = device.total_energy_consumption().unwrap();
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(1_500) {
        let before = now_ns();
        let count = device.total_energy_consumption().unwrap();
        assert!(count >= last);
        if count != last {
            changes.push((earlier, now_ns(), count));
            last = count;
        }
        earlier = before;
    }
    assert!((10..=16).contains(&changes.len()), "{}", changes.len());
    for (from, to, count) in changes {
        let true_mj = |t: i64| truth.energy_j(rig.origin_ns(), t) * 1e3;
        let shown = f64::from(u32::try_from(count).unwrap());
        assert!((true_mj(from) - 1.0..=true_mj(to)).contains(&shown), "{shown}");
    }
}

#[test]
fn the_ring_is_gapless_as_long_as_it_is_fetched_in_time() {
    // Values are held to the truth at their stamps, so these must not move.
    let fixed = GpuDescription::new().with_restamp(Restamp::NONE);
    let node = Description::node(1).with_load(Load::random(90.0, 600.0, 0.1)).with_gpu(0, fixed);
    let rig = VirtualRig::start(node).unwrap();
    let nvml = load(&rig);
    let device = nvml.device_by_index(0).unwrap();
    let truth = rig.truth(0).unwrap();
    let first = device.samples(Sampling::Power, None).unwrap();
    assert_eq!(first.len(), 119, "a sensor has been publishing before anybody looks");
    let mut last = first.last().unwrap().timestamp;
    let (mut samples, start) = (Vec::new(), last);
    for fetch in 0..8 {
        pause(if fetch == 4 { 2_000 } else { 150 });
        match device.samples(Sampling::Power, last) {
            Ok(new) => samples.extend(new),
            Err(error) => panic!("{error}"),
        }
        last = samples.last().unwrap().timestamp;
        let age_ns = SystemClock.anchor().realtime_ns - i64::try_from(last).unwrap() * 1_000;
        assert!((700_000..500_000_000).contains(&age_ns), "{age_ns}");
    }
    assert!(samples.is_sorted_by(|a, b| a.timestamp < b.timestamp));
    assert!(samples.iter().all(|sample| sample.timestamp > start));
    let (grid, seen) = ((last - start) / 20_000, u64::try_from(samples.len()).unwrap());
    assert!(seen * 100 > grid * 97 && seen < grid + 2, "{seen} of {grid}");
    for sample in &samples {
        let SampleValue::U32(milliwatts) = sample.value else { panic!("{:?}", sample.value) };
        let t = i64::try_from(sample.timestamp).unwrap() * 1_000 - rig.stamp_offset_ns();
        let mean = truth.mean_w(t - 20_000_000, t);
        assert!((f64::from(milliwatts) / 1e3 - mean).abs() < 0.1, "{milliwatts} {mean}");
    }
}

#[test]
fn an_overrun_ring_has_its_newest_119_samples() {
    let rig = VirtualRig::start(Description::node(1)).unwrap();
    let nvml = load(&rig);
    let device = nvml.device_by_index(0).unwrap();
    let newest = device.samples(Sampling::Power, None).unwrap().last().unwrap().timestamp;
    assert!(matches!(device.samples(Sampling::Power, u64::MAX), Err(NvmlError::NotFound)));
    pause(2_700);
    let after = device.samples(Sampling::Power, newest).unwrap();
    assert_eq!(after.len(), 119);
    assert!(after[0].timestamp - newest > 100_000, "the first of 135 or so are gone");
}

#[test]
fn a_buffer_that_is_too_small_gets_the_oldest_and_null_gets_the_depth() {
    let rig = VirtualRig::start(Description::node(1)).unwrap();
    let nvml = load(&rig);
    let device = nvml.device_by_index(0).unwrap();
    let all = device.samples(Sampling::Power, None).unwrap();
    let last_seen = all[50].timestamp;
    let empty = sys::nvmlSample_t { timeStamp: 0, sampleValue: sys::nvmlValue_t { ullVal: 0 } };
    let mut buffer = vec![empty; 10];
    let (mut kind, mut count) = (0, 10);
    let mut fetch = |count: &mut u32, buffer: *mut sys::nvmlSample_t| {
        // SAFETY: the handle is of this library, and the buffer is null or has room for `count` samples.
        #[expect(unsafe_code, reason = "the binding chooses the buffer itself")]
        unsafe {
            nvml.lib().nvmlDeviceGetSamples(device.handle(), 0, last_seen, &raw mut kind, count, buffer)
        }
    };
    assert_eq!(fetch(&mut count, buffer.as_mut_ptr()), 0);
    assert_eq!(count, 10);
    let stamps: Vec<u64> = buffer.iter().map(|sample| sample.timeStamp).collect();
    assert_eq!(stamps, all[51..61].iter().map(|sample| sample.timestamp).collect::<Vec<_>>());
    assert_eq!((fetch(&mut count, std::ptr::null_mut()), count), (0, 120));
    count = 0;
    assert_eq!(fetch(&mut count, buffer.as_mut_ptr()), 2);
}

#[test]
fn null_pointers_and_calls_before_initialisation_are_refused() {
    let rig = VirtualRig::start(Description::node(1)).unwrap();
    let nvml = load(&rig);
    let device = nvml.device_by_index(0).unwrap();
    #[expect(unsafe_code, reason = "the binding never passes null")]
    // SAFETY: null is what is tested; strings and handles are valid.
    unsafe {
        let (lib, handle, null) = (nvml.lib(), device.handle(), std::ptr::null_mut());
        assert_eq!(lib.nvmlDeviceGetPowerUsage(handle, null), 2);
        let mut power = 0;
        assert_eq!(lib.nvmlDeviceGetPowerUsage(std::ptr::null_mut(), &raw mut power), 2);
        assert_eq!(lib.nvmlDeviceGetCount_v2(null), 2);
        assert_eq!(lib.nvmlDeviceGetFieldValues(handle, 1, std::ptr::null_mut()), 2);
        assert_eq!(lib.nvmlDeviceGetName(handle, std::ptr::null_mut(), 64), 2);
        let mut short = [0_i8; 4].map(std::ffi::c_char::from);
        assert_eq!(lib.nvmlDeviceGetName(handle, short.as_mut_ptr(), 4), 7);
        assert_eq!(lib.nvmlDeviceGetHandleByUUID(std::ptr::null(), &raw mut *Box::new(handle)), 2);
        assert_eq!(lib.nvmlShutdown(), 0);
        assert_eq!(lib.nvmlDeviceGetCount_v2(null), 1);
        assert_eq!(lib.nvmlShutdown(), 1);
        assert_eq!(lib.nvmlInit_v2(), 0);
    }
}

#[test]
fn what_follows_from_power_follows_it() {
    let rig = VirtualRig::start(Description::node(1).with_load(Load::constant(75.0))).unwrap();
    let nvml = load(&rig);
    let device = nvml.device_by_index(0).unwrap();
    pause(400);
    assert_eq!(device.utilization_rates().unwrap().gpu, 0);
    assert_eq!(device.current_throttle_reasons().unwrap().bits(), 1);
    assert_eq!(device.clock_info(Clock::SM).unwrap(), 345);
    assert_eq!(device.temperature(TemperatureSensor::Gpu).unwrap(), 36);
    assert_eq!(device.memory_info().unwrap().total, 143_771 << 20);
    rig.set_load(0, 700.0).unwrap();
    pause(400);
    assert_eq!(device.utilization_rates().unwrap().gpu, 100);
    assert_eq!(device.current_throttle_reasons().unwrap().bits(), 4);
    assert_eq!(device.clock_info(Clock::SM).unwrap(), 1980);
    assert!(device.memory_info().unwrap().used > 100 << 30);
    assert_eq!(device.power_management_limit().unwrap(), 700_000);
    assert_eq!(device.enforced_power_limit().unwrap(), 700_000);
    let limits = device.power_management_limit_constraints().unwrap();
    assert_eq!((limits.min_limit, limits.max_limit), (200_000, 700_000));
}

#[test]
fn each_gpu_publishes_at_times_of_its_own() {
    let rig = VirtualRig::start(Description::node(4).with_load(Load::random(90.0, 600.0, 0.05))).unwrap();
    let nvml = load(&rig);
    let devices: Vec<_> = (0..4).map(|gpu| nvml.device_by_index(gpu).unwrap()).collect();
    let mut last = [0; 4];
    let mut changed_ns: [Vec<i64>; 4] = Default::default();
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(900) {
        for (gpu, device) in devices.iter().enumerate() {
            let value = device.power_usage().unwrap();
            if value != last[gpu] {
                last[gpu] = value;
                changed_ns[gpu].push(now_ns());
            }
        }
    }
    let mut phases: Vec<i64> = changed_ns.iter().map(|times| times[2] % 100_000_000).collect();
    phases.sort_unstable();
    assert!(phases.windows(2).all(|pair| pair[1] - pair[0] > 500_000), "{phases:?}");
}

#[test]
fn mig_instances_are_labelled_and_have_no_power() {
    let gpu = GpuDescription::new().with_mig(["1g.18gb", "2g.35gb"]);
    let rig = VirtualRig::start(Description::node(2).with_gpu(1, gpu)).unwrap();
    let nvml = load(&rig);
    let whole = nvml.device_by_index(0).unwrap();
    assert_eq!(whole.mig_mode().unwrap().current, 0);
    let parted = nvml.device_by_index(1).unwrap();
    assert_eq!(parted.mig_mode().unwrap().current, 1);
    assert_eq!(parted.mig_device_count().unwrap(), 7);
    assert!(matches!(parted.utilization_rates(), Err(NvmlError::NotSupported)));
    assert!(parted.power_usage().is_ok(), "power is the board's");
    let instance = parted.mig_device_by_index(1).unwrap();
    assert_eq!(instance.name().unwrap(), "NVIDIA H200 MIG 2g.35gb");
    assert!(instance.uuid().unwrap().starts_with("MIG-"));
    assert!(matches!(instance.power_usage(), Err(NvmlError::NotSupported)));
    assert_eq!(instance.mig_parent_device().unwrap().index().unwrap(), 1);
    assert!(matches!(parted.mig_device_by_index(2), Err(NvmlError::NotFound)));
}

#[test]
fn older_models_lack_what_they_lacked() {
    let rig = VirtualRig::start(Description::node(1).with_model("Tesla K40m")).unwrap();
    let nvml = load(&rig);
    let device = nvml.device_by_index(0).unwrap();
    assert!(device.power_usage().is_ok());
    assert!(matches!(device.total_energy_consumption(), Err(NvmlError::NotSupported)));
    assert!(matches!(device.samples(Sampling::Power, None), Err(NvmlError::NotSupported)));
    assert!(matches!(device.mig_mode(), Err(NvmlError::NotSupported)));
    assert_eq!(fields(&nvml, &device, [(185, 0), (186, 0)]), [Err(3), Err(3)]);
}

#[test]
fn threads_do_not_disturb_each_other() {
    let rig = VirtualRig::start(Description::node(4).with_load(Load::constant(250.0))).unwrap();
    let nvml = load(&rig);
    pause(1_200);
    std::thread::scope(|scope| {
        for gpu in 0..4 {
            let device = nvml.device_by_index(gpu).unwrap();
            scope.spawn(move || {
                for _ in 0..2_000 {
                    assert_eq!(device.power_usage().unwrap(), 250_000);
                    assert!(device.utilization_rates().unwrap().gpu < 100);
                }
                for _ in 0..20 {
                    assert_eq!(device.samples(Sampling::Power, None).unwrap().len(), 119);
                    device.total_energy_consumption().unwrap();
                }
            });
        }
        scope.spawn(|| {
            for _ in 0..50 {
                rig.set_loads(&[(0, 250.0), (1, 250.0), (2, 250.0), (3, 250.0)]).unwrap();
                let fault = rig.fault(Fault::slow("nvmlDeviceGetName", 1.0)).unwrap();
                rig.clear(fault).unwrap();
            }
        });
    });
}

#[test]
fn a_scaled_call_takes_its_time() {
    let mut description = Description::node(1);
    description.calls.scale = 1.0;
    let rig = VirtualRig::start(description).unwrap();
    let nvml = load(&rig);
    let device = nvml.device_by_index(0).unwrap();
    let start = Instant::now();
    device.total_energy_consumption().unwrap();
    assert!(start.elapsed() >= Duration::from_millis(3));
}
