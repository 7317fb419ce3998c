//! Code Carbon's `emissions.csv`, of all versions: columns by name.
//!
//! Each tracker (each `run_id`) becomes a source of its own with a counter of what it stated, from its start to each of
//! its rows: nothing is claimed of the time between trackers. What the sources hold are another tool's statements, in
//! part assumptions, and their scope is unknown: they are compared, never summed as sensors.
//!
//! Stamps are cut to whole seconds, durations are not: the rows of a tracker lie at its start plus their durations, and
//! its start is the first row's stamp less its duration, early by less than a second.
//!
//! Formats: `codecarbon/output.py` of 2.8.4, `codecarbon/output_methods/emissions_data.py` of 3.3.2
//! (`pypi.org/project/codecarbon`).

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

use csv::ByteRecord;
use jiff::tz::Offset;
use power_core::{Channel, ChannelId, Descriptor, Joules, Quantity};

use super::carbontracker::KWH_J;
use super::cell::show;
use super::delimited::{Delimited, line_error};
use super::input::file_name;
use super::nearest::hint;
use super::sink::{RowSink, SourceHandle};
use super::time::TextTime;
use crate::run::{Mark, MarkEvent, Row, RowValue, TimeBase};
use crate::{Error, Result};

/// The counters' quantum in joules; the files have some 15 digits of a kilowatt-hour.
const QUANTUM_J: f64 = 1e-3;

/// Above this no tracker's energy is believed, in kilowatt-hours: a thousand nodes for a year.
const MOST_KWH: f64 = 1e8;

/// How far a row's stamp lies at most from the start plus its duration, both of them cut to whole seconds, in ns.
const STAMP_NS: u64 = 1_000_000_000;

/// Energies in the order of the channels; the first is the sum of the others.
const ENERGIES: [&str; 4] = ["energy_consumed", "cpu_energy", "gpu_energy", "ram_energy"];

/// Columns that say what the tracker was.
const DETAILS: [&str; 9] = [
    "codecarbon_version",
    "cpu_model",
    "cpu_count",
    "gpu_model",
    "gpu_count",
    "ram_total_size",
    "tracking_mode",
    "os",
    "pue",
];

/// How such a file is to be read.
#[derive(Debug, Clone)]
pub struct Options {
    /// Prefix of the sources' ids.
    pub source: Option<String>,
    /// Zone of the times, which are local and do not say theirs.
    pub utc_offset: Offset,
}

/// Reads an `emissions.csv` into `sink`, row by row; `path` is for messages.
///
/// A row without a positive duration has no beginning: its energies are missing, and a note names the line.
///
/// # Errors
///
/// - the file is no table of Code Carbon's, or a cell of it is no number or time; the message names the line
/// - those of the sink
pub fn read(input: impl Read, path: &Path, options: &Options, sink: &mut dyn RowSink) -> Result<()> {
    let mut file = Delimited::open(input, path, b',', None)?;
    let columns = Columns::find(file.header(), path)?;
    let mut reader = Reader {
        path,
        columns,
        options,
        time: TextTime::new("%Y-%m-%dT%H:%M:%S%.f", Some(options.utc_offset))?,
        trackers: HashMap::new(),
        order: Vec::new(),
        remarks: Remarks::default(),
    };
    let mut rows = 0_u64;
    sink.begin(TimeBase::Unix)?;
    while let Some((record, line)) = file.next()? {
        reader.row(record, line, sink)?;
        rows += 1;
    }
    if rows == 0 {
        return Err(
            Error::file(path, "has a header and no rows").mend("check whether its tracker was stopped")
        );
    }
    for key in &reader.order {
        let tracker = &reader.trackers[key];
        for (t_ns, event) in [(tracker.begin_ns, MarkEvent::Begin), (tracker.end_ns, MarkEvent::End)] {
            if let Some(t_ns) = t_ns {
                sink.mark(Mark { t_ns, event, name: tracker.name.clone() })?;
            }
        }
    }
    let notes = reader.remarks.notes(&file_name(path));
    file.notes().into_iter().chain(notes).try_for_each(|note| sink.note(note))
}

/// Where the columns stand.
#[derive(Debug)]
struct Columns {
    timestamp: usize,
    duration: usize,
    run_id: Option<usize>,
    task: Option<usize>,
    project: Option<usize>,
    pue: Option<usize>,
    /// Name, column of the energy, and of the power beside it.
    energies: Vec<(&'static str, usize, Option<usize>)>,
    details: Vec<(&'static str, usize)>,
}

impl Columns {
    fn find(header: &[String], path: &Path) -> Result<Self> {
        let place = |name: &str| header.iter().position(|column| column == name);
        let need = |name: &str| {
            place(name).ok_or_else(|| {
                Error::file(path, format!("line 1: has no column `{name}`, which Code Carbon writes"))
                    .mend(hint(name, header))
            })
        };
        need(ENERGIES[0])?;
        let power = |energy: &str| place(&energy.replace("_energy", "_power"));
        Ok(Self {
            timestamp: need("timestamp")?,
            duration: need("duration")?,
            run_id: place("run_id"),
            task: place("task_name"),
            project: place("project_name"),
            pue: place("pue"),
            energies: ENERGIES
                .iter()
                .filter_map(|name| {
                    let column = place(name)?;
                    Some((*name, column, power(name).filter(|other| *other != column)))
                })
                .collect(),
            details: DETAILS.iter().filter_map(|name| Some((*name, place(name)?))).collect(),
        })
    }
}

/// One tracker: the rows of one `run_id`.
#[derive(Debug)]
struct Tracker {
    source: SourceHandle,
    name: String,
    begin_ns: Option<i64>,
    end_ns: Option<i64>,
    last: Vec<Option<u64>>,
}

/// What deserves a note, by number of rows.
#[derive(Debug, Default)]
struct Remarks {
    no_duration: Vec<u64>,
    fell: u64,
    pue: u64,
    sums: u64,
    powers: u64,
    negative: u64,
    whole_seconds: bool,
    clock_moved: u64,
}

struct Reader<'a> {
    path: &'a Path,
    columns: Columns,
    options: &'a Options,
    time: TextTime,
    trackers: HashMap<String, Tracker>,
    order: Vec<String>,
    remarks: Remarks,
}

impl Reader<'_> {
    fn row(&mut self, record: &ByteRecord, line: u64, sink: &mut dyn RowSink) -> Result<()> {
        let fault = |what: String| line_error(self.path, line, what);
        let cell = |column: usize| record.get(column).unwrap_or_default().trim_ascii();
        let stamp = cell(self.columns.timestamp);
        let stamp_ns = self
            .time
            .parse(stamp)
            .or_else(|fault| TextTime::new("rfc3339", None).map_or(Err(fault), |zoned| zoned.parse(stamp)))
            .map_err(|what| fault(format!("timestamp `{}` {what}", show(stamp))))?;
        let named = |column: usize, name: &str| {
            number(cell(column)).map_err(|()| fault(format!("{name} `{}` is no number", show(cell(column)))))
        };
        let duration_s = named(self.columns.duration, "duration")?;
        let pue = match self.columns.pue {
            Some(column) => named(column, "pue")?.filter(|pue| *pue > 0.0),
            None => None,
        };
        let mut energies_kwh = Vec::new();
        for (name, column, power) in &self.columns.energies {
            let kwh = named(*column, name)?;
            if kwh.is_some_and(|kwh| kwh > MOST_KWH) {
                return Err(fault(format!(
                    "{name} of {} kWh is no energy of computers",
                    show(cell(*column))
                ))
                .mend("check its unit: Code Carbon writes kilowatt-hours"));
            }
            let power_w = match power {
                Some(column) => named(*column, name)?,
                None => None,
            };
            if kwh.is_some_and(|kwh| kwh < 0.0) {
                self.remarks.negative += 1;
            }
            energies_kwh.push((kwh.filter(|kwh| *kwh >= 0.0), power_w));
        }
        let duration_ns = duration_s.filter(|duration| *duration > 0.0).and_then(nanos);
        let span = duration_ns.and_then(|duration| Some((stamp_ns.checked_sub(duration)?, duration)));
        self.remark(line, span.is_some(), duration_s, pue, &energies_kwh);
        let tracker = self.tracker(record, line, sink)?;
        let source = tracker.source;
        let Some((begin_ns, duration_ns)) = span else {
            return missing(source, energies_kwh.len(), stamp_ns, sink);
        };
        let first = tracker.begin_ns.is_none();
        let counted_ns = tracker.begin_ns.get_or_insert(begin_ns).saturating_add(duration_ns);
        let clock_moved = counted_ns.abs_diff(stamp_ns) >= STAMP_NS;
        let end_ns = if clock_moved { stamp_ns } else { counted_ns };
        tracker.end_ns = Some(end_ns);
        let mut fell = false;
        for (channel, (kwh, _)) in (0_u16..).zip(&energies_kwh) {
            let counts = kwh.map(|kwh| counts(kwh / pue.unwrap_or(1.0)));
            let known = &mut tracker.last[usize::from(channel)];
            fell |= known.zip(counts).is_some_and(|(before, now)| now < before);
            *known = counts.or(*known);
            if first {
                sink.push(
                    source,
                    Row::at(channel, begin_ns, counts.map_or(RowValue::Missing, |_| RowValue::Count(0))),
                )?;
            }
            sink.push(source, Row::at(channel, end_ns, counts.map_or(RowValue::Missing, RowValue::Count)))?;
        }
        self.remarks.fell += u64::from(fell);
        self.remarks.clock_moved += u64::from(clock_moved);
        self.remarks.whole_seconds |= stamp_ns % 1_000_000_000 == 0;
        Ok(())
    }

    /// Counts what a reader has to know of a row.
    fn remark(
        &mut self,
        line: u64,
        has_begin: bool,
        duration_s: Option<f64>,
        pue: Option<f64>,
        energies: &[(Option<f64>, Option<f64>)],
    ) {
        if !has_begin {
            self.remarks.no_duration.push(line);
            return;
        }
        self.remarks.pue += u64::from(pue.is_some_and(|pue| (pue - 1.0).abs() > 1e-9));
        if let Some(((Some(total), _), parts)) = energies.split_first()
            && parts.len() == 3
        {
            let sum: f64 = parts.iter().filter_map(|(kwh, _)| *kwh).sum();
            self.remarks.sums += u64::from((sum - total).abs() > 0.01 * total.abs());
        }
        let strange = energies.iter().any(|(kwh, power_w)| match (kwh, power_w, duration_s) {
            (Some(kwh), Some(watts), Some(seconds)) => {
                let mean_w = kwh * KWH_J / seconds;
                (watts - mean_w).abs() > 0.05 * mean_w.max(1.0)
            }
            _ => false,
        });
        self.remarks.powers += u64::from(strange);
    }

    /// The tracker of a row; a task's row is a tracker of its own.
    fn tracker(&mut self, record: &ByteRecord, line: u64, sink: &mut dyn RowSink) -> Result<&mut Tracker> {
        let text = |column: Option<usize>| {
            let cell = column.and_then(|column| record.get(column)).unwrap_or_default();
            let text = String::from_utf8_lossy(cell.trim_ascii()).replace('/', "-");
            text.chars().filter(|c| !c.is_control()).collect::<String>()
        };
        let run_id = text(self.columns.run_id);
        let of_row = run_id.is_empty() || self.columns.task.is_some();
        let key = if of_row { format!("line {line}") } else { run_id.clone() };
        if !self.trackers.contains_key(&key) {
            let label = if self.columns.task.is_some() {
                text(self.columns.task)
            } else {
                text(self.columns.project)
            };
            let label = if label.is_empty() { "codecarbon".to_owned() } else { label };
            let prefix = self.options.source.clone().unwrap_or(label);
            // Eight digits of a UUID tell the trackers of a file apart; if not, the whole id does.
            let short: String = run_id.chars().take(8).collect();
            let shared = self.trackers.keys().any(|other| !short.is_empty() && other.starts_with(&short));
            let name = match (of_row, shared) {
                (true, _) => format!("{prefix}-line{line}"),
                (false, true) => format!("{prefix}-{run_id}"),
                (false, false) => format!("{prefix}-{short}"),
            };
            let details = self.columns.details.iter().map(|(name, column)| (*name, text(Some(*column))));
            let descriptor = details.filter(|(_, value)| !value.is_empty()).fold(
                Descriptor::new("code-carbon", format!("Code Carbon, {name}"), channels(&self.columns)),
                |descriptor, (name, value)| descriptor.with_detail(name, value),
            );
            let source = sink.add_source(&name, descriptor)?;
            self.order.push(key.clone());
            let last = vec![None; self.columns.energies.len()];
            let tracker = Tracker { source, name, begin_ns: None, end_ns: None, last };
            self.trackers.insert(key.clone(), tracker);
        }
        self.trackers.get_mut(&key).ok_or_else(|| Error::new("the tracker was not kept"))
    }
}

fn channels(columns: &Columns) -> Vec<Channel> {
    let quantity = Quantity::EnergyCounter { quantum: Joules::from_joules(QUANTUM_J), modulus: None };
    let channel = |(at, (name, _, _)): (usize, &(&'static str, usize, Option<usize>))| {
        let channel = Channel::new(*name, quantity);
        if at == 0 { channel } else { channel.with_part_of(ChannelId(0)) }
    };
    columns.energies.iter().enumerate().map(channel).collect()
}

fn missing(source: SourceHandle, channels: usize, t_ns: i64, sink: &mut dyn RowSink) -> Result<()> {
    (0_u16..)
        .take(channels)
        .try_for_each(|channel| sink.push(source, Row::at(channel, t_ns, RowValue::Missing)))
}

/// A number; `None` for a cell that says that there is none.
pub(crate) fn number(cell: &[u8]) -> Result<Option<f64>, ()> {
    match std::str::from_utf8(cell).map_err(|_| ())? {
        "" | "nan" | "NaN" | "None" | "null" => Ok(None),
        text => text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Some).ok_or(()),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "checked to be within what fits")]
fn nanos(seconds: f64) -> Option<i64> {
    (seconds < 9e9).then(|| (seconds * 1e9).round() as i64)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "from 0 to 1e8 kWh, below 2^63 mJ"
)]
fn counts(kwh: f64) -> u64 {
    (kwh * KWH_J / QUANTUM_J).round() as u64
}

impl Remarks {
    fn notes(&self, file: &str) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(first) = self.no_duration.first() {
            notes.push(format!(
                "{file}: rows without a positive duration, whose energies are unknown: {} (first in line {first})",
                self.no_duration.len()
            ));
        }
        for (rows, what) in [
            (self.fell, "rows with less energy than the row before of the same run_id; the step is lost"),
            (self.pue, "rows with a PUE in every energy, which was taken out"),
            (self.sums, "rows whose parts do not sum to energy_consumed within 1 %"),
            (
                self.powers,
                "rows whose power is not energy over duration within 5 % (2.x writes the last interval's power); the \
                 energies count, powers are not imported",
            ),
            (self.negative, "negative energies, kept as missing"),
            (
                self.clock_moved,
                "rows whose stamp is a second or more from the tracker's start plus their duration, as after a sleep or \
                 a step of the clock; the stamp counts",
            ),
        ] {
            if rows > 0 {
                notes.push(format!("{file}: {what}: {rows}"));
            }
        }
        if self.whole_seconds {
            notes.push(format!(
                "{file}: its stamps are cut to whole seconds: all of a tracker happened up to 1 s later than it stands here, \
                 and its lengths are right"
            ));
        }
        notes.push(format!(
            "{file}: what a tool states, not what a sensor measured: memory is assumed by its size, a CPU without RAPL \
             by its rated power"
        ));
        notes
    }
}
