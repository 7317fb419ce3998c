//! A run as one table in time order, for other programs.
//!
//! | format | columns |
//! |---|---|
//! | csv | `t_ns,channel,quantity,value,t_end_ns,t_device_ns,flags`: the neutral form that `import csv` reads back |
//! | ndjson | one object a row, with the columns of a run, quantity and unit; unknown is `null` |
//! | parquet | the columns of a run, all lanes in one file |

mod merge;
mod parquet;

use std::io::{BufWriter, Write};

use crate::import::quantity::words;
use crate::run::{RowValue, Run};
use crate::{Error, Result};

/// The form of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Comma-separated values, the neutral form.
    Csv,
    /// Apache Parquet.
    Parquet,
    /// One JSON object a line.
    Ndjson,
}

/// Writes all readings of `run` to `out` in order of their start; where several start at once, and where the times
/// of one channel run backwards, in the order in which they were written.
///
/// Memory does not grow with the run. NaN is written as `NaN` in csv; JSON knows no such number and has `null` for
/// it, without the flag of a missing value.
///
/// # Errors
///
/// - if a file of readings is missing or damaged, or has a channel that the manifest has not.
/// - if `out` takes no more; the cause is the system's error.
pub fn export(run: &Run, format: Format, out: &mut impl Write) -> Result<()> {
    match format {
        Format::Csv => csv(run, out),
        Format::Parquet => parquet::write(run, out),
        Format::Ndjson => ndjson(run, out),
    }
}

fn csv(run: &Run, out: &mut impl Write) -> Result<()> {
    let mut out = BufWriter::new(out);
    out.write_all(b"t_ns,channel,quantity,value,t_end_ns,t_device_ns,flags\n").map_err(unwritten)?;
    // What is the same in all rows of a channel is quoted once.
    let mut names = Vec::new();
    for channel in run.channels() {
        let mut cells =
            csv::WriterBuilder::new().terminator(csv::Terminator::Any(b',')).from_writer(Vec::new());
        cells.write_record([run.key(channel), words(run.describe(channel).quantity)]).map_err(unquoted)?;
        names.push(cells.into_inner().map_err(unquoted)?);
    }
    merge::visit(run, |row| {
        write!(out, "{},", row.t_start_ns)?;
        out.write_all(&names[row.channel])?;
        match row.value {
            RowValue::Number(number) => write!(out, "{number:?}")?,
            RowValue::Count(count) => write!(out, "{count}")?,
            RowValue::Missing => {}
        }
        write!(out, ",{},", row.t_end_ns)?;
        if let Some(t_device_ns) = row.t_device_ns {
            write!(out, "{t_device_ns}")?;
        }
        writeln!(out, ",{}", row.flags.bits())
    })?;
    out.flush().map_err(unwritten)
}

fn ndjson(run: &Run, out: &mut impl Write) -> Result<()> {
    let mut out = BufWriter::new(out);
    let json = |text: &str| serde_json::Value::from(text).to_string();
    let names: Vec<_> = run
        .channels()
        .map(|channel| {
            let quantity = run.describe(channel).quantity;
            format!(
                "\"channel\":{},\"quantity\":{},\"unit\":{}",
                json(&run.key(channel)),
                json(&words(quantity)),
                json(quantity.unit().symbol())
            )
        })
        .collect();
    merge::visit(run, |row| {
        write!(out, "{{\"t_start_ns\":{},\"t_end_ns\":{},\"t_device_ns\":", row.t_start_ns, row.t_end_ns)?;
        match row.t_device_ns {
            Some(t_device_ns) => write!(out, "{t_device_ns}")?,
            None => out.write_all(b"null")?,
        }
        write!(out, ",{},", names[row.channel])?;
        match row.value {
            RowValue::Number(number) if number.is_finite() => {
                write!(out, "\"value\":{number:?},\"count\":null")?;
            }
            RowValue::Count(count) => write!(out, "\"value\":null,\"count\":{count}")?,
            RowValue::Number(_) | RowValue::Missing => write!(out, "\"value\":null,\"count\":null")?,
        }
        writeln!(out, ",\"flags\":{}}}", row.flags.bits())
    })?;
    out.flush().map_err(unwritten)
}

fn unwritten(error: std::io::Error) -> Error {
    Error::new("the export cannot be written")
        .mend("see whether its place has room and takes it")
        .because(error)
}

fn unquoted(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new("the name of a channel cannot be written as csv").because(error)
}
