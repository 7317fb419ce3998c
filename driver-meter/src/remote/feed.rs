//! What a server keeps of its meter for its readers.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use power_core::{Descriptor, Reading};

use super::protocol::{Item, MOST_READINGS};

/// Readings that are kept for readers that are late: minutes of a wall meter, seconds of a stream.
const KEPT: usize = 1 << 16;

/// The readings of one meter, numbered, the latest [`KEPT`] of them.
#[derive(Debug)]
pub(super) struct Feed(Mutex<Kept>);

#[derive(Debug)]
pub(super) struct Kept {
    /// Another number each time the meter was opened.
    pub(super) session: u64,
    pub(super) descriptor: Descriptor,
    /// Why the meter cannot be read now.
    pub(super) away: Option<String>,
    /// Number of the reading that comes next.
    pub(super) next: u64,
    items: VecDeque<Item>,
}

impl Feed {
    pub(super) fn new(session: u64, descriptor: Descriptor) -> Self {
        Self(Mutex::new(Kept { session, descriptor, away: None, next: 0, items: VecDeque::new() }))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    pub(super) fn push(&mut self, item: Item) {
        if self.items.len() == KEPT {
            self.items.pop_front();
        }
        self.items.push_back(item);
        self.next += 1;
    }

    /// The meter was opened again: what it was is gone, and readings are numbered anew.
    pub(super) fn begin(&mut self, descriptor: Descriptor) {
        let session = self.session.wrapping_add(1);
        *self = Self { session, descriptor, away: None, next: 0, items: VecDeque::new() };
    }

    /// The readings from number `from` on, as many as an answer may have: the number of the first, how many of those
    /// asked for are gone, and the readings.
    pub(super) fn since(&self, from: u64) -> (u64, u64, impl ExactSizeIterator<Item = &Item>) {
        let oldest = self.next - self.items.len() as u64;
        let first = from.clamp(oldest, self.next);
        let skipped = usize::try_from(first - oldest).unwrap_or(self.items.len()).min(self.items.len());
        let end = self.items.len().min(skipped + MOST_READINGS);
        (first, first.saturating_sub(from), self.items.range(skipped..end))
    }
}

/// A reading as it travels. The meter's own time stays behind: the server's stamp is what readers can relate.
pub(super) fn item(reading: &Reading) -> Item {
    Item(
        reading.channel.0,
        reading.stamp.start().nanos(),
        reading.stamp.end().nanos(),
        reading.value.number().filter(|number| number.is_finite()),
        reading.value.count(),
        reading.flags.bits(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_get_what_they_have_not_got_and_are_told_what_is_gone() {
        let feed = Feed::new(5, Descriptor::new("sim", "a meter", Vec::new()));
        let mut kept = feed.lock();
        let some = |kept: &Kept, from| {
            let (first, lost, items) = kept.since(from);
            (first, lost, items.len())
        };
        assert_eq!(some(&kept, 0), (0, 0, 0));
        for number in 0..10 {
            kept.push(Item(0, number, number, Some(1.0), None, 0));
        }
        assert_eq!(some(&kept, 0), (0, 0, 10));
        assert_eq!(some(&kept, 7), (7, 0, 3));
        assert_eq!(some(&kept, 10), (10, 0, 0));
        // From the future, or from another server: nothing that is not there.
        assert_eq!(some(&kept, u64::MAX), (10, 0, 0));
        let kept_now = i64::try_from(KEPT).unwrap();
        for number in 10..10 + kept_now {
            kept.push(Item(0, number, number, None, None, 1));
        }
        assert_eq!(some(&kept, 4), (10, 6, MOST_READINGS));
        assert_eq!(kept.since(4).2.next().map(|item| item.1), Some(10));
        kept.begin(Descriptor::new("sim", "another", Vec::new()));
        assert_eq!((kept.session, some(&kept, 4)), (6, (0, 0, 0)));
    }
}
