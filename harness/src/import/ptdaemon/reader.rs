//! From PTDaemon's samples to rows.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::time::Duration;

use power_core::{Channel, Descriptor, Flags, Lane, Quantity, Scope};

use super::ptd_log::{PtdLog, Section};
use super::spl::{Line, parse_line};
use super::{Context, LogTime};
use crate::import::cell::Measure;
use crate::import::delimited::line_error;
use crate::import::input::{file_name, source_id_of};
use crate::import::sink::{RowSink, SourceHandle};
use crate::run::{Row, RowValue, TimeBase};
use crate::{Error, Result};

/// Longest line that is believed; a real one has some two hundred bytes.
const LONGEST_LINE: u64 = 1 << 16;
/// How far a sample may be from the line that says its uncertainty is unknown, where no interval is stated.
const NEAREST_NS: i64 = 500_000_000;

/// PTDaemon's words, the names of the channels and their quantities.
const KEYS: [(&str, &str, Quantity); 7] = [
    ("Watts", "watts", Quantity::power()),
    ("Volts", "volts", Quantity::Voltage),
    ("Amps", "amps", Quantity::Current),
    ("PF", "power factor", Quantity::PowerFactor),
    ("VA", "volt-amperes", Quantity::ApparentPower),
    ("Hz", "frequency", Quantity::Frequency),
    ("Temperature", "temperature", Quantity::Temperature),
];

pub(super) fn read(
    input: impl Read,
    path: &Path,
    time: &LogTime,
    context: &Context,
    sink: &mut dyn RowSink,
) -> Result<()> {
    let mut input = BufReader::with_capacity(1 << 17, input);
    let mut reader = Reader::new(path, context);
    let mut bytes = Vec::new();
    for number in 1.. {
        bytes.clear();
        let fault = |error| Error::io(path, "read", error);
        let count = (&mut input).take(LONGEST_LINE).read_until(b'\n', &mut bytes).map_err(fault)?;
        if count == 0 {
            break;
        }
        let whole = bytes.ends_with(b"\n");
        let line = bytes.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let text = std::str::from_utf8(line).map_err(|_| {
            line_error(path, number, "is not UTF-8").mend("name the file spl.txt of PTDaemon")
        })?;
        let parsed = match parse_line(text, time) {
            Ok(parsed) => parsed,
            // A last line without its end was cut while it was written.
            Err(_) if !whole && reader.source.is_some() => {
                reader.cut = true;
                break;
            }
            Err(what) => return Err(line_error(path, number, what).mend("name the file spl.txt of PTDaemon")),
        };
        reader.line(&parsed, sink).map_err(|fault| match fault {
            Fault::Line(what) => line_error(path, number, what),
            Fault::Other(error) => error,
        })?;
    }
    reader.finish(sink)
}

enum Fault {
    Line(String),
    Other(Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

struct Reader<'a> {
    path: &'a Path,
    context: &'a Context,
    source: Option<SourceHandle>,
    /// Prefix, key and decoder of each channel; the place is the channel's index.
    channels: Vec<(String, &'static str, Measure)>,
    left_out: Vec<String>,
    marks: Vec<String>,
    lines: u64,
    not_positive: u64,
    flagged: u64,
    cut: bool,
}

impl<'a> Reader<'a> {
    fn new(path: &'a Path, context: &'a Context) -> Self {
        Self {
            path,
            context,
            source: None,
            channels: Vec::new(),
            left_out: Vec::new(),
            marks: Vec::new(),
            lines: 0,
            not_positive: 0,
            flagged: 0,
            cut: false,
        }
    }

    fn line(&mut self, line: &Line<'_>, sink: &mut dyn RowSink) -> Result<(), Fault> {
        let source = match self.source {
            Some(source) => source,
            None => self.begin(line, sink)?,
        };
        self.lines += 1;
        if !self.marks.iter().any(|mark| mark == line.mark) {
            self.marks.push(line.mark.to_owned());
        }
        let uncertain = self.section(line.mark).is_some_and(|section| is_uncertain(section, line.t_ns));
        self.flagged += u64::from(uncertain);
        for (prefix, key, value) in &line.samples {
            let Some(place) = self.channel(prefix, key, source, sink)? else { continue };
            let (value, mut flags) = self.channels[usize::from(place)]
                .2
                .text(value.as_bytes())
                .map_err(|fault| Fault::Line(format!("{key}: {fault}")))?;
            let not_positive = *key == "Watts" && matches!(value, RowValue::Number(watts) if watts <= 0.0);
            self.not_positive += u64::from(not_positive);
            if uncertain || not_positive {
                flags = flags | Flags::UNCERTAIN;
            }
            sink.push(source, Row { flags, ..Row::at(place, line.t_ns, value) })?;
        }
        Ok(())
    }

    fn section(&self, mark: &str) -> Option<&'a Section> {
        self.context.ptd.as_ref()?.section(mark)
    }

    fn begin(&mut self, line: &Line<'_>, sink: &mut dyn RowSink) -> Result<SourceHandle> {
        sink.begin(TimeBase::Unix)?;
        let id = self.context.source.clone().unwrap_or_else(|| source_id_of(self.path));
        let ptd = self.context.ptd.as_ref();
        let device =
            ptd.and_then(|log| log.identity.clone()).unwrap_or_else(|| "meter read by SPEC PTDaemon".into());
        let mut descriptor = Descriptor::new("ptdaemon", device, Vec::new())
            .with_lane(Lane::new(id.as_str()))
            .with_detail("time", "the clock of the host that ran PTDaemon, as it stands in its samples");
        if let Some(log) = ptd {
            descriptor = describe_meter(descriptor, log, line.mark);
        }
        if let Some(client) = self.context.client {
            if let Some(offset) = client.ntp_offset_s {
                let words = format!("{} to {} s in {} measurements", offset.low, offset.high, offset.count);
                descriptor = descriptor.with_detail("NTP offset of the client", words);
            }
            if let Some(difference) = client.difference_ms {
                let words = format!("{} to {} ms", difference.low, difference.high);
                descriptor = descriptor.with_detail("time difference between client and server", words);
            }
        }
        let source = sink.add_source(&id, descriptor)?;
        self.source = Some(source);
        Ok(source)
    }

    /// The index of a channel, added when it is first seen; none for one that has no quantity here.
    fn channel(
        &mut self,
        prefix: &str,
        key: &str,
        source: SourceHandle,
        sink: &mut dyn RowSink,
    ) -> Result<Option<u16>> {
        if let Some(place) = self.channels.iter().position(|(of, known, _)| of == prefix && *known == key) {
            return Ok(u16::try_from(place).ok());
        }
        let known = KEYS.iter().find(|(known, ..)| *known == key);
        let measure = known.and_then(|(.., quantity)| Measure::new(*quantity, None));
        let (Some((key, name, quantity)), Some(measure)) = (known, measure) else {
            if !self.left_out.iter().any(|left| left == key) && self.left_out.len() < 20 {
                self.left_out.push(key.to_owned());
            }
            return Ok(None);
        };
        let Ok(place) = u16::try_from(self.channels.len()) else { return Ok(None) };
        let name = match prefix {
            "" => (*name).to_owned(),
            prefix => format!("{} {name}", prefix.to_lowercase()),
        };
        let interval = self.marks.first().and_then(|mark| self.section(mark)?.interval_ms);
        sink.describe(source, &mut |descriptor| {
            let mut channel = Channel::new(name.clone(), *quantity).with_scope(Scope::NodeAc);
            if let Some(interval) = interval.filter(|interval| *interval > 0) {
                channel = channel.with_update_period(Duration::from_millis(interval.into()));
            }
            descriptor.channels.push(channel);
        })?;
        self.channels.push((prefix.to_owned(), key, measure));
        Ok(Some(place))
    }

    fn finish(self, sink: &mut dyn RowSink) -> Result<()> {
        let Some(source) = self.source else {
            return Err(Error::file(self.path, "is empty").mend("check whether PTDaemon ran"));
        };
        let name = file_name(self.path);
        for mark in &self.context.marks {
            sink.mark(mark.clone())?;
        }
        if self.marks.len() > 1 {
            sink.note(format!("{name}: holds several measurements: {}", self.marks.join(", ")))?;
        }
        if self.not_positive > 0 {
            sink.note(format!(
                "{name}: samples of 0 W or less, kept and flagged uncertain: {}",
                self.not_positive
            ))?;
        }
        if !self.left_out.is_empty() {
            sink.note(format!("{name}: left out: {}", self.left_out.join(", ")))?;
        }
        if self.cut {
            sink.note(format!("{name}: its last line is cut off and left out"))?;
        }
        let sections: Vec<&Section> = self.marks.iter().filter_map(|mark| self.section(mark)).collect();
        if self.context.ptd.is_some() && sections.len() < self.marks.len() {
            sink.note(format!("{name}: PTDaemon's log has no measurement of this mark"))?;
        }
        let counted: Option<u64> = sections.iter().map(|section| section.samples).sum();
        if let Some(counted) = counted.filter(|counted| !sections.is_empty() && *counted != self.lines) {
            sink.note(format!("{name}: holds {} samples, PTDaemon counted {counted}", self.lines))?;
        }
        let unsure: usize = sections.iter().map(|section| section.uncertain_ns.len()).sum();
        if self.context.ptd.as_ref().is_some_and(|log| log.checks_uncertainty) && !sections.is_empty() {
            let words = format!("could not be evaluated for {unsure} of {} samples", self.lines);
            sink.describe(source, &mut |descriptor| {
                descriptor.details.insert("uncertainty".into(), words.clone());
            })?;
        }
        if unsure > 0 {
            sink.note(format!(
                "{name}: samples whose uncertainty PTDaemon could not evaluate: {unsure}; flagged by their time: {}",
                self.flagged
            ))?;
        }
        Ok(())
    }
}

fn describe_meter(descriptor: Descriptor, log: &PtdLog, mark: &str) -> Descriptor {
    let mut details: Vec<(&str, String)> = Vec::new();
    let mut add = |name, value: Option<&String>| details.extend(value.map(|value| (name, value.clone())));
    add("meter driver", log.model.as_ref());
    add("PTDaemon version", log.version.as_ref());
    if let Some(section) = log.section(mark) {
        add("voltage range", section.volt_range.as_ref());
        add("current range", section.amp_range.as_ref());
    }
    add("mark", Some(&mark.to_owned()));
    let checking = if log.checks_uncertainty { "activated" } else { "not activated, or not logged" };
    add("uncertainty checking", Some(&checking.to_owned()));
    if log.no_calibration_date {
        add("calibration date", Some(&"not stated".to_owned()));
    }
    details.into_iter().fold(descriptor, |descriptor, (name, value)| descriptor.with_detail(name, value))
}

/// Whether PTDaemon said of the sample at `t_ns` that its uncertainty is unknown: the line stands within half an
/// interval of it.
fn is_uncertain(section: &Section, t_ns: i64) -> bool {
    let half_ns = section.interval_ms.map_or(NEAREST_NS, |interval| i64::from(interval) * 500_000);
    let from = t_ns.saturating_sub(half_ns);
    let next = section.uncertain_ns.partition_point(|unsure| *unsure <= from);
    section.uncertain_ns.get(next).is_some_and(|unsure| *unsure <= t_ns.saturating_add(half_ns))
}
