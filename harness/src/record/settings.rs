//! What a recording is told, and what it tells in the end.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use power_core::SystemClock;

use super::drain::Anchors;
use super::pulses::Pulses;
use crate::Error;
use crate::rig::Rig;
use crate::run::{Mark, Recording, Run};

/// What is to be recorded, and how.
pub struct Settings {
    /// The folder of the run; `None` to record nothing and only watch.
    pub dir: Option<PathBuf>,
    /// The sources.
    pub rig: Rig,
    /// The greatest random delay of a read as a share of its period, from 0 to 1.
    pub jitter: f64,
    /// Whether to ask for real-time priority and locked memory.
    pub realtime: bool,
    /// By source: the lane that reads it in place of its driver's. Only to measure what lanes are worth.
    pub lanes: BTreeMap<String, String>,
    /// The command to record around.
    pub command: Vec<OsString>,
    /// How long to record where there is no command; until a signal if that is `None`, too.
    pub duration: Option<Duration>,
    /// Whether marks are looked for on the command's stdout.
    pub stdout_marks: bool,
    /// A load by whose pulses at both ends clocks can be aligned.
    pub pulses: Option<Pulses>,
    /// Marks that are known only in the end, of what happened between two times of the host.
    pub late_marks: Option<LateMarks>,
    /// Environment of the command, beside that of this process.
    pub environment: Vec<(&'static str, OsString)>,
    /// What a reader of the run has to know.
    pub notes: Vec<String>,
    /// Ends the recording when set, as a signal does.
    pub stop: Arc<AtomicBool>,
    /// Gives the anchors; [`power_core::SystemClock`]'s but for tests.
    pub anchors: Anchors,
    /// Tells a person what happens.
    pub tell: Box<dyn FnMut(&str) + Send>,
}

/// Gives the marks between two times of the host, in ns.
pub type LateMarks = Box<dyn FnMut(i64, i64) -> Vec<Mark> + Send>;

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").field("dir", &self.dir).field("rig", &self.rig).finish_non_exhaustive()
    }
}

impl Settings {
    /// A recording of `rig` into the folder `dir` until a signal.
    pub fn new(dir: Option<PathBuf>, rig: Rig) -> Self {
        Self {
            dir,
            rig,
            jitter: 0.0,
            realtime: false,
            lanes: BTreeMap::new(),
            command: Vec::new(),
            duration: None,
            stdout_marks: true,
            pulses: None,
            late_marks: None,
            environment: Vec::new(),
            notes: Vec::new(),
            stop: Arc::default(),
            anchors: Box::new(|| SystemClock.anchor()),
            tell: Box::new(|_| {}),
        }
    }
}

/// How a recording ended.
#[derive(Debug)]
pub struct Ended {
    /// The run, `None` if nothing was recorded or it could not be completed.
    pub run: Option<Run>,
    /// How it went.
    pub recording: Recording,
    /// The command's exit code.
    pub exit_code: Option<i32>,
    /// Why the recording is not what it was to be, although what there is stands.
    pub failure: Option<Error>,
}
