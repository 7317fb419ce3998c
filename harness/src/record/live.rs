//! The latest of each channel, for whoever watches.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use power_core::{Channel, Descriptor, Quantity};

use super::cost::Counters;
use crate::run::{Row, RowValue};

/// What is seen of a recording while it goes on.
#[derive(Debug, Clone, Default)]
pub struct Live {
    sources: Arc<Mutex<Vec<LiveSource>>>,
    watched: Arc<AtomicBool>,
}

/// The latest of one source.
#[derive(Debug)]
pub struct LiveSource {
    /// Its name.
    pub id: String,
    /// What it gave so far.
    pub counters: Arc<Counters>,
    /// Its channels, in the order of its descriptor; empty until it has opened.
    pub channels: Vec<LiveChannel>,
}

/// The latest of one channel.
#[derive(Debug, Clone)]
pub struct LiveChannel {
    /// What it measures.
    pub channel: Channel,
    /// The last value, `None` before the first and while it has none.
    pub value: Option<RowValue>,
    /// When that was read.
    pub read_ns: i64,
    /// When the value last changed: when it was published, as far as reading can tell.
    pub changed_ns: Option<i64>,
    /// Changes so far.
    pub changes: u64,
    /// Time of the last reading by its own clock: the device's where it gives one, else the host's.
    at_ns: i64,
    /// First and last change, by that clock.
    change_at_ns: Option<(i64, i64)>,
    /// Energy so far, in J: of power by trapezoids through the readings, of a counter by its steps. `None` before
    /// two readings, and for what has no energy.
    pub energy_j: Option<f64>,
}

impl LiveChannel {
    fn new(channel: Channel) -> Self {
        Self {
            channel,
            value: None,
            read_ns: 0,
            changed_ns: None,
            changes: 0,
            at_ns: 0,
            change_at_ns: None,
            energy_j: None,
        }
    }

    /// Mean time between changes in seconds, as far as reading can tell; `None` before two of them.
    pub fn period_s(&self) -> Option<f64> {
        let (first, last) = self.change_at_ns?;
        let passed = last.checked_sub(first)?;
        let between = u32::try_from(self.changes.checked_sub(1)?).ok().filter(|changes| *changes > 0)?;
        Some(seconds(passed) / f64::from(between))
    }

    fn see(&mut self, row: &Row) {
        let value = match row.value {
            RowValue::Missing => None,
            value => Some(value),
        };
        let read_ns = row.t_start_ns.midpoint(row.t_end_ns);
        // What streams comes in bursts: its own times tell when each was.
        let at_ns = row.t_device_ns.unwrap_or(read_ns);
        if let (Some(before), Some(now)) = (self.value, value) {
            if let Some(energy) = self.energy(before, now, seconds(at_ns.saturating_sub(self.at_ns))) {
                self.energy_j = Some(self.energy_j.unwrap_or(0.0) + energy);
            }
            if before != now {
                self.changes += 1;
                self.changed_ns = Some(read_ns);
                self.change_at_ns.get_or_insert((at_ns, at_ns)).1 = at_ns;
            }
        }
        self.value = value;
        self.read_ns = read_ns;
        self.at_ns = at_ns;
    }

    /// Energy between two readings that are `passed_s` apart.
    fn energy(&self, before: RowValue, now: RowValue, passed_s: f64) -> Option<f64> {
        match (self.channel.quantity, before, now) {
            (
                Quantity::Power { .. } | Quantity::EstimatedPower,
                RowValue::Number(before),
                RowValue::Number(now),
            ) => Some(f64::midpoint(before, now) * passed_s),
            (Quantity::EnergyCounter { quantum, modulus }, RowValue::Count(before), RowValue::Count(now)) => {
                // A counter that was set back has lost its energy, which then is no part of this sum.
                let counts = power_core::step(before, now, modulus, u64::MAX).counts()?;
                #[expect(clippy::cast_precision_loss, reason = "a step far below 2^53 quanta")]
                Some(counts as f64 * quantum.get())
            }
            _ => None,
        }
    }
}

impl Live {
    /// Locks the sources for reading; keep it short, the writer waits.
    ///
    /// Who does this watches: from then on the writer looks for new readings more often.
    pub fn sources(&self) -> MutexGuard<'_, Vec<LiveSource>> {
        self.watched.store(true, Ordering::Relaxed);
        self.held()
    }

    /// Whether anybody watches.
    pub(crate) fn is_watched(&self) -> bool {
        self.watched.load(Ordering::Relaxed)
    }

    fn held(&self) -> MutexGuard<'_, Vec<LiveSource>> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether any source has been read.
    pub fn has_begun(&self) -> bool {
        self.sources().iter().any(|source| source.counters.sample_ratio().is_some())
    }

    pub(crate) fn add(&self, id: &str, counters: Arc<Counters>) {
        self.held().push(LiveSource { id: id.to_owned(), counters, channels: Vec::new() });
    }

    pub(crate) fn describe(&self, number: u16, descriptor: &Descriptor) {
        if let Some(source) = self.held().get_mut(usize::from(number)) {
            source.channels = descriptor.channels.iter().cloned().map(LiveChannel::new).collect();
        }
    }

    /// Takes in some rows.
    pub(crate) fn see<'a>(&self, rows: impl Iterator<Item = (u16, &'a Row)>) {
        let mut sources = self.held();
        for (number, row) in rows {
            let source = sources.get_mut(usize::from(number));
            let channel = source.and_then(|source| source.channels.get_mut(usize::from(row.channel)));
            if let Some(channel) = channel {
                channel.see(row);
            }
        }
    }
}

/// Nanoseconds as seconds.
#[expect(clippy::cast_precision_loss, reason = "for eyes")]
pub(super) fn seconds(nanos: i64) -> f64 {
    nanos as f64 * 1e-9
}
