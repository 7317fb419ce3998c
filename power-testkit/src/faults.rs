//! What can go wrong with a sensor's publications, and which ones it goes wrong with.

use std::ops::{Range, RangeInclusive};

use crate::noise::Noise;

/// A fault of a sensor.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// The sensor skips the publication: the one before stays on show.
    Unpublished,
    /// The sensor publishes that it has no value.
    Missing,
    /// The sensor goes on showing the last value from before the segment.
    Stuck,
    /// The sensor shows its value times this factor.
    Factor(f64),
    /// The sensor shows this level in W (with noise and quantum), whatever the power is.
    Level(f64),
}

/// Which publications a fault hits.
#[derive(Debug, Clone, PartialEq)]
pub struct Segments(Kind);

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    At(Vec<Range<i64>>),
    Random { rate: f64, shortest: u32, longest: u32 },
}

impl Segments {
    /// The publications whose time lies in this interval, in ns.
    pub fn at(interval_ns: Range<i64>) -> Self {
        Self::at_each([interval_ns])
    }

    /// The publications whose time lies in one of these intervals, in ns.
    pub fn at_each(intervals_ns: impl IntoIterator<Item = Range<i64>>) -> Self {
        Self(Kind::At(intervals_ns.into_iter().collect()))
    }

    /// Random segments: each publication begins one with probability `rate`, of a length in publications that
    /// is uniform on `lengths`. Segments may overlap; for small rates the share hit is the rate times the
    /// mean length.
    ///
    /// # Panics
    ///
    /// Panics if `rate` is not within 0 to 0.5, or if `lengths` is empty or begins at 0.
    pub fn random(rate: f64, lengths: RangeInclusive<u32>) -> Self {
        assert!((0.0..=0.5).contains(&rate), "the rate of faults must lie within 0 and 0.5, not {rate}");
        let (shortest, longest) = lengths.into_inner();
        assert!(
            shortest > 0 && shortest <= longest,
            "lengths of faults must begin at 1 or more and not be empty"
        );
        Self(Kind::Random { rate, shortest, longest })
    }

    /// Whether publication `k` at `t_ns` is hit.
    pub(crate) fn contain(&self, k: i64, t_ns: i64, noise: Noise) -> bool {
        match &self.0 {
            Kind::At(intervals) => intervals.iter().any(|interval| interval.contains(&t_ns)),
            Kind::Random { rate, shortest, longest } => (0..i64::from(*longest)).any(|back| {
                let start = k - back;
                noise.uniform(start) < *rate && i64::from(noise.between(start, *shortest, *longest)) > back
            }),
        }
    }
}

/// What became of one publication: the truth that a detector of faults is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fate {
    /// The sensor's model without fault.
    Healthy,
    /// Replaced by a factor or a level.
    Falsified,
    /// A value from before.
    Stuck,
    /// Published without a value.
    Missing,
    /// Not published.
    Unpublished,
}

impl Fault {
    pub(crate) const fn fate(self) -> Fate {
        match self {
            Self::Unpublished => Fate::Unpublished,
            Self::Missing => Fate::Missing,
            Self::Stuck => Fate::Stuck,
            Self::Factor(_) | Self::Level(_) => Fate::Falsified,
        }
    }
}
