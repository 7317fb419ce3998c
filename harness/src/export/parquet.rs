//! The export as one Parquet file.

use std::io::Write;

use ::parquet::arrow::ArrowWriter;

use super::{merge, unwritten};
use crate::run::{Row, Rows, Run, properties, readings_schema};
use crate::{Error, Result};

/// Writes all lanes in time order, with the columns of a run.
pub(super) fn write(run: &Run, out: &mut impl Write) -> Result<()> {
    let mut rows = Rows::default();
    for channel in run.channels() {
        let key = run.key(channel);
        rows.add_channel(key)
            .ok_or_else(|| Error::new("the run has too many channels for one Parquet file"))?;
    }
    // The writer wants a sink that it can send to other threads, which `out` need not be: it writes into memory, a
    // row group at a time, and `out` gets that.
    let mut writer =
        ArrowWriter::try_new(Vec::new(), readings_schema(), Some(properties())).map_err(unencoded)?;
    let mut failed = None;
    let mut pass = |rows: &mut Rows, writer: &mut ArrowWriter<Vec<u8>>| -> std::io::Result<()> {
        let encoded = rows.take().and_then(|batch| writer.write(&batch).map_err(unencoded));
        if let Err(error) = encoded {
            failed = Some(error);
            return Err(std::io::Error::other("encoding failed"));
        }
        out.write_all(writer.inner())?;
        writer.inner_mut().clear();
        Ok(())
    };
    let outcome = merge::visit(run, |row| {
        let Ok(key) = i32::try_from(row.channel) else { return Ok(()) };
        let stored = Row {
            channel: 0,
            t_start_ns: row.t_start_ns,
            t_end_ns: row.t_end_ns,
            t_device_ns: row.t_device_ns,
            value: row.value,
            flags: row.flags,
        };
        rows.push(key, &stored);
        if rows.is_full() { pass(&mut rows, &mut writer) } else { Ok(()) }
    });
    let outcome = outcome.and_then(|()| pass(&mut rows, &mut writer).map_err(unwritten));
    if let Some(error) = failed {
        return Err(error);
    }
    outcome?;
    let rest = writer.into_inner().map_err(unencoded)?;
    out.write_all(&rest).and_then(|()| out.flush()).map_err(unwritten)
}

fn unencoded(error: ::parquet::errors::ParquetError) -> Error {
    Error::new("the readings cannot be encoded as Parquet").because(error)
}
