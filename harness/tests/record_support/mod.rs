//! A recording as a user starts it, on a virtual node that the test holds in its hand.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]
#![allow(dead_code, reason = "each test file uses its part of this")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use harness::run::{Run, State};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use virtual_rig::{Description, VirtualRig};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A virtual node with a folder for runs.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) node: VirtualRig,
    pub(crate) folder: TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self {
            node: VirtualRig::start(Description::default()).unwrap(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn run_dir(&self) -> PathBuf {
        self.folder.path().join("run")
    }

    /// A rig file of some GPUs' gauges, with their policies.
    pub(crate) fn rig(&self, gpus: &[(&str, &str)], more: &str) -> PathBuf {
        let mut text = String::new();
        for (gpu, policy) in gpus {
            let library = self.node.nvml_path();
            write!(
                text,
                "[[source]]\nname = \"{gpu}\"\ndriver = \"nvml\"\ndevice = \"{gpu}/gauges\"\nrate_hz = 100\n\
                 policy = \"{policy}\"\noptions = {{ library = \"{}\", channels = \"power.draw\" }}\n",
                library.display()
            )
            .unwrap();
        }
        text.push_str(more);
        let path = self.folder.path().join("rig.toml");
        std::fs::write(&path, text).unwrap();
        path
    }

    /// `wattproof record` with this rig file, into the bench's run.
    pub(crate) fn record(&self, rig: &Path) -> Command {
        let mut command = wattproof();
        command.args(["record", "--rig"]).arg(rig).arg("-o").arg(self.run_dir());
        command
    }
}

pub(crate) fn wattproof() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wattproof"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What a command said, for messages of failed tests.
pub(crate) fn said(output: &Output) -> String {
    format!("code {:?}\n{}{}", output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Waits until something holds.
pub(crate) fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < until, "{what} did not come about");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Readings of a channel that a run has on disk by now; none while there is no run.
pub(crate) fn rows(dir: &Path, key: &str) -> usize {
    Run::open(dir).and_then(|run| run.rows(key)).map_or(0, |rows| rows.len())
}

pub(crate) fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), signal).unwrap();
}

pub(crate) fn is_finished(dir: &Path) -> bool {
    Run::open(dir).unwrap().manifest().state == State::Finished
}
