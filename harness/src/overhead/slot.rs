//! One short recording into a temporary folder.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::record::live::Live;
use crate::record::{Ended, Settings, record};
use crate::rig::{Rig, SourceSpec};
use crate::run::{LaneRecord, Recording, Run, SourceRecord};
use crate::{Error, Result};

/// How long a recording's first read is waited for.
const BEGIN: Duration = Duration::from_secs(20);

/// What is recorded: sources, and by source the lane that reads it in place of its driver's.
#[derive(Debug, Clone, Default)]
pub(super) struct Slot {
    pub(super) sources: Vec<SourceSpec>,
    pub(super) lanes: BTreeMap<String, String>,
}

/// A short recording that has ended.
#[derive(Debug)]
pub(super) struct Recorded {
    pub(super) recording: Recording,
    pub(super) run: Run,
    /// Removed with this.
    _folder: TempDir,
}

impl Slot {
    pub(super) fn new(sources: impl IntoIterator<Item = SourceSpec>) -> Self {
        Self { sources: sources.into_iter().collect(), lanes: BTreeMap::new() }
    }

    /// Has a lane of this name read the source.
    pub(super) fn lane(mut self, source: &str, lane: &str) -> Self {
        self.lanes.insert(source.to_owned(), lane.to_owned());
        self
    }

    fn settings(&self, folder: &TempDir) -> Settings {
        let rig = Rig { reference: None, sources: self.sources.clone() };
        let mut settings = Settings::new(Some(folder.path().join("run")), rig);
        settings.lanes.clone_from(&self.lanes);
        settings
    }

    /// Records for so many seconds.
    ///
    /// # Errors
    ///
    /// - if a source that is required cannot be read, nothing can be written, or a signal came.
    pub(super) fn run(&self, seconds: f64) -> Result<Recorded> {
        let folder = folder()?;
        let mut settings = self.settings(&folder);
        settings.duration = Some(Duration::from_secs_f64(seconds));
        recorded(record(settings, &Live::default())?, folder)
    }

    /// Begins to record, and returns once the first readings are there.
    ///
    /// # Errors
    ///
    /// - if nothing can be recorded.
    pub(super) fn begin(&self) -> Result<Going> {
        let folder = folder()?;
        let settings = self.settings(&folder);
        let (stop, live) = (Arc::clone(&settings.stop), Live::default());
        let seen = live.clone();
        let thread = thread::spawn(move || record(settings, &live));
        let until = Instant::now() + BEGIN;
        while !seen.has_begun() && !thread.is_finished() && Instant::now() < until {
            thread::sleep(Duration::from_millis(1));
        }
        Ok(Going { stop, thread, folder })
    }
}

/// A recording that goes on until it is ended.
#[derive(Debug)]
pub(super) struct Going {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Ended>>,
    folder: TempDir,
}

impl Going {
    /// Ends it.
    ///
    /// # Errors
    ///
    /// - as [`Slot::run`].
    pub(super) fn end(self) -> Result<Recorded> {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.join().map_err(|_| Error::new("a recording ended by a panic"))?;
        recorded(ended?, self.folder)
    }
}

fn folder() -> Result<TempDir> {
    tempfile::Builder::new().prefix("wattproof-overhead-").tempdir().map_err(|error| {
        Error::new("no temporary folder can be made")
            .mend("set TMPDIR to a folder that can be written")
            .because(error)
    })
}

fn recorded(ended: Ended, folder: TempDir) -> Result<Recorded> {
    if ended.recording.ended.starts_with("signal") {
        return Err(Error::new("it was interrupted: nothing is stated"));
    }
    if let Some(failure) = ended.failure {
        return Err(failure);
    }
    let run = ended.run.ok_or_else(|| Error::new("a recording could not be completed"))?;
    Ok(Recorded { recording: ended.recording, run, _folder: folder })
}

impl Recorded {
    /// What came of a source.
    ///
    /// # Errors
    ///
    /// - if it was not recorded.
    pub(super) fn source(&self, name: &str) -> Result<&SourceRecord> {
        let found = self.recording.sources.iter().find(|source| source.id == name);
        found.ok_or_else(|| Error::new(format!("{name} was not recorded")))
    }

    /// The lanes but for those of these names.
    pub(super) fn lanes<'a>(&'a self, but: &'a [&str]) -> impl Iterator<Item = &'a LaneRecord> {
        self.recording.lanes.iter().filter(|lane| !but.contains(&lane.lane.as_str()))
    }

    /// CPU time of the lanes but for those of these names, and of the writer, as a share of one core.
    pub(super) fn cpu_share(&self, but: &[&str]) -> f64 {
        self.lanes(but).map(|lane| lane.cpu_share).sum::<f64>() + self.recording.writer.cpu_share
    }
}
