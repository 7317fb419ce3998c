//! Where a reader of a sample ring stands: each sample once, none lost unseen. No I/O.
//!
//! The last samples seen are asked for once more with every fetch. If the very last comes, it is still in the ring, and
//! so is everything after it: nothing was lost. If it does not come, the ring has gone on over it, and the first sample
//! that does come is flagged.
//!
//! A stamp alone is no identity: the driver stamps the whole ring anew from time to time. So a sample is known again by
//! its value, by its stamp within [`MOVES_US`], and by those before it; and the cursor follows the stamps as they move.

use std::cmp::Reverse;

use crate::buffers::Sample;

/// By how much the stamp of one sample may move between two fetches, in microseconds.
///
/// On an H200 with driver 580.159.04 (2026-11-24), with fetches 0.4 s apart, 636 of 9793 samples came again with a stamp
/// some 0.3 ms earlier, values unchanged. Samples were 14 ms apart or more (p5), so within this lies no other one.
const MOVES_US: u64 = 2_000;

/// How far before the samples to be seen again a fetch asks, in microseconds.
///
/// The driver compares stamps more coarsely than it gives them: on the same machine a sample did not come again when
/// asked for 1 to 100 µs before its stamp, and always did from 500 µs on.
const REASK_US: u64 = MOVES_US + 1_000;

/// By how much distances between samples may differ where a clock was set, in microseconds: it moves all stamps alike.
const SET_US: u64 = 50;

/// Samples that are seen again with every fetch.
const MEMORY: usize = 8;

/// The last samples handed on, oldest first, with the stamps that they had last.
#[derive(Debug, Clone)]
pub(crate) struct Cursor {
    tail: Vec<Sample>,
}

/// Which samples of a fetch are new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Intake {
    /// Position of the first new one; all after it are new.
    pub(crate) first: usize,
    /// Whether samples before it were lost, or may have been.
    pub(crate) lost: bool,
}

/// The samples of a fetch, in the order of their stamps.
pub(crate) trait Fetched: DoubleEndedIterator<Item = Sample> + ExactSizeIterator + Clone {}
impl<T: DoubleEndedIterator<Item = Sample> + ExactSizeIterator + Clone> Fetched for T {}

impl Cursor {
    /// Stands behind these samples: what is in the ring now is not handed on.
    pub(crate) fn behind(held: &impl Fetched) -> Self {
        let mut cursor = Self { tail: Vec::with_capacity(MEMORY) };
        cursor.remember(held);
        cursor
    }

    /// The stamp to fetch after, which lets the last samples come again; 0 fetches all.
    pub(crate) fn since_us(&self) -> u64 {
        self.tail.first().map_or(0, |oldest| oldest.stamp_us.saturating_sub(REASK_US))
    }

    /// Takes in a fetch after [`since_us`](Self::since_us); `None` if the last sample did not come again, and all that
    /// the ring holds must be fetched to know why.
    pub(crate) fn take(&mut self, fetched: &impl Fetched) -> Option<Intake> {
        let first = if self.tail.is_empty() { 0 } else { self.again(fetched)? + 1 };
        self.remember(fetched);
        Some(Intake { first, lost: false })
    }

    /// Takes in all that the ring holds.
    ///
    /// Where the last sample is in it after all, or is known again though the ring's clock was set, what comes after
    /// it is new. Where it is not, all is new and something is lost, or may be.
    pub(crate) fn take_all(&mut self, held: &impl Fetched) -> Intake {
        let last = self.again(held).or_else(|| self.moved(held));
        let intake = match last {
            Some(last) => Intake { first: last + 1, lost: false },
            None => Intake { first: 0, lost: held.len() > 0 && !self.tail.is_empty() },
        };
        self.remember(held);
        intake
    }

    /// Position at which the last sample came again, with about the stamp that it had.
    fn again(&self, fetched: &impl Fetched) -> Option<usize> {
        let last = self.tail.last()?.stamp_us;
        let near =
            fetched.clone().enumerate().filter(|(_, sample)| sample.stamp_us.abs_diff(last) <= MOVES_US);
        let same = near.filter(|(at, _)| self.agrees(fetched, *at, 0, MOVES_US));
        // Of two that are as near, the later: one that comes twice with one stamp and value was taken in both times.
        same.min_by_key(|(at, sample)| (sample.stamp_us.abs_diff(last), Reverse(*at))).map(|(at, _)| at)
    }

    /// Position at which the last sample came again with quite another stamp, because a clock was set.
    ///
    /// That needs values that are not all the same, distances as they were, and a single place where all that fits.
    fn moved(&self, held: &impl Fetched) -> Option<usize> {
        let last = self.tail.last()?;
        let tells = self.tail.len() == MEMORY && self.tail.iter().any(|sample| sample.value != last.value);
        if !tells {
            return None;
        }
        let fits = |(at, sample): &(usize, Sample)| {
            *at + 1 >= MEMORY && self.agrees(held, *at, sample.stamp_us.wrapping_sub(last.stamp_us), SET_US)
        };
        let mut places = held.clone().enumerate().filter(fits);
        let place = places.next().map(|(at, _)| at);
        place.filter(|_| places.next().is_none())
    }

    /// Whether the samples up to `at` are the last ones seen, with stamps that are later by `moved_us` (modulo 2^64) to
    /// within `tolerance_us`; where the ring has lost the older of them, as many as it holds.
    fn agrees(&self, fetched: &impl Fetched, at: usize, moved_us: u64, tolerance_us: u64) -> bool {
        let skipped = (at + 1).saturating_sub(self.tail.len());
        let again = fetched.clone().skip(skipped).take(at + 1 - skipped);
        let known = &self.tail[self.tail.len() - again.len()..];
        again.zip(known).all(|(again, known)| {
            let stamp_us = again.stamp_us.wrapping_sub(moved_us);
            again.value == known.value && stamp_us.abs_diff(known.stamp_us) <= tolerance_us
        })
    }

    fn remember(&mut self, fetched: &impl Fetched) {
        if fetched.len() > 0 {
            self.tail.clear();
            self.tail.extend(fetched.clone().skip(fetched.len().saturating_sub(MEMORY)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::Number;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    fn sample(stamp_us: u64, milliwatts: u64) -> Sample {
        Sample { stamp_us, value: Ok(Number::Unsigned(milliwatts)) }
    }

    /// Samples of these stamps, in ms, whose values follow from their places in the ring's history.
    fn samples(stamps_ms: &[u64], first_value: u64) -> Vec<Sample> {
        (first_value..).zip(stamps_ms).map(|(value, ms)| sample(ms * 1_000, value)).collect()
    }

    fn take(cursor: &mut Cursor, samples: &[Sample]) -> Option<Intake> {
        cursor.take(&samples.iter().copied())
    }

    fn take_all(cursor: &mut Cursor, samples: &[Sample]) -> Intake {
        cursor.take_all(&samples.iter().copied())
    }

    fn behind(samples: &[Sample]) -> Cursor {
        Cursor::behind(&samples.iter().copied())
    }

    const NOTHING_NEW: fn(usize) -> Intake = |held| Intake { first: held, lost: false };

    /// A ring as the driver keeps it: (number, true time, value) of the samples held.
    struct Ring {
        depth: usize,
        held: VecDeque<(usize, i64, u64)>,
        written: usize,
        now_us: i64,
        /// What the driver adds to all times.
        moved_us: i64,
        /// How far before a stamp one must ask for it.
        coarse_us: u64,
        values: u64,
    }

    impl Ring {
        fn new(depth: usize, values: u64) -> Self {
            let start = Self {
                depth,
                held: VecDeque::new(),
                written: 0,
                now_us: 1 << 40,
                moved_us: 0,
                coarse_us: 0,
                values,
            };
            Self { coarse_us: 300, ..start }
        }

        fn write(&mut self, spacing_us: i64) {
            self.now_us += spacing_us;
            // Of no order that a reader could know, and constant where there is one value only.
            let value = (self.written as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
            self.held.push_back((self.written, self.now_us, value % self.values));
            self.written += 1;
            if self.held.len() > self.depth {
                self.held.pop_front();
            }
        }

        /// Samples and their numbers.
        fn fetch(&self, since: u64) -> (Vec<Sample>, Vec<usize>) {
            let stamped = self.held.iter().map(|&(number, time, value)| {
                (sample(u64::try_from(time + self.moved_us).unwrap(), value), number)
            });
            stamped.filter(|(sample, _)| since == 0 || sample.stamp_us > since + self.coarse_us).unzip()
        }

        /// Reads as a source does: numbers of what is new, and whether it is flagged.
        fn read(&self, cursor: &mut Cursor) -> (Vec<usize>, bool) {
            let (mut samples, mut numbers) = self.fetch(cursor.since_us());
            let intake = take(cursor, &samples).unwrap_or_else(|| {
                (samples, numbers) = self.fetch(0);
                take_all(cursor, &samples)
            });
            (numbers.split_off(intake.first), intake.lost)
        }
    }

    /// What happens between two fetches: spacings of the samples written, how all stamps move, how coarse the compare is.
    fn step() -> impl Strategy<Value = (Vec<i64>, i64, u64)> {
        let moves = prop_oneof![Just(0_i64), 300_i64..500, -500_i64..-300];
        (prop::collection::vec(14_000_i64..27_000, 0..45), moves, 0_u64..500)
    }

    proptest! {
           /// However a ring is written, stamped anew and fetched, each sample comes once and in order; one is missing only
           /// where the next is flagged, and one is flagged just where the last one before was no longer in the ring.
           #[test]
           fn each_sample_once_and_flagged_just_where_a_loss_is_possible(
               depth in 1_usize..40,
               values in prop_oneof![Just(1_u64), Just(3), Just(500_000)],
               steps in prop::collection::vec(step(), 1..60),
           ) {
               let mut ring = Ring::new(depth, values);
               ring.write(20_000);
               let mut cursor = behind(&ring.fetch(0).0);
               let mut last = 0;
               for (spacings, moved, coarse) in steps {
                   for spacing in &spacings {
    ring.write(*spacing);
    }
                   (ring.moved_us, ring.coarse_us) = (ring.moved_us + moved, coarse);
                   let held = ring.held.front().unwrap().0;
                   let (new, flagged) = ring.read(&mut cursor);
                   prop_assert_eq!(flagged, held > last, "the ring began with {} and {} was the last", held, last);
                   prop_assert_eq!(&new, &(held.max(last + 1)..ring.written).collect::<Vec<_>>());
                   last = new.last().copied().unwrap_or(last);
               }
           }

           /// A clock that is set moves all stamps by seconds or hours, back or forth: nothing is lost or doubled.
           #[test]
           fn a_clock_set_is_followed(
               spacings in prop::collection::vec(14_000_i64..27_000, 40..41),
               fresh in 0_usize..15,
               set in prop_oneof![5_000_i64..4_000_000_000, -4_000_000_000_i64..-5_000],
           ) {
               let mut ring = Ring::new(30, 500_000);
               for spacing in &spacings {
    ring.write(*spacing);
    }
               let mut cursor = behind(&ring.fetch(0).0);
               for spacing in &spacings[..fresh] {
    ring.write(*spacing);
    }
               ring.moved_us = set;
               prop_assert_eq!(ring.read(&mut cursor), ((40..40 + fresh).collect(), false));
               ring.write(20_000);
               prop_assert_eq!(ring.read(&mut cursor), (vec![40 + fresh], false));
           }
       }

    #[test]
    fn a_ring_that_is_stamped_anew_doubles_and_loses_nothing() {
        let ring = samples(&[20, 40, 60, 80, 100], 0);
        let mut cursor = behind(&ring);
        // All stamps creep by 0.3 ms, far beyond the tolerance in the end, and mostly nothing is new.
        let mut moved = ring;
        for round in 1..=50 {
            for sample in &mut moved {
                sample.stamp_us += 300;
            }
            assert_eq!(take(&mut cursor, &moved), Some(NOTHING_NEW(5)), "{round}");
        }
        moved.push(sample(moved[4].stamp_us + 20_000, 5));
        assert_eq!(take(&mut cursor, &moved), Some(NOTHING_NEW(5)));
    }

    #[test]
    fn a_loss_is_said_with_the_next_sample_however_late_it_comes() {
        let mut cursor = behind(&samples(&[100], 0));
        for _ in 0..2 {
            assert_eq!(take(&mut cursor, &[]), None);
            assert_eq!(take_all(&mut cursor, &[]), NOTHING_NEW(0));
        }
        let late = samples(&[300, 400], 7);
        assert_eq!(take(&mut cursor, &late), None);
        assert_eq!(take_all(&mut cursor, &late), Intake { first: 0, lost: true });
        assert_eq!(take(&mut cursor, &samples(&[400, 500], 8)), Some(Intake { first: 1, lost: false }));
    }

    #[test]
    fn a_clock_set_back_starts_over_with_a_flag() {
        // Too few samples to know again, or all alike: whether they are the old ones cannot be told.
        for (held, again) in [
            (samples(&[1_000, 1_020], 0), samples(&[400, 420], 0)),
            (vec![sample(900_000, 5); 20], vec![sample(400_000, 5); 20]),
        ] {
            let mut cursor = behind(&held);
            assert_eq!(take(&mut cursor, &[]), None);
            assert_eq!(take_all(&mut cursor, &again), Intake { first: 0, lost: true });
            // Nothing, and then the samples after all: no clock was set back.
            assert_eq!(take_all(&mut cursor, &again), NOTHING_NEW(again.len()));
        }
    }

    #[test]
    fn two_samples_of_one_stamp_both_come_once() {
        let mut cursor = behind(&samples(&[100], 0));
        assert_eq!(take(&mut cursor, &samples(&[100, 120, 120], 0)), Some(Intake { first: 1, lost: false }));
        assert_eq!(take(&mut cursor, &samples(&[120, 120, 140], 1)), Some(Intake { first: 2, lost: false }));
        let twice = [sample(140_000, 3), sample(160_000, 4), sample(160_000, 4)];
        assert_eq!(take(&mut cursor, &twice), Some(Intake { first: 1, lost: false }));
        assert_eq!(take(&mut cursor, &twice), Some(NOTHING_NEW(3)));
    }
}
