//! The column map: which column of a table is which channel. See `maps/README.md` for the format.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::super::nearest::nearest;
use crate::run::TimeBase;
use crate::{Error, Result};

/// A map: one description of a table for each kind of file that belongs to a recording.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Map {
    /// One line: what it is a map of.
    pub about: String,
    /// Name of the file of clock anchors in the same folder.
    #[serde(default)]
    pub anchors: Option<String>,
    /// The tables.
    #[serde(rename = "table", default)]
    pub tables: Vec<TableMap>,
}

/// One kind of table.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableMap {
    /// Names of the files that it describes, `*` for any letters; empty for every file.
    #[serde(default)]
    pub files: OneOrMany,
    /// Id of the source, a template over the columns; the file's stem by default.
    #[serde(default)]
    pub source: Option<String>,
    /// The device, a template over the columns; the id of the source by default.
    #[serde(default)]
    pub device: Option<String>,
    /// The driver or interface that gave the data; `table` by default.
    #[serde(default)]
    pub driver: Option<String>,
    /// What stands between two cells; a comma by default.
    #[serde(default)]
    pub delimiter: Option<char>,
    /// The names of the columns of a file without a header line.
    #[serde(default)]
    pub columns: Option<Vec<String>>,
    /// Words for "no value", `*` for any letters, besides the empty cell, `NaN` and `null`.
    #[serde(default)]
    pub missing: OneOrMany,
    /// What the times count.
    #[serde(default)]
    pub time_base: Option<TimeBaseWord>,
    /// Where the times stand.
    pub time: TimeMap,
    /// Where the device's own times stand.
    #[serde(default)]
    pub device_time: Option<DeviceTimeMap>,
    /// Time between the starts of two readings that was asked for, in milliseconds.
    #[serde(default)]
    pub asked_period_ms: Option<u32>,
    /// Columns that tell devices apart: one source for each of their values.
    #[serde(default)]
    pub group: OneOrMany,
    /// Columns that describe the device rather than measure it; their first value becomes a detail.
    #[serde(default)]
    pub detail_columns: OneOrMany,
    /// Further details of the source.
    #[serde(default)]
    pub details: BTreeMap<String, String>,
    /// For tables with one row a value: the columns that hold channel and value.
    #[serde(default)]
    pub long: Option<LongMap>,
    /// Whether a file may lack any of the channels, as long as it has one.
    #[serde(default)]
    pub optional_channels: bool,
    /// The channels.
    #[serde(rename = "channel", default)]
    pub channels: Vec<ChannelMap>,
    /// For tables of marks rather than readings.
    #[serde(default)]
    pub marks: Option<MarksMap>,
}

/// Where the times of the readings stand: `at`, or `start` and `end`, or `ordinal`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeMap {
    /// The one time of a row.
    #[serde(default)]
    pub at: Option<TimeColumn>,
    /// The time before the transaction.
    #[serde(default)]
    pub start: Option<TimeColumn>,
    /// The time after the transaction.
    #[serde(default)]
    pub end: Option<TimeColumn>,
    /// The rows have no time; they are numbered.
    #[serde(default)]
    pub ordinal: bool,
}

/// A column of times: numbers in a `unit`, or text in a `format`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeColumn {
    /// Its name, or the names that it goes by.
    pub column: OneOrMany,
    /// `ns`, `us`, `ms` or `s`.
    #[serde(default)]
    pub unit: Option<String>,
    /// `rfc3339`, or a `strptime` format.
    #[serde(default)]
    pub format: Option<String>,
    /// Zone of a format without one: `utc`, an offset such as `+01:00`, or `local`, which needs `--utc-offset`.
    #[serde(default)]
    pub zone: Option<String>,
}

/// A column of the device's own times.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceTimeMap {
    /// Its name, or the names that it goes by.
    pub column: OneOrMany,
    /// `ns`, `us`, `ms` or `s`.
    pub unit: String,
    /// The clock.
    pub clock: ClockWord,
    /// Ticks a second of a device's own clock, where known.
    #[serde(default)]
    pub tick_hz: Option<f64>,
    /// The channels that the times belong to; all by default.
    #[serde(default)]
    pub channels: OneOrMany,
    /// Whether the device gives each value once, so that a row whose time came before is a repeat and left out.
    #[serde(default)]
    pub once: bool,
}

/// The clock of device times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockWord {
    /// Find it from the brackets of the reads and the anchors.
    Detect,
    /// `CLOCK_MONOTONIC` of the host.
    Monotonic,
    /// `CLOCK_REALTIME` of the host.
    Realtime,
    /// `CLOCK_BOOTTIME` of the host.
    Boottime,
    /// The device's own.
    Device,
}

/// What times count, in the words of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeBaseWord {
    /// `CLOCK_MONOTONIC` of the recording host.
    Monotonic,
    /// Unix time.
    Unix,
    /// Row numbers.
    Ordinal,
}

impl From<TimeBaseWord> for TimeBase {
    fn from(word: TimeBaseWord) -> Self {
        match word {
            TimeBaseWord::Monotonic => Self::HostMonotonic,
            TimeBaseWord::Unix => Self::Unix,
            TimeBaseWord::Ordinal => Self::Ordinal,
        }
    }
}

/// The columns of a table with one row a value.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LongMap {
    /// The column that names the channel.
    pub channel: String,
    /// The column that holds the value.
    pub value: String,
}

/// One channel.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelMap {
    /// Its name; by default the column's. A `*` stands for what the `*` of the column's name stood for.
    #[serde(default)]
    pub name: Option<String>,
    /// The column's name, or the names that it goes by, `*` for any letters. In a long table: what the channel
    /// column says.
    pub column: OneOrMany,
    /// The words for the quantity, as in the neutral format.
    pub quantity: String,
    /// The unit of numbers without one.
    #[serde(default)]
    pub unit: Option<String>,
    /// The averaging window of a power.
    #[serde(default)]
    pub window_ms: Option<f64>,
    /// Nominal update period.
    #[serde(default)]
    pub update_period_ms: Option<f64>,
    /// Which part of the machine, such as `board`, `node_ac` or `rail 12 V`.
    #[serde(default)]
    pub scope: Option<String>,
    /// `polled` or `streamed`.
    #[serde(default)]
    pub delivery: Option<String>,
    /// Smallest change shown, in the stored unit.
    #[serde(default)]
    pub resolution: Option<f64>,
    /// The channel that contains this one.
    #[serde(default)]
    pub part_of: Option<String>,
    /// Whether a file may lack it.
    #[serde(default)]
    pub optional: bool,
    /// Channels that this one may be another name of: found out from equal rows.
    #[serde(default)]
    pub alias_of: OneOrMany,
}

/// How a table of marks is read.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarksMap {
    /// What one row is.
    pub mode: MarksMode,
    /// The name of the phase or event, a template over the columns.
    pub name: String,
    /// For `edges`: the column of the new state; without it each edge is a point.
    #[serde(default)]
    pub state: Option<String>,
    /// Words for "on"; `1`, `on`, `true`, `begin` and `start` by default.
    #[serde(default)]
    pub on: OneOrMany,
}

/// What one row of a table of marks is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarksMode {
    /// A change of state: on begins a phase, anything else ends it.
    Edges,
    /// A whole phase, with `start` and `end`.
    Intervals,
}

/// One word, or several.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(from = "OneOrManyWords")]
pub struct OneOrMany(pub Vec<String>);

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrManyWords {
    One(String),
    Many(Vec<String>),
}

impl From<OneOrManyWords> for OneOrMany {
    fn from(words: OneOrManyWords) -> Self {
        Self(match words {
            OneOrManyWords::One(word) => vec![word],
            OneOrManyWords::Many(words) => words,
        })
    }
}

impl OneOrMany {
    /// The part of `name` that a `*` stands for, if one of the words fits it; empty for a word without `*`.
    pub(crate) fn capture<'a>(&self, name: &'a str) -> Option<&'a str> {
        self.0.iter().find_map(|pattern| capture(pattern, name))
    }

    /// The words, for messages.
    pub(crate) fn list(&self) -> String {
        self.0.join("`, `")
    }
}

/// The part of `name` that the `*` in `pattern` stands for, if it fits.
pub(crate) fn capture<'a>(pattern: &str, name: &'a str) -> Option<&'a str> {
    match pattern.split_once('*') {
        None => (pattern == name).then_some(""),
        Some((head, tail)) => name.strip_prefix(head)?.strip_suffix(tail),
    }
}

impl Map {
    /// Reads a map.
    ///
    /// # Errors
    ///
    /// - it is no TOML, or a key is unknown or missing; the message names the line and the nearest key
    /// - it has no table
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let map: Self = toml::from_str(text).map_err(|error| map_error(&error, text, path))?;
        if map.tables.is_empty() {
            return Err(
                Error::file(path, "has no [[table]]").mend("describe one table for each kind of file")
            );
        }
        Ok(map)
    }
}

fn map_error(error: &toml::de::Error, text: &str, path: &Path) -> Error {
    let line = error
        .span()
        .map_or(1, |span| 1 + text.bytes().take(span.start).filter(|byte| *byte == b'\n').count());
    let message = error.message().lines().collect::<Vec<_>>().join(" ");
    let fault = Error::file(path, format!("line {line}: {message}"));
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    match quoted.split_first() {
        Some((unknown, known)) if message.starts_with("unknown field") => match nearest(unknown, known) {
            Some(near) => fault.mend(format!("did you mean `{near}`?")),
            None => fault,
        },
        _ => fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn says(text: &str) -> String {
        Map::parse(text, Path::new("m.toml")).unwrap_err().to_string()
    }

    #[test]
    fn faults_name_line_and_nearest_key() {
        let text = "about = \"x\"\n[[table]]\ntime = { ordinal = true }\n[[table.channel]]\ncolunm = \"a\"\n";
        assert!(says(text).starts_with("m.toml: line 5: unknown field `colunm`"), "{}", says(text));
        assert!(says(text).ends_with("did you mean `column`?"), "{}", says(text));
        assert!(says("about = \"x\"").contains("no [[table]]"));
        assert!(says("about = ").contains("line 1"));
        assert!(says("about = \"x\"\n[[table]]\n").contains("missing field `time`"));
        let clock = "about = \"x\"\n[[table]]\ntime.ordinal = true\n\
                     device_time = { column = \"a\", unit = \"ns\", clock = \"gps\" }";
        assert!(says(clock).contains("unknown variant `gps`"), "{}", says(clock));
    }

    #[test]
    fn patterns() {
        assert_eq!(capture("gpu*_power", "gpu12_power"), Some("12"));
        assert_eq!(capture("gpu*_power", "gpu_pow"), None);
        assert_eq!(capture("a*a", "a"), None);
        assert_eq!(capture("power", "power"), Some(""));
        assert_eq!(capture("[*]", "[N/A]"), Some("N/A"));
    }

    proptest! {
        #[test]
        fn any_text_is_a_map_or_a_fault(text in ".{0,200}") {
            let _ = Map::parse(&text, Path::new("m.toml"));
        }
    }
}
