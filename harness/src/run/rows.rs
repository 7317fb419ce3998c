//! Rows on their way into the columns of a batch.

use std::sync::Arc;

use arrow_array::builder::{Float64Builder, Int64Builder, UInt64Builder};
use arrow_array::{ArrayRef, DictionaryArray, Int32Array, Int64Array, RecordBatch, StringArray, UInt16Array};

use super::{Row, RowValue, schema};
use crate::{Error, Result};

/// Rows that wait to be written, by column.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    names: Vec<String>,
    names_array: Option<ArrayRef>,
    keys: Vec<i32>,
    t_start: Vec<i64>,
    t_end: Vec<i64>,
    t_device: Int64Builder,
    value: Float64Builder,
    count: UInt64Builder,
    flags: Vec<u16>,
}

/// Rows that are held in memory before they are written as one batch.
const BUFFERED: usize = 64 * 1024;

impl Rows {
    /// Makes a channel known by its name `source/channel`, and gives its key; `None` if there are too many.
    pub(crate) fn add_channel(&mut self, name: String) -> Option<i32> {
        let key = i32::try_from(self.names.len()).ok()?;
        self.names.push(name);
        self.names_array = None;
        Some(key)
    }

    /// Whether no row waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether so many rows wait that they should be written.
    pub(crate) fn is_full(&self) -> bool {
        self.keys.len() >= BUFFERED
    }

    /// Adds a row of the channel with this key; the row's own number of it does not count.
    pub(crate) fn push(&mut self, key: i32, row: &Row) {
        let (value, count) = match row.value {
            RowValue::Number(number) => (Some(number), None),
            RowValue::Count(count) => (None, Some(count)),
            RowValue::Missing => (None, None),
        };
        self.keys.push(key);
        self.t_start.push(row.t_start_ns);
        self.t_end.push(row.t_end_ns);
        self.t_device.append_option(row.t_device_ns);
        self.value.append_option(value);
        self.count.append_option(count);
        self.flags.push(row.flags.bits());
    }

    /// The rows as one batch; none waits afterwards.
    ///
    /// # Errors
    ///
    /// - if a key was not given out.
    pub(crate) fn take(&mut self) -> Result<RecordBatch> {
        let names = &self.names;
        // The same array each time, until a channel is added: the stream then need not repeat the names.
        let values = self.names_array.get_or_insert_with(|| Arc::new(StringArray::from_iter_values(names)));
        let keys = Int32Array::from(std::mem::take(&mut self.keys));
        let make = || -> Result<RecordBatch, arrow_schema::ArrowError> {
            let columns: Vec<ArrayRef> = vec![
                Arc::new(DictionaryArray::try_new(keys, Arc::clone(values))?),
                Arc::new(Int64Array::from(std::mem::take(&mut self.t_start))),
                Arc::new(Int64Array::from(std::mem::take(&mut self.t_end))),
                Arc::new(self.t_device.finish()),
                Arc::new(self.value.finish()),
                Arc::new(self.count.finish()),
                Arc::new(UInt16Array::from(std::mem::take(&mut self.flags))),
            ];
            RecordBatch::try_new(schema::readings(), columns)
        };
        make().map_err(|error| Error::new("readings cannot be put into columns").because(error))
    }
}
