//! Pairs of the same power by sensor and reference, with their bandwidths matched.

use serde::{Deserialize, Serialize};

use crate::filter::{Window, published};
use crate::publications::Publications;
use crate::readings::{Readings, Values};
use crate::time::{Interval, milliseconds};
use crate::trace::Trace;

/// Shortest block whose means can be compared when the sensor's averaging window is unknown (sensors.md §5.13).
const SHORTEST_BLOCK_NS: i64 = 2_000_000_000;

/// Fewest update periods in such a block.
const PERIODS_PER_BLOCK: i64 = 5;

/// How the reference was brought to the bandwidth of the sensor.
///
/// Without that, distributions differ by what the sensor's averaging hides, whatever its error.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Matching {
    /// At each publication of the sensor, the reference's mean over the sensor's averaging window.
    Window {
        /// The window; 0 for a point value.
        window_ms: f64,
    },
    /// At each step of the sensor's counter, the reference's mean since the step before.
    Steps,
    /// Means of both over blocks, since the sensor's averaging window is unknown.
    Blocks {
        /// Length of a block.
        block_ms: f64,
    },
    /// Row by row: the data has no time.
    Rows,
}

/// The pairs, in order of time.
#[derive(Debug, Clone)]
pub struct Pairs {
    /// How they were matched.
    pub matching: Matching,
    /// When, in nanoseconds.
    pub times_ns: Vec<i64>,
    /// The sensor's power in watts.
    pub sensor_w: Vec<f64>,
    /// The reference's power in watts.
    pub reference_w: Vec<f64>,
}

impl Pairs {
    fn new(matching: Matching, capacity: usize) -> Self {
        Self {
            matching,
            times_ns: Vec::with_capacity(capacity),
            sensor_w: Vec::with_capacity(capacity),
            reference_w: Vec::with_capacity(capacity),
        }
    }

    fn push(&mut self, time_ns: i64, sensor_w: f64, reference_w: f64) {
        self.times_ns.push(time_ns);
        self.sensor_w.push(sensor_w);
        self.reference_w.push(reference_w);
    }

    /// Number of pairs.
    pub fn len(&self) -> usize {
        self.times_ns.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.times_ns.is_empty()
    }

    /// One pair a publication of the sensor, the reference seen through the sensor's window.
    pub fn by_window(publications: &Publications, reference: &Trace, window: Window) -> Self {
        let matching = match window {
            Window::Known(nanos) => Matching::Window { window_ms: milliseconds(nanos) },
            Window::SincePrevious => Matching::Steps,
        };
        let mut pairs = Self::new(matching, publications.len());
        let times = publications.all().map(|publication| publication.time_ns);
        for (publication, reference) in publications.all().zip(published(reference, times, window)) {
            if let Some(reference) = reference {
                pairs.push(publication.time_ns, publication.watts, reference);
            }
        }
        pairs
    }

    /// Means over blocks of at least two seconds and five of the longer update period.
    pub fn by_blocks(sensor: &Trace, reference: &Trace, overlap: Interval, period_ns: i64) -> Self {
        let block = SHORTEST_BLOCK_NS.max(period_ns.saturating_mul(PERIODS_PER_BLOCK));
        let count = usize::try_from(overlap.length_ns() / block).unwrap_or(0);
        let mut pairs = Self::new(Matching::Blocks { block_ms: milliseconds(block) }, count);
        let mut begin = overlap.begin_ns;
        for _ in 0..count {
            let cell = Interval::new(begin, begin + block);
            if let (Some(sensor), Some(reference)) = (sensor.mean_w(cell), reference.mean_w(cell)) {
                pairs.push(begin + block / 2, sensor, reference);
            }
            begin += block;
        }
        pairs
    }

    /// Readings of the same row: those whose times are equal.
    pub fn by_rows(sensor: &Readings, reference: &Readings) -> Self {
        let mut pairs = Self::new(Matching::Rows, sensor.len().min(reference.len()));
        let (Values::Power(sensor_w), Values::Power(reference_w)) = (sensor.values(), reference.values())
        else {
            return pairs;
        };
        let mut other = 0;
        for (index, &watts) in sensor_w.iter().enumerate() {
            let time = sensor.time(index);
            while other < reference.len() && reference.time(other) < time {
                other += 1;
            }
            if other < reference.len() && reference.time(other) == time {
                pairs.push(time, watts, reference_w[other]);
            }
        }
        pairs
    }

    /// Weight of each pair: the time until the next, at most `most_ns`, so that a gap does not count as data.
    pub(crate) fn dwells(&self, most_ns: i64) -> impl Iterator<Item = f64> {
        let last = self.times_ns.windows(2).last().map_or(1, |pair| pair[1] - pair[0]);
        let steps = self.times_ns.windows(2).map(|pair| pair[1] - pair[0]).chain([last]);
        steps.map(move |step| milliseconds(step.min(most_ns).max(0)))
    }
}
