//! Faults of a sensor that a comparison brings to light. Nothing is removed: a fault is an interval and a reason.

mod dropout;
mod false_low;
mod follows;
mod stuck;

pub use false_low::{Reach, false_low};
pub use follows::{Following, following};

pub(crate) use dropout::{dropouts, gaps, resets};
pub(crate) use false_low::low_plateau;
pub(crate) use stuck::stuck;

use serde::{Deserialize, Serialize};

use crate::time::Interval;

/// What kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// No value, 0 W, or far below what the machine draws when idle.
    Dropout,
    /// The value stands still while the reference moves.
    Stuck,
    /// A low value while the reference shows that power was high all the time it can speak of.
    FalseLow,
    /// More time at low power than the reference has.
    LowPlateau,
    /// A counter was set back, or stepped by more than is possible.
    CounterReset,
    /// No publication for more than three update periods.
    Gap,
}

impl FaultKind {
    /// The kind in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Dropout => "dropout",
            Self::Stuck => "stuck value",
            Self::FalseLow => "false low",
            Self::LowPlateau => "low plateau",
            Self::CounterReset => "counter reset",
            Self::Gap => "gap",
        }
    }
}

/// One fault, from begin to end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// What kind of fault.
    pub kind: FaultKind,
    /// When.
    #[serde(flatten)]
    pub interval: Interval,
    /// Publications or readings concerned.
    pub count: usize,
    /// What was seen, in words.
    pub detail: String,
}

impl Fault {
    fn new(kind: FaultKind, begin_ns: i64, end_ns: i64, count: usize, detail: impl Into<String>) -> Self {
        Self { kind, interval: Interval::new(begin_ns, end_ns), count, detail: detail.into() }
    }
}

/// Runs of consecutive indices for which `test` holds, at least `least` long.
fn runs(len: usize, least: usize, mut test: impl FnMut(usize) -> bool) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    let mut begin = None;
    for index in 0..=len {
        if index < len && test(index) {
            begin.get_or_insert(index);
        } else if let Some(begin) = begin.take()
            && index - begin >= least
        {
            found.push(begin..index);
        }
    }
    found
}
