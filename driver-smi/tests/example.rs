//! The example, by every way and where there is nothing.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;
#[path = "../examples/print.rs"]
#[allow(dead_code, reason = "its main is not run here")]
mod print;

use common::node;

fn printed(arguments: &[&str], binary: &str) -> (bool, String) {
    let binary = format!("binary={binary}");
    let arguments: Vec<String> = arguments.iter().copied().chain([&*binary]).map(str::to_owned).collect();
    let mut out = Vec::new();
    let done = print::print(&arguments, &mut out).unwrap();
    (done, String::from_utf8(out).unwrap())
}

#[test]
fn the_example_prints_by_every_way() {
    let rig = node::staircase(2);
    let path = rig.nvidia_smi_path();
    for (way, channel) in [
        (&[][..], "gpu1/power.draw.average: 200.00 W, average power"),
        (&["period_ms=20", "0,1"], "gpu0/power.draw: 100.00 W, average power"),
        (&["--way", "query"], "gpu1/power.draw.average: 200.00 W, average power"),
        (&["--way", "tracer", "period_ms=5", "1"], "power.draw.average: 200.00 W, average power"),
        (&["--way", "dmon", "fields=pwr"], "gpu1/pwr: 200.00 W, power"),
    ] {
        let (done, text) = printed(way, path.to_str().unwrap());
        assert!(done, "{way:?}: {text}");
        assert_eq!(text.matches(channel).count(), 10, "{way:?}: {text}");
    }
}

#[test]
fn the_example_says_what_is_missing() {
    let (done, text) = printed(&[], "/nowhere/nvidia-smi");
    assert!(!done && text.contains("there is no nvidia-smi; install"), "{text}");
    assert!(text.contains("export WATTPROOF_NVIDIA_SMI=/path/to/nvidia-smi"), "{text}");
    let (done, text) = printed(&["--way", "fast"], "/nowhere/nvidia-smi");
    assert!(!done && text.contains("loop, query, tracer or dmon"), "{text}");
}
