//! Writes a run: in place while recording, or whole or not at all when importing.

mod checks;
mod finish;
mod growing;
mod new_run;
mod routes;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use power_core::{Anchor, Descriptor};

pub use self::new_run::NewRun;

pub(super) use self::checks::unpaired_notes;
use self::checks::{carry_over, check_descriptor, manifest_of, stranger};
use self::growing::GrowingFile;
use super::disk::{self, Pending};
use super::lane::LaneWriter;
use super::manifest::id_problem;
use super::{
    Input, Interruption, Manifest, Mark, Origin, Recording, Row, RowValue, Run, SourceEntry, State, TimeBase,
};
use crate::alignment::Alignment;
use crate::{Error, Result};

/// A source of the run that is being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceIndex(usize);

impl SourceIndex {
    /// Its position in the manifest's sources.
    pub const fn position(self) -> usize {
        self.0
    }
}

/// Writes a run. What is not ended by [`finish`](RunWriter::finish) remains as a run that is unfinished, or, where
/// the run was to appear at once, leaves nothing behind.
#[derive(Debug)]
pub struct RunWriter {
    /// Where the files are written.
    dir: PathBuf,
    place: Place,
    manifest: Manifest,
    /// Whether the manifest on disk is behind in what its readings need.
    stale: bool,
    /// Whether it is behind in how the recording went, which the end of the run writes anyway.
    untold: bool,
    lanes: Vec<LaneWriter>,
    /// Lanes by the names that their sources gave them.
    lane_of: HashMap<String, usize>,
    /// Names of files that are taken, in lower case: not every file system tells them apart by case.
    stems: HashSet<String>,
    /// By source: where its readings go; `None` for those that the run had before.
    routes: Vec<Option<Route>>,
    marks: Vec<Mark>,
    marks_file: GrowingFile,
    anchors_file: GrowingFile,
    alignment: Alignment,
}

/// Where the run appears.
#[derive(Debug)]
enum Place {
    /// Where it is written, from the beginning.
    Here,
    /// At its place once it is whole.
    New(Pending),
    /// At its place once it is whole, instead of the run that is there.
    Instead(Pending),
    /// It is there.
    Done,
}

/// Where the readings of one source go.
#[derive(Debug)]
struct Route {
    lane: usize,
    /// By channel: its number in the lane, and whether it holds raw counts.
    channels: Vec<(i32, bool)>,
}

impl RunWriter {
    /// Begins a recording in the folder `dir`: what is flushed stays there whatever happens to this program.
    ///
    /// # Errors
    ///
    /// - if `dir` exists and is not empty, or cannot be created.
    pub fn create(dir: &Path, new: NewRun) -> Result<Self> {
        disk::refuse_occupied(dir)?;
        disk::create_folder(&dir.join(disk::READINGS))?;
        let writer = Self::begin(dir.to_owned(), Place::Here, manifest_of(new))?;
        // Held until this program ends, so that nobody completes a run that is being recorded.
        super::recover::hold(writer.marks_file.file(), dir)?;
        Ok(writer)
    }

    /// Begins a run that appears in the folder `dir` when it is finished, and not at all if it is not.
    ///
    /// # Errors
    ///
    /// - if `dir` exists and is not empty, or nothing can be created beside it.
    pub fn create_atomic(dir: &Path, new: NewRun) -> Result<Self> {
        disk::refuse_occupied(dir)?;
        let pending = Pending::beside(dir)?;
        let folder = pending.folder().to_owned();
        disk::create_folder(&folder.join(disk::READINGS))?;
        Self::begin(folder, Place::New(pending), manifest_of(new))
    }

    /// Adds to the finished run in the folder `dir`, which stays as it is until this is finished.
    ///
    /// Its readings cannot be added to: what is new comes as new sources.
    ///
    /// # Errors
    ///
    /// - if `dir` is no finished run, or its times count something else than `time_base`.
    /// - if nothing can be created beside it.
    pub fn extend(dir: &Path, time_base: TimeBase) -> Result<Self> {
        let old = Run::open(dir)?;
        if old.manifest().state != State::Finished {
            return Err(Error::file(dir, "is not finished, nothing can be added to it")
                .mend("wait for its recorder to end, or import into a run of its own"));
        }
        if old.manifest().time_base != time_base {
            return Err(Error::file(
                dir,
                format!("its times are {}, those to be added are {time_base}", old.manifest().time_base),
            )
            .mend("import into a run of its own, or give the time at which the file begins"));
        }
        // Through a link, it is the run itself that is replaced.
        let place = dir.canonicalize().map_err(|error| Error::io(dir, "read", error))?;
        let pending = Pending::beside(&place)?;
        let folder = pending.folder().to_owned();
        disk::create_folder(&folder.join(disk::READINGS))?;
        for file in
            old.manifest().files.iter().map(|file| file.path.as_str()).chain([disk::MARKS, disk::ANCHORS])
        {
            carry_over(&old.dir().join(file), &folder.join(file))?;
        }
        let mut manifest = old.manifest().clone();
        let unpaired = unpaired_notes(old.marks());
        manifest.notes.retain(|note| !unpaired.contains(note));
        let mut writer = Self::begin(folder, Place::Instead(pending), manifest)?;
        writer.alignment = old.alignment()?;
        writer.marks = old.marks().to_vec();
        Ok(writer)
    }

    fn begin(dir: PathBuf, place: Place, manifest: Manifest) -> Result<Self> {
        Ok(Self {
            marks_file: GrowingFile::open(&dir.join(disk::MARKS))?,
            anchors_file: GrowingFile::open(&dir.join(disk::ANCHORS))?,
            dir,
            place,
            stale: true,
            untold: false,
            lanes: Vec::new(),
            lane_of: HashMap::new(),
            stems: manifest.files.iter().map(|file| routes::stem_of(&file.path)).collect(),
            routes: manifest.sources.iter().map(|_| None).collect(),
            manifest,
            marks: Vec::new(),
            alignment: Alignment::default(),
        })
    }

    /// The manifest as it stands now.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// How the sources' clocks relate to the time base, as it was set or as the extended run has it.
    pub const fn alignment(&self) -> &Alignment {
        &self.alignment
    }

    /// Adds a source, at any time before the end.
    ///
    /// # Errors
    ///
    /// - if `id` is empty, has a slash, or is another source's.
    /// - if the descriptor contradicts itself, or has a number that is not finite.
    /// - if the lane's file cannot be created.
    pub fn add_source(&mut self, id: &str, mut descriptor: Descriptor) -> Result<SourceIndex> {
        if let Some(what) = id_problem(id) {
            return Err(Error::new(what).mend("give it another id"));
        }
        if self.manifest.sources.iter().any(|source| source.id == id) {
            return Err(
                Error::new(format!("the run has a source {id} already")).mend("give the new one another id")
            );
        }
        check_descriptor(id, &descriptor)?;
        let lane = self.lane_for(&mut descriptor)?;
        let entry = SourceEntry { id: id.to_owned(), descriptor, asked_period_ns: None };
        let channels = self.route(lane, &entry, 0)?;
        self.manifest.sources.push(entry);
        self.routes.push(Some(Route { lane, channels }));
        self.stale = true;
        Ok(SourceIndex(self.manifest.sources.len() - 1))
    }

    /// Sets the time between the starts of two reads that was asked for.
    pub fn set_asked_period(&mut self, source: SourceIndex, period_ns: u64) {
        if let Some(entry) = self.manifest.sources.get_mut(source.0) {
            entry.asked_period_ns = Some(period_ns);
            self.stale = true;
        }
    }

    /// Fills in what was learnt of a source later; channels may be added, too.
    ///
    /// # Errors
    ///
    /// - if the lane, the name of a channel, or whether it holds raw counts is changed: readings depend on it.
    /// - if the descriptor contradicts itself afterwards. It then stays as it was.
    pub fn describe(&mut self, source: SourceIndex, change: impl FnOnce(&mut Descriptor)) -> Result<()> {
        let Some(entry) = self.manifest.sources.get(source.0) else { return Err(stranger(source)) };
        let mut changed = entry.clone();
        change(&mut changed.descriptor);
        check_descriptor(&changed.id, &changed.descriptor)?;
        let (before, after) = (&entry.descriptor.channels, &changed.descriptor.channels);
        let kept = before.len() <= after.len()
            && before.iter().zip(after).all(|(before, after)| {
                before.name == after.name && before.quantity.is_counted() == after.quantity.is_counted()
            })
            && entry.descriptor.lane == changed.descriptor.lane;
        if !kept {
            return Err(Error::new(format!(
                "the channels or the lane of source {} cannot change any more",
                entry.id
            ))
            .mend("add another source"));
        }
        let (known, more) = (before.len(), after.len() > before.len());
        if more {
            let Some(lane) = self.routes[source.0].as_ref().map(|route| route.lane) else {
                return Err(Error::new(format!("source {} has all its readings already", changed.id))
                    .mend("add another source"));
            };
            let channels = self.route(lane, &changed, known)?;
            self.routes[source.0].iter_mut().for_each(|route| route.channels.extend_from_slice(&channels));
        }
        self.manifest.sources[source.0] = changed;
        self.stale = true;
        Ok(())
    }

    /// Adds one reading; it is on disk after the next [`flush`](RunWriter::flush), or when many have come together.
    ///
    /// A missing value is flagged as such. Nothing else is changed, not even times that run backwards.
    ///
    /// # Errors
    ///
    /// - if the source has no such channel, or its quantity is held the other way: as a number or as a raw count.
    /// - if a full buffer cannot be written.
    pub fn push(&mut self, source: SourceIndex, mut row: Row) -> Result<()> {
        if self.stale {
            self.save_manifest()?;
        }
        let Some(route) = self.routes.get(source.0).and_then(Option::as_ref) else {
            return Err(stranger(source));
        };
        let Some(&(key, counted)) = route.channels.get(usize::from(row.channel)) else {
            let id = &self.manifest.sources[source.0].id;
            return Err(
                Error::new(format!("source {id} has no channel {}", row.channel)).mend("describe it first")
            );
        };
        match row.value {
            RowValue::Number(_) if counted => {
                return Err(self.misfit(source, &row, "raw counts, not numbers"));
            }
            RowValue::Count(_) if !counted => {
                return Err(self.misfit(source, &row, "numbers, not raw counts"));
            }
            RowValue::Missing => row.flags = row.flags | power_core::Flags::MISSING,
            RowValue::Number(_) | RowValue::Count(_) => {}
        }
        self.lanes[route.lane].push(key, &row)
    }

    /// Adds a mark; it is on disk at once.
    ///
    /// # Errors
    ///
    /// - if it cannot be written.
    pub fn mark(&mut self, mark: Mark) -> Result<()> {
        self.marks_file.append(&mark)?;
        self.marks.push(mark);
        Ok(())
    }

    /// Adds an anchor; it is on disk at once.
    ///
    /// # Errors
    ///
    /// - if it cannot be written.
    pub fn anchor(&mut self, anchor: Anchor) -> Result<()> {
        self.anchors_file.append(&anchor)
    }

    /// Sets how the sources' clocks relate to the time base; it replaces what was known.
    pub fn set_alignment(&mut self, alignment: Alignment) {
        self.alignment = alignment;
    }

    /// Adds what a reader has to know.
    pub fn note(&mut self, note: impl Into<String>) {
        self.manifest.notes.push(note.into());
        self.stale = true;
    }

    /// Names the channel that the others are compared with, as `source/channel`.
    ///
    /// # Errors
    ///
    /// - if there is no such channel.
    pub fn set_reference(&mut self, channel: &str) -> Result<()> {
        if self.manifest.find_channel(channel).is_none() {
            let known: Vec<String> = self.manifest.channel_keys().collect();
            return Err(Error::new(format!("the reference {channel} is no channel of this run"))
                .mend(format!("it has {}", known.join(", "))));
        }
        self.manifest.reference = Some(channel.to_owned());
        self.stale = true;
        Ok(())
    }

    /// Adds a fact about the machine that the sensors belong to.
    pub fn host(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.manifest.host.insert(name.into(), value.into());
        self.stale = true;
    }

    /// Adds a file that readings were imported from; a run that was recorded has it as a note.
    pub fn add_input(&mut self, input: Input) {
        match &mut self.manifest.origin {
            Origin::Imported { inputs } => inputs.push(input),
            Origin::Recorded { .. } => self.manifest.notes.push(format!(
                "{} ({}, {} bytes, SHA-256 {}) was imported into this run after it was recorded",
                input.name, input.format, input.bytes, input.sha256
            )),
        }
        self.stale = true;
    }

    /// Sets the exit code of the command that was recorded.
    pub fn set_exit_code(&mut self, code: i32) {
        if let Origin::Recorded { exit_code, .. } = &mut self.manifest.origin {
            *exit_code = Some(code);
            self.untold = true;
        }
    }

    /// Says how the recording went; it replaces what was said.
    pub fn set_recording(&mut self, recording: Recording) {
        self.manifest.recording = Some(recording);
        self.untold = true;
    }

    /// Says when sources failed so far.
    pub fn set_interruptions(&mut self, interruptions: Vec<Interruption>) {
        self.manifest.recording.get_or_insert_default().interruptions = interruptions;
        self.stale = true;
    }

    /// Bytes of the streams of readings so far.
    pub fn stream_bytes(&self) -> u64 {
        self.lanes.iter().map(LaneWriter::bytes).sum()
    }

    /// Hands all readings so far to the system: they outlive this program.
    ///
    /// # Errors
    ///
    /// - if they cannot be written; the lane takes no more readings then.
    pub fn flush(&mut self) -> Result<()> {
        if self.stale || self.untold {
            self.save_manifest()?;
        }
        self.flush_lanes()
    }

    /// Hands the readings so far to the system. Every lane has its chance, whatever happens to another.
    fn flush_lanes(&mut self) -> Result<()> {
        self.lanes.iter_mut().map(LaneWriter::flush).fold(Ok(()), Result::and)
    }

    /// Hands all readings and marks so far to the disk: they outlive a power cut. Blocks until it has them.
    ///
    /// # Errors
    ///
    /// - if they cannot be written.
    pub fn sync(&mut self) -> Result<()> {
        self.flush()?;
        self.lanes.iter().try_for_each(LaneWriter::sync)?;
        self.marks_file.sync()?;
        self.anchors_file.sync()
    }
}
