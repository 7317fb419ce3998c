//! An opened run.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use power_core::{Anchor, Channel, ChannelId};

use super::batch::Picker;
use super::reader::{Columns, LaneReader};
use super::{Batch, Lines, Manifest, Mark, Pairing, Phase, ReadingsFile, Row, SourceEntry, State, disk};
use crate::alignment::Alignment;
use crate::{Error, Result};

/// A run that was opened for reading: finished, or as far as its recorder came.
#[derive(Debug)]
pub struct Run {
    dir: PathBuf,
    manifest: Manifest,
    marks: Vec<Mark>,
    anchors: Vec<Anchor>,
}

/// One channel of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelRef {
    source: usize,
    channel: u16,
}

impl ChannelRef {
    /// Position of its source in the manifest.
    pub const fn source(self) -> usize {
        self.source
    }

    /// Its position in the source's descriptor.
    pub const fn channel(self) -> ChannelId {
        ChannelId(self.channel)
    }
}

/// The greatest number of names that an error lists.
const LISTED: usize = 8;

impl Run {
    /// Opens the run in the folder `dir`. Readings are not touched yet.
    ///
    /// A run whose recorder died opens, too: its readings count up to the last whole batch, and a mark that was cut
    /// off in writing is left out.
    ///
    /// # Errors
    ///
    /// - if there is no run, or a newer program wrote it.
    /// - if its manifest, marks or anchors are damaged.
    pub fn open(dir: &Path) -> Result<Self> {
        let manifest = read_manifest(dir)?;
        if let Some(what) = manifest.contradictions().into_iter().next() {
            return Err(Error::file(&dir.join(disk::MANIFEST), what)
                .mend("see `wattproof verify` for all that is wrong"));
        }
        let unfinished = manifest.state == State::Recording;
        let marks = whole_lines(&dir.join(disk::MARKS), unfinished, Mark::parse_all)?;
        let anchors = whole_lines(&dir.join(disk::ANCHORS), unfinished, Lines::parse)?;
        Ok(Self { dir: dir.to_owned(), manifest, marks, anchors })
    }

    /// The run's folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The name of the run's folder.
    pub fn name(&self) -> String {
        name_of(&self.dir)
    }

    /// What the run is.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The marks, in the order in which they were made.
    pub fn marks(&self) -> &[Mark] {
        &self.marks
    }

    /// The phases that have a beginning and an end, by beginning; [`Pairing`] has the rest.
    ///
    /// # Errors
    ///
    /// - if a phase is longer than 2^63 ns, so that its length cannot be told.
    pub fn phases(&self) -> Result<Vec<Phase>> {
        let phases = Pairing::of(&self.marks).phases;
        match phases.iter().find(|phase| phase.end_ns.checked_sub(phase.begin_ns).is_none()) {
            None => Ok(phases),
            Some(phase) => Err(Error::file(
                &self.dir.join(disk::MARKS),
                format!(
                    "the phase {} from {} ns to {} ns is longer than can be",
                    phase.name, phase.begin_ns, phase.end_ns
                ),
            )
            .mend("correct its marks")),
        }
    }

    /// Simultaneous times of the host's clocks, in the order in which they were taken.
    pub fn anchors(&self) -> &[Anchor] {
        &self.anchors
    }

    /// How the sources' clocks relate to the time base; empty where nobody has found out.
    ///
    /// # Errors
    ///
    /// - if `alignment.json` is damaged.
    pub fn alignment(&self) -> Result<Alignment> {
        let path = self.dir.join(disk::ALIGNMENT);
        let Some(bytes) = disk::read_if_there(&path)? else { return Ok(Alignment::default()) };
        Alignment::parse(&bytes)
            .map_err(|error| Error::file(&path, error).mend("correct it, or remove it to keep the raw times"))
    }

    /// Replaces `alignment.json`; the readings keep their raw times.
    ///
    /// # Errors
    ///
    /// - if it names a source that the run has not.
    /// - if the file cannot be written.
    pub fn save_alignment(&self, alignment: &Alignment) -> Result<()> {
        alignment.check(&self.manifest)?;
        disk::write_whole(&self.dir.join(disk::ALIGNMENT), &alignment.to_json()?)
    }

    /// The channel named `source/channel`.
    ///
    /// # Errors
    ///
    /// - if there is none; the nearest name is offered.
    pub fn channel(&self, key: &str) -> Result<ChannelRef> {
        match self.manifest.find_channel(key) {
            Some((source, channel)) => Ok(ChannelRef { source, channel }),
            None => Err(self.no_channel(key)),
        }
    }

    /// All channels, by source.
    pub fn channels(&self) -> impl Iterator<Item = ChannelRef> + '_ {
        let sources = self.manifest.sources.iter().enumerate();
        sources.flat_map(|(source, entry)| {
            (0_u16..).zip(&entry.descriptor.channels).map(move |(channel, _)| ChannelRef { source, channel })
        })
    }

    /// The source of a channel of this run.
    ///
    /// # Panics
    ///
    /// If `channel` comes from another run that has more sources.
    pub fn source_of(&self, channel: ChannelRef) -> &SourceEntry {
        &self.manifest.sources[channel.source]
    }

    /// The description of a channel of this run.
    ///
    /// # Panics
    ///
    /// If `channel` comes from another run that has more channels.
    pub fn describe(&self, channel: ChannelRef) -> &Channel {
        &self.source_of(channel).descriptor.channels[usize::from(channel.channel)]
    }

    /// The name `source/channel` of a channel of this run.
    ///
    /// # Panics
    ///
    /// If `channel` comes from another run that has more channels.
    pub fn key(&self, channel: ChannelRef) -> String {
        format!("{}/{}", self.source_of(channel).id, self.describe(channel).name)
    }

    /// Hands the readings of the `wanted` channels to `visitor`, some thousand at a time, lane by lane in the order
    /// in which they were written.
    ///
    /// Only what the wanted channels need is decoded; memory does not grow with the run.
    ///
    /// # Errors
    ///
    /// - that of `visitor`, unchanged; nothing more is read then.
    /// - if a file of readings is missing or damaged.
    /// - if a channel is wanted twice.
    ///
    /// # Panics
    ///
    /// If a channel comes from another run that has more channels.
    pub fn visit(&self, wanted: &[ChannelRef], visitor: impl FnMut(Batch<'_>) -> Result<()>) -> Result<()> {
        self.visit_with(wanted, true, visitor)
    }

    /// As [`visit`](Self::visit); without `device_times`, the devices' own times are not decoded and read as unknown.
    pub(crate) fn visit_with(
        &self,
        wanted: &[ChannelRef],
        device_times: bool,
        mut visitor: impl FnMut(Batch<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut names = HashMap::new();
        for (index, &channel) in wanted.iter().enumerate() {
            let index = u16::try_from(index).map_err(|_| {
                Error::new(format!("{} channels at once are too many", wanted.len()))
                    .mend("ask for at most 65536")
            })?;
            let key = self.key(channel);
            if names.contains_key(&key) {
                return Err(Error::new(format!("channel {key} is asked for twice")).mend("name it once"));
            }
            names.insert(key, index);
        }
        let counted = wanted.iter().filter(|&&channel| self.describe(channel).quantity.is_counted()).count();
        let columns = Columns { t_device: device_times, value: counted < wanted.len(), count: counted > 0 };
        let mut picker = Picker::new(names);
        for file in self.files_of(wanted) {
            let mut reader = self.reader(file, columns)?;
            while let Some(batch) = reader.next_batch()? {
                if let Some(picked) = picker.pick(batch) {
                    visitor(picked)?;
                }
            }
        }
        Ok(())
    }

    /// All readings of the channel named `key`, in file order; for few readings, as they are held in memory.
    ///
    /// # Errors
    ///
    /// - if there is no such channel, or a file of readings is missing or damaged.
    pub fn rows(&self, key: &str) -> Result<Vec<Row>> {
        let channel = self.channel(key)?;
        let mut rows = Vec::new();
        self.visit(&[channel], |batch| {
            rows.extend(batch.rows().map(|row| Row {
                channel: channel.channel,
                t_start_ns: row.t_start_ns,
                t_end_ns: row.t_end_ns,
                t_device_ns: row.t_device_ns,
                value: row.value,
                flags: row.flags,
            }));
            Ok(())
        })?;
        Ok(rows)
    }

    /// Opens one file of readings.
    pub(crate) fn reader(&self, file: &ReadingsFile, columns: Columns) -> Result<LaneReader> {
        LaneReader::open(&self.dir.join(&file.path), columns)
    }

    /// The files that may have readings of `wanted`.
    fn files_of(&self, wanted: &[ChannelRef]) -> impl Iterator<Item = &ReadingsFile> {
        self.manifest.files.iter().filter(|file| {
            wanted.iter().any(|&channel| self.source_of(channel).descriptor.lane.name() == file.lane)
        })
    }

    fn no_channel(&self, key: &str) -> Error {
        let keys: Vec<String> = self.manifest.channel_keys().collect();
        let what = Error::new(format!("{} has no channel {key}", self.dir.display()));
        let nearest = keys
            .iter()
            .map(|known| (strsim::jaro_winkler(key, known), known))
            .max_by(|(left, _), (right, _)| left.total_cmp(right));
        let listed = match keys.len() {
            0 => return what.mend("record or import some readings first"),
            1..=LISTED => keys.join(", "),
            more => format!("{} and {} more", keys[..LISTED].join(", "), more - LISTED),
        };
        match nearest {
            Some((likeness, near)) if likeness > 0.7 => {
                what.mend(format!("did you mean {near}? It has {listed}"))
            }
            _ => what.mend(format!("it has {listed}")),
        }
    }
}

/// The name of a folder, also of `.`.
pub(super) fn name_of(dir: &Path) -> String {
    let absolute = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    absolute.file_name().unwrap_or(absolute.as_os_str()).to_string_lossy().into_owned()
}

/// Reads the manifest of the run in `dir`.
fn read_manifest(dir: &Path) -> Result<Manifest> {
    let path = dir.join(disk::MANIFEST);
    match disk::read_if_there(&path) {
        Ok(Some(bytes)) => Manifest::parse(&bytes).map_err(|error| Error::file(dir, error)),
        Ok(None) => Err(no_run(dir)),
        Err(error) => Err(error),
    }
}

/// An error of a folder that has no manifest.
pub(super) fn no_run(dir: &Path) -> Error {
    Error::file(dir, "is no run, as it has no manifest.json")
        .mend("name a folder that `wattproof import` made")
}

/// The lines of a file, all of them good; where the recorder died, the last may be cut off.
fn whole_lines<T>(path: &Path, unfinished: bool, parse: impl Fn(&[u8]) -> Lines<T>) -> Result<Vec<T>> {
    let Some(bytes) = disk::read_if_there(path)? else { return Ok(Vec::new()) };
    let whole = match bytes.iter().rposition(|&byte| byte == b'\n') {
        _ if !unfinished => &bytes[..],
        Some(last) => &bytes[..=last],
        None => &[],
    };
    let lines = parse(whole);
    match lines.bad.first() {
        None => Ok(lines.items),
        Some(bad) => Err(Error::file(path, format!("line {} cannot be read, {}", bad.line, bad.why))
            .mend("correct that line or remove it")),
    }
}
