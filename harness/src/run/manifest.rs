//! `manifest.json`: what a run is, where it comes from, and what stands in its files.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::path::{Component, Path};

use power_core::{Channel, ChannelId, Descriptor};
use serde::{Deserialize, Serialize};

use super::Recording;
use crate::{Error, Result};

/// The version of the run format that this program writes.
pub const SCHEMA_VERSION: u32 = 1;

/// The description of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the run format; this program reads 1.
    pub schema_version: u32,
    /// Program and version that wrote the run.
    pub written_by: String,
    /// When it was written, RFC 3339, UTC.
    pub written_at: String,
    /// Whether the run was ended properly.
    pub state: State,
    /// What its times count.
    pub time_base: TimeBase,
    /// How the readings came into it.
    pub origin: Origin,
    /// The machine that the sensors belong to, as far as it is known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub host: BTreeMap<String, String>,
    /// The sources, with their descriptors.
    pub sources: Vec<SourceEntry>,
    /// The channel that the others are compared with, `source/channel`, where whoever made the run named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// One file of readings for each lane.
    #[serde(default)]
    pub files: Vec<ReadingsFile>,
    /// What a reader has to know: choices made, things left out and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// How the recording went and what it cost, where it was recorded by this program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<Recording>,
    /// When the run was completed after its recorder had died, RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovered_at: Option<String>,
}

/// Whether a run was ended properly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is being recorded, or the recorder died: readings are Arrow IPC streams, valid up to the last flush.
    Recording,
    /// It ended properly: readings are Parquet.
    Finished,
}

/// What the times `t_start_ns` and `t_end_ns` count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeBase {
    /// `CLOCK_MONOTONIC` of the recording host.
    HostMonotonic,
    /// Unix time, as others' recordings have it.
    Unix,
    /// The data has no time: rows are numbered, one second a row. No energy can be had from it.
    Ordinal,
}

impl fmt::Display for TimeBase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HostMonotonic => "those of the host's monotonic clock",
            Self::Unix => "Unix times",
            Self::Ordinal => "row numbers",
        })
    }
}

/// How the readings came into the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Origin {
    /// Recorded by this program.
    Recorded {
        /// The command that ran, empty if a time was recorded.
        command: Vec<String>,
        /// Its exit code, where it has ended with one.
        exit_code: Option<i32>,
    },
    /// Imported from others' files.
    Imported {
        /// The files, in the order in which they were imported.
        inputs: Vec<Input>,
    },
}

/// One imported file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// The import format, such as `csv` or `pmd`.
    pub format: String,
    /// The file's name without its folder.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its content, in hex.
    pub sha256: String,
}

/// One source of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceEntry {
    /// The source's name in this run; a channel is named `id/channel`.
    pub id: String,
    /// Device, channels, lane and clock.
    pub descriptor: Descriptor,
    /// Time between the starts of two reads that was asked for, where one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_period_ns: Option<u64>,
}

/// One file of readings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadingsFile {
    /// The lane, as in the descriptors of its sources.
    pub lane: String,
    /// Path within the run.
    pub path: String,
    /// Number of readings; `None` while recording.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// SHA-256 of the file, in hex; `None` while recording.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

impl Manifest {
    /// Reads a manifest from JSON. Takes any bytes.
    ///
    /// # Errors
    ///
    /// - if a newer program wrote it, in a version of the run format that this one does not know.
    /// - if it is no JSON, or no manifest; the position is named.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        Self::refuse_other_format(bytes)?;
        serde_json::from_slice(bytes).map_err(|error| {
            Error::new(format!("the manifest cannot be read, {error}"))
                .mend("copy the run again from where it was recorded")
                .because(error)
        })
    }

    /// Fails if the manifest says that it is of a format that this program does not know, whatever else it says.
    pub(super) fn refuse_other_format(bytes: &[u8]) -> Result<()> {
        #[derive(Deserialize)]
        struct Version {
            schema_version: u64,
        }
        match serde_json::from_slice(bytes) {
            Ok(Version { schema_version: 0 }) => {
                Err(Error::new("the run has format 0, which never was").mend("check its manifest.json"))
            }
            Ok(Version { schema_version }) if schema_version > u64::from(SCHEMA_VERSION) => Err(Error::new(
                format!("the run has format {schema_version}, and this program reads up to {SCHEMA_VERSION}"),
            )
            .mend("update wattproof")),
            Ok(Version { .. }) | Err(_) => Ok(()),
        }
    }

    /// The manifest as JSON, indented, with a line end.
    pub(super) fn to_json(&self) -> Result<Vec<u8>> {
        let mut json = serde_json::to_vec_pretty(self)
            .map_err(|error| Error::new("the manifest cannot be written as JSON").because(error))?;
        json.push(b'\n');
        Ok(json)
    }

    /// What contradicts itself in the manifest, one sentence each; empty if nothing does.
    pub fn contradictions(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut ids = HashSet::new();
        for source in &self.sources {
            found.extend(id_problem(&source.id));
            if !ids.insert(source.id.as_str()) {
                found.push(format!("two sources have the id {}", source.id));
            }
            let problems = descriptor_problems(&source.descriptor);
            found.extend(problems.into_iter().map(|what| format!("source {}: {what}", source.id)));
        }
        let (mut lanes, mut paths) = (HashSet::new(), HashSet::new());
        for file in &self.files {
            if !lanes.insert(file.lane.as_str()) {
                found.push(format!("two files hold the lane {}", file.lane));
            }
            if !paths.insert(file.path.as_str()) {
                found.push(format!("the file {} is listed twice", file.path));
            }
            let mut parts = Path::new(&file.path).components();
            if file.path.is_empty() || !parts.all(|part| matches!(part, Component::Normal(_))) {
                found.push(format!("the path {:?} does not stay within the run", file.path));
            }
        }
        found
    }

    /// The source and channel index of the channel named `id/channel`.
    pub fn find_channel(&self, key: &str) -> Option<(usize, u16)> {
        self.sources.iter().enumerate().find_map(|(index, source)| {
            let name = key.strip_prefix(source.id.as_str())?.strip_prefix('/')?;
            Some((index, source.descriptor.find(name)?.0))
        })
    }

    /// The names of all channels, `id/channel`, in order.
    pub fn channel_keys(&self) -> impl Iterator<Item = String> {
        self.sources.iter().flat_map(|source| {
            source.descriptor.channels.iter().map(|channel| format!("{}/{}", source.id, channel.name))
        })
    }
}

/// What makes `id` unfit as the id of a source.
pub(crate) fn id_problem(id: &str) -> Option<String> {
    if id.is_empty() {
        Some("a source has an empty id".to_owned())
    } else if id.contains('/') {
        Some(format!("the source id {id:?} has a slash, which parts a source from its channel"))
    } else if id.chars().any(char::is_control) {
        Some(format!("the source id {id:?} has a control character"))
    } else {
        None
    }
}

/// What contradicts itself in a descriptor, one sentence each.
pub(super) fn descriptor_problems(descriptor: &Descriptor) -> Vec<String> {
    let mut found = Vec::new();
    let mut names = HashSet::new();
    if descriptor.channels.len() > usize::from(u16::MAX) {
        found.push(format!("{} channels are more than a source can have", descriptor.channels.len()));
        return found;
    }
    for (id, channel) in (0..).map(ChannelId).zip(&descriptor.channels) {
        if channel.name.is_empty() || channel.name.chars().any(char::is_control) {
            found.push(format!("the channel name {:?} is empty or has a control character", channel.name));
        }
        if !names.insert(&channel.name) {
            found.push(format!("two channels are named {}", channel.name));
        }
        found.extend(part_problem(descriptor, id, channel));
    }
    found
}

/// Deepest nesting of `part_of` that makes sense: module, board, package, core are four.
const DEEPEST: usize = 16;

/// What is wrong with the chain of wholes of `channel`.
fn part_problem(descriptor: &Descriptor, id: ChannelId, channel: &Channel) -> Option<String> {
    let mut part_of = channel.part_of;
    for _ in 0..DEEPEST {
        let whole = part_of?;
        if whole == id {
            return Some(format!("channel {} is a part of itself", channel.name));
        }
        let Some(whole) = descriptor.channel(whole) else {
            return Some(format!("channel {} is a part of channel {}, which is none", channel.name, whole.0));
        };
        part_of = whole.part_of;
    }
    Some(format!("channel {} is a part of a part, more than {DEEPEST} deep", channel.name))
}
