//! What a second, overlapping reader saw of the ring, each sample once although the driver stamps it anew.

/// Stamps of one sample lie this close together, in microseconds; those of two are 14 ms apart or more.
const NEAR_US: u64 = 2_000;

/// One sample, by its value and the stamps that it had.
#[derive(Debug)]
pub(crate) struct Seen {
    milliwatts: u32,
    first_us: u64,
    last_us: u64,
    handed: usize,
}

impl Seen {
    /// From its earliest stamp to its latest, in microseconds.
    pub(crate) fn moved_us(&self) -> u64 {
        self.last_us.abs_diff(self.first_us)
    }

    fn is_near(&self, stamp_us: u64) -> bool {
        stamp_us + NEAR_US >= self.first_us.min(self.last_us)
            && stamp_us <= self.first_us.max(self.last_us) + NEAR_US
    }
}

/// All samples that were seen, in the order of their first stamps.
#[derive(Debug, Default)]
pub(crate) struct Overlap(Vec<Seen>);

/// How what a source handed on agrees with what was seen.
#[derive(Debug, Default)]
pub(crate) struct Agreement {
    pub(crate) lost: usize,
    pub(crate) doubled: usize,
    pub(crate) unseen: usize,
    pub(crate) differing: usize,
}

impl Overlap {
    /// Takes in all that the ring holds, as (stamp in us, power in mW).
    pub(crate) fn take(&mut self, held: &[(u64, u32)]) {
        let from = self.0.len().saturating_sub(held.len() + 64);
        for &(stamp_us, milliwatts) in held {
            let again = self.0[from..]
                .iter_mut()
                .find(|seen| seen.milliwatts == milliwatts && seen.last_us.abs_diff(stamp_us) <= NEAR_US);
            match again {
                Some(seen) => seen.last_us = stamp_us,
                None => self.0.push(Seen { milliwatts, first_us: stamp_us, last_us: stamp_us, handed: 0 }),
            }
        }
    }

    pub(crate) fn samples(&self) -> &[Seen] {
        &self.0
    }

    /// Compares with what was handed on, as (stamp in us, power in mW), between its first and last sample.
    pub(crate) fn compare(&mut self, handed: impl ExactSizeIterator<Item = (u64, u32)> + Clone) -> Agreement {
        let mut agreement = Agreement::default();
        let (mut low, mut high) = (usize::MAX, 0);
        for (stamp_us, milliwatts) in handed {
            // Both are in order but for moved stamps, so this ends within a few samples of where it begins.
            let start =
                self.0.partition_point(|seen| seen.first_us + 2 * NEAR_US < stamp_us).saturating_sub(2);
            let mut near =
                (start..self.0.len()).take(6).filter(|at| self.0[*at].is_near(stamp_us)).peekable();
            let other = near.peek().is_some();
            match near.find(|at| self.0[*at].milliwatts == milliwatts) {
                Some(at) => {
                    self.0[at].handed += 1;
                    (low, high) = (low.min(at), high.max(at));
                }
                None if other => agreement.differing += 1,
                None => agreement.unseen += 1,
            }
        }
        for seen in self.0.get(low..=high).unwrap_or_default() {
            agreement.lost += usize::from(seen.handed == 0);
            agreement.doubled += seen.handed.saturating_sub(1);
        }
        agreement
    }
}
