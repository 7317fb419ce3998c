//! What is particular to the ways `tracer` and `dmon`.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::time::{Duration, Instant};

use common::{Fake, of, read};
use power_core::{ClockDomain, ErrorKind, Value};

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
    let fake = Fake::new(&[]);
    let mut source = fake.open("0", &[("mode", "tracer")]).unwrap();
    let started = Instant::now();
    let readings = read(&mut source).unwrap();
    let took = started.elapsed();
    // F2: nothing for 0.1 s and the run time of the process.
    assert!(took > Duration::from_millis(100), "{took:?}");
    let width = readings[0].stamp.end().since(readings[0].stamp.start()).unwrap();
    assert!(width <= took.checked_sub(Duration::from_millis(100)).unwrap(), "{width:?} of {took:?}");
}

#[test]
fn dmon_gives_whole_watts_and_says_what_is_missing() {
    let fake = Fake::new(&[("GPUS", "2")]);
    let mut source = fake.open("all", &[("mode", "dmon")]).unwrap();
    assert_eq!(source.descriptor().details["no gpu0/mtemp"], "not available on this GPU");
    for _ in 0..12 {
        let readings = read(&mut source).unwrap();
        assert_eq!(of(&source, &readings, "gpu1/pwr")[0].value.number(), Some(110.0));
        assert_eq!(of(&source, &readings, "gpu1/fb")[0].value, Value::Count(512 << 20));
    }
}
