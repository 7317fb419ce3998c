//! The readings that a tool took, with their times, set beside the records whose mean they are.
//!
//! A table of polls has `t_before_ns` and `t_after_ns` of each, and powers in columns whose names end in `_w`. Spans are
//! the marks of the neutral format, `t_ns,event,name`, on the same time base, one span a record in the same order.

use std::collections::HashMap;
use std::path::Path;

use power_analysis::audit::{Benchmark, Measure, Poll, Record, is_mean_of_polls};

use super::figures::believable;
use crate::import::code_carbon::number;
use crate::import::delimited::{Delimited, line_error};
use crate::import::marks;
use crate::import::sink::MemorySink;
use crate::run::MarkEvent;
use crate::{Error, Result};

/// Polls that began or ended within this of a span stand beside its record, in seconds.
const AROUND_S: f64 = 1.0;

/// Polls with each of their powers.
#[derive(Debug, Clone, PartialEq)]
pub struct Polls {
    /// Names of the columns of power.
    pub columns: Vec<String>,
    /// Begin and end in seconds, and the powers by column; a power that is missing is `None`.
    rows: Vec<(f64, f64, Vec<Option<f64>>)>,
}

impl Polls {
    /// The polls by one column.
    fn by(&self, column: usize) -> Vec<Poll> {
        let poll = |(begin_s, end_s, powers): &(f64, f64, Vec<Option<f64>>)| {
            Some(Poll { begin_s: *begin_s, end_s: *end_s, power_w: powers[column]? })
        };
        self.rows.iter().filter_map(poll).collect()
    }
}

/// Reads a table of polls; `path` is for messages.
///
/// # Errors
///
/// - it has not these columns, or a cell is no number; the message names the line
/// - the polls are not in order of time
pub fn read(bytes: &[u8], path: &Path) -> Result<Polls> {
    let mut file = Delimited::open(bytes, path, b',', None)?;
    let header = file.header().to_vec();
    let need = |name: &str| {
        header.iter().position(|column| column == name).ok_or_else(|| {
            Error::file(path, format!("has no column `{name}`"))
                .mend("polls have t_before_ns, t_after_ns and power_w")
        })
    };
    let (before, after) = (need("t_before_ns")?, need("t_after_ns")?);
    let powers: Vec<usize> = (0..header.len()).filter(|at| header[*at].ends_with("_w")).collect();
    if powers.is_empty() {
        return Err(Error::file(path, "has no column of power").mend("name it power_w"));
    }
    let mut rows: Vec<(f64, f64, Vec<Option<f64>>)> = Vec::new();
    while let Some((record, line)) = file.next()? {
        let figure = |at: usize| {
            let cell = record.get(at).unwrap_or_default().trim_ascii();
            number(cell).map_err(|()| line_error(path, line, format!("{} is no number", header[at])))
        };
        let time = |at: usize| {
            figure(at)?
                .and_then(believable)
                .map(|nanos| nanos * 1e-9)
                .ok_or_else(|| line_error(path, line, format!("{} is missing", header[at])))
        };
        let (begin_s, end_s) = (time(before)?, time(after)?);
        if end_s < begin_s || rows.last().is_some_and(|(last, ..)| begin_s < *last) {
            return Err(
                line_error(path, line, "is not in order of time").mend("sort the polls by their times")
            );
        }
        let powers = powers.iter().map(|at| Ok(figure(*at)?.and_then(believable))).collect::<Result<_>>()?;
        rows.push((begin_s, end_s, powers));
    }
    Ok(Polls { columns: powers.iter().map(|at| header[*at].clone()).collect(), rows })
}

/// Reads spans from a file of marks, in the order of their beginnings, in seconds.
///
/// # Errors
///
/// - it is no file of marks, or a begin has no end
pub fn spans(bytes: &[u8], path: &Path) -> Result<Vec<(f64, f64)>> {
    let mut sink = MemorySink::default();
    marks::read(bytes, path, &mut sink)?;
    let mut open: HashMap<&str, usize> = HashMap::new();
    let mut spans: Vec<(f64, Option<f64>)> = Vec::new();
    for mark in &sink.marks {
        match mark.event {
            MarkEvent::Begin => {
                open.insert(&mark.name, spans.len());
                spans.push((seconds(mark.t_ns), None));
            }
            MarkEvent::End => {
                if let Some(at) = open.remove(mark.name.as_str()) {
                    spans[at].1 = Some(seconds(mark.t_ns));
                }
            }
            MarkEvent::Point => {}
        }
    }
    let whole: Option<Vec<(f64, f64)>> = spans.into_iter().map(|(begin, end)| Some((begin, end?))).collect();
    whole.ok_or_else(|| Error::file(path, "has a begin without its end").mend("check the marks"))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a monotonic clock of years is exact to less than a microsecond"
)]
fn seconds(nanos: i64) -> f64 {
    nanos as f64 * 1e-9
}

/// Sets polls and spans beside the records, by the column whose means the stated powers are; returns its name.
///
/// # Errors
///
/// - there are not as many spans as records
pub fn attach(benchmark: &mut Benchmark, polls: &Polls, spans: &[(f64, f64)]) -> Result<String> {
    let half = benchmark.column(Measure::Power).map_or(0.0, |column| column.half_digit);
    let mut records: Vec<&mut Record> =
        benchmark.evaluations.iter_mut().flat_map(|evaluation| &mut evaluation.records).collect();
    if records.len() != spans.len() {
        return Err(Error::new(format!("{} epochs stand beside {} records", spans.len(), records.len()))
            .mend("give the marks of exactly the epochs that the records are of"));
    }
    let mut best = (0, 0);
    for column in 0..polls.columns.len() {
        let fits = set(&mut records, &polls.by(column), spans, half);
        if fits > best.0 || column == 0 {
            best = (fits, column);
        }
    }
    set(&mut records, &polls.by(best.1), spans, half);
    Ok(polls.columns[best.1].clone())
}

/// Sets them, and counts the records whose power they explain.
fn set(records: &mut [&mut Record], polls: &[Poll], spans: &[(f64, f64)], half: f64) -> usize {
    let mut fits = 0;
    for (record, span) in records.iter_mut().zip(spans) {
        let from = polls.partition_point(|poll| poll.end_s < span.0 - AROUND_S);
        let to = polls.partition_point(|poll| poll.begin_s <= span.1 + AROUND_S).max(from);
        record.polls = polls[from..to].to_vec();
        record.span_s = Some(*span);
        record.window_s = record.window_s.or(Some(span.1 - span.0));
        fits += usize::from(is_mean_of_polls(record, half));
    }
    fits
}
