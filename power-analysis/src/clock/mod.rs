//! How a source's clock relates to the time base: offset, drift, and how sure that is.
//!
//! Two ways. Where every reading lies between two host times, no fit is needed: [`exchange()`] intersects what each allows
//! and gives bounds that hold for certain. Where a source only logs, [`load_edges`] moves its values along a load that
//! is known on the time base until they fit.

mod edges;
mod exchange;
mod hull;
mod parts;
mod shape;
mod stamp;

use serde::{Deserialize, Serialize};

use crate::stats::Estimate;

pub use edges::{EdgeEvidence, EdgeSettings, load_edges};
pub use exchange::{Exchange, exchange};
pub use shape::ClockShape;
pub use stamp::{StampPosition, stamp_position};

/// The map from one clock to the time base: `t = source + offset + drift × (source - origin)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClockFit {
    /// Source time at which the offset holds and from which the drift counts.
    pub origin_ns: i64,
    /// Added to the source time.
    pub offset_ns: i64,
    /// Lowest offset that the data allow.
    pub offset_low_ns: i64,
    /// Highest offset that the data allow.
    pub offset_high_ns: i64,
    /// Parts in a million by which the source's seconds are too short (the time base gains on it); `None` where the
    /// source has no clock of its own.
    pub drift_ppm: Option<Estimate>,
    /// Share of repetitions in which the intervals hold the truth; 1 for bounds that hold for certain.
    pub confidence: f64,
    /// How it was found.
    pub method: ClockMethod,
    /// Readings that were used.
    pub points: usize,
    /// Readings that contradict all the others.
    pub rejected: usize,
    /// Whether one line describes the clock over the whole run.
    pub shape: ClockShape,
    /// What a fit to load edges says beside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edges: Option<EdgeEvidence>,
}

/// How a clock was related to the time base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockMethod {
    /// Every exchange bounds the offset; the bounds were intersected.
    Exchange,
    /// The source's values were fitted to a load whose edges are known.
    LoadEdges,
}

/// Why a clock could not be related to the time base.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ClockRefusal {
    /// There is too little to go by.
    TooFew {
        /// Readings that could be used.
        points: usize,
    },
    /// The load is not seen in the values.
    NotSeen {
        /// Share of the values' variance that the best fit explains.
        explained: f64,
    },
    /// The load does not change while the source was read.
    NoEdges,
    /// The values do not fix offset and drift.
    NotFixed,
}

impl ClockFit {
    /// Half the width of the interval of the offset.
    pub fn uncertainty_ns(&self) -> i64 {
        let above = self.offset_high_ns.saturating_sub(self.offset_ns);
        let below = self.offset_ns.saturating_sub(self.offset_low_ns);
        above.max(below).max(0)
    }

    /// By how much the mapped time can be wrong at source time `at_ns`: offset and drift together.
    pub fn uncertainty_at_ns(&self, at_ns: i64) -> i64 {
        let away = crate::time::seconds(at_ns.saturating_sub(self.origin_ns)).abs();
        let ppm = self.drift_ppm.map_or(0.0, |drift| (drift.high - drift.value).max(drift.value - drift.low));
        self.uncertainty_ns().saturating_add(crate::time::nanoseconds(away * ppm * 1e-6))
    }

    /// The time on the time base of source time `at_ns`.
    pub fn map(&self, at_ns: i64) -> i64 {
        let since = crate::time::seconds(at_ns.saturating_sub(self.origin_ns));
        let drift = self.drift_ppm.map_or(0.0, |drift| drift.value);
        at_ns.saturating_add(self.offset_ns).saturating_add(crate::time::nanoseconds(since * drift * 1e-6))
    }
}
