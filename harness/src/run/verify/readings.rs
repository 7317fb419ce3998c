//! The check of the files of readings.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Component, Path};

use arrow_array::Array;
use power_core::Flags;

use super::channel::{ChannelCheck, Seen};
use super::{COPY_AGAIN, Check};
use crate::Error;
use crate::run::parquet::sha256_of;
use crate::run::reader::{Columns, LaneBatch, LaneReader, is_stream};
use crate::run::{Manifest, ReadingsFile, State, disk, stream};

/// What is known of a channel by its name in the files.
struct Channels<'a> {
    lane_of: HashMap<String, &'a str>,
    checks: HashMap<String, ChannelCheck>,
    /// In the order of the manifest.
    order: Vec<String>,
    span: Option<(i64, i64)>,
}

impl<'a> Channels<'a> {
    fn of(manifest: &'a Manifest) -> Self {
        let mut channels =
            Self { lane_of: HashMap::new(), checks: HashMap::new(), order: Vec::new(), span: None };
        for source in &manifest.sources {
            for channel in &source.descriptor.channels {
                let name = format!("{}/{}", source.id, channel.name);
                channels.lane_of.insert(name.clone(), source.descriptor.lane.name());
                channels.checks.insert(name.clone(), ChannelCheck::new(channel, &source.descriptor.clock));
                channels.order.push(name);
            }
        }
        channels
    }
}

impl Check<'_> {
    /// Checks all files of readings; gives the time from the first reading to the last.
    pub(super) fn readings(&mut self, manifest: &Manifest) -> Option<(i64, i64)> {
        let mut channels = Channels::of(manifest);
        for file in &manifest.files {
            if Path::new(&file.path).components().all(|part| matches!(part, Component::Normal(_))) {
                self.file(manifest.state, file, &mut channels);
            }
        }
        self.lanes(manifest);
        self.unlisted(manifest);
        if manifest.state == State::Recording {
            let what = format!(
                "is not finished: it is being recorded, or its recorder died; {} readings are there, up to the last flush",
                self.counts.rows
            );
            self.fault(
                disk::MANIFEST,
                what,
                "wait for the recorder, or complete the run by `wattproof recover`",
            );
        }
        for name in &channels.order {
            if let Some(channel) = channels.checks.remove(name) {
                self.channel(name, &channel);
            }
        }
        channels.span
    }

    fn file(&mut self, state: State, file: &ReadingsFile, channels: &mut Channels<'_>) {
        let path = self.dir.join(&file.path);
        if !path.exists() {
            return self.fault(
                &file.path,
                format!("is missing, with the readings of lane {}", file.lane),
                COPY_AGAIN,
            );
        }
        if state == State::Finished {
            match (&file.sha256, sha256_of(&path)) {
                (_, Err(error)) => return self.fault(&file.path, error.what(), "check who may read it"),
                (None, _) => {
                    self.remark(&file.path, "has no SHA-256 in the manifest", "nothing need be done");
                }
                (Some(wrote), Ok(found)) if *wrote != found => {
                    self.fault(&file.path, "is not what was written: its SHA-256 differs", COPY_AGAIN);
                }
                (Some(_), Ok(_)) => {}
            }
        } else if is_stream(&path) {
            self.stream_end(&file.path, &path);
        }
        let mut reader = match LaneReader::open(&path, Columns::ALL) {
            Ok(reader) => reader,
            Err(error) => return self.fault(&file.path, told(&path, &error), COPY_AGAIN),
        };
        let mut strangers = HashSet::new();
        loop {
            match reader.next_batch() {
                Ok(Some(batch)) => self.batch(file, &batch, channels, &mut strangers),
                Ok(None) => break,
                Err(error) => {
                    self.counts.rows += reader.rows();
                    return self.fault(&file.path, told(&path, &error), COPY_AGAIN);
                }
            }
        }
        self.counts.rows += reader.rows();
        self.counts.files += 1;
        if let Some(rows) = file.rows.filter(|&rows| rows != reader.rows()) {
            self.fault(
                &file.path,
                format!("has {} readings, {rows} were written", reader.rows()),
                COPY_AGAIN,
            );
        }
    }

    fn stream_end(&mut self, name: &str, path: &Path) {
        match fs::File::open(path).and_then(|file| stream::whole_part(&file)) {
            Ok(whole) if whole.rest > 0 => {
                let what = format!(
                    "its last {} bytes are no whole batch: they were cut off when the recorder died, or are damaged",
                    whole.rest
                );
                self.remark(name, what, "they are left out");
            }
            Ok(_) => {}
            Err(error) => self.fault(name, format!("cannot be read, {error}"), "check who may read it"),
        }
    }

    fn batch(
        &mut self,
        file: &ReadingsFile,
        batch: &LaneBatch,
        channels: &mut Channels<'_>,
        strangers: &mut HashSet<String>,
    ) {
        let mut rows_of: Vec<Vec<usize>> = vec![Vec::new(); batch.names.len()];
        for (row, &key) in batch.keys.values().iter().enumerate() {
            if let Some(rows) = usize::try_from(key).ok().and_then(|key| rows_of.get_mut(key)) {
                rows.push(row);
            }
        }
        for (name, rows) in batch.names.iter().flatten().zip(&rows_of) {
            if rows.is_empty() {
                continue;
            }
            let Some(check) = channels.checks.get_mut(name) else {
                if strangers.insert(name.to_owned()) {
                    self.fault(
                        &file.path,
                        format!("has readings of {name}, which the manifest has not"),
                        COPY_AGAIN,
                    );
                }
                continue;
            };
            if channels.lane_of.get(name).is_some_and(|lane| *lane != file.lane)
                && strangers.insert(name.to_owned())
            {
                let what = format!("has readings of {name}, which belongs to another lane");
                self.fault(&file.path, what, COPY_AGAIN);
            }
            for &row in rows {
                check.see(&seen(batch, row));
            }
        }
        let first = batch.t_start.values().iter().copied().min();
        let last = batch.t_end.values().iter().copied().max();
        channels.span = match (channels.span, first.zip(last)) {
            (Some((first, last)), Some((start, end))) => Some((first.min(start), last.max(end))),
            (known, new) => known.or(new),
        };
    }

    /// Checks that lanes and files belong together.
    fn lanes(&mut self, manifest: &Manifest) {
        let has_file = |lane: &str| manifest.files.iter().any(|file| file.lane == lane);
        let has_source =
            |lane: &str| manifest.sources.iter().any(|source| source.descriptor.lane.name() == lane);
        for source in &manifest.sources {
            let lane = source.descriptor.lane.name();
            if !has_file(lane) {
                let what = format!("no file holds the lane {lane} of source {}", source.id);
                self.fault(disk::MANIFEST, what, COPY_AGAIN);
            }
        }
        for file in &manifest.files {
            if !has_source(&file.lane) {
                self.remark(
                    &file.path,
                    format!("no source has its lane {}", file.lane),
                    "nothing need be done",
                );
            }
        }
    }

    /// Says which files are there that the manifest does not list.
    fn unlisted(&mut self, manifest: &Manifest) {
        let Ok(entries) = fs::read_dir(self.dir.join(disk::READINGS)) else { return };
        let names = entries
            .flatten()
            .map(|entry| format!("{}/{}", disk::READINGS, entry.file_name().to_string_lossy()));
        let mut extra: Vec<_> =
            names.filter(|name| manifest.files.iter().all(|file| file.path != *name)).collect();
        extra.sort();
        for name in extra {
            self.remark(name, "is not in the manifest and is not read", "remove it if nobody needs it");
        }
    }
}

/// What an error says of the file at `path`, with its causes, but without the path again.
fn told(path: &Path, error: &Error) -> String {
    let prefix = format!("{}: ", path.display());
    let mut told = vec![error.what().to_owned()];
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        told.push(error.to_string());
        cause = error.source();
    }
    let bare: Vec<_> = told.iter().map(|text| text.strip_prefix(&prefix).unwrap_or(text)).collect();
    bare.join(", ")
}

fn seen(batch: &LaneBatch, row: usize) -> Seen {
    Seen {
        row: batch.first_row.saturating_add(u64::try_from(row).unwrap_or(u64::MAX)),
        t_start: batch.t_start.value(row),
        t_end: batch.t_end.value(row),
        t_device: batch.t_device.as_ref().filter(|array| array.is_valid(row)).map(|array| array.value(row)),
        value: batch.value.as_ref().filter(|array| array.is_valid(row)).map(|array| array.value(row)),
        count: batch.count.as_ref().filter(|array| array.is_valid(row)).map(|array| array.value(row)),
        flags: Flags::from_bits(batch.flags.value(row)),
    }
}
