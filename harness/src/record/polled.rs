//! One source in its lane: when it is read, and what becomes of a read.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use hdrhistogram::Histogram;
use power_core::{Clock, ErrorKind, Flags, HostTime, PowerSource, Reading, Recorder, SystemClock};
use rtrb::Producer;

use super::cost::{self, Counters, add};
use super::schedule::Schedule;
use crate::run::{Row, RowValue};

/// One reading on its way from a sampler to the writer.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Number of the source in the recording.
    pub source: u16,
    /// The reading.
    pub row: Row,
}

/// Errors in a row after which a source is opened anew, whatever they are.
const MOST_FAILURES: u32 = 20;

/// An open source with its schedule.
#[derive(Debug)]
pub(super) struct Polled {
    /// Number of the source in the recording.
    pub(super) number: u16,
    /// The source; `None` while it is away.
    source: Option<Box<dyn PowerSource>>,
    /// The channel of the run for each channel of the source: a source that was opened again may have others.
    channels: Vec<Option<u16>>,
    /// Names of the run's channels.
    names: Vec<String>,
    pub(super) schedule: Schedule,
    pub(super) latency: Histogram<u64>,
    pub(super) counters: Arc<Counters>,
    failures: u32,
    /// Which channels a read gave something for, kept so that a read allocates nothing.
    seen: Vec<bool>,
    /// Whether readings were lost since the last that was kept.
    lost_some: bool,
}

/// What came of one read.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Readings, or nothing new.
    Read,
    /// An error that may pass.
    Failed,
    /// The source is gone and has to be opened anew; it failed at this time.
    Lost { source: Box<dyn PowerSource>, error: power_core::Error, at: HostTime },
    /// It is away, so that nothing was read.
    Away,
}

impl Polled {
    /// A source that was just opened; `None` if no histogram can be made for it.
    pub(super) fn new(
        number: u16,
        source: Box<dyn PowerSource>,
        schedule: Schedule,
        counters: Arc<Counters>,
    ) -> Option<Self> {
        let names: Vec<String> =
            source.descriptor().channels.iter().map(|channel| channel.name.clone().into_owned()).collect();
        Some(Self {
            number,
            channels: (0..names.len()).map(|index| u16::try_from(index).ok()).collect(),
            seen: vec![false; names.len()],
            names,
            source: Some(source),
            schedule,
            latency: cost::histogram()?,
            counters,
            failures: 0,
            lost_some: false,
        })
    }

    /// Takes the source that was opened again; its channels keep their names, new ones are left out.
    pub(super) fn come_back(&mut self, source: Box<dyn PowerSource>) {
        let names = &self.names;
        let index_of = |name: &str| names.iter().position(|known| known == name);
        self.channels = source
            .descriptor()
            .channels
            .iter()
            .map(|channel| index_of(&channel.name).and_then(|index| u16::try_from(index).ok()))
            .collect();
        self.failures = 0;
        self.source = Some(source);
    }

    /// Whether there is a source to be read.
    pub(super) fn is_there(&self) -> bool {
        self.source.is_some()
    }

    /// Reads once, hands what it gave to the writer, and counts; gives when the read had ended. Allocates nothing once
    /// `readings` has its size, unless the source fails.
    pub(super) fn read(
        &mut self,
        readings: &mut Vec<Reading>,
        ring: &mut Producer<Sample>,
    ) -> (Outcome, HostTime) {
        let Some(source) = &mut self.source else {
            add(&self.counters.away, 1);
            return (Outcome::Away, SystemClock.now());
        };
        readings.clear();
        let start = SystemClock.now();
        let result = source.read(&mut Recorder::new(&SystemClock, readings));
        let end = SystemClock.now();
        cost::count(&mut self.latency, end.since(start).unwrap_or(Duration::ZERO));
        // After an error, what was read before it is valid.
        for reading in readings.iter() {
            if let Some(channel) = self.channels.get(usize::from(reading.channel.0)).copied().flatten() {
                self.push(row(channel, reading), ring);
            }
        }
        let Err(error) = result else {
            self.failures = 0;
            add(&self.counters.done, 1);
            return (Outcome::Read, end);
        };
        add(&self.counters.failed, 1);
        self.push_missing(readings, (start, end), error.kind(), ring);
        self.failures += 1;
        let passes = matches!(
            error.kind(),
            ErrorKind::Timeout | ErrorKind::Busy | ErrorKind::Overrange | ErrorKind::Protocol
        );
        if passes && self.failures < MOST_FAILURES {
            return (Outcome::Failed, end);
        }
        let outcome = match self.source.take() {
            Some(source) => Outcome::Lost { source, error, at: start },
            None => Outcome::Away,
        };
        (outcome, end)
    }

    /// A row without a value for each channel that a failed read gave none for: the gap shows.
    fn push_missing(
        &mut self,
        readings: &[Reading],
        (start, end): (HostTime, HostTime),
        kind: ErrorKind,
        ring: &mut Producer<Sample>,
    ) {
        let flags = match kind {
            ErrorKind::Overrange => Flags::MISSING | Flags::OVERRANGE,
            _ => Flags::MISSING,
        };
        let mut seen = mem::take(&mut self.seen);
        seen.fill(false);
        for reading in readings {
            let channel = self.channels.get(usize::from(reading.channel.0)).copied().flatten();
            if let Some(seen) = channel.and_then(|channel| seen.get_mut(usize::from(channel))) {
                *seen = true;
            }
        }
        for (channel, _) in (0_u16..).zip(&seen).filter(|(_, seen)| !**seen) {
            let (t_start_ns, t_end_ns) = (start.nanos(), end.nanos());
            let value = RowValue::Missing;
            self.push(Row { channel, t_start_ns, t_end_ns, t_device_ns: None, value, flags }, ring);
        }
        self.seen = seen;
    }

    /// Hands a row to the writer, or counts it as lost if there is no room: a sampler never waits.
    fn push(&mut self, mut row: Row, ring: &mut Producer<Sample>) {
        if self.lost_some {
            row.flags = row.flags | Flags::OVERRUN;
        }
        add(&self.counters.readings, 1);
        self.lost_some = ring.push(Sample { source: self.number, row }).is_err();
        if self.lost_some {
            add(&self.counters.dropped, 1);
        }
    }
}

/// A reading as it stands in a run.
fn row(channel: u16, reading: &Reading) -> Row {
    let value = match (reading.value.number(), reading.value.count()) {
        (Some(number), _) => RowValue::Number(number),
        (None, Some(count)) => RowValue::Count(count),
        (None, None) => RowValue::Missing,
    };
    Row {
        channel,
        t_start_ns: reading.stamp.start().nanos(),
        t_end_ns: reading.stamp.end().nanos(),
        t_device_ns: reading.device_time.map(power_core::DeviceTime::nanos),
        value,
        flags: reading.flags,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use power_testkit::alloc;
    use power_testkit::{SensorModel, Signal, SimSource, VirtualClock};
    use rtrb::{Consumer, RingBuffer};

    /// A source of the channels of these names, all at 75 W, whose reads of these numbers fail.
    fn source(names: &[&'static str], failures: &[(u64, ErrorKind)]) -> Box<dyn PowerSource> {
        let mut builder = SimSource::builder("sim", "board 0", VirtualClock::new());
        for name in names {
            let model = SensorModel::new(Signal::constant(75.0), Duration::from_millis(100));
            builder = builder.sensor(model.channel(*name), model);
        }
        for (read, kind) in failures {
            builder = builder.failing_at(*read, *kind);
        }
        Box::new(builder.build())
    }

    fn polled(source: Box<dyn PowerSource>) -> Polled {
        let schedule = Schedule::new(SystemClock.now(), Duration::from_millis(1), 0.0, 1);
        Polled::new(3, source, schedule, Arc::default()).unwrap()
    }

    fn rows(ring: &mut Consumer<Sample>) -> Vec<Row> {
        std::iter::from_fn(|| ring.pop().ok()).map(|sample| sample.row).collect()
    }

    #[test]
    fn a_read_allocates_nothing() {
        assert!(alloc::is_installed());
        let mut polled = polled(source(&["a", "b"], &[]));
        let (mut ring, mut out) = RingBuffer::new(8);
        let mut readings = Vec::with_capacity(16);
        let ((), allocations) = alloc::count(|| {
            for _ in 0..1000 {
                assert!(matches!(polled.read(&mut readings, &mut ring).0, Outcome::Read));
                polled.schedule.advance(SystemClock.now());
                while out.pop().is_ok() {}
            }
        });
        assert_eq!(allocations, 0);
        assert_eq!(cost::get(&polled.counters.readings), 2000);
    }

    #[test]
    fn what_has_no_room_is_counted_and_the_next_reading_says_so() {
        let mut polled = polled(source(&["a"], &[]));
        let (mut ring, mut out) = RingBuffer::new(2);
        let mut readings = Vec::new();
        for _ in 0..5 {
            polled.read(&mut readings, &mut ring);
        }
        assert_eq!(cost::get(&polled.counters.dropped), 3);
        assert_eq!(rows(&mut out).len(), 2);
        polled.read(&mut readings, &mut ring);
        polled.read(&mut readings, &mut ring);
        let flags: Vec<_> = rows(&mut out).iter().map(|row| row.flags).collect();
        assert_eq!(flags, [Flags::OVERRUN, Flags::NONE]);
    }

    #[test]
    fn a_failed_read_leaves_a_row_without_a_value_and_a_lost_source_comes_back_by_name() {
        let failures = [(1, ErrorKind::Timeout), (2, ErrorKind::Disconnected)];
        let mut polled = polled(source(&["a", "b"], &failures));
        let (mut ring, mut out) = RingBuffer::new(64);
        let mut readings = Vec::new();
        let mut read = |polled: &mut Polled| polled.read(&mut readings, &mut ring).0;
        assert!(matches!(read(&mut polled), Outcome::Read));
        assert!(matches!(read(&mut polled), Outcome::Failed));
        assert!(matches!(read(&mut polled), Outcome::Lost { .. }));
        assert!(matches!(read(&mut polled), Outcome::Away) && !polled.is_there());
        // It comes back with another channel before those that it had.
        polled.come_back(source(&["new", "b", "a"], &[]));
        assert!(matches!(read(&mut polled), Outcome::Read));
        let found: Vec<_> =
            rows(&mut out).iter().map(|row| (row.channel, row.value != RowValue::Missing)).collect();
        assert_eq!(
            found,
            [(0, true), (1, true), (0, false), (1, false), (0, false), (1, false), (1, true), (0, true)]
        );
        let counters = &polled.counters;
        assert_eq!((cost::get(&counters.failed), cost::get(&counters.away)), (2, 1));
    }
}
