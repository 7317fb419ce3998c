//! A rig whose `nvidia-smi -q -x` disturbs the sensors that others read, as an H200's does.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nvml_wrapper::Nvml;
use virtual_rig::{Description, Load, Smi, VirtualRig};

/// Changes of power usage that a reader sees in 2 s beside `nvidia-smi` with these arguments, back to back every 40 ms.
fn publications(hides_ms: f64, arguments: &[&str]) -> usize {
    let node = Description::node(1)
        .with_load(Load::random(90.0, 600.0, 0.02))
        .with_smi(Smi::default().with_log_hides_ms(hides_ms));
    let rig = VirtualRig::start(node).unwrap();
    let nvml = Nvml::builder().lib_path(rig.nvml_path().as_os_str()).init().unwrap();
    let gpu = nvml.device_by_index(0).unwrap();
    let (begin, mut asked) = (Instant::now(), 0);
    let mut seen = Vec::new();
    while begin.elapsed() < Duration::from_secs(2) {
        if begin.elapsed() >= Duration::from_millis(40) * asked {
            let mut smi = Command::new(rig.nvidia_smi_path());
            assert!(smi.args(arguments).stdout(Stdio::null()).status().unwrap().success());
            asked += 1;
        }
        seen.push(gpu.power_usage().unwrap());
        std::thread::sleep(Duration::from_millis(1));
    }
    seen.dedup();
    seen.len()
}

#[test]
fn only_the_full_log_keeps_publications_from_every_reader() {
    // Longer than from one to the next, so that a program that starts late on a busy machine leaves no room between.
    let alone = publications(120.0, &["--query-gpu=power.draw", "--format=csv"]);
    let beside = publications(120.0, &["-q", "-x"]);
    let harmless = publications(0.0, &["-q", "-x"]);
    // 20 publications are due.
    assert!(alone >= 15 && harmless >= 15, "{alone} {harmless}");
    assert!(beside <= 10, "{beside} of {alone}");
}
