//! Virtual nodes and sources on them.

#![allow(dead_code, reason = "each test binary uses its own part")]
#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

use driver_nvml::DRIVER;
use power_core::{Driver, Options, PowerSource, Reading, Recorder, Result, SystemClock};
use virtual_rig::{Description, VirtualRig};

pub(crate) fn rig(description: Description) -> VirtualRig {
    VirtualRig::start(description).unwrap()
}

/// Options for a rig; aliases are looked for only where a test is about them.
pub(crate) fn options(rig: &VirtualRig) -> Options {
    Options::new().with("library", rig.nvml_path().to_str().unwrap()).with("alias_ms", "0")
}

pub(crate) fn open(rig: &VirtualRig, device: &str) -> Box<dyn PowerSource> {
    DRIVER.open(device, &options(rig)).unwrap()
}

pub(crate) fn read(source: &mut dyn PowerSource) -> (Vec<Reading>, Result<()>) {
    let mut readings = Vec::new();
    let outcome = source.read(&mut Recorder::new(&SystemClock, &mut readings));
    (readings, outcome)
}

/// The reading of the channel of this name.
pub(crate) fn reading(source: &mut dyn PowerSource, channel: &str) -> Reading {
    let (readings, outcome) = read(source);
    outcome.unwrap();
    let id = source.descriptor().find(channel).unwrap();
    *readings.iter().find(|reading| reading.channel == id).unwrap()
}
