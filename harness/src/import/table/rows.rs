//! Rows of a table, from delimited text or from Parquet.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, TimeUnit as ArrowTimeUnit};
use csv::ByteRecord;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::super::delimited::Delimited;
use crate::{Error, Result};

/// One cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Cell<'a> {
    /// Nothing.
    Null,
    /// Text, trimmed.
    Text(&'a [u8]),
    /// A whole number.
    Integer(i128),
    /// A floating-point number.
    Float(f64),
    /// A time, in nanoseconds whatever the map says of units.
    Nanos(i64),
}

impl Cell<'_> {
    /// The cell as text, for names and messages.
    pub(crate) fn show(self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Text(text) => String::from_utf8_lossy(text).into_owned(),
            Self::Integer(number) => number.to_string(),
            Self::Float(number) => number.to_string(),
            Self::Nanos(nanos) => nanos.to_string(),
        }
    }
}

/// A table that is read row by row.
#[derive(Debug)]
pub(crate) enum Rows<R> {
    /// Delimited text.
    Text(Box<Delimited<R>>),
    /// Parquet.
    Batches(Box<Batches>),
}

/// One row.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RowRef<'a> {
    Text(&'a ByteRecord),
    Batch(&'a [ArrayRef], usize),
}

impl RowRef<'_> {
    /// The cell of a column; nothing for a column that is not there.
    pub(crate) fn cell(&self, column: usize) -> Cell<'_> {
        match self {
            Self::Text(record) => match record.get(column).unwrap_or_default().trim_ascii() {
                [] => Cell::Null,
                text => Cell::Text(text),
            },
            Self::Batch(columns, row) => {
                columns.get(column).map_or(Cell::Null, |array| array_cell(array, *row))
            }
        }
    }
}

impl<R: Read> Rows<R> {
    /// The names of the columns.
    pub(crate) fn header(&self) -> &[String] {
        match self {
            Self::Text(file) => file.header(),
            Self::Batches(file) => &file.header,
        }
    }

    /// Says which columns will be read, so that the others cost nothing.
    pub(crate) fn select(&mut self, used: &[bool]) -> Result<()> {
        match self {
            Self::Text(_) => Ok(()),
            Self::Batches(file) => file.select(used),
        }
    }

    /// The next row with its line or row number; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<(RowRef<'_>, u64)>> {
        match self {
            Self::Text(file) => Ok(file.next()?.map(|(record, line)| (RowRef::Text(record), line))),
            Self::Batches(file) => file.next(),
        }
    }

    /// The word for what the numbers of [`next`](Self::next) count.
    pub(crate) const fn place_word(&self) -> &'static str {
        match self {
            Self::Text(_) => "line",
            Self::Batches(_) => "row",
        }
    }

    /// What the file had that a reader of the run has to know.
    pub(crate) fn notes(&self) -> Vec<String> {
        match self {
            Self::Text(file) => file.notes(),
            Self::Batches(_) => Vec::new(),
        }
    }
}

/// A Parquet file.
#[derive(Debug)]
pub(crate) struct Batches {
    path: PathBuf,
    header: Vec<String>,
    builder: Option<ParquetRecordBatchReaderBuilder<File>>,
    reader: Option<ParquetRecordBatchReader>,
    /// The columns of the current batch at the places of the header; those that are not read are empty arrays.
    columns: Vec<ArrayRef>,
    /// Place in the header of each column that is read.
    places: Vec<usize>,
    row: usize,
    rows: usize,
    number: u64,
}

impl Batches {
    /// Opens a Parquet file.
    pub(crate) fn open(file: File, path: &Path) -> Result<Self> {
        let length = file.metadata().map_err(|error| Error::io(path, "read", error))?.len();
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| {
            Error::file(path, format!("is no whole Parquet file ({length} bytes)"))
                .mend("copy it again: it is cut off or damaged")
                .because(error)
        })?;
        let fields = builder.schema().fields();
        let header: Vec<String> = fields.iter().map(|field| field.name().clone()).collect();
        Ok(Self {
            path: path.to_owned(),
            header,
            builder: Some(builder),
            reader: None,
            columns: Vec::new(),
            places: Vec::new(),
            row: 0,
            rows: 0,
            number: 0,
        })
    }

    fn select(&mut self, used: &[bool]) -> Result<()> {
        let Some(builder) = self.builder.take() else { return Ok(()) };
        self.places = (0..self.header.len()).filter(|place| used.get(*place) == Some(&true)).collect();
        for place in &self.places {
            let field = builder.schema().field(*place);
            if !readable(field.data_type()) {
                let what =
                    format!("column `{}` is {}, which this cannot read", field.name(), field.data_type());
                return Err(Error::file(&self.path, what).mend("write it as numbers or text"));
            }
        }
        let mask = ProjectionMask::roots(builder.parquet_schema(), self.places.iter().copied());
        let reader = builder.with_projection(mask).with_batch_size(8_192).build();
        self.reader = Some(reader.map_err(|error| damaged(&self.path, error))?);
        self.columns = vec![arrow_array::new_empty_array(&DataType::Null); self.header.len()];
        Ok(())
    }

    fn next(&mut self) -> Result<Option<(RowRef<'_>, u64)>> {
        while self.row >= self.rows {
            let Some(reader) = &mut self.reader else { return Ok(None) };
            let Some(batch) = reader.next() else { return Ok(None) };
            let batch: RecordBatch = batch.map_err(|error| damaged(&self.path, error))?;
            for (place, column) in self.places.iter().zip(batch.columns()) {
                self.columns[*place] = ArrayRef::clone(column);
            }
            self.row = 0;
            self.rows = batch.num_rows();
        }
        self.row += 1;
        self.number += 1;
        Ok(Some((RowRef::Batch(&self.columns, self.row - 1), self.number)))
    }
}

fn damaged(path: &Path, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::file(path, "is a damaged Parquet file").mend("copy it again").because(error)
}

fn readable(kind: &DataType) -> bool {
    use DataType::{
        Boolean, Dictionary, Float32, Float64, Int8, Int16, Int32, Int64, LargeUtf8, Null, Timestamp, UInt8,
        UInt16, UInt32, UInt64, Utf8, Utf8View,
    };
    match kind {
        Dictionary(key, value) => **key == Int32 && **value == Utf8,
        Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64 | Float32 | Float64 | Boolean
        | Utf8 | LargeUtf8 | Utf8View | Null | Timestamp(..) => true,
        _ => false,
    }
}

fn text(text: &str) -> Cell<'_> {
    match text.trim_ascii() {
        "" => Cell::Null,
        text => Cell::Text(text.as_bytes()),
    }
}

fn array_cell(array: &ArrayRef, row: usize) -> Cell<'_> {
    if row >= array.len() || array.is_null(row) {
        return Cell::Null;
    }
    match array.data_type() {
        DataType::Int8 => Cell::Integer(array.as_primitive::<Int8Type>().value(row).into()),
        DataType::Int16 => Cell::Integer(array.as_primitive::<Int16Type>().value(row).into()),
        DataType::Int32 => Cell::Integer(array.as_primitive::<Int32Type>().value(row).into()),
        DataType::Int64 => Cell::Integer(array.as_primitive::<Int64Type>().value(row).into()),
        DataType::UInt8 => Cell::Integer(array.as_primitive::<UInt8Type>().value(row).into()),
        DataType::UInt16 => Cell::Integer(array.as_primitive::<UInt16Type>().value(row).into()),
        DataType::UInt32 => Cell::Integer(array.as_primitive::<UInt32Type>().value(row).into()),
        DataType::UInt64 => Cell::Integer(array.as_primitive::<UInt64Type>().value(row).into()),
        DataType::Float32 => Cell::Float(array.as_primitive::<Float32Type>().value(row).into()),
        DataType::Float64 => Cell::Float(array.as_primitive::<Float64Type>().value(row)),
        DataType::Boolean => Cell::Integer(array.as_boolean().value(row).into()),
        DataType::Utf8 => text(array.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => text(array.as_string::<i64>().value(row)),
        DataType::Utf8View => text(array.as_string_view().value(row)),
        DataType::Dictionary(..) => {
            let dictionary = array.as_dictionary::<Int32Type>();
            match dictionary.key(row) {
                Some(key) => text(dictionary.values().as_string::<i32>().value(key)),
                None => Cell::Null,
            }
        }
        DataType::Timestamp(unit, _) => timestamp(array, *unit, row),
        _ => Cell::Null,
    }
}

fn timestamp(array: &ArrayRef, unit: ArrowTimeUnit, row: usize) -> Cell<'_> {
    use arrow_array::types::{
        TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    };
    let (count, nanos) = match unit {
        ArrowTimeUnit::Second => (array.as_primitive::<TimestampSecondType>().value(row), 1_000_000_000),
        ArrowTimeUnit::Millisecond => {
            (array.as_primitive::<TimestampMillisecondType>().value(row), 1_000_000)
        }
        ArrowTimeUnit::Microsecond => (array.as_primitive::<TimestampMicrosecondType>().value(row), 1_000),
        ArrowTimeUnit::Nanosecond => (array.as_primitive::<TimestampNanosecondType>().value(row), 1),
    };
    count.checked_mul(nanos).map_or(Cell::Text(b"a time out of range"), Cell::Nanos)
}
