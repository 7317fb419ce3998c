//! What goes wrong on a virtual node, by every way to read.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use common::node::{self, DMON, LOOP, QUERY, TRACER, WAYS};
use common::{is_there, of, read};
use power_core::{Error, ErrorKind, Flags, PowerSource, Reading, Recorder, Result, SystemClock, Value};
use virtual_rig::{Description, Fault, VirtualRig};

/// The board's power by the name that each way has for it.
fn power(options: &[(&str, &str)]) -> &'static str {
    if options == DMON { "pwr" } else { "power.draw.average" }
}

/// The reading of a GPU's power; `None` if it gave none.
fn power_of(source: &dyn PowerSource, readings: &[Reading], gpu: usize, name: &str) -> Option<Value> {
    of(source, readings, &format!("gpu{gpu}/{name}")).first().map(|reading| {
        assert_eq!(reading.flags.contains(Flags::MISSING), reading.value == Value::Missing);
        reading.value
    })
}

/// Reads until `enough` holds, 20 times at most.
fn read_until(
    source: &mut dyn PowerSource,
    enough: impl Fn(&dyn PowerSource, &[Reading]) -> bool,
) -> Vec<Reading> {
    for _ in 0..20 {
        let readings = read(source).unwrap();
        if enough(source, &readings) {
            return readings;
        }
    }
    panic!("20 reads without it");
}

#[test]
fn a_lost_gpu_is_missing_and_the_others_go_on() {
    for options in WAYS {
        let rig = node::staircase(4);
        let mut source = node::open(&rig, "all", options).unwrap();
        let name = power(options);
        read(&mut source).unwrap();
        let fault = rig.fault(Fault::lost(2)).unwrap();
        let is_missing = |source: &dyn PowerSource, readings: &[Reading]| {
            power_of(source, readings, 2, name) == Some(Value::Missing)
        };
        // A nameless row is anybody's until all others have been seen: for two rounds or three.
        read_until(&mut source, is_missing);
        for _ in 0..if options == DMON { 2 } else { 8 } {
            let readings = read(&mut source).unwrap();
            for gpu in [0, 1, 3] {
                // In any order, and rows of two rounds may be in one read.
                let shown = power_of(&source, &readings, gpu, name);
                assert!(
                    shown.is_none_or(|value| value.number() == Some(node::step(gpu))),
                    "{options:?} {gpu}: {shown:?}"
                );
            }
            assert!(is_missing(&source, &readings), "{options:?}");
        }
        // It may come back, as after a reset.
        rig.clear(fault).unwrap();
        read_until(&mut source, |source, readings| {
            power_of(source, readings, 2, name).and_then(Value::number) == Some(node::step(2))
        });
    }
}

#[test]
fn a_node_whose_last_gpu_is_lost_is_disconnected_for_good() {
    for options in [LOOP, QUERY, TRACER] {
        let rig = node::staircase(3);
        let mut source = node::open(&rig, "0,2", options).unwrap();
        read(&mut source).unwrap();
        rig.fault(Fault::lost(0)).unwrap();
        (0..6).for_each(|_| drop(read(&mut source).unwrap()));
        rig.fault(Fault::lost(2)).unwrap();
        let error = (0..6).find_map(|_| read(&mut source).err()).unwrap();
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{options:?}: {error}");
        assert!(
            error.to_string().contains("lost") && error.to_string().contains("dmesg"),
            "{options:?}: {error}"
        );
        rig.clear_faults().unwrap();
        assert_eq!(read(&mut source).unwrap_err().kind(), ErrorKind::Disconnected, "{options:?}");
        assert!(node::open(&rig, "0,2", options).is_ok());
    }
}

#[test]
fn a_gpu_that_is_lost_before_it_is_opened_is_not_there() {
    let rig = node::staircase(3);
    rig.fault(Fault::lost(1)).unwrap();
    for options in WAYS {
        let mut source = node::open(&rig, "all", options).unwrap();
        assert_eq!(source.descriptor().find(&format!("gpu1/{}", power(options))), None, "{options:?}");
        let readings = read(&mut source).unwrap();
        for gpu in [0, 2] {
            let shown = power_of(&source, &readings, gpu, power(options));
            assert_eq!(shown.and_then(Value::number), Some(node::step(gpu)), "{options:?}");
        }
        let error = node::open(&rig, "1", options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{options:?}: {error}");
        assert!(error.to_string().contains("GPU is lost"), "{error}");
    }
}

#[test]
fn what_a_gpu_does_not_have_is_no_channel_and_what_fails_is_missing() {
    for options in [LOOP, QUERY, TRACER] {
        let rig = node::rig(Description::node(2));
        let fault = rig.fault(Fault::not_supported("nvmlDeviceGetUtilizationRates").on_gpu(0)).unwrap();
        let mut source = node::open(&rig, "all", options).unwrap();
        let details = &source.descriptor().details;
        assert_eq!(details["no gpu0/utilization.gpu"], "not available on this GPU", "{options:?}");
        assert!(source.descriptor().find("gpu0/utilization.gpu").is_none());
        assert!(source.descriptor().find("gpu1/utilization.gpu").is_some());
        rig.clear(fault).unwrap();
        // 3: [N/A], 4: [Insufficient Permissions], 16: [GPU requires reset], 999: [Unknown Error].
        for code in [3, 4, 16, 999] {
            let fault = rig.fault(Fault::error("power.draw.instant", code).on_gpu(1)).unwrap();
            let readings = read_until(&mut source, |source, readings| {
                power_of(source, readings, 1, "power.draw.instant") == Some(Value::Missing)
            });
            assert!(power_of(&source, &readings, 0, "power.draw.instant").unwrap().number().is_some());
            assert!(power_of(&source, &readings, 1, "power.draw.average").unwrap().number().is_some());
            rig.clear(fault).unwrap();
        }
    }
}

#[test]
fn a_driver_that_does_not_answer_says_how_to_mend_it() {
    for (fault, kind, words) in [
        (Fault::no_driver(), ErrorKind::Unavailable, &["code 9", "sudo modprobe nvidia"][..]),
        (
            Fault::version_mismatch(),
            ErrorKind::Unavailable,
            &["code 18", "different versions", "Driver/library version mismatch", "sudo reboot"],
        ),
        (Fault::error("nvmlInit_v2", 4), ErrorKind::PermissionDenied, &["code 4", "chmod a+rw /dev/nvidia"]),
        (Fault::error("nvidia-smi", 12), ErrorKind::Unavailable, &["code 12", "ldconfig"]),
    ] {
        let rig = node::rig(Description::node(1).with_fault(fault));
        for options in WAYS {
            let error = node::open(&rig, "all", options).unwrap_err();
            assert_eq!(error.kind(), kind, "{options:?}: {error}");
            for word in words {
                assert!(error.to_string().contains(word), "{word}: {error}");
            }
        }
    }
    let empty = node::rig(Description::node(0));
    let error = node::open(&empty, "all", LOOP).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("No devices were found"), "{error}");
}

#[test]
fn a_driver_that_is_updated_while_it_is_read_disconnects() {
    for options in [QUERY, TRACER] {
        let rig = node::rig(Description::node(1));
        let mut source = node::open(&rig, "0", options).unwrap();
        read(&mut source).unwrap();
        rig.fault(Fault::version_mismatch()).unwrap();
        let error = read(&mut source).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{options:?}: {error}");
        assert!(error.to_string().contains("Driver/library version mismatch"), "{error}");
        rig.clear_faults().unwrap();
        assert_eq!(read(&mut source).unwrap_err().kind(), ErrorKind::Disconnected, "{options:?}");
    }
}

/// The processes of this rig that run.
fn running(rig: &VirtualRig) -> BTreeSet<u32> {
    let binary = rig.nvidia_smi_path();
    let entries = fs::read_dir("/proc").unwrap();
    let pids = entries.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        fs::read_link(Path::new("/proc").join(pid.to_string()).join("exe")).is_ok_and(|exe| exe == binary)
    })
    .collect()
}

/// Reads on a thread and watches the processes that it starts meanwhile.
fn read_and_watch(source: &mut dyn PowerSource, rig: &VirtualRig) -> (Result<Vec<Reading>>, BTreeSet<u32>) {
    let mut seen = running(rig);
    let outcome = thread::scope(|scope| {
        let reader = scope.spawn(|| read(source));
        while !reader.is_finished() {
            seen.extend(running(rig));
            thread::sleep(Duration::from_millis(2));
        }
        reader.join().unwrap()
    });
    (outcome, seen)
}

#[test]
fn a_process_that_hangs_is_ended_and_waited_for() {
    for (options, call) in [(LOOP, "nvmlDeviceGetPowerUsage"), (QUERY, "nvidia-smi"), (TRACER, "nvidia-smi")]
    {
        let rig = node::rig(Description::node(2));
        let mut source = node::open(&rig, "all", &[options, &[("deadline_ms", "700")]].concat()).unwrap();
        read(&mut source).unwrap();
        let fault = rig.fault(Fault::slow(call, 60_000.0)).unwrap();
        let started = Instant::now();
        let (error, pids) = (0..4)
            .find_map(|_| match read_and_watch(&mut source, &rig) {
                // A line of the loop may have been there.
                (Ok(_), _) => None,
                (Err(error), pids) => Some((error, pids)),
            })
            .unwrap();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{options:?}: {error}");
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
        // Gone altogether: a zombie would still be in /proc.
        assert_eq!(pids.len(), 1, "{options:?}: {pids:?}");
        assert!(pids.iter().all(|pid| !is_there(*pid)), "{options:?}: {pids:?}");
        rig.clear(fault).unwrap();
        assert!(read(&mut source).is_ok(), "{options:?}: a hang passes");
        drop(source);
        assert_eq!(running(&rig), BTreeSet::new(), "{options:?}: outlives its source");
    }
}

#[test]
fn a_loop_that_stops_in_the_middle_of_a_line_gives_no_half_of_it() {
    for gpus in [1, 4] {
        let rig = node::staircase(gpus);
        let mut source = node::open(&rig, "all", LOOP).unwrap();
        read(&mut source).unwrap();
        rig.fault(Fault::truncated()).unwrap();
        let mut readings = Vec::new();
        let error: Error = (0..20)
            .find_map(|_| {
                let mut recorder = Recorder::new(&SystemClock, &mut readings);
                source.read(&mut recorder).err()
            })
            .unwrap();
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
        assert!(error.to_string().contains("ended with code 0"), "{error}");
        for gpu in 0..gpus {
            let channel = format!("gpu{gpu}/power.draw.average");
            let expected = Some(node::step(gpu));
            assert!(
                of(&source, &readings, &channel).iter().all(|reading| reading.value.number() == expected)
            );
        }
        rig.clear_faults().unwrap();
        assert_eq!(read(&mut source).unwrap_err().kind(), ErrorKind::Disconnected);
    }
}
