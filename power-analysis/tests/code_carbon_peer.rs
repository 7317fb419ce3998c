//! Code Carbon's rules against the packages themselves, on the same inputs.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use power_analysis::estimators::{CodeCarbon, CpuMode, Processor};

/// The rated power that the script loads.
const TDP_W: f64 = 200.0;

/// What the package in the Python named by `variable` answers to `questions`, and its version.
fn ask(variable: &str, questions: &[(&'static str, f64)]) -> (String, Vec<f64>) {
    let python =
        std::env::var(variable).unwrap_or_else(|_| panic!("{variable} names a Python with codecarbon"));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/code_carbon.py");
    let mut peer = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut stdin = peer.stdin.take().unwrap();
    for (kind, argument) in questions {
        writeln!(stdin, "{kind},{argument}").unwrap();
    }
    drop(stdin);
    let output = peer.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text.lines().skip_while(|line| !line.starts_with("version "));
    let version = lines.next().unwrap().trim_start_matches("version ").to_owned();
    let watts: Vec<f64> = lines.map(|line| line.rsplit(',').next().unwrap().parse().unwrap()).collect();
    assert_eq!(watts.len(), questions.len(), "{text}");
    (version, watts)
}

/// Sizes of memory in GiB: every half from 0.5 to 140, all boundaries of the rule with their neighbours, odd ones.
fn sizes() -> Vec<f64> {
    let mut sizes: Vec<f64> = (1..=280).map(|half| f64::from(half) / 2.0).collect();
    for size in [128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0, 8192.0] {
        for multiple in [1.0, 1.25, 1.5, 1.75] {
            sizes.extend([-1.0, -0.01, 0.0, 0.01, 1.0].map(|step| size * multiple + step));
        }
    }
    sizes.extend([251.2, 503.0, 1007.0, 1511.0, 2015.0, 2_015.335_5]);
    // The package counts bytes; halves and hundredths of a GiB that are no whole bytes are cut off there.
    sizes.into_iter().map(|gib| (gib * 1_073_741_824.0).round() / 1_073_741_824.0).collect()
}

fn agree(version: &str, questions: &[(&'static str, f64)], theirs: &[f64], ours: impl Fn(&str, f64) -> f64) {
    for ((kind, argument), theirs) in questions.iter().zip(theirs) {
        let ours = ours(kind, *argument);
        assert!(
            (ours - theirs).abs() < 1e-9 * theirs.max(1.0),
            "{version} {kind} {argument}: {theirs} W, here {ours} W"
        );
    }
}

#[test]
#[ignore = "needs Python with codecarbon 2: run by .ci/run"]
fn version_2_agrees() {
    let mut questions: Vec<(&str, f64)> = sizes().into_iter().map(|gib| ("ram_x86", gib)).collect();
    questions.extend([1.0, 85.0, 200.0, 350.5].map(|tdp| ("constant", tdp)));
    let (version, theirs) = ask("WATTPROOF_CODECARBON2", &questions);
    assert!(version.starts_with("2."), "{version}");
    agree(&version, &questions, &theirs, |kind, argument| match kind {
        "constant" => CodeCarbon::V2.cpu_power_w(argument, CpuMode::Constant).unwrap(),
        _ => CodeCarbon::V2.ram_power_w(argument, Processor::X86),
    });
}

#[test]
#[ignore = "needs Python with codecarbon 3: run by .ci/run"]
fn version_3_agrees() {
    let mut questions: Vec<(&str, f64)> = Vec::new();
    for kind in ["ram_x86", "ram_arm"] {
        questions.extend(sizes().into_iter().map(|gib| (kind, gib)));
    }
    questions.extend((0..=100).map(|percent| ("load", f64::from(percent))));
    questions.extend((0..=100).map(|percent| ("process", f64::from(percent) / 100.0)));
    questions.extend([1.0, 85.0, 200.0, 350.5].map(|tdp| ("constant", tdp)));
    let (version, theirs) = ask("WATTPROOF_CODECARBON3", &questions);
    assert!(version.starts_with("3."), "{version}");
    let cpu = |tdp, mode| CodeCarbon::V3.cpu_power_w(tdp, mode).unwrap();
    agree(&version, &questions, &theirs, |kind, argument| match kind {
        "ram_x86" => CodeCarbon::V3.ram_power_w(argument, Processor::X86),
        "ram_arm" => CodeCarbon::V3.ram_power_w(argument, Processor::Arm),
        "load" => cpu(TDP_W, CpuMode::Load(argument / 100.0)),
        "process" => cpu(TDP_W, CpuMode::ProcessShare(argument)),
        _ => cpu(argument, CpuMode::Constant),
    });
}
