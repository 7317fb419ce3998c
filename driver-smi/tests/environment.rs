//! What the environment says: where the binary is, and in which zone this program lives. The test runs itself again.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::env;
use std::process::Command;

use common::{node, of, read};
use power_core::{Access, Driver, Options, SystemClock};
use virtual_rig::Description;

const CHILD: &str = "DRIVER_SMI_TEST_CHILD";

#[test]
fn the_binary_and_the_zone_come_from_the_environment() {
    if let Some(gpus) = env::var_os(CHILD) {
        return in_child(gpus.to_str().unwrap().parse().unwrap());
    }
    let (rig, other) = (node::rig(Description::node(3)), node::rig(Description::node(2)));
    let child = |gpus: &str, named: Option<&str>| {
        let output = Command::new(env::current_exe().unwrap())
            .args(["--exact", "the_binary_and_the_zone_come_from_the_environment"])
            .env(CHILD, gpus)
            .envs(rig.env())
            .env("WATTPROOF_NVIDIA_SMI", named.unwrap_or_default())
            .env("TZ", "XXX-05:45")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    };
    // By the path; then by name, which goes before it.
    child("3", None);
    child("2", other.nvidia_smi_path().to_str());
}

fn in_child(gpus: usize) {
    let found = driver_smi::DRIVER.discover();
    assert_eq!(found.len(), gpus, "{found:?}");
    assert!(found.iter().all(|found| found.access == Access::Ready), "{found:?}");
    for mode in ["loop", "query"] {
        let mut source = driver_smi::DRIVER.open("all", &Options::new().with("mode", mode)).unwrap();
        let readings = read(&mut source).unwrap();
        let power = of(&source, &readings, "gpu1/power.draw")[0];
        // In UTC, whatever the zone of this program.
        let age = SystemClock.anchor().realtime_ns - power.device_time.unwrap().nanos();
        assert!((0..10_000_000_000).contains(&age), "{mode}: {age}");
    }
}
