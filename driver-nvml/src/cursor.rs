//! Where a reader of a sample ring stands: each sample once, none lost unseen. No I/O.
//!
//! The last sample seen is asked for once more with every fetch. If it comes, it is still in the ring, and so is
//! everything after it: nothing was lost. If it does not come, the ring has gone on over it, and the first sample
//! that does come is flagged.

/// The stamp of the last sample handed on.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cursor {
    last_us: Option<u64>,
    lost: bool,
}

/// Which samples of a fetch are new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Intake {
    /// Position of the first new one; all after it are new.
    pub(crate) first: usize,
    /// Whether samples before it were lost.
    pub(crate) lost: bool,
}

impl Cursor {
    /// Stands behind the newest of these stamps: what is in the ring now is not handed on.
    pub(crate) fn behind(newest_us: Option<u64>) -> Self {
        Self { last_us: newest_us, lost: false }
    }

    /// The stamp to fetch after, which lets the last sample come again; 0 fetches all.
    pub(crate) fn since_us(self) -> u64 {
        self.last_us.map_or(0, |last| last.saturating_sub(1))
    }

    /// Whether a fetch of nothing is odd: at least the last sample should have come.
    pub(crate) fn expects_some(self) -> bool {
        self.last_us.is_some()
    }

    /// Takes in a fetch, by its stamps in ascending order.
    pub(crate) fn take(&mut self, stamps_us: &(impl DoubleEndedIterator<Item = u64> + Clone)) -> Intake {
        let Some(newest) = stamps_us.clone().next_back() else { return Intake { first: 0, lost: false } };
        let Some(last) = self.last_us else {
            self.last_us = Some(newest);
            return Intake { first: 0, lost: std::mem::take(&mut self.lost) };
        };
        let first = stamps_us.clone().take_while(|stamp| *stamp <= last).count();
        self.lost |= !stamps_us.clone().any(|stamp| stamp == last);
        if newest <= last {
            return Intake { first, lost: false };
        }
        // What was lost is said with the first sample after it, whenever that comes.
        self.last_us = Some(newest);
        Intake { first, lost: std::mem::take(&mut self.lost) }
    }

    /// Takes in all that the ring holds, after a fetch of nothing.
    ///
    /// Where all of it has older stamps than the last sample, the ring's clock was set back: all of it is new, and
    /// something may be lost.
    pub(crate) fn take_all(&mut self, stamps_us: &(impl DoubleEndedIterator<Item = u64> + Clone)) -> Intake {
        if stamps_us.clone().next_back() < self.last_us && stamps_us.clone().next_back().is_some() {
            *self = Self { last_us: None, lost: true };
        }
        self.take(stamps_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    /// A ring as the driver keeps it, with every sample that ever was in it.
    #[derive(Default)]
    struct Ring {
        depth: usize,
        held: VecDeque<u64>,
        all: Vec<u64>,
    }

    impl Ring {
        fn push(&mut self, stamp: u64) {
            self.all.push(stamp);
            self.held.push_back(stamp);
            if self.held.len() > self.depth {
                self.held.pop_front();
            }
        }

        fn fetch(&self, since: u64) -> Vec<u64> {
            self.held.iter().copied().filter(|stamp| *stamp > since).collect()
        }
    }

    proptest! {
        /// However fast the ring is written and read: each sample comes at most once and in order, and one is missing
        /// only where the next is flagged.
        #[test]
        fn each_sample_once_and_every_loss_flagged(
            depth in 1_usize..30,
            steps in prop::collection::vec((0_usize..40, 1_u64..50_000), 1..40),
        ) {
            let mut ring = Ring { depth, ..Ring::default() };
            let (mut clock, mut cursor) = (1_000_000_u64, Cursor::default());
            let mut got: Vec<(u64, bool)> = Vec::new();
            for (count, spacing) in steps {
                for _ in 0..count {
                    clock += spacing;
                    ring.push(clock);
                }
                let stamps = ring.fetch(cursor.since_us());
                let intake = cursor.take(&stamps.iter().copied());
                let new = stamps[intake.first..].iter().enumerate();
                got.extend(new.map(|(position, stamp)| (*stamp, position == 0 && intake.lost)));
            }
            let mut expected = ring.all.iter().copied().peekable();
            let mut first = true;
            for (stamp, flagged) in got {
                let mut skipped = 0;
                while expected.next_if(|next| *next < stamp).is_some() {
                    skipped += 1;
                }
                prop_assert_eq!(expected.next(), Some(stamp), "twice, or out of order");
                prop_assert!(skipped == 0 || flagged || first, "{skipped} lost before {stamp} and not said");
                first = false;
            }
        }

        /// Nothing is flagged as lost while fetches come often enough.
        #[test]
        fn nothing_is_said_to_be_lost_that_is_not(depth in 2_usize..30, steps in prop::collection::vec(0_usize..40, 1..40)) {
            let mut ring = Ring { depth, ..Ring::default() };
            let (mut clock, mut cursor) = (1_000_000_u64, Cursor::default());
            for count in steps {
                for _ in 0..count.min(depth - 1) {
                    clock += 20_000;
                    ring.push(clock);
                }
                prop_assert!(!cursor.take(&ring.fetch(cursor.since_us()).into_iter()).lost);
            }
        }
    }

    #[test]
    fn a_loss_is_said_with_the_next_sample_however_late_it_comes() {
        let mut cursor = Cursor::behind(Some(100));
        assert_eq!(cursor.take(&[].into_iter()), Intake { first: 0, lost: false });
        assert_eq!(cursor.take(&[].into_iter()), Intake { first: 0, lost: false });
        assert_eq!(cursor.take(&[300, 400].into_iter()), Intake { first: 0, lost: true });
        assert_eq!(cursor.take(&[400, 500].into_iter()), Intake { first: 1, lost: false });
    }

    #[test]
    fn a_clock_set_back_starts_over_with_a_flag() {
        let mut cursor = Cursor::behind(Some(1_000));
        assert_eq!(cursor.since_us(), 999);
        assert_eq!(cursor.take_all(&[].into_iter()), Intake { first: 0, lost: false });
        assert_eq!(cursor.take_all(&[400, 420].into_iter()), Intake { first: 0, lost: true });
        assert_eq!(cursor.since_us(), 419);
        // Nothing, and then the samples after all: no clock was set back.
        assert_eq!(cursor.take_all(&[420, 440].into_iter()), Intake { first: 1, lost: false });
    }

    #[test]
    fn two_samples_of_one_stamp_both_come_once() {
        let mut cursor = Cursor::behind(Some(100));
        assert_eq!(cursor.take(&[100, 120, 120].into_iter()), Intake { first: 1, lost: false });
        assert_eq!(cursor.take(&[120, 120, 140].into_iter()), Intake { first: 2, lost: false });
    }
}
