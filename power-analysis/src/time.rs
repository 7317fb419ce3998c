//! Whole nanoseconds and what is computed from them.

use serde::{Deserialize, Serialize};

/// Seconds from nanoseconds.
#[expect(clippy::cast_precision_loss, reason = "an interval below 104 days is exact to the nanosecond")]
pub(crate) fn seconds(nanos: i64) -> f64 {
    nanos as f64 * 1e-9
}

/// Milliseconds from nanoseconds.
#[expect(clippy::cast_precision_loss, reason = "an interval below 104 days is exact to the nanosecond")]
pub(crate) fn milliseconds(nanos: i64) -> f64 {
    nanos as f64 * 1e-6
}

/// The nanosecond nearest to `seconds`; values beyond what fits are clipped.
#[expect(clippy::cast_possible_truncation, reason = "a float cast saturates, which is the clipping promised")]
pub(crate) fn nanoseconds(seconds: f64) -> i64 {
    (seconds * 1e9).round() as i64
}

/// Nanoseconds of a duration, clipped to 292 years.
pub(crate) fn nanos_of(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// The time halfway between two times.
pub(crate) const fn midpoint(start: i64, end: i64) -> i64 {
    i64::midpoint(start, end)
}

/// An interval on the time base, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interval {
    /// Its beginning.
    pub begin_ns: i64,
    /// Its end.
    pub end_ns: i64,
}

impl Interval {
    /// The interval from `begin_ns` to `end_ns`.
    pub const fn new(begin_ns: i64, end_ns: i64) -> Self {
        Self { begin_ns, end_ns }
    }

    /// Its length in nanoseconds; 0 if it ends before it begins.
    pub const fn length_ns(self) -> i64 {
        let length = self.end_ns.saturating_sub(self.begin_ns);
        if length < 0 { 0 } else { length }
    }

    /// Its length in seconds.
    pub fn seconds(self) -> f64 {
        seconds(self.length_ns())
    }

    /// What both intervals cover; `None` if they do not overlap.
    pub fn intersect(self, other: Self) -> Option<Self> {
        let overlap = Self::new(self.begin_ns.max(other.begin_ns), self.end_ns.min(other.end_ns));
        (overlap.length_ns() > 0).then_some(overlap)
    }

    /// Whether `other` lies wholly within.
    pub const fn holds(self, other: Self) -> bool {
        self.begin_ns <= other.begin_ns && other.end_ns <= self.end_ns
    }

    /// The interval made longer by `margin_ns` at both ends.
    #[must_use]
    pub const fn widened(self, margin_ns: i64) -> Self {
        Self::new(self.begin_ns.saturating_sub(margin_ns), self.end_ns.saturating_add(margin_ns))
    }

    /// `count` cells of equal length, in order.
    pub(crate) fn cells(self, count: usize) -> impl Iterator<Item = Self> {
        let count = i64::try_from(count.max(1)).unwrap_or(i64::MAX);
        let edge = move |index: i64| {
            let offset = i128::from(self.length_ns()) * i128::from(index) / i128::from(count);
            self.begin_ns.saturating_add(i64::try_from(offset).unwrap_or(i64::MAX))
        };
        (0..count).map(move |index| Self::new(edge(index), edge(index + 1)))
    }
}
