//! Requests to a simulated meter: it never panics, and uses up what it answers.

#![no_main]

use driver_meter::modbus::Framing;
use driver_meter::profile;
use driver_meter::simulator::SimulatedMeter;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some(profile) = profile::shipped("pzem-004t") else { return };
    let mut meter = SimulatedMeter::new(profile, |_| Some(1.0));
    for framing in [Framing::Mbap, Framing::Rtu] {
        let mut answer = Vec::new();
        if let Ok(used) = meter.answer(framing, data, &mut answer) {
            assert!(used <= data.len());
            assert!(used > 0 || answer.is_empty());
        }
    }
});
