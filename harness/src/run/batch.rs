//! The rows of some channels, as `Run::visit` hands them out.

use std::collections::HashMap;

use arrow_array::{Array, BooleanArray, Float64Array, Int64Array, UInt16Array, UInt64Array};
use arrow_buffer::BooleanBuffer;
use arrow_select::filter::{FilterBuilder, FilterPredicate};
use power_core::Flags;

use super::reader::LaneBatch;
use super::row::RowValue;

/// Some rows of the wanted channels, in file order, by column.
///
/// A batch is never empty.
#[derive(Debug)]
pub struct Batch<'a> {
    wanted: &'a [u16],
    t_start: Int64Array,
    t_end: Int64Array,
    t_device: Option<Int64Array>,
    value: Option<Float64Array>,
    count: Option<UInt64Array>,
    flags: UInt16Array,
}

/// One row of a [`Batch`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchRow {
    /// Which of the wanted channels, as an index into what was asked for.
    pub wanted: usize,
    /// Start of the transaction on the run's time base.
    pub t_start_ns: i64,
    /// End of the transaction on the run's time base.
    pub t_end_ns: i64,
    /// The device's own time, in the source's clock domain.
    pub t_device_ns: Option<i64>,
    /// What was read.
    pub value: RowValue,
    /// What is remarkable about it.
    pub flags: Flags,
}

impl Batch<'_> {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.wanted.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    /// Which of the wanted channels each row belongs to, as an index into what was asked for.
    pub fn wanted(&self) -> &[u16] {
        self.wanted
    }

    /// Start of each transaction on the run's time base.
    pub fn t_start_ns(&self) -> &[i64] {
        self.t_start.values()
    }

    /// End of each transaction on the run's time base.
    pub fn t_end_ns(&self) -> &[i64] {
        self.t_end.values()
    }

    /// The device's own time of row `index`, in the source's clock domain.
    ///
    /// # Panics
    ///
    /// If there is no such row; so do the other accessors of one row.
    #[inline]
    pub fn t_device_ns(&self, index: usize) -> Option<i64> {
        self.t_device.as_ref().filter(|times| times.is_valid(index)).map(|times| times.value(index))
    }

    /// The measured number of row `index`, in the channel's unit.
    #[inline]
    pub fn value(&self, index: usize) -> Option<f64> {
        self.value.as_ref().filter(|values| values.is_valid(index)).map(|values| values.value(index))
    }

    /// The numbers of all rows, where each has one, and none breaks with the one before ([`Flags::BREAK`]).
    pub fn plain_numbers(&self) -> Option<&[f64]> {
        let values = self.value.as_ref().filter(|values| values.null_count() == 0)?;
        let broken = self.flags.values().iter().any(|&bits| Flags::from_bits(bits).contains(Flags::BREAK));
        (!broken).then(|| values.values().as_ref())
    }

    /// The raw count of row `index`.
    #[inline]
    pub fn count(&self, index: usize) -> Option<u64> {
        self.count.as_ref().filter(|counts| counts.is_valid(index)).map(|counts| counts.value(index))
    }

    /// What is remarkable about row `index`.
    #[inline]
    pub fn flags(&self, index: usize) -> Flags {
        Flags::from_bits(self.flags.value(index))
    }

    /// Row `index` as a whole.
    #[inline]
    pub fn row(&self, index: usize) -> BatchRow {
        BatchRow {
            wanted: usize::from(self.wanted[index]),
            t_start_ns: self.t_start.value(index),
            t_end_ns: self.t_end.value(index),
            t_device_ns: self.t_device_ns(index),
            value: match (self.value(index), self.count(index)) {
                (Some(number), _) => RowValue::Number(number),
                (None, Some(count)) => RowValue::Count(count),
                (None, None) => RowValue::Missing,
            },
            flags: self.flags(index),
        }
    }

    /// All rows, in file order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = BatchRow> + '_ {
        (0..self.len()).map(|index| self.row(index))
    }
}

/// Picks the rows of the wanted channels out of the batches of lanes.
#[derive(Debug)]
pub(crate) struct Picker {
    wanted: HashMap<String, u16>,
    by_key: Vec<Option<u16>>,
    rows: Vec<u16>,
}

impl Picker {
    /// A picker of the channels of these names; a row's channel is given as the position in them.
    pub(crate) fn new(names: impl IntoIterator<Item = (String, u16)>) -> Self {
        Self { wanted: names.into_iter().collect(), by_key: Vec::new(), rows: Vec::new() }
    }

    /// The wanted rows of `batch`, `None` if it has none.
    pub(crate) fn pick(&mut self, batch: LaneBatch) -> Option<Batch<'_>> {
        // Names are compared once a batch: its rows only point at them.
        self.by_key.clear();
        self.by_key.extend(batch.names.iter().map(|name| self.wanted.get(name?).copied()));
        if self.by_key.iter().all(Option::is_none) {
            return None;
        }
        let by_key = &self.by_key;
        let of = |&key: &i32| usize::try_from(key).ok().and_then(|key| *by_key.get(key)?);
        self.rows.clear();
        if let [Some(only)] = by_key[..]
            && batch.keys.values().iter().all(|&key| key == 0)
        {
            // A lane of one channel, of which there are the longest files: each row is its.
            self.rows.resize(batch.keys.len(), only);
        } else {
            self.rows.extend(batch.keys.values().iter().filter_map(of));
        }
        if self.rows.is_empty() {
            return None;
        }
        if self.rows.len() == batch.keys.len() {
            return Some(Batch {
                wanted: &self.rows,
                t_start: batch.t_start,
                t_end: batch.t_end,
                t_device: batch.t_device,
                value: batch.value,
                count: batch.count,
                flags: batch.flags,
            });
        }
        let keys = batch.keys.values();
        let mask = BooleanBuffer::collect_bool(keys.len(), |index| of(&keys[index]).is_some());
        let filter = FilterBuilder::new(&BooleanArray::new(mask, None)).optimize().build();
        Some(Batch {
            wanted: &self.rows,
            t_start: kept(&filter, &batch.t_start)?,
            t_end: kept(&filter, &batch.t_end)?,
            t_device: batch.t_device.and_then(|array| kept(&filter, &array)),
            value: batch.value.and_then(|array| kept(&filter, &array)),
            count: batch.count.and_then(|array| kept(&filter, &array)),
            flags: kept(&filter, &batch.flags)?,
        })
    }
}

/// The rows of `array` that `filter` keeps. `None` cannot be: filter and array have one length and type.
fn kept<A: Array + Clone + 'static>(filter: &FilterPredicate, array: &A) -> Option<A> {
    filter.filter(array).ok()?.as_any().downcast_ref::<A>().cloned()
}
