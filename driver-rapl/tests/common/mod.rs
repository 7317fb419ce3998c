//! Fake machines: trees of plain files as Linux shows them, built in a folder that goes away with them.

#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(unreachable_pub, reason = "what tests share is public to them alone")]
#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

pub mod fuse;
pub mod machines;
pub mod truth;

use std::fs;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use driver_rapl::DRIVER;
use power_core::{Driver, Options, PowerSource, Result};
use tempfile::TempDir;

/// A tree that stands in for `/`.
#[derive(Debug)]
pub struct Fake {
    folder: TempDir,
}

impl Fake {
    /// An empty machine: no file at all.
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// Path of a file in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file with the line end that sysfs has.
    pub fn file(&self, name: &str, text: impl std::fmt::Display) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("{text}\n")).unwrap();
    }

    /// Sets `cpuinfo`.
    pub fn cpu(&self, vendor: &str, family: u32, model: u32, name: &str, flags: &str) {
        self.file(
            "proc/cpuinfo",
            format!(
                "processor\t: 0\nvendor_id\t: {vendor}\ncpu family\t: {family}\nmodel\t\t: {model}\n\
                 model name\t: {name}\nflags\t\t: {flags}\n"
            ),
        );
    }

    /// Sets the topology: for each CPU its package, die and core.
    pub fn topology(&self, cpus: &[(u32, u32, u32)]) {
        self.file("sys/devices/system/cpu/online", format!("0-{}", cpus.len() - 1));
        for (cpu, (package, die, core)) in cpus.iter().enumerate() {
            let folder = format!("sys/devices/system/cpu/cpu{cpu}/topology");
            self.file(&format!("{folder}/physical_package_id"), package);
            self.file(&format!("{folder}/die_id"), die);
            self.file(&format!("{folder}/core_id"), core);
        }
    }

    /// Adds a powercap zone with the range of 2^-14 J, or of 2^-16 J for memory.
    pub fn zone(&self, folder: &str, name: &str, energy_uj: u64) {
        let folder = format!("sys/class/powercap/{folder}");
        self.file(&format!("{folder}/name"), name);
        let range: u64 = if name == "dram" { 65_712_999_613 } else { 262_143_328_850 };
        self.file(&format!("{folder}/max_energy_range_uj"), range);
        self.file(&format!("{folder}/energy_uj"), energy_uj);
    }

    /// Writes a register of a CPU. Registers less than 8 apart overlap, as they do not in the real one.
    pub fn register(&self, cpu: u32, address: u64, value: u64) {
        let path = self.path(&format!("dev/cpu/{cpu}/msr"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let file = File::options().create(true).truncate(false).write(true).open(path).unwrap();
        file.write_all_at(&value.to_ne_bytes(), address).unwrap();
    }

    /// Adds a PMU whose events are the CPU clock of Linux' software PMU: 1 ns of a CPU stands for 1 nJ, so that each
    /// domain draws 1 W.
    pub fn pmu(&self, name: &str, cpus: &str, events: &[&str]) {
        let folder = format!("sys/bus/event_source/devices/{name}");
        self.file(&format!("{folder}/type"), 1);
        self.file(&format!("{folder}/cpumask"), cpus);
        self.file(&format!("{folder}/format/event"), "config:0-7");
        for event in events {
            self.file(&format!("{folder}/events/{event}"), "event=0x00");
            self.file(&format!("{folder}/events/{event}.scale"), "1e-9");
            self.file(&format!("{folder}/events/{event}.unit"), "Joules");
        }
    }

    /// Options that point the driver here, with further ones.
    pub fn options(&self, more: &[(&str, &str)]) -> Options {
        let root = self.folder.path().to_str().unwrap();
        let usual = [("root", root), ("measure_ms", "0")];
        usual.iter().chain(more).map(|(name, value)| (*name, *value)).collect()
    }

    /// Opens a device of this machine.
    pub fn open(&self, device: &str, more: &[(&str, &str)]) -> Result<Box<dyn PowerSource>> {
        DRIVER.open(device, &self.options(more))
    }

    /// Takes the contents out of every counter, as if its CPU were gone: reads find the end of the file.
    pub fn unplug(&self) {
        empty(&self.path("sys/class/powercap"), "energy_uj");
        empty(&self.path("dev/cpu"), "msr");
    }
}

fn empty(folder: &Path, name: &str) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            empty(&path, name);
        } else if path.ends_with(name) {
            File::options().write(true).truncate(true).open(path).unwrap();
        }
    }
}
