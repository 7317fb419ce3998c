//! All rows of a run in time order: a merge of streams, none of which is held in memory.

use std::cmp::Reverse;
use std::collections::binary_heap::PeekMut;
use std::collections::{BTreeSet, BinaryHeap, HashMap};
use std::io;

use arrow_array::Array;
use power_core::Flags;

use crate::run::{Columns, LaneBatch, LaneReader, ReadingsFile, RowValue, Run};
use crate::{Error, Result};

/// One row of a run, whichever lane it stands in.
#[derive(Debug, Clone, Copy)]
pub(super) struct MergedRow {
    /// Position of its channel in [`Run::channels`].
    pub(super) channel: usize,
    pub(super) t_start_ns: i64,
    pub(super) t_end_ns: i64,
    pub(super) t_device_ns: Option<i64>,
    pub(super) value: RowValue,
    pub(super) flags: Flags,
}

/// Hands all rows of `run` to `visitor` in order of their start.
pub(super) fn visit(run: &Run, mut visitor: impl FnMut(&MergedRow) -> io::Result<()>) -> Result<()> {
    let numbers: HashMap<String, usize> =
        run.channels().enumerate().map(|(number, channel)| (run.key(channel), number)).collect();
    let mut cursors = Vec::new();
    for file in &run.manifest().files {
        for only in parts(run, file, &numbers)? {
            cursors.push(Cursor::open(run, file, only)?);
        }
    }
    let mut next = BinaryHeap::new();
    for (index, cursor) in cursors.iter_mut().enumerate() {
        if let Some(t_start_ns) = cursor.advance(&numbers)? {
            next.push(Reverse((t_start_ns, index)));
        }
    }
    while let Some(mut earliest) = next.peek_mut() {
        let Reverse((_, index)) = *earliest;
        let cursor = &mut cursors[index];
        if let Some(row) = cursor.row() {
            visitor(&row).map_err(super::unwritten)?;
        }
        match cursor.advance(&numbers)? {
            Some(t_start_ns) => *earliest = Reverse((t_start_ns, index)),
            None => drop(PeekMut::pop(earliest)),
        }
    }
    Ok(())
}

/// The streams of one file: one of all its channels if it is in time order, as the recorder writes it, and else one
/// of each channel.
fn parts(run: &Run, file: &ReadingsFile, numbers: &HashMap<String, usize>) -> Result<Vec<Option<usize>>> {
    let times = Columns { t_device: false, value: false, count: false };
    let mut reader = run.reader(file, times)?;
    let (mut in_order, mut last) = (true, i64::MIN);
    let mut present = BTreeSet::new();
    while let Some(batch) = reader.next_batch()? {
        for &t_start_ns in batch.t_start.values() {
            in_order &= t_start_ns >= last;
            last = t_start_ns;
        }
        present.extend(numbers_of(&batch, numbers).into_iter().flatten());
    }
    Ok(if in_order { vec![None] } else { present.into_iter().map(Some).collect() })
}

/// The channels of a batch by key, `None` where the manifest has no such channel.
fn numbers_of(batch: &LaneBatch, numbers: &HashMap<String, usize>) -> Vec<Option<usize>> {
    batch.names.iter().map(|name| numbers.get(name?).copied()).collect()
}

/// A position in one stream of rows.
#[derive(Debug)]
struct Cursor {
    reader: LaneReader,
    path: String,
    /// The one channel whose rows count, if not all do.
    only: Option<usize>,
    batch: Option<LaneBatch>,
    /// The channels of the batch, by key.
    channels: Vec<Option<usize>>,
    /// The next row that `advance` looks at.
    next: usize,
    /// The row that it found, and its channel.
    found: Option<(usize, usize)>,
}

impl Cursor {
    fn open(run: &Run, file: &ReadingsFile, only: Option<usize>) -> Result<Self> {
        let reader = run.reader(file, Columns::ALL)?;
        let path = file.path.clone();
        Ok(Self { reader, path, only, batch: None, channels: Vec::new(), next: 0, found: None })
    }

    /// Moves to the next row that counts, and gives its start; `None` at the end.
    fn advance(&mut self, numbers: &HashMap<String, usize>) -> Result<Option<i64>> {
        loop {
            if let Some(batch) = &self.batch {
                let keys = batch.keys.values();
                while let Some(&key) = keys.get(self.next) {
                    let row = self.next;
                    self.next += 1;
                    let known = usize::try_from(key).ok().and_then(|key| *self.channels.get(key)?);
                    let Some(channel) = known else { return Err(self.stranger(batch, row)) };
                    if self.only.is_none_or(|only| only == channel) {
                        self.found = Some((row, channel));
                        return Ok(Some(batch.t_start.value(row)));
                    }
                }
            }
            self.batch = self.reader.next_batch()?;
            self.next = 0;
            let Some(batch) = &self.batch else {
                self.found = None;
                return Ok(None);
            };
            self.channels = numbers_of(batch, numbers);
        }
    }

    fn row(&self) -> Option<MergedRow> {
        let (batch, (row, channel)) = (self.batch.as_ref()?, self.found?);
        let number = batch.value.as_ref().filter(|array| array.is_valid(row)).map(|array| array.value(row));
        let count = batch.count.as_ref().filter(|array| array.is_valid(row)).map(|array| array.value(row));
        Some(MergedRow {
            channel,
            t_start_ns: batch.t_start.value(row),
            t_end_ns: batch.t_end.value(row),
            t_device_ns: batch
                .t_device
                .as_ref()
                .filter(|array| array.is_valid(row))
                .map(|array| array.value(row)),
            value: match (number, count) {
                (Some(number), _) => RowValue::Number(number),
                (None, Some(count)) => RowValue::Count(count),
                (None, None) => RowValue::Missing,
            },
            flags: Flags::from_bits(batch.flags.value(row)),
        })
    }

    fn stranger(&self, batch: &LaneBatch, row: usize) -> Error {
        let position = batch.first_row.saturating_add(u64::try_from(row).unwrap_or(u64::MAX));
        Error::new(format!("{}: row {position} has a channel that the manifest has not", self.path))
            .mend("see `wattproof verify` for all that is wrong")
    }
}
