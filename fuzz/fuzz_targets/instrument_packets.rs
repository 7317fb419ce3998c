//! Packets of USB instruments, and the configuration of a PowerSensor3.
#![no_main]

use driver_meter::link::{usbtmc_frame, vxi11_frame};
use driver_meter::streams::power_sensor3_config::{SENSORS, Sensor, pairs};
use driver_meter::usb::{fnb58, km003c};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = fnb58::parse(data);
    let _ = fnb58::Command::parse(data);
    let _ = km003c::parse(data);
    let _ = km003c::parse_request(data);
    if let Some((tag, rest)) = data.split_first() {
        let _ = usbtmc_frame::parse(*tag, rest);
    }
    if let Some((id, rest)) = data.split_first_chunk() {
        let _ = vxi11_frame::length(*id);
        if let Some(mut results) = vxi11_frame::results(rest, u32::from_be_bytes(*id)) {
            let _ = (results.word(), results.bytes());
        }
    }
    if let Some(bytes) = data.first_chunk() {
        let sensor = Sensor::parse(bytes);
        let sensors: [Sensor; SENSORS] = std::array::from_fn(|_| sensor.clone());
        for pair in pairs(&sensors).into_iter().flatten() {
            assert!(pair.current.value(512).is_finite());
        }
    }
});
