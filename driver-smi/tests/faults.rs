//! Everything that can go wrong with `nvidia-smi`, with a stand-in that does it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![cfg(unix)]

mod common;

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use common::{Fake, KNOWN, is_there, node, of, read};
use power_core::{
    Averaging, ClockDomain, Driver, ErrorKind, Flags, Options, PowerSource, Quantity, Reading, SystemClock,
    Value,
};
use virtual_rig::Description;

const FAST: &[(&str, &str)] = &[("period_ms", "20"), ("deadline_ms", "2000")];

fn kind<T: std::fmt::Debug>(outcome: power_core::Result<T>) -> ErrorKind {
    outcome.unwrap_err().kind()
}

#[test]
fn a_loop_gives_each_line_once_with_the_time_in_it() {
    let fake = Fake::new(&[]);
    let mut source = fake.open("0", FAST).unwrap();
    assert_eq!(source.descriptor().clock, ClockDomain::HostRealtime);
    let power = source.descriptor().channel(source.descriptor().find("power.draw").unwrap()).unwrap().clone();
    assert_eq!(power.quantity, Quantity::average_power(Duration::from_secs(1)));
    assert_eq!(power.update_period, Some(Duration::from_millis(100)));
    let details = source.descriptor().details.clone();
    assert_eq!(details["alias power.draw"], "power.draw.average");
    assert_eq!(details["no module.power.draw.average"], "not available on this GPU");
    assert_eq!(details["no temperature.memory"], "not known to this nvidia-smi");
    assert_eq!(details["averaging power.draw"], "the maker's word");
    assert!(details["accuracy"].contains("+/- 5 watts"));
    let mut last = 0;
    for round in 0..6 {
        let readings = read(&mut source).unwrap();
        let power = of(&source, &readings, "power.draw");
        assert_eq!(power.len(), 1);
        let value = power[0].value.number().unwrap();
        assert!((value - 100.0 - f64::from(round) / 100.0).abs() < 1e-9, "{value}");
        assert_eq!(of(&source, &readings, "power.limit_mw")[0].value, Value::Count(700_000));
        let time = power[0].device_time.unwrap().nanos();
        assert!(time >= last, "{time}");
        last = time;
        // The process runs in UTC, whatever the zone of this one.
        assert!((SystemClock.anchor().realtime_ns - time).abs() < 5_000_000_000, "{time}");
    }
}

#[test]
fn lines_that_waited_are_coarse_and_a_slow_reader_gets_the_newest() {
    let rig = node::rig(Description::node(1));
    let mut source = node::open(&rig, "0", node::LOOP).unwrap();
    wait_for_a_fresh_line(&mut source);
    let slept_from = SystemClock.anchor().realtime_ns;
    // Some 75 rounds, of which 8 may wait.
    thread::sleep(Duration::from_millis(1_500));
    let late = read(&mut source).unwrap();
    assert!(late[0].flags.contains(Flags::OVERRUN | Flags::COARSE), "{}", late[0].flags);
    // Of the later half, where the oldest that waited is of the beginning.
    let after_ns = late[0].device_time.unwrap().nanos() - slept_from;
    assert!(after_ns > 750_000_000, "{after_ns} ns");
    wait_for_a_fresh_line(&mut source);
}

/// A busy machine may be late now and then, not for ever.
fn wait_for_a_fresh_line(source: &mut dyn PowerSource) {
    assert!((0..50).any(|_| read(source).unwrap()[0].flags == Flags::NONE));
}

#[test]
fn one_lost_gpu_leaves_the_others_and_the_last_one_ends_the_source() {
    for mode in ["loop", "query"] {
        let fake = Fake::new(&[("GPUS", "2"), ("LOST", "1"), ("LOST_AT", "3")]);
        fake.count_rounds();
        let options: &[_] = if mode == "loop" { FAST } else { &[("mode", "query")] };
        let mut source = fake.open("all", options).unwrap();
        for _ in 0..6 {
            read(&mut source).unwrap();
        }
        let readings = read(&mut source).unwrap();
        assert!(of(&source, &readings, "gpu0/power.draw")[0].value.number().is_some());
        let lost = of(&source, &readings, "gpu1/power.draw")[0];
        assert_eq!((lost.value, lost.flags), (Value::Missing, Flags::MISSING));

        let fake = Fake::new(&[("LOST", "all"), ("LOST_AT", "3")]);
        fake.count_rounds();
        let mut source = fake.open("0", options).unwrap();
        let error = (0..9).find_map(|_| read(&mut source).err()).unwrap();
        assert_eq!(error.kind(), ErrorKind::Disconnected);
        assert_eq!(kind(read(&mut source)), ErrorKind::Disconnected);
        assert!(error.to_string().contains("lost"), "{error}");
    }
}

#[test]
fn a_loop_that_ends_is_disconnected_and_says_why() {
    let lost = "Unable to determine the device handle for GPU0000:01:00.0: GPU is lost.  Reboot the system";
    for (code, text) in [("15", lost), ("9", "NVIDIA-SMI has failed"), ("0", "2026/11/24 11:21:58.07")] {
        let fake = Fake::new(&[("END_AT", "4"), ("END_CODE", code), ("END_TEXT", text)]);
        let mut source = fake.open("0", FAST).unwrap();
        for _ in 0..4 {
            read(&mut source).unwrap();
        }
        // What is left of a line is no reading.
        let error = read(&mut source).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected);
        assert!(error.to_string().contains(text), "{error}");
        assert_eq!(kind(read(&mut source)), ErrorKind::Disconnected);
    }
}

#[test]
fn a_process_that_hangs_is_ended_and_leaves_nothing() {
    let fake = Fake::new(&[("HANG_AT", "2")]);
    let mut source = fake.open("0", &[("period_ms", "20"), ("deadline_ms", "1500")]).unwrap();
    read(&mut source).unwrap();
    read(&mut source).unwrap();
    let started = Instant::now();
    let error = read(&mut source).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
    let (pid, _) = fake.calls().pop().unwrap();
    assert!(!is_there(pid), "{pid} is still there");
    // Another one is started; it hangs after as many rounds.
    assert!(read(&mut source).unwrap()[0].value.number().is_some());
    assert_ne!(fake.calls().pop().unwrap().0, pid);
    let (pid, _) = fake.calls().pop().unwrap();
    drop(source);
    assert!(!is_there(pid), "{pid} outlives its source");

    for mode in ["query", "tracer"] {
        let fake = Fake::new(&[]);
        let mut source = fake.open("0", &[("mode", mode), ("deadline_ms", "1500")]).unwrap();
        fake.set(&[("HANG_AT", "0")]);
        assert_eq!(kind(read(&mut source)), ErrorKind::Timeout);
        let (pid, _) = fake.calls().pop().unwrap();
        assert!(!is_there(pid), "{pid} is still there");
        fake.set(&[]);
        assert!(read(&mut source).is_ok(), "{mode}: a hang passes");
    }
}

#[test]
fn warnings_between_the_lines_and_endless_lines_are_no_readings() {
    let fake = Fake::new(&[("WARN", "1"), ("GPUS", "2")]);
    for (device, options) in [("all", FAST), ("1", &[("mode", "query")]), ("all", &[("mode", "tracer")])] {
        let mut source = fake.open(device, options).unwrap();
        for _ in 0..3 {
            let readings = read(&mut source).unwrap();
            assert_eq!(readings.len(), source.descriptor().channels.len());
        }
    }
    let fake = Fake::new(&[("ENDLESS_AT", "2")]);
    let mut source = fake.open("0", FAST).unwrap();
    let errors: Vec<_> = (0..6).filter_map(|_| read(&mut source).err()).collect();
    assert!(errors.iter().all(|error| error.kind() == ErrorKind::Protocol), "{errors:?}");
    assert!((1..=3).contains(&errors.len()), "{errors:?}");
}

#[test]
fn an_answer_that_is_cut_off_is_an_error_and_no_reading() {
    const LOG: &str = "<?xml version=\"1.0\" ?>\n<nvidia_smi_log>\n<gpu id=\"00000000:01:00.0\">\n\
        <uuid>GPU-00000000-1111-2222-3333-444444444444</uuid>\n\
        <gpu_power_readings>\n<average_power_draw>100.00 W</average_power_draw>\n<instant_power_draw>80.0";
    const HEADER: &str = "timestamp, uuid, power.draw [W]\n";
    const UUID: &str = "2026/11/24 11:21:58.071, GPU-00000000-1111-2222-3333-444444444444";
    let row = format!("{HEADER}{UUID}");
    let value = format!("{HEADER}{UUID}, 100.0");
    let time = format!("{HEADER}2026/11/24 11:2");
    // A number that lost its last digits is still a number: only the end of its line shows that it is whole.
    for (mode, text) in [
        ("tracer", LOG),
        ("query", ""),
        ("query", HEADER),
        ("query", &time),
        ("query", &row),
        ("query", &value),
    ] {
        let fake = Fake::new(&[]);
        let options = [("mode", mode), ("fields", "power.draw"), ("deadline_ms", "3000")];
        let options = if mode == "tracer" { &[options[0], options[2]][..] } else { &options };
        let mut source = fake.open("0", options).unwrap();
        fake.set(&[("END_AT", "0"), ("END_TEXT", text)]);
        let error = read(&mut source).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{mode} {text:?}: {error}");
        fake.set(&[]);
        assert!(read(&mut source).is_ok(), "{mode} {text:?}: it passes");
    }
}

#[test]
fn a_value_that_makes_no_sense_is_an_error_and_no_reading() {
    for mode in ["loop", "query"] {
        let fake = Fake::new(&[("BAD_AT", "3")]);
        fake.count_rounds();
        let options: &[_] = if mode == "loop" { FAST } else { &[("mode", "query")] };
        let mut source = fake.open("0", options).unwrap();
        let mut readings: Vec<Reading> = Vec::new();
        let mut errors = Vec::new();
        for _ in 0..6 {
            match read(&mut source) {
                Ok(new) => readings.extend(new),
                Err(error) => errors.push(error),
            }
        }
        let [error] = &errors[..] else { panic!("{mode}: {errors:?}") };
        assert_eq!(error.kind(), ErrorKind::Protocol);
        assert!(error.to_string().contains("twelve W"), "{error}");
        assert_eq!(readings.len() % source.descriptor().channels.len(), 0);
    }
}

#[test]
fn after_a_bad_row_rounds_are_whole_again() {
    for bad in ["0", "1", "2"] {
        let fake = Fake::new(&[("GPUS", "3"), ("BAD_AT", "3"), ("BAD_GPU", bad)]);
        let mut source = fake.open("all", FAST).unwrap();
        let mut whole = 0;
        for _ in 0..12 {
            let Ok(readings) = read(&mut source) else {
                whole = 0;
                continue;
            };
            // One round has one time, in the stand-in.
            assert!(readings.iter().all(|reading| reading.device_time == readings[0].device_time));
            whole += usize::from(readings.len() == source.descriptor().channels.len());
        }
        assert!(whole >= 5, "{bad}: {whole}");
    }
}

#[test]
fn a_field_that_this_nvidia_smi_does_not_know_is_no_channel() {
    // Driver 470: no averages, the event reasons under their old name, no compute capability.
    let old: Vec<_> = KNOWN
        .iter()
        .filter(|name| !name.contains("power.draw.") && **name != "compute_cap")
        .map(|name| name.replace("event", "throttle"))
        .collect();
    for help in ["1", "0"] {
        let fake = Fake::new(&[("KNOWN", &old.join(" ")), ("HELP", help), ("VERSION", "470.42.01")]);
        let mut source = fake.open("0", FAST).unwrap();
        let descriptor = source.descriptor();
        assert_eq!(descriptor.details["no power.draw.instant"], "not known to this nvidia-smi");
        let power = descriptor.channel(descriptor.find("power.draw").unwrap()).unwrap();
        assert_eq!(power.quantity, Quantity::Power { averaging: Averaging::Unknown });
        assert!(descriptor.find("clocks_event_reasons.active").is_some());
        assert!(fake.calls().last().unwrap().1.contains("clocks_throttle_reasons.active"));
        assert!(!read(&mut source).unwrap().is_empty());
        let error = fake.open("0", &[("fields", "power.draw.instant")]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("power.draw.instant"), "{error}");
    }
}

#[test]
fn exit_codes_say_what_to_do() {
    for (code, text, expected, word) in [
        ("2", "Invalid combination of input arguments.", ErrorKind::Unsupported, "argument"),
        ("4", "Insufficient permissions", ErrorKind::PermissionDenied, "chmod"),
        ("6", "No devices were found", ErrorKind::NotFound, "unsuccessful"),
        ("9", "NVIDIA-SMI has failed", ErrorKind::Unavailable, "modprobe nvidia"),
        ("12", "no libnvidia-ml.so", ErrorKind::Unavailable, "ldconfig"),
        ("15", "GPU is lost", ErrorKind::Disconnected, "dmesg"),
        ("255", "who knows", ErrorKind::Unavailable, "who knows"),
    ] {
        let fake = Fake::new(&[("CODE", code), ("TEXT", text)]);
        for mode in ["loop", "query", "tracer", "dmon"] {
            let error = fake.open("all", &[("mode", mode)]).unwrap_err();
            assert_eq!(error.kind(), expected, "{code} {mode}: {error}");
            assert!(error.to_string().contains(word), "{error}");
        }
    }
    let fake = Fake::new(&[]);
    let mut source = fake.open("0", &[("mode", "query")]).unwrap();
    fake.set(&[("CODE", "15"), ("TEXT", "GPU is lost")]);
    assert_eq!(kind(read(&mut source)), ErrorKind::Disconnected);
    fake.set(&[]);
    assert_eq!(kind(read(&mut source)), ErrorKind::Disconnected, "it stays disconnected");
}

#[test]
fn a_binary_that_is_not_there_and_a_gpu_that_is_not_there_are_told() {
    let nowhere = Options::new().with("binary", "/nowhere/nvidia-smi");
    let error = driver_smi::DRIVER.open("0", &nowhere).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("WATTPROOF_NVIDIA_SMI"), "{error}");
    let fake = Fake::new(&[("GPUS", "2")]);
    let error = fake.open("7", &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("1 GPU-00000001-1111"), "{error}");
    for device in ["", "--help", "0;reboot", "gpu0 "] {
        assert_eq!(kind(fake.open(device, &[])), ErrorKind::NotFound, "{device}");
    }
    for device in ["1", "gpu1", "GPU-00000001-1111-2222-3333-444444444444"] {
        let source = fake.open(device, &[("mode", "query")]).unwrap();
        assert!(source.descriptor().device.contains("GPU-00000001"), "{}", source.descriptor().device);
    }
}

#[test]
fn options_are_checked() {
    let fake = Fake::new(&[]);
    for options in [
        &[("mode", "fast")][..],
        &[("period_ms", "0")],
        &[("period_ms", "fast")],
        &[("mode", "query"), ("period_ms", "100")],
        &[("mode", "dmon"), ("period_ms", "100")],
        &[("period_ms", "500"), ("deadline_ms", "500")],
        &[("fields", "power.drow")],
        &[("fields", "uuid")],
        &[("keys", "any")],
        &[("mode", "tracer"), ("keys", "new")],
        &[("rate", "1")],
    ] {
        assert_eq!(kind(fake.open("0", options)), ErrorKind::InvalidConfig, "{options:?}");
    }
}

/// Discovery takes no option, so it runs where the environment says so: in this test program, started again.
#[test]
fn discovery_never_fails() {
    let found = driver_smi::DRIVER.discover();
    assert!(!found.is_empty());
    writeln!(std::io::stdout(), "{found:#?}").unwrap();
}

fn discovered(binary: &Path) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "discovery_never_fails", "--nocapture"])
        .env("WATTPROOF_NVIDIA_SMI", binary)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn discovery_lists_gpus_or_says_why_not() {
    let found = discovered(Path::new("/nowhere/nvidia-smi"));
    for word in ["Unavailable", "there is no nvidia-smi", "export WATTPROOF_NVIDIA_SMI="] {
        assert!(found.contains(word), "{word}: {found}");
    }
    let found = discovered(&Fake::new(&[("GPUS", "3")]).path());
    assert_eq!(found.matches("access: Ready").count(), 3, "{found}");
    for word in ["GPU-00000002-1111-2222-3333-444444444444", "NVIDIA H200, GPU 2 of", "driver 580.159.04"] {
        assert!(found.contains(word), "{word}: {found}");
    }
    for (code, text, word) in [
        ("9", "NVIDIA-SMI has failed because", "sudo modprobe nvidia"),
        ("4", "Insufficient permissions", "Denied"),
        ("15", "GPU is lost", "Xid"),
        ("6", "No devices were found", "No devices were found"),
    ] {
        let found = discovered(&Fake::new(&[("CODE", code), ("TEXT", text)]).path());
        assert!(found.contains(word), "{word}: {found}");
    }
}
