//! Where imported rows go: a run on disk, or memory.
//!
//! Importers know this trait alone, so that a parser can be run on bytes without a disk.

use power_core::{Anchor, Descriptor, Flags};

use crate::alignment::{AlignedClock, Alignment};
use crate::run::{Mark, Row, RowValue, TimeBase};
use crate::{Error, Result};

/// A source that an importer added to a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceHandle(pub usize);

/// Takes what an importer reads.
///
/// [`begin`](RowSink::begin) comes first. Channels may be appended to a source after rows were pushed; a channel's
/// index never changes.
pub trait RowSink {
    /// Says what the times count. Called once for each input; all must agree.
    ///
    /// # Errors
    ///
    /// - the run already has another time base
    fn begin(&mut self, time_base: TimeBase) -> Result<()>;

    /// Adds a source.
    ///
    /// # Errors
    ///
    /// - a source of this id exists
    fn add_source(&mut self, id: &str, descriptor: Descriptor) -> Result<SourceHandle>;

    /// Says how often a source was to be read, in nanoseconds from start to start.
    ///
    /// # Errors
    ///
    /// - those of the sink's store
    fn asked_period(&mut self, source: SourceHandle, period_ns: u64) -> Result<()>;

    /// Changes the description of a source: a channel more, an averaging window found out at the end.
    ///
    /// # Errors
    ///
    /// - those of the sink's store
    fn describe(&mut self, source: SourceHandle, change: &mut dyn FnMut(&mut Descriptor)) -> Result<()>;

    /// Appends one reading.
    ///
    /// # Errors
    ///
    /// - those of the sink's store
    fn push(&mut self, source: SourceHandle, row: Row) -> Result<()>;

    /// Appends a mark.
    ///
    /// # Errors
    ///
    /// - those of the sink's store
    fn mark(&mut self, mark: Mark) -> Result<()>;

    /// Appends an anchor.
    ///
    /// # Errors
    ///
    /// - those of the sink's store
    fn anchor(&mut self, anchor: Anchor) -> Result<()>;

    /// Says how a source's clock relates to the time base.
    ///
    /// # Errors
    ///
    /// - those of the sink's store
    fn align(&mut self, source_id: &str, clock: AlignedClock) -> Result<()>;

    /// Adds what a reader of the run has to know.
    ///
    /// # Errors
    ///
    /// - those of the sink's store
    fn note(&mut self, note: String) -> Result<()>;
}

/// Keeps everything in memory.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct MemorySink {
    /// What the times count; `None` before [`begin`](RowSink::begin).
    pub time_base: Option<TimeBase>,
    /// The sources with their ids, in the order in which they were added.
    pub sources: Vec<(String, Descriptor)>,
    /// How often sources were to be read, in nanoseconds from start to start.
    pub asked_periods_ns: Vec<(SourceHandle, u64)>,
    /// The rows with their source, in the order in which they came.
    pub rows: Vec<(SourceHandle, Row)>,
    /// The marks.
    pub marks: Vec<Mark>,
    /// The anchors.
    pub anchors: Vec<Anchor>,
    /// The alignment.
    pub alignment: Alignment,
    /// The notes.
    pub notes: Vec<String>,
}

impl MemorySink {
    /// The rows of the channel named `id/channel`; empty if there is none.
    pub fn channel(&self, key: &str) -> Vec<Row> {
        let found = self.sources.iter().enumerate().find_map(|(index, (id, descriptor))| {
            let name = key.strip_prefix(id.as_str())?.strip_prefix('/')?;
            Some((SourceHandle(index), descriptor.find(name)?.0))
        });
        let Some((source, channel)) = found else { return Vec::new() };
        let rows = self.rows.iter().filter(|(of, row)| *of == source && row.channel == channel);
        rows.map(|(_, row)| *row).collect()
    }

    /// The descriptor of the source of this id.
    pub fn source(&self, id: &str) -> Option<&Descriptor> {
        self.sources.iter().find(|(known, _)| known == id).map(|(_, descriptor)| descriptor)
    }
}

impl RowSink for MemorySink {
    fn begin(&mut self, time_base: TimeBase) -> Result<()> {
        match self.time_base {
            Some(base) if base != time_base => Err(other_time_base(base, time_base)),
            _ => {
                self.time_base = Some(time_base);
                Ok(())
            }
        }
    }

    fn add_source(&mut self, id: &str, descriptor: Descriptor) -> Result<SourceHandle> {
        if self.source(id).is_some() {
            return Err(Error::new(format!("the run has a source {id} already")).mend("pass another --name"));
        }
        self.sources.push((id.to_owned(), descriptor));
        Ok(SourceHandle(self.sources.len() - 1))
    }

    fn asked_period(&mut self, source: SourceHandle, period_ns: u64) -> Result<()> {
        self.asked_periods_ns.push((source, period_ns));
        Ok(())
    }

    fn describe(&mut self, source: SourceHandle, change: &mut dyn FnMut(&mut Descriptor)) -> Result<()> {
        if let Some((_, descriptor)) = self.sources.get_mut(source.0) {
            change(descriptor);
        }
        Ok(())
    }

    fn push(&mut self, source: SourceHandle, row: Row) -> Result<()> {
        self.rows.push((source, row));
        Ok(())
    }

    fn mark(&mut self, mark: Mark) -> Result<()> {
        self.marks.push(mark);
        Ok(())
    }

    fn anchor(&mut self, anchor: Anchor) -> Result<()> {
        self.anchors.push(anchor);
        Ok(())
    }

    fn align(&mut self, source_id: &str, clock: AlignedClock) -> Result<()> {
        self.alignment.0.insert(source_id.to_owned(), clock);
        Ok(())
    }

    fn note(&mut self, note: String) -> Result<()> {
        self.notes.push(note);
        Ok(())
    }
}

pub(crate) fn other_time_base(run: TimeBase, input: TimeBase) -> Error {
    Error::new(format!("the run's times are {run}, those of this file {input}"))
        .mend("import it into a run of its own, or say what its times are by --time-base")
}

/// Counts what passes, so that a summary can be written and rows that go back in time are seen.
pub(crate) struct Tally<'a> {
    inner: &'a mut dyn RowSink,
    /// Latest start of each channel, and how far rows went back behind it.
    order: Vec<Vec<Order>>,
    /// Counts, by source.
    pub(crate) counts: Vec<SourceCount>,
    pub(crate) marks: u64,
    mark_span: Option<(i64, i64)>,
    pub(crate) anchors: u64,
    pub(crate) notes: Vec<String>,
    pub(crate) time_base: Option<TimeBase>,
}

/// What was counted of one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SourceCount {
    pub(crate) id: String,
    pub(crate) channels: usize,
    pub(crate) rows: u64,
    pub(crate) missing: u64,
    pub(crate) first_ns: i64,
    pub(crate) last_ns: i64,
    infinite: u64,
}

#[derive(Debug, Clone, Copy)]
struct Order {
    latest_ns: i64,
    back: u64,
    furthest_ns: i64,
}

/// Share of rows that may go back in time before a file is no longer taken for a recording.
const MAX_BACKWARD_SHARE: f64 = 0.05;
/// Rows that may go back in time in any case: a short file cannot show a share.
const MAX_BACKWARD_ROWS: u64 = 10;

impl<'a> Tally<'a> {
    pub(crate) fn new(inner: &'a mut dyn RowSink) -> Self {
        Self {
            inner,
            order: Vec::new(),
            counts: Vec::new(),
            marks: 0,
            mark_span: None,
            anchors: 0,
            notes: Vec::new(),
            time_base: None,
        }
    }

    /// Judges the rows once all are in: their order, and what they have to be told apart by.
    pub(crate) fn check(&mut self) -> Result<()> {
        let mut notes = Vec::new();
        for (count, order) in self.counts.iter().zip(&self.order) {
            if count.infinite > 0 {
                let what = "infinite values, kept as missing and flagged as over range";
                notes.push(format!("{}: {what}: {}", count.id, count.infinite));
            }
            let back: u64 = order.iter().map(|order| order.back).sum();
            if back == 0 {
                continue;
            }
            let furthest = order.iter().map(|order| order.furthest_ns).max().unwrap_or(0);
            let seconds = to_f64(furthest.unsigned_abs()) * 1e-9;
            let share = to_f64(back) / to_f64(count.rows);
            let what = format!(
                "{}: rows that go back in time: {back} of {}, by up to {seconds:.3} s{}",
                count.id,
                count.rows,
                if (3_540.0..3_660.0).contains(&seconds) {
                    " (an hour: the end of daylight saving time?)"
                } else {
                    ""
                }
            );
            if back > MAX_BACKWARD_ROWS && share > MAX_BACKWARD_SHARE {
                return Err(Error::new(what).mend("sort the file by time, or name its time column rightly"));
            }
            notes.push(format!("{what}; kept in the order of the file"));
        }
        notes.extend(self.strange_marks());
        notes.into_iter().try_for_each(|note| self.note(note))
    }

    /// A note if no mark lies within the readings: they may count something else.
    fn strange_marks(&self) -> Option<String> {
        let (first_ns, last_ns) = self.span()?;
        let (low_ns, high_ns) = self.mark_span?;
        let apart = high_ns < first_ns || low_ns > last_ns;
        apart.then(|| "no mark lies within the time of the readings: are they on one time base?".to_owned())
    }

    /// First start and last end of a reading.
    pub(crate) fn span(&self) -> Option<(i64, i64)> {
        let with_rows = || self.counts.iter().filter(|count| count.rows > 0);
        let first = with_rows().map(|count| count.first_ns).min()?;
        Some((first, with_rows().map(|count| count.last_ns).max()?))
    }

    pub(crate) fn rows(&self) -> u64 {
        self.counts.iter().map(|count| count.rows).sum()
    }
}

/// A count as a float, for shares; exact below 2^53.
#[expect(clippy::cast_precision_loss, reason = "shares of rows; exact below 2^53 rows")]
pub(crate) const fn to_f64(count: u64) -> f64 {
    count as f64
}

impl RowSink for Tally<'_> {
    fn begin(&mut self, time_base: TimeBase) -> Result<()> {
        self.inner.begin(time_base)?;
        self.time_base = Some(time_base);
        Ok(())
    }

    fn add_source(&mut self, id: &str, descriptor: Descriptor) -> Result<SourceHandle> {
        let channels = descriptor.channels.len();
        let handle = self.inner.add_source(id, descriptor)?;
        let count = SourceCount {
            id: id.to_owned(),
            channels,
            rows: 0,
            missing: 0,
            first_ns: i64::MAX,
            last_ns: i64::MIN,
            infinite: 0,
        };
        if handle.0 != self.counts.len() {
            return Err(Error::new("the sink numbers its sources out of order"));
        }
        self.counts.push(count);
        self.order.push(Vec::new());
        Ok(handle)
    }

    fn asked_period(&mut self, source: SourceHandle, period_ns: u64) -> Result<()> {
        self.inner.asked_period(source, period_ns)
    }

    fn describe(&mut self, source: SourceHandle, change: &mut dyn FnMut(&mut Descriptor)) -> Result<()> {
        let count = self.counts.get_mut(source.0);
        let mut channels = 0;
        self.inner.describe(source, &mut |descriptor| {
            change(descriptor);
            channels = descriptor.channels.len();
        })?;
        if let Some(count) = count {
            count.channels = channels;
        }
        Ok(())
    }

    fn push(&mut self, source: SourceHandle, row: Row) -> Result<()> {
        if let (Some(count), Some(order)) = (self.counts.get_mut(source.0), self.order.get_mut(source.0)) {
            count.rows += 1;
            count.missing += u64::from(row.value == RowValue::Missing);
            count.infinite +=
                u64::from(row.value == RowValue::Missing && row.flags.contains(Flags::OVERRANGE));
            count.first_ns = count.first_ns.min(row.t_start_ns);
            count.last_ns = count.last_ns.max(row.t_end_ns);
            let channel = usize::from(row.channel);
            while order.len() <= channel {
                order.push(Order { latest_ns: i64::MIN, back: 0, furthest_ns: 0 });
            }
            let order = &mut order[channel];
            if row.t_start_ns < order.latest_ns {
                order.back += 1;
                order.furthest_ns = order.furthest_ns.max(order.latest_ns.saturating_sub(row.t_start_ns));
            } else {
                order.latest_ns = row.t_start_ns;
            }
        }
        self.inner.push(source, row)
    }

    fn mark(&mut self, mark: Mark) -> Result<()> {
        self.marks += 1;
        let (low, high) = self.mark_span.unwrap_or((mark.t_ns, mark.t_ns));
        self.mark_span = Some((low.min(mark.t_ns), high.max(mark.t_ns)));
        self.inner.mark(mark)
    }

    fn anchor(&mut self, anchor: Anchor) -> Result<()> {
        self.anchors += 1;
        self.inner.anchor(anchor)
    }

    fn align(&mut self, source_id: &str, clock: AlignedClock) -> Result<()> {
        self.inner.align(source_id, clock)
    }

    fn note(&mut self, note: String) -> Result<()> {
        self.notes.push(note.clone());
        self.inner.note(note)
    }
}
