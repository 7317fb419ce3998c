//! How the stamps of a sample ring are not fixed.

use serde::{Deserialize, Serialize};

use crate::num::{nanos, nanos_of_ms};
use crate::{Error, Result};

/// How the driver treats the stamps of its sample rings: it sets all of them anew from time to time, and compares them
/// more coarsely than it gives them.
///
/// The default is an H200 with driver 580.159.04, but for the time between two changes: there it is half a minute or so,
/// here short enough for tests to see. All zero is a ring whose stamps are fixed and exact.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Restamp {
    /// Time in s for which stamps stay as they are; 0 for ever.
    pub every_s: f64,
    /// How much earlier all stamps are in every second such time, in ms.
    pub by_ms: f64,
    /// How much younger than the last seen a sample must be by its stamp in order to be handed over, in ms.
    pub coarse_ms: f64,
}

impl Default for Restamp {
    fn default() -> Self {
        Self::H200
    }
}

impl Restamp {
    /// As on an H200.
    pub(crate) const H200: Self = Self { every_s: 1.7, by_ms: 0.3, coarse_ms: 0.3 };

    /// Stamps that are fixed and exact.
    pub const NONE: Self = Self { every_s: 0.0, by_ms: 0.0, coarse_ms: 0.0 };

    /// Stamps that move every `every_s` seconds by `by_ms`, and are compared to `coarse_ms`.
    pub const fn new(every_s: f64, by_ms: f64, coarse_ms: f64) -> Self {
        Self { every_s, by_ms, coarse_ms }
    }

    /// What stamps have been moved by at a host time, in ns.
    pub(crate) fn moved_ns(&self, now_ns: i64) -> i64 {
        let every_ns = nanos(self.every_s);
        if every_ns > 0 && now_ns.div_euclid(every_ns) % 2 != 0 { -nanos_of_ms(self.by_ms) } else { 0 }
    }

    /// How much younger than the last seen a sample must be, in us.
    pub(crate) fn coarse_us(&self) -> u64 {
        u64::try_from(nanos_of_ms(self.coarse_ms) / 1_000).unwrap_or(0)
    }

    pub(crate) fn check(&self) -> Result<()> {
        let every = self.every_s == 0.0 || (0.01..=1e6).contains(&self.every_s);
        if every && [self.by_ms, self.coarse_ms].iter().all(|ms| (0.0..=5.0).contains(ms)) {
            return Ok(());
        }
        Err(Error::new("a ring is stamped anew every 0.01 s or more (0 for never), by and to 0 to 5 ms"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_move_back_and_forth_by_the_same() {
        let restamp = Restamp::new(2.0, 0.3, 0.25);
        let moved = [0, 1, 2, 3, 4, 6].map(|second| restamp.moved_ns(second * 1_000_000_000));
        assert_eq!(moved, [0, 0, -300_000, -300_000, 0, -300_000]);
        assert_eq!(restamp.coarse_us(), 250);
        assert_eq!((Restamp::NONE.moved_ns(3_000_000_000), Restamp::NONE.coarse_us()), (0, 0));
        assert!(Restamp::NONE.check().is_ok() && Restamp::new(f64::NAN, 0.3, 0.3).check().is_err());
    }
}
