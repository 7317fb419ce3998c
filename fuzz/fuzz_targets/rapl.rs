//! What the kernel says of RAPL: numbers, CPU lists, events, zone names, CPUs and registers.
#![no_main]

use driver_rapl::protocol::{
    Cpu, MOST_CPUS, Register, capabilities, cpu_list, decimal, energy_unit, event_config, registers, scale,
    zone_name, zone_parent,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Some(number) = decimal(data) {
        // What is read is what stands there.
        let text = std::str::from_utf8(data).expect("digits are text");
        assert_eq!(text.trim_end().parse(), Ok(number));
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(cpus) = cpu_list(text) {
        assert!(cpus.iter().all(|cpu| *cpu < MOST_CPUS));
    }
    let (event, format) = text.split_once('\n').unwrap_or((text, "config:0-7"));
    let _ = event_config(event, |_| Some(format.to_owned()));
    if let Some(scale) = scale(event, "Joules") {
        assert!(scale > 0.0 && scale.is_finite());
    }
    let _ = (zone_name(text), zone_parent(text), capabilities(text));
    let cpu = Cpu::parse(text);
    if registers(&cpu).is_some() {
        let unit = data.iter().fold(0_u64, |unit, byte| unit << 8 | u64::from(*byte));
        for register in [Register::Package, Register::Dram, Register::Psys, Register::OneCore] {
            let joules = energy_unit(&cpu, unit, register);
            assert!(joules > 0.0 && joules.is_finite());
        }
    }
});
