//! The neutral file of marks: `t_ns,event,name`, event `begin`, `end` or `point`.

use std::io::Read;
use std::path::Path;

use super::cell::show;
use super::delimited::{Delimited, line_error};
use super::nearest::hint;
use super::sink::RowSink;
use super::time::{TimeUnit, decimal_ns};
use crate::run::{Mark, MarkEvent};
use crate::{Error, Result};

const COLUMNS: [&str; 3] = ["t_ns", "event", "name"];

/// Reads a neutral file of marks into `sink`.
///
/// # Errors
///
/// - the file is no table with these columns, or a line of it is faulty; the message names the line
/// - those of the sink
pub fn read(input: impl Read, path: &Path, sink: &mut dyn RowSink) -> Result<()> {
    let mut file = Delimited::open(input, path, b',', None)?;
    let mut places = [0; 3];
    for (place, name) in places.iter_mut().zip(COLUMNS) {
        *place = file.header().iter().position(|column| column == name).ok_or_else(|| {
            Error::file(path, format!("line 1: has no column `{name}`")).mend("the header is t_ns,event,name")
        })?;
    }
    while let Some((record, line)) = file.next()? {
        let [time, event, name] = places.map(|place| record.get(place).unwrap_or_default().trim_ascii());
        let t_ns = decimal_ns(time, TimeUnit::Nanos)
            .map_err(|fault| line_error(path, line, format!("t_ns `{}` {fault}", show(time))))?;
        let event = parse_event(event).ok_or_else(|| {
            line_error(path, line, format!("unknown event `{}`", show(event)))
                .mend(hint(&show(event), &["begin", "end", "point"]))
        })?;
        let name = std::str::from_utf8(name)
            .map_err(|_| line_error(path, line, format!("name `{}` is not UTF-8", show(name))))?;
        if name.is_empty() {
            return Err(line_error(path, line, "has no name").mend("name the phase or the event"));
        }
        sink.mark(Mark { t_ns, event, name: name.to_owned() })?;
    }
    file.notes().into_iter().try_for_each(|note| sink.note(note))
}

/// The event that a cell names.
pub(crate) fn parse_event(cell: &[u8]) -> Option<MarkEvent> {
    match cell {
        b"begin" => Some(MarkEvent::Begin),
        b"end" => Some(MarkEvent::End),
        b"point" => Some(MarkEvent::Point),
        _ => None,
    }
}
