//! Tables of marks: whole phases, or edges of a load.

use std::collections::HashSet;
use std::io::Read;
use std::path::Path;

use super::TableOptions;
use super::header::Header;
use super::map::{MarksMap, MarksMode, OneOrMany, TableMap};
use super::rows::Rows;
use super::template::Template;
use super::times::RowTimes;
use crate::import::sink::RowSink;
use crate::run::{Mark, MarkEvent};
use crate::{Error, Result};

const ON: [&str; 5] = ["1", "on", "true", "begin", "start"];

/// Reads the marks of one table into `sink`.
pub(crate) fn read_rows<R: Read>(
    rows: &mut Rows<R>,
    header: &mut Header<'_>,
    path: &Path,
    table: &TableMap,
    map: &MarksMap,
    options: &TableOptions,
    sink: &mut dyn RowSink,
) -> Result<()> {
    let times = RowTimes::find(&table.time, header, options.utc_offset)
        .map_err(|error| Error::file(path, error.to_string()))?;
    let name =
        Template::need(&map.name, header.names()).map_err(|error| Error::file(path, error.to_string()))?;
    header.mark_used(name.columns());
    let state = match &map.state {
        Some(column) => Some(header.need_any(&OneOrMany(vec![column.clone()]), "the state")?),
        None => None,
    };
    match (map.mode, &times) {
        (_, RowTimes::Ordinal) => {
            return Err(Error::file(path, "marks need a time").mend("name its column in the map"));
        }
        (MarksMode::Intervals, RowTimes::At(_)) => {
            return Err(
                Error::file(path, "phases need a start and an end").mend("name both columns in the map")
            );
        }
        _ => {}
    }
    rows.select(header.used())?;
    let place = rows.place_word();
    let mut open: HashSet<String> = HashSet::new();
    let mut begun = false;
    while let Some((row, number)) = rows.next()? {
        let (start_ns, end_ns) =
            times.read(row, number).map_err(|what| Error::file(path, format!("{place} {number}: {what}")))?;
        if !begun {
            begun = true;
            let stated = options.time_base.or(table.time_base.map(Into::into));
            let base = times.base(stated, start_ns).map_err(|error| Error::file(path, error))?;
            sink.begin(base)?;
        }
        let name = name.fill(|column| row.cell(column).show());
        if name.is_empty() {
            return Err(Error::file(path, format!("{place} {number}: the mark has no name")));
        }
        match (map.mode, state.map(|column| row.cell(column).show())) {
            (MarksMode::Intervals, _) => {
                sink.mark(Mark { t_ns: start_ns, event: MarkEvent::Begin, name: name.clone() })?;
                sink.mark(Mark { t_ns: end_ns, event: MarkEvent::End, name })?;
            }
            (MarksMode::Edges, None) => sink.mark(Mark { t_ns: start_ns, event: MarkEvent::Point, name })?,
            (MarksMode::Edges, Some(state)) => {
                let on = if map.on.0.is_empty() {
                    ON.contains(&state.as_str())
                } else {
                    map.on.0.contains(&state)
                };
                let event = match (on, open.contains(&name)) {
                    (true, false) => {
                        open.insert(name.clone());
                        MarkEvent::Begin
                    }
                    (false, true) => {
                        open.remove(&name);
                        MarkEvent::End
                    }
                    // On while on, or off while off: an event that bounds no phase.
                    _ => MarkEvent::Point,
                };
                sink.mark(Mark { t_ns: start_ns, event, name })?;
            }
        }
    }
    if !begun {
        return Err(Error::file(path, "has columns and no rows").mend("check whether its recorder ran"));
    }
    rows.notes().into_iter().try_for_each(|note| sink.note(note))
}
