//! Reads one file of readings batch by batch, Parquet or Arrow IPC.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom, Take};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type, UInt16Type, UInt64Type};
use arrow_array::{
    Array, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray, UInt16Array, UInt64Array,
};
use arrow_ipc::reader::StreamReader;
use arrow_schema::SchemaRef;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::{schema, stream};
use crate::{Error, Result};

/// Rows that are decoded at once: their columns fit a core's own cache.
const BATCH_ROWS: usize = 16 * 1024;

/// Which of the columns that may be null are decoded; the others always are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Columns {
    /// `t_device_ns`.
    pub(crate) t_device: bool,
    /// `value`.
    pub(crate) value: bool,
    /// `count`.
    pub(crate) count: bool,
}

impl Columns {
    /// All columns.
    pub(crate) const ALL: Self = Self { t_device: true, value: true, count: true };

    fn wants(self, name: &str) -> bool {
        match name {
            schema::T_DEVICE => self.t_device,
            schema::VALUE => self.value,
            schema::COUNT => self.count,
            schema::CHANNEL | schema::T_START | schema::T_END | schema::FLAGS => true,
            _ => false,
        }
    }
}

/// Some rows of one lane, by column; those that may be null are `None` where they were not asked for.
#[derive(Debug, Clone)]
pub(crate) struct LaneBatch {
    /// Position of the first row in its file.
    pub(crate) first_row: u64,
    /// Index into `names`, by row.
    pub(crate) keys: Int32Array,
    /// Names of channels, `source/channel`.
    pub(crate) names: StringArray,
    /// `t_start_ns`.
    pub(crate) t_start: Int64Array,
    /// `t_end_ns`.
    pub(crate) t_end: Int64Array,
    /// `t_device_ns`.
    pub(crate) t_device: Option<Int64Array>,
    /// `value`.
    pub(crate) value: Option<Float64Array>,
    /// `count`.
    pub(crate) count: Option<UInt64Array>,
    /// `flags`.
    pub(crate) flags: UInt16Array,
}

/// Reads one file of readings from its beginning to its end.
pub(crate) struct LaneReader {
    path: PathBuf,
    decoder: Decoder,
    rows: u64,
}

enum Decoder {
    Parquet(ParquetRecordBatchReader),
    Stream(StreamReader<BufReader<Take<File>>>),
    /// A stream that was cut off before its schema was whole.
    Nothing,
}

impl std::fmt::Debug for LaneReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LaneReader")
            .field("path", &self.path)
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

impl LaneReader {
    /// Opens a file of readings; its name tells Arrow IPC (`.arrows`) from Parquet.
    ///
    /// # Errors
    ///
    /// - if it cannot be read, is damaged, or has not the columns of a run.
    pub(crate) fn open(path: &Path, columns: Columns) -> Result<Self> {
        let file = File::open(path).map_err(|error| Error::io(path, "read", error))?;
        let decoder = if is_stream(path) {
            open_stream(path, file, columns)
        } else {
            open_parquet(path, file, columns)
        }?;
        Ok(Self { path: path.to_owned(), decoder, rows: 0 })
    }

    /// Rows that were read so far.
    pub(crate) const fn rows(&self) -> u64 {
        self.rows
    }

    /// The next batch as it stands in the file, `None` at its end.
    pub(super) fn next_record_batch(&mut self) -> Result<Option<RecordBatch>> {
        let decoder = &mut self.decoder;
        let batch = guarded(&self.path, || match decoder {
            Decoder::Parquet(reader) => reader.next().transpose().map_err(Into::into),
            Decoder::Stream(reader) => reader.next().transpose().map_err(Into::into),
            Decoder::Nothing => Ok(None),
        })
        .map_err(|error| self.after_rows(error))?;
        if let Some(batch) = &batch {
            self.rows += rows_of(batch);
        }
        Ok(batch)
    }

    /// The next batch by column, `None` at the end.
    pub(crate) fn next_batch(&mut self) -> Result<Option<LaneBatch>> {
        let first_row = self.rows;
        let Some(batch) = self.next_record_batch()? else { return Ok(None) };
        split(first_row, &batch).map(Some).map_err(|what| damaged(&self.path, &what))
    }

    fn after_rows(&self, error: Error) -> Error {
        if self.rows == 0 {
            error
        } else {
            damaged(&self.path, &format!("is damaged after row {}", self.rows)).because(error)
        }
    }
}

/// Whether the file's name is that of an Arrow IPC stream.
pub(super) fn is_stream(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "arrows")
}

/// Rows of a batch, as a count in a file.
pub(super) fn rows_of(batch: &RecordBatch) -> u64 {
    u64::try_from(batch.num_rows()).unwrap_or(u64::MAX)
}

fn open_parquet(path: &Path, file: File, columns: Columns) -> Result<Decoder> {
    let builder = guarded(path, || Ok(ParquetRecordBatchReaderBuilder::try_new(file)?))?;
    check(path, builder.schema())?;
    let wanted = indices(builder.schema(), columns);
    let mask = ProjectionMask::roots(builder.parquet_schema(), wanted);
    guarded(path, || Ok(builder.with_projection(mask).with_batch_size(BATCH_ROWS).build()?))
        .map(Decoder::Parquet)
}

fn open_stream(path: &Path, mut file: File, columns: Columns) -> Result<Decoder> {
    let unreadable = |error| Error::io(path, "read", error);
    let whole = stream::whole_part(&file).map_err(unreadable)?;
    if whole.bytes == 0 {
        return Ok(Decoder::Nothing);
    }
    let mut rewound = || -> std::io::Result<_> {
        file.seek(SeekFrom::Start(0))?;
        Ok(BufReader::new(file.try_clone()?.take(whole.bytes)))
    };
    let probe = rewound().map_err(unreadable)?;
    let schema = guarded(path, || Ok(StreamReader::try_new(probe, None)?.schema()))?;
    check(path, &schema)?;
    let wanted = indices(&schema, columns);
    let reader = rewound().map_err(unreadable)?;
    guarded(path, || Ok(StreamReader::try_new(reader, Some(wanted))?)).map(Decoder::Stream)
}

fn check(path: &Path, found: &SchemaRef) -> Result<()> {
    match schema::problems(found).first() {
        None => Ok(()),
        Some(problem) => Err(damaged(path, problem)),
    }
}

fn indices(schema: &SchemaRef, columns: Columns) -> Vec<usize> {
    let wanted = schema.fields().iter().enumerate().filter(|(_, field)| columns.wants(field.name()));
    wanted.map(|(index, _)| index).collect()
}

fn split(first_row: u64, batch: &RecordBatch) -> Result<LaneBatch, String> {
    let column = |name: &str| batch.column_by_name(name);
    let times = |name: &str| column(name).and_then(|array| array.as_primitive_opt::<Int64Type>()).cloned();
    let missing = |name: &str| format!("has no column {name}");
    let channel = column(schema::CHANNEL)
        .and_then(|array| array.as_dictionary_opt::<Int32Type>())
        .ok_or_else(|| missing(schema::CHANNEL))?;
    let names = channel.values().as_string_opt::<i32>().ok_or_else(|| missing(schema::CHANNEL))?;
    let split = LaneBatch {
        first_row,
        keys: channel.keys().clone(),
        names: names.clone(),
        t_start: times(schema::T_START).ok_or_else(|| missing(schema::T_START))?,
        t_end: times(schema::T_END).ok_or_else(|| missing(schema::T_END))?,
        t_device: times(schema::T_DEVICE),
        value: column(schema::VALUE).and_then(|array| array.as_primitive_opt::<Float64Type>()).cloned(),
        count: column(schema::COUNT).and_then(|array| array.as_primitive_opt::<UInt64Type>()).cloned(),
        flags: column(schema::FLAGS)
            .and_then(|array| array.as_primitive_opt::<UInt16Type>())
            .cloned()
            .ok_or_else(|| missing(schema::FLAGS))?,
    };
    let required: [(&str, &dyn Array); 5] = [
        (schema::CHANNEL, channel),
        (schema::CHANNEL, &split.names),
        (schema::T_START, &split.t_start),
        (schema::T_END, &split.t_end),
        (schema::FLAGS, &split.flags),
    ];
    match required.iter().find(|(_, array)| array.null_count() > 0) {
        Some((name, _)) => Err(format!("has an empty {name} after row {first_row}")),
        None => Ok(split),
    }
}

fn damaged(path: &Path, what: &str) -> Error {
    Error::file(path, what).mend("copy the run again from where it was recorded")
}

/// Decodes something that may be damaged: what a decoder answers by a panic is an error like any other.
fn guarded<T>(path: &Path, decode: impl FnOnce() -> Result<T, DecodeError>) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(Ok(decoded)) => Ok(decoded),
        Ok(Err(error)) => Err(damaged(path, "is damaged").because(error)),
        Err(_) => Err(damaged(path, "is damaged so that its decoder gave up")),
    }
}

type DecodeError = Box<dyn std::error::Error + Send + Sync>;
