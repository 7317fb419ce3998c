//! Row by row from a table into a sink.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

use power_core::{ClockDomain, Flags};

use super::alias::Verdict;
use super::detect::Detector;
use super::group::Group;
use super::header::Header;
use super::map::{ClockWord, TableMap};
use super::plan::{Plan, Planned, channel_name};
use super::rows::{Cell, RowRef, Rows};
use super::{TableOptions, marks};
use crate::import::cell::{Decoded, show};
use crate::import::input::{file_name, source_id_of};
use crate::import::sink::RowSink;
use crate::run::{Row, RowValue, TimeBase};
use crate::{Error, Result};

/// Reads one table into `sink`.
pub(crate) fn read_rows<R: Read>(
    mut rows: Rows<R>,
    path: &Path,
    map: &TableMap,
    options: &TableOptions,
    sink: &mut dyn RowSink,
) -> Result<()> {
    let full = rows.header().to_vec();
    let mut header = Header::new(path, &full);
    if let Some(of_marks) = &map.marks {
        return marks::read_rows(&mut rows, &mut header, path, map, of_marks, options, sink);
    }
    let plan = Plan::new(path, map, &mut header, options.utc_offset)?;
    rows.select(header.used())?;
    let mut reader = TableReader::new(path, map, options, plan);
    let place = rows.place_word();
    let mut count = 0;
    while let Some((row, number)) = rows.next()? {
        count += 1;
        reader.row(row, count, sink).map_err(|fault| match fault {
            Fault::Row(what) => Error::file(path, format!("{place} {number}: {what}")),
            Fault::Other(error) => error,
        })?;
    }
    if count == 0 {
        return Err(Error::file(path, "has columns and no rows").mend("check whether its recorder ran"));
    }
    let left_out = header.left_out();
    if !left_out.is_empty() {
        sink.note(format!("{}: columns left out: {}", file_name(path), left_out.join(", ")))?;
    }
    rows.notes().into_iter().try_for_each(|note| sink.note(note))?;
    reader.finish(sink)
}

/// What is wrong with one row, or with something else.
pub(crate) enum Fault {
    Row(String),
    Other(Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

struct TableReader<'a> {
    path: &'a Path,
    map: &'a TableMap,
    options: &'a TableOptions,
    plan: Plan,
    groups: Vec<Group>,
    group_of: HashMap<Vec<u8>, usize>,
    key: Vec<u8>,
    /// In a long table: the channel that a word of the channel column means, none for one that is left out.
    words: HashMap<Vec<u8>, Option<usize>>,
    left_out: u64,
    /// Whether a number may be a word for "no value".
    numbers_missing: bool,
    values: Vec<Option<RowValue>>,
    base: Option<TimeBase>,
}

impl<'a> TableReader<'a> {
    fn new(path: &'a Path, map: &'a TableMap, options: &'a TableOptions, plan: Plan) -> Self {
        Self {
            path,
            map,
            options,
            plan,
            groups: Vec::new(),
            group_of: HashMap::new(),
            key: Vec::new(),
            words: HashMap::new(),
            left_out: 0,
            numbers_missing: map.missing.0.iter().any(|word| word.bytes().any(|byte| byte.is_ascii_digit())),
            values: Vec::new(),
            base: None,
        }
    }

    fn row(&mut self, row: RowRef<'_>, number: u64, sink: &mut dyn RowSink) -> Result<(), Fault> {
        let (t_start_ns, t_end_ns) = self.plan.times.read(row, number).map_err(Fault::Row)?;
        if self.base.is_none() {
            self.begin(t_start_ns, sink)?;
        }
        let device_ns = match &self.plan.device_time {
            Some(time) if !time.is_empty(row) => Some(time.read(row).map_err(Fault::Row)?),
            _ => None,
        };
        let at = self.group(row, sink)?;
        let group = &mut self.groups[at];
        if let Some(device_ns) = device_ns {
            if let Some(detector) = &mut group.detector {
                detector.observe(t_end_ns, device_ns);
            }
            if self.map.device_time.as_ref().is_some_and(|device| device.once) && group.is_repeat(device_ns) {
                return Ok(());
            }
        }
        let times = (t_start_ns, t_end_ns, device_ns);
        if let Some((channel, _)) = self.plan.long {
            return self.long_row(row, row.cell(channel), at, times, sink);
        }
        self.values.clear();
        for (planned, channel) in self.plan.channels.iter_mut().zip(0..) {
            let (value, flags) = decode(planned, row.cell(planned.column), self.map, self.numbers_missing)?;
            self.values.push(Some(value));
            sink.push(group.handle, make_row(planned, channel, times, value, flags))?;
        }
        for watch in &mut group.aliases {
            watch.observe(&self.values);
        }
        Ok(())
    }

    fn long_row(
        &mut self,
        row: RowRef<'_>,
        word: Cell<'_>,
        at: usize,
        times: (i64, i64, Option<i64>),
        sink: &mut dyn RowSink,
    ) -> Result<(), Fault> {
        let Cell::Text(word) = word else {
            return Err(Fault::Row("the channel column holds no name".into()));
        };
        let planned = match self.words.get(word) {
            Some(planned) => *planned,
            None => self.add_word(word)?,
        };
        let Some(place) = planned else {
            self.left_out += 1;
            return Ok(());
        };
        let planned = &mut self.plan.channels[place];
        let (value, flags) = decode(planned, row.cell(planned.column), self.map, self.numbers_missing)?;
        let group = &mut self.groups[at];
        let channel = group.slot(place, planned, sink)?;
        sink.push(group.handle, make_row(planned, channel, times, value, flags))?;
        Ok(())
    }

    /// Finds out what a new word of the channel column means.
    fn add_word(&mut self, word: &[u8]) -> Result<Option<usize>, Fault> {
        let text = std::str::from_utf8(word)
            .map_err(|_| Fault::Row(format!("the channel `{}` is not UTF-8", show(word))))?;
        let fitting = self.map.channels.iter().find_map(|map| Some((map, map.column.capture(text)?)));
        let planned = match (fitting, self.plan.long) {
            (Some((map, capture)), Some((_, value))) => {
                let name = channel_name(map, capture).unwrap_or_else(|| text.to_owned());
                self.plan.push(Planned::new(self.map, map, &name, value, None)?, self.path)?;
                Some(self.plan.channels.len() - 1)
            }
            _ => None,
        };
        self.words.insert(word.to_vec(), planned);
        Ok(planned)
    }

    fn begin(&mut self, first_ns: i64, sink: &mut dyn RowSink) -> Result<()> {
        let stated = self.options.time_base.or(self.map.time_base.map(Into::into));
        let base = self.plan.times.base(stated, first_ns).map_err(|error| Error::file(self.path, error))?;
        if stated.is_none() && !self.map.time.ordinal && !self.plan.times.is_text() {
            sink.begin(base)?;
            sink.note(format!("{}: its times are taken for {base} by their size", file_name(self.path)))?;
        }
        self.base = Some(base);
        sink.begin(base)
    }

    /// The group that a row belongs to.
    fn group(&mut self, row: RowRef<'_>, sink: &mut dyn RowSink) -> Result<usize, Fault> {
        self.key.clear();
        for column in &self.plan.group {
            match row.cell(*column) {
                Cell::Text(text) => self.key.extend_from_slice(text),
                cell => self.key.extend_from_slice(cell.show().as_bytes()),
            }
            self.key.push(0);
        }
        let at = if let Some(at) = self.group_of.get(&self.key) {
            *at
        } else {
            let group = self.add_group(row, sink)?;
            self.groups.push(group);
            self.group_of.insert(self.key.clone(), self.groups.len() - 1);
            self.groups.len() - 1
        };
        self.groups[at].watch_details(row, &self.plan);
        Ok(at)
    }

    fn add_group(&mut self, row: RowRef<'_>, sink: &mut dyn RowSink) -> Result<Group> {
        let fill = |template: &super::template::Template| template.fill(|column| row.cell(column).show());
        let own = self.plan.source.as_ref().map(fill).filter(|id| !id.is_empty());
        let named =
            self.plan.group.first().map(|column| row.cell(*column).show()).filter(|id| !id.is_empty());
        let prefix = self.options.source.clone();
        let id = match (prefix, own.or(named)) {
            (Some(prefix), Some(own)) if !self.plan.group.is_empty() => format!("{prefix}-{own}"),
            (Some(prefix), _) => prefix,
            (None, Some(own)) => own,
            (None, None) => source_id_of(self.path),
        }
        .replace('/', "-");
        let device = self.plan.device.as_ref().map(fill).filter(|text| !text.is_empty());
        let mut group = Group::new(&id, device.as_deref(), self.map, &self.plan, row, sink)?;
        if let (Some(base), Some(device)) = (self.base, &self.map.device_time)
            && device.clock == ClockWord::Detect
        {
            group.detector = Detector::new(base, &self.options.anchors);
            if group.detector.is_none() {
                return Err(Error::file(self.path, "rows without time have no clock to detect"));
            }
        }
        Ok(group)
    }

    fn finish(self, sink: &mut dyn RowSink) -> Result<()> {
        if self.plan.channels.is_empty() {
            return Err(Error::file(self.path, "none of its channels is in the map")
                .mend("name what the channel column says in the map's `column`"));
        }
        let name = file_name(self.path);
        if self.left_out > 0 {
            let words = self.words.iter().filter(|(_, planned)| planned.is_none());
            let mut words: Vec<_> = words.map(|(word, _)| show(word)).collect();
            words.sort_unstable();
            words.truncate(20);
            sink.note(format!(
                "{name}: rows left out: {}, of the channels {}",
                self.left_out,
                words.join(", ")
            ))?;
        }
        for group in self.groups {
            group.finish(&name, self.path, &self.plan.channels, sink)?;
        }
        Ok(())
    }
}

fn make_row(
    planned: &Planned,
    channel: u16,
    (t_start_ns, t_end_ns, device_ns): (i64, i64, Option<i64>),
    value: RowValue,
    flags: Flags,
) -> Row {
    let t_device_ns = device_ns.filter(|_| planned.has_device_time);
    Row { channel, t_start_ns, t_end_ns, t_device_ns, value, flags }
}

fn decode(
    planned: &mut Planned,
    cell: Cell<'_>,
    map: &TableMap,
    numbers_missing: bool,
) -> Result<Decoded, Fault> {
    let missing = (RowValue::Missing, Flags::MISSING);
    let decoded = match cell {
        Cell::Null => return Ok(missing),
        cell if numbers_missing && is_missing(cell.show().as_bytes(), map) => return Ok(missing),
        Cell::Text(text) => match planned.measure.text(text) {
            Err(_) if is_missing(text, map) => return Ok(missing),
            decoded => decoded,
        },
        Cell::Integer(number) => planned.measure.integer(number),
        Cell::Nanos(number) => planned.measure.integer(number.into()),
        Cell::Float(number) => planned.measure.float(number),
    };
    decoded.map_err(|fault| Fault::Row(format!("channel `{}`: {fault}", planned.channel.name)))
}

fn is_missing(text: &[u8], map: &TableMap) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| map.missing.capture(text).is_some())
}

/// The clock domain of a map's word; none for one that has to be detected.
pub(crate) fn stated_clock(word: ClockWord, tick_hz: Option<f64>) -> Option<ClockDomain> {
    match word {
        ClockWord::Detect => None,
        ClockWord::Monotonic => Some(ClockDomain::HostMonotonic),
        ClockWord::Realtime => Some(ClockDomain::HostRealtime),
        ClockWord::Boottime => Some(ClockDomain::HostBoottime),
        ClockWord::Device => Some(ClockDomain::Device { tick_hz }),
    }
}

/// The words for what was found of an alias.
pub(crate) fn alias_words(verdict: Verdict, name: impl Fn(u16) -> String) -> Option<String> {
    match verdict {
        Verdict::Alias(of, share) => {
            Some(format!("alias of {} ({:.2} % of rows equal)", name(of), share * 100.0))
        }
        Verdict::Ambiguous => {
            Some("unknown: the channels that it may be an alias of are equal themselves".into())
        }
        Verdict::None => None,
    }
}
