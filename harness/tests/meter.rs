//! `wattproof meter`: a profile checked, and a meter read once, over a real connection.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

use assert_cmd::Command;
use virtual_rig::{Description, MeterDescription, MeterKind, VirtualRig};

fn wattproof(arguments: &[&str]) -> (String, String, Option<i32>) {
    let output = Command::cargo_bin("wattproof").unwrap().args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code())
}

#[test]
fn a_profile_is_checked_and_a_fault_is_shown_with_its_line() {
    let profile = concat!(env!("CARGO_MANIFEST_DIR"), "/../driver-meter/examples/my-meter.toml");
    let (out, err, code) = wattproof(&["meter", "check", profile]);
    assert_eq!((code, &*err), (Some(0), ""), "{out}");
    assert!(out.starts_with("my-meter: sound"), "{out}");
    let folder = tempfile::tempdir().unwrap();
    let wrong = folder.path().join("wrong.toml");
    let text = std::fs::read_to_string(profile).unwrap().replacen("register", "regster", 1);
    std::fs::write(&wrong, text).unwrap();
    let (_, err, code) = wattproof(&["meter", "check", wrong.to_str().unwrap()]);
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("wrong.toml:") && err.contains("regster") && err.contains("register"), "{err}");
}

#[test]
fn a_meter_shows_every_channel_once() {
    let description = Description::node(1).with_meter(MeterDescription::new("modbus", MeterKind::Sdm630Tcp));
    let rig = VirtualRig::start(description).unwrap();
    let device = rig.meters()[0].device();
    let (out, err, code) = wattproof(&["meter", "probe", &device, "timeout_ms=30000"]);
    assert_eq!(code, Some(0), "{err}");
    let power = out.lines().find(|line| line.starts_with("power ")).unwrap();
    assert!(power.contains(" W") && power.contains("node AC"), "{out}");
}

#[test]
fn a_meter_that_is_not_there_is_said_to_be_so() {
    let (_, err, code) = wattproof(&["meter", "probe", "sdm630@tcp:127.0.0.1:1"]);
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("127.0.0.1:1"), "{err}");
    let (_, err, code) = wattproof(&["meter", "probe", "sdm360@tcp:127.0.0.1:1"]);
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("sdm630"), "{err}");
}
