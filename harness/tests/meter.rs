//! `wattproof meter`: a profile checked, and a meter read once, over a real connection.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use assert_cmd::Command;
use driver_meter::modbus::Framing;
use driver_meter::profile;
use driver_meter::simulator::{Server, SimulatedMeter};
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

#[test]
fn a_meter_is_recorded_by_the_rig_file_that_the_page_shows() {
    let page = include_str!("../../docs/add-a-meter.md");
    let rig = page.split("```ini\n").nth(1).unwrap().split("```").next().unwrap();
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let profile = profile::load(&Path::new(root).join("driver-meter/examples/my-meter.toml")).unwrap();
    let meter = SimulatedMeter::new(profile, |_| Some(300.0));
    let server = Server::on(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), meter, Framing::Mbap).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (file, run) = (folder.path().join("my-rig.toml"), folder.path().join("my-run"));
    assert!(rig.contains("127.0.0.1:5020"), "{rig}");
    let rig = rig
        .replace("127.0.0.1:5020", &server.address().to_string())
        .replace("driver-meter/", &format!("{root}/driver-meter/"));
    std::fs::write(&file, rig).unwrap();
    let (file, run) = (file.to_str().unwrap(), run.to_str().unwrap());
    let (_, err, code) = wattproof(&["record", "--rig", file, "--for", "2s", "-o", run]);
    assert_eq!(code, Some(0), "{err}");
    let (out, err, code) = wattproof(&["energy", run]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("wall/power") && out.contains("300.0"), "{out}");
}
