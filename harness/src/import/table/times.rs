//! The times of a row.

use jiff::tz::Offset;

use super::header::Header;
use super::map::{TimeColumn, TimeMap};
use super::rows::{Cell, RowRef};
use crate::import::cell::show;
use crate::import::csv::guess_time_base;
use crate::import::time::{TextTime, TimeFault, TimeUnit, decimal_ns, parse_utc_offset};
use crate::run::TimeBase;
use crate::{Error, Result};

/// How the time of a row is read.
#[derive(Debug)]
pub(crate) enum RowTimes {
    /// Rows are numbered, one second a row.
    Ordinal,
    /// One time.
    At(ColumnTime),
    /// Before and after the transaction.
    Bracket(ColumnTime, ColumnTime),
}

/// How one column of times is read.
#[derive(Debug)]
pub(crate) struct ColumnTime {
    column: usize,
    name: String,
    form: Form,
}

#[derive(Debug)]
enum Form {
    Number(TimeUnit),
    Text(TextTime),
}

impl RowTimes {
    pub(crate) fn find(map: &TimeMap, header: &mut Header<'_>, utc_offset: Option<Offset>) -> Result<Self> {
        match (map.ordinal, &map.at, &map.start, &map.end) {
            (true, None, None, None) => Ok(Self::Ordinal),
            (false, Some(at), None, None) => Ok(Self::At(ColumnTime::find(at, header, utc_offset)?)),
            (false, None, Some(start), Some(end)) => Ok(Self::Bracket(
                ColumnTime::find(start, header, utc_offset)?,
                ColumnTime::find(end, header, utc_offset)?,
            )),
            _ => Err(Error::new("the map's time is neither `at`, nor `start` and `end`, nor `ordinal`")
                .mend("state exactly one of them")),
        }
    }

    /// Whether the times are written as text, which counts from 1970.
    pub(crate) fn is_text(&self) -> bool {
        match self {
            Self::Ordinal => false,
            Self::At(time) | Self::Bracket(time, _) => matches!(time.form, Form::Text(_)),
        }
    }

    /// What the times count: as they are written, as was `stated`, or as their size tells.
    pub(crate) fn base(&self, stated: Option<TimeBase>, first_ns: i64) -> Result<TimeBase> {
        let certain = match self {
            Self::Ordinal => Some(TimeBase::Ordinal),
            _ if self.is_text() => Some(TimeBase::Unix),
            _ => None,
        };
        match (certain, stated) {
            (Some(certain), Some(stated)) if certain != stated => {
                Err(Error::new(format!("its times are {certain}, not {stated}"))
                    .mend("leave out the time base"))
            }
            (Some(base), _) | (None, Some(base)) => Ok(base),
            (None, None) => Ok(guess_time_base(first_ns)),
        }
    }

    /// Start and end of the row with this number, counted from 1.
    pub(crate) fn read(&self, row: RowRef<'_>, number: u64) -> Result<(i64, i64), String> {
        match self {
            Self::Ordinal => {
                let nanos = i64::try_from(number - 1).ok().and_then(|row| row.checked_mul(1_000_000_000));
                nanos.map(|nanos| (nanos, nanos)).ok_or_else(|| "too many rows to number".to_owned())
            }
            Self::At(at) => at.read(row).map(|nanos| (nanos, nanos)),
            Self::Bracket(start, end) => {
                let (start_ns, end_ns) = (start.read(row)?, end.read(row)?);
                if end_ns < start_ns {
                    return Err(format!("`{}` {end_ns} is before `{}` {start_ns}", end.name, start.name));
                }
                Ok((start_ns, end_ns))
            }
        }
    }
}

impl ColumnTime {
    fn find(map: &TimeColumn, header: &mut Header<'_>, utc_offset: Option<Offset>) -> Result<Self> {
        let column = header.need_any(&map.column, "the time")?;
        let form = match (&map.unit, &map.format) {
            (Some(unit), None) => Form::Number(unit.parse()?),
            (None, Some(format)) => {
                let zone = match map.zone.as_deref() {
                    None | Some("local") => utc_offset,
                    Some(zone) => Some(parse_utc_offset(zone)?),
                };
                Form::Text(TextTime::new(format, zone)?)
            }
            _ => {
                let what = format!("the map's time `{}` needs either a unit or a format", map.column.list());
                return Err(Error::new(what).mend("write unit = \"ns\" or format = \"%Y-%m-%d %H:%M:%S%.f\""));
            }
        };
        Ok(Self { column, name: header.names()[column].clone(), form })
    }

    /// A column of numbers in `unit`.
    pub(crate) fn number(column: usize, name: &str, unit: TimeUnit) -> Self {
        Self { column, name: name.to_owned(), form: Form::Number(unit) }
    }

    pub(crate) fn read(&self, row: RowRef<'_>) -> Result<i64, String> {
        let cell = row.cell(self.column);
        let time = match (cell, &self.form) {
            (Cell::Nanos(nanos), _) => Ok(nanos),
            (Cell::Text(text), Form::Number(unit)) => decimal_ns(text, *unit),
            (Cell::Text(text), Form::Text(format)) => format.parse(text),
            (Cell::Integer(number), Form::Number(unit)) => number
                .checked_mul(i128::from(unit.nanos()))
                .and_then(|nanos| i64::try_from(nanos).ok())
                .ok_or(TimeFault::OutOfRange),
            (Cell::Float(number), Form::Number(unit)) => float_ns(number, *unit),
            (Cell::Null, _) => return Err(format!("`{}` is empty, and a reading needs its time", self.name)),
            (Cell::Integer(_) | Cell::Float(_), Form::Text(_)) => Err(TimeFault::Unreadable),
        };
        time.map_err(|fault| format!("`{}`: `{}` {fault}", self.name, show(cell.show().as_bytes())))
    }

    /// Whether the row has no such time.
    pub(crate) fn is_empty(&self, row: RowRef<'_>) -> bool {
        row.cell(self.column) == Cell::Null
    }
}

fn float_ns(number: f64, unit: TimeUnit) -> Result<i64, TimeFault> {
    // The largest powers of two that an i64 holds on either side.
    const LIMIT: f64 = 9_223_372_036_854_774_784.0;
    #[expect(clippy::cast_precision_loss, reason = "a power of ten up to 10^9 is exact")]
    let nanos = (number * unit.nanos() as f64).round();
    if nanos.is_nan() {
        return Err(TimeFault::Unreadable);
    }
    if nanos.abs() > LIMIT {
        return Err(TimeFault::OutOfRange);
    }
    #[expect(clippy::cast_possible_truncation, reason = "whole and within an i64")]
    let nanos = nanos as i64;
    Ok(nanos)
}
