//! What is particular to the ways `tracer` and `dmon`.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::time::{Duration, Instant};

use common::{Fake, node, of, read};
use power_core::{ClockDomain, ErrorKind, PowerSource, Value};
use virtual_rig::{Description, GpuDescription, Load};

#[test]
fn the_tracer_finds_power_in_every_generation_and_its_old_keys_are_no_0_w() {
    let tracer = &[("mode", "tracer"), ("period_ms", "1")][..];
    for (section, keys, channels) in [
        ("power_readings", "power_draw", &["power.draw"][..]),
        ("gpu_power_readings", "power_draw", &["power.draw"]),
        (
            "gpu_power_readings",
            "average_power_draw instant_power_draw",
            &["power.draw.average", "power.draw.instant"],
        ),
    ] {
        let fake = Fake::new(&[("SECTION", section), ("POWER", keys), ("GPUS", "2")]);
        let mut source = fake.open("1", tracer).unwrap();
        assert_eq!(source.descriptor().clock, ClockDomain::HostBracket);
        let readings = read(&mut source).unwrap();
        for channel in channels {
            let value = of(&source, &readings, channel)[0].value.number().unwrap();
            assert!(value >= 90.0, "{section} {channel}: {value}");
        }
        let old = fake.open("1", &[("mode", "tracer"), ("period_ms", "1"), ("keys", "power_readings")]);
        match section {
            "power_readings" => assert!(old.is_ok()),
            _ => assert_eq!(old.unwrap_err().kind(), ErrorKind::Unsupported),
        }
        // The driver is updated while the source is open.
        fake.set(&[("SECTION", "board_power"), ("POWER", keys), ("GPUS", "2")]);
        assert_eq!(read(&mut source).unwrap_err().kind(), ErrorKind::Unsupported);
    }
}

#[test]
fn the_tracer_sleeps_first_and_brackets_the_process() {
    let rig = node::rig(Description::node(1));
    let mut source = node::open(&rig, "0", &[("mode", "tracer")]).unwrap();
    let started = Instant::now();
    let readings = read(&mut source).unwrap();
    let took = started.elapsed();
    // F2: nothing for 0.1 s and the run time of the process.
    assert!(took > Duration::from_millis(100), "{took:?}");
    let width = readings[0].stamp.end().since(readings[0].stamp.start()).unwrap();
    assert!(width <= took.checked_sub(Duration::from_millis(100)).unwrap(), "{width:?} of {took:?}");
}

#[test]
fn dmon_says_what_is_missing() {
    // A GPU without a sensor in its memory beside one that has it.
    let gaming = GpuDescription::new().with_model("NVIDIA GeForce RTX 3090");
    let rig = node::rig(Description::node(2).with_load(Load::constant(110.4)).with_gpu(0, gaming));
    let mut source = node::open(&rig, "all", &[("mode", "dmon"), ("fields", "pwr,mtemp,fb")]).unwrap();
    assert_eq!(source.descriptor().details["no gpu0/mtemp"], "not available on this GPU");
    let readings = read(&mut source).unwrap();
    assert_eq!(readings.len(), 5);
    for gpu in 0..2 {
        assert_eq!(of(&source, &readings, &format!("gpu{gpu}/pwr"))[0].value.number(), Some(110.0));
        assert!(matches!(of(&source, &readings, &format!("gpu{gpu}/fb"))[0].value, Value::Count(_)));
    }
    assert!(of(&source, &readings, "gpu1/mtemp")[0].value.number().is_some());
}
