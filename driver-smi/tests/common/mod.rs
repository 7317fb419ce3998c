//! A stand-in for `nvidia-smi` that does what no virtual node does: a shell script in a folder of its own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(dead_code, reason = "each test program uses its own part")]

pub(crate) mod node;

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use power_core::{Driver, Options, PowerSource, Reading, Recorder, Result, SystemClock};
use tempfile::TempDir;

/// The stand-in.
#[derive(Debug)]
pub(crate) struct Fake {
    folder: TempDir,
}

impl Fake {
    /// One with these settings, see `nvidia-smi.sh`.
    pub(crate) fn new(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let fake = Self { folder };
        // A link, because a program just written may not be run while another thread starts one.
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/nvidia-smi.sh");
        symlink(script, fake.path()).unwrap();
        fake.set(settings);
        fake
    }

    /// Other settings from now on.
    pub(crate) fn set(&self, settings: &[(&str, &str)]) {
        let mut text = format!("KNOWN='{}'\n", KNOWN.join(" "));
        for (name, value) in settings {
            writeln!(text, "{name}='{value}'").unwrap();
        }
        fs::write(self.folder.path().join("settings"), text).unwrap();
    }

    /// Counts the rounds of single processes from here on.
    pub(crate) fn count_rounds(&self) {
        fs::write(self.folder.path().join("round"), "0").unwrap();
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("nvidia-smi")
    }

    /// How it was called so far: process id and arguments.
    pub(crate) fn calls(&self) -> Vec<(u32, String)> {
        let text = fs::read_to_string(self.folder.path().join("calls")).unwrap_or_default();
        let call = |line: &str| {
            let (pid, arguments) = line.split_once(' ').unwrap();
            (pid.parse().unwrap(), arguments.to_owned())
        };
        text.lines().map(call).collect()
    }

    pub(crate) fn options(&self, options: &[(&str, &str)]) -> Options {
        let given = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        given.collect::<Options>().with("binary", self.path().to_str().unwrap())
    }

    pub(crate) fn open(&self, device: &str, options: &[(&str, &str)]) -> Result<Box<dyn PowerSource>> {
        driver_smi::DRIVER.open(device, &self.options(options))
    }
}

/// The fields that this crate asks for.
pub(crate) const KNOWN: &[&str] = &[
    "timestamp",
    "index",
    "uuid",
    "name",
    "driver_version",
    "pci.bus_id",
    "compute_cap",
    "power.draw",
    "power.draw.average",
    "power.draw.instant",
    "module.power.draw.average",
    "power.limit",
    "enforced.power.limit",
    "utilization.gpu",
    "utilization.memory",
    "memory.used",
    "temperature.gpu",
    "clocks.current.sm",
    "pstate",
    "clocks_event_reasons.active",
];

/// One read.
pub(crate) fn read(source: &mut dyn PowerSource) -> Result<Vec<Reading>> {
    let mut readings = Vec::new();
    source.read(&mut Recorder::new(&SystemClock, &mut readings))?;
    Ok(readings)
}

/// The readings of a channel.
pub(crate) fn of<'a>(source: &dyn PowerSource, readings: &'a [Reading], channel: &str) -> Vec<&'a Reading> {
    let id = source.descriptor().find(channel).unwrap_or_else(|| panic!("no channel {channel}"));
    readings.iter().filter(|reading| reading.channel == id).collect()
}

/// Whether this process is there, as itself or as a zombie, and stays there.
pub(crate) fn is_there(pid: u32) -> bool {
    let path = Path::new("/proc").join(pid.to_string());
    let started = Instant::now();
    while path.exists() && started.elapsed() < Duration::from_secs(5) {
        thread::sleep(Duration::from_millis(5));
    }
    path.exists()
}
