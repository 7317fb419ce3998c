//! The neutral format: `t_ns,channel,quantity,value[,t_end_ns][,t_device_ns][,flags]`, columns in any order.
//!
//! `channel` is `source/channel`, or the channel alone for a source named after the file. For `quantity` see
//! [`quantity`]. An empty value, `NaN` and `null` are missing, never 0. `flags` are the bits that
//! a run holds.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

use power_core::{Channel, ClockDomain, Descriptor, Flags, Lane};

use super::cell::{Measure, show};
use super::delimited::{Delimited, line_error};
use super::input::{file_name, source_id_of};
use super::nearest::hint;
use super::quantity;
use super::sink::{RowSink, SourceHandle};
use super::time::{TimeUnit, decimal_ns};
use crate::run::{Row, TimeBase};
use crate::{Error, Result};

/// Times above this are Unix times: it is March 1973 there, and three years after boot on a monotonic clock.
const UNIX_FROM_NS: i64 = 100_000_000_000_000_000;

const COLUMNS: [&str; 7] = ["t_ns", "channel", "quantity", "value", "t_end_ns", "t_device_ns", "flags"];

/// How a neutral file is to be read.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Id of the source of channels that name none; the file's stem by default.
    pub source: Option<String>,
    /// What the times count; found from the first time by default.
    pub time_base: Option<TimeBase>,
}

/// Reads a neutral file into `sink`, row by row; `path` is for messages and for the name of the source.
///
/// # Errors
///
/// - the file is no table with these columns, or a line of it is faulty; the message names the line
/// - those of the sink
pub fn read(input: impl Read, path: &Path, options: &Options, sink: &mut dyn RowSink) -> Result<()> {
    let mut file = Delimited::open(input, path, b',', None)?;
    let columns = Columns::find(file.header(), path)?;
    let mut reader = Reader::new(path, options, columns);
    while let Some((record, line)) = file.next()? {
        reader.row(record, sink).map_err(|error| match error {
            Fault::Line(what) => line_error(path, line, what),
            Fault::Mended(what, mend) => line_error(path, line, what).mend(mend),
            Fault::Other(error) => error,
        })?;
    }
    if reader.time_base.is_none() {
        return Err(Error::file(path, "has a header and no rows").mend("check whether its recorder ran"));
    }
    for note in file.notes().into_iter().chain(reader.notes()) {
        sink.note(note)?;
    }
    Ok(())
}

/// What times of this size count, where nobody says.
pub(crate) const fn guess_time_base(t_ns: i64) -> TimeBase {
    if t_ns > UNIX_FROM_NS { TimeBase::Unix } else { TimeBase::HostMonotonic }
}

/// Where the columns stand.
#[derive(Debug, Clone, Copy)]
struct Columns {
    t: usize,
    channel: usize,
    quantity: usize,
    value: usize,
    t_end: Option<usize>,
    t_device: Option<usize>,
    flags: Option<usize>,
}

impl Columns {
    fn find(header: &[String], path: &Path) -> Result<Self> {
        let place = |name: &str| header.iter().position(|column| column == name);
        for name in header {
            if !COLUMNS.contains(&name.as_str()) {
                return Err(Error::file(path, format!("line 1: unknown column `{}`", show(name.as_bytes())))
                    .mend(hint(name, &COLUMNS)));
            }
        }
        let need = |name: &str| {
            place(name).ok_or_else(|| {
                Error::file(path, format!("line 1: has no column `{name}`")).mend(
                    "the header is t_ns,channel,quantity,value and where known t_end_ns,t_device_ns,flags",
                )
            })
        };
        Ok(Self {
            t: need("t_ns")?,
            channel: need("channel")?,
            quantity: need("quantity")?,
            value: need("value")?,
            t_end: place("t_end_ns"),
            t_device: place("t_device_ns"),
            flags: place("flags"),
        })
    }
}

/// What is wrong with one line, or with something else.
enum Fault {
    Line(String),
    Mended(String, &'static str),
    Other(Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

/// A channel that has been seen.
struct Known {
    source: SourceHandle,
    channel: u16,
    /// The words of its quantity, as every row repeats them.
    words: Vec<u8>,
    measure: Measure,
}

struct Reader<'a> {
    path: &'a Path,
    options: &'a Options,
    columns: Columns,
    channels: HashMap<Vec<u8>, Known>,
    sources: HashMap<String, (SourceHandle, u16)>,
    with_device_time: Vec<SourceHandle>,
    time_base: Option<TimeBase>,
}

impl<'a> Reader<'a> {
    fn new(path: &'a Path, options: &'a Options, columns: Columns) -> Self {
        Self {
            path,
            options,
            columns,
            channels: HashMap::new(),
            sources: HashMap::new(),
            with_device_time: Vec::new(),
            time_base: None,
        }
    }

    fn row(&mut self, record: &csv::ByteRecord, sink: &mut dyn RowSink) -> Result<(), Fault> {
        let cell = |column: usize| record.get(column).unwrap_or_default().trim_ascii();
        let columns = self.columns;
        let t_start_ns = time(cell(columns.t), "t_ns")?;
        self.check_time_base(t_start_ns, sink)?;
        let t_end_ns = match columns.t_end.map(cell) {
            None | Some([]) => t_start_ns,
            Some(text) => time(text, "t_end_ns")?,
        };
        if t_end_ns < t_start_ns {
            return Err(Fault::Line(format!("t_end_ns {t_end_ns} is before t_ns {t_start_ns}")));
        }
        let t_device_ns = match columns.t_device.map(cell) {
            None | Some([]) => None,
            Some(text) => Some(time(text, "t_device_ns")?),
        };
        let flags = match columns.flags.map(cell) {
            None | Some([]) => Flags::NONE,
            Some(text) => flags(text)?,
        };
        let (name, words) = (cell(columns.channel), cell(columns.quantity));
        if !self.channels.contains_key(name) {
            let known = self.add(name, words, sink)?;
            self.channels.insert(name.to_vec(), known);
        }
        let Some(known) = self.channels.get_mut(name) else { return Ok(()) };
        if known.words != words {
            let first = String::from_utf8_lossy(&known.words);
            return Err(Fault::Mended(
                format!("channel `{}` is `{}` here and `{first}` before", show(name), show(words)),
                "give each channel one quantity",
            ));
        }
        let (value, found) = known
            .measure
            .text(cell(columns.value))
            .map_err(|fault| Fault::Line(format!("value {fault} (channel `{}`)", show(name))))?;
        let source = known.source;
        let row =
            Row { channel: known.channel, t_start_ns, t_end_ns, t_device_ns, value, flags: flags | found };
        if t_device_ns.is_some() && !self.with_device_time.contains(&source) {
            self.with_device_time.push(source);
            sink.describe(source, &mut |descriptor| {
                descriptor.clock = ClockDomain::Device { tick_hz: None }
            })?;
        }
        sink.push(source, row)?;
        Ok(())
    }

    fn check_time_base(&mut self, t_ns: i64, sink: &mut dyn RowSink) -> Result<(), Fault> {
        let seems = guess_time_base(t_ns);
        match (self.time_base, self.options.time_base) {
            (None, stated) => {
                let base = stated.unwrap_or(seems);
                self.time_base = Some(base);
                sink.begin(base)?;
            }
            (Some(base), None) if base != seems => {
                return Err(Fault::Mended(
                    format!("t_ns {t_ns} seems one of {seems}, the first row one of {base}"),
                    "write all times on one time base, or pass --time-base",
                ));
            }
            _ => {}
        }
        Ok(())
    }

    fn add(&mut self, name: &[u8], words: &[u8], sink: &mut dyn RowSink) -> Result<Known, Fault> {
        let text = |bytes: &[u8], column: &str| {
            std::str::from_utf8(bytes)
                .map(ToOwned::to_owned)
                .map_err(|_| Fault::Line(format!("{column} `{}` is not UTF-8", show(bytes))))
        };
        let (name, words_text) = (text(name, "channel")?, text(words, "quantity")?);
        let wire = quantity::parse(&words_text).map_err(|error| Fault::Line(error.to_string()))?;
        let Some(measure) = Measure::new(wire.quantity, wire.unit) else {
            return Err(Fault::Line(format!("the unit of `{words_text}` does not fit")));
        };
        let stem = || self.options.source.clone().unwrap_or_else(|| source_id_of(self.path));
        let (source, channel) = match name.split_once('/') {
            Some((source, channel)) => (source.to_owned(), channel.to_owned()),
            None => (stem(), name.clone()),
        };
        if source.is_empty() || channel.is_empty() {
            return Err(Fault::Mended(
                format!("channel `{name}` has no name"),
                "write source/channel or channel",
            ));
        }
        if let Some((handle, count)) = self.sources.get_mut(&source) {
            let index = *count;
            *count = count.checked_add(1).ok_or_else(|| {
                Fault::Mended(
                    format!("source {source} has over 65 535 channels"),
                    "is the column channel right?",
                )
            })?;
            let channel = Channel::new(channel, wire.quantity);
            let mut exists = false;
            sink.describe(*handle, &mut |descriptor| {
                exists = descriptor.find(&channel.name).is_some();
                if !exists {
                    descriptor.channels.push(channel.clone());
                }
            })?;
            if exists {
                return Err(Fault::Mended(
                    format!("`{name}` is the channel `{source}/{}` too", channel.name),
                    "write one channel in one way",
                ));
            }
            return Ok(Known { source: *handle, channel: index, words: words.to_vec(), measure });
        }
        let descriptor = Descriptor::new("csv", source.as_str(), vec![Channel::new(channel, wire.quantity)])
            .with_lane(Lane::new(source.as_str()));
        let handle = sink.add_source(&source, descriptor)?;
        self.sources.insert(source, (handle, 1));
        Ok(Known { source: handle, channel: 0, words: words.to_vec(), measure })
    }

    fn notes(&self) -> Vec<String> {
        let name = file_name(self.path);
        let mut notes = Vec::new();
        if let (Some(base), None) = (self.time_base, self.options.time_base) {
            let side = if base == TimeBase::Unix { "above" } else { "not above" };
            notes.push(format!(
                "{name}: its times are taken for {base}, because the first is {side} 10^17; --time-base overrides it"
            ));
        }
        if !self.with_device_time.is_empty() {
            notes.push(format!("{name}: does not say which clock t_device_ns belongs to"));
        }
        notes
    }
}

fn time(cell: &[u8], column: &str) -> Result<i64, Fault> {
    decimal_ns(cell, TimeUnit::Nanos)
        .map_err(|fault| Fault::Line(format!("{column} `{}` {fault}", show(cell))))
}

fn flags(cell: &[u8]) -> Result<Flags, Fault> {
    let bits = std::str::from_utf8(cell).ok().and_then(|text| text.parse().ok());
    bits.map(Flags::from_bits).ok_or_else(|| {
        Fault::Mended(format!("flags `{}` are no bits", show(cell)), "write a whole number from 0 to 65535")
    })
}
