//! Energy of an interval by two rules, and the error of one sensor's energy against another's.

use serde::{Deserialize, Serialize};

use crate::stats::{self, Estimate, IntervalMethod};
use crate::time::{Interval, seconds};
use crate::trace::Trace;

/// Confidence of every interval in this crate.
pub const CONFIDENCE: f64 = 0.95;

/// Replicates of every bootstrap: the ends of a 95 % interval rest on 25 of them.
pub(crate) const REPLICATES: usize = 1000;

/// Most cells that an interval is cut into for the bootstrap; more would cost time and tell nothing new.
const MOST_CELLS: usize = 2000;

/// Cells per longest update period: a cell that sees fewer than two publications is mostly interpolation.
const PERIODS_PER_CELL: i64 = 2;

/// Energies of the same interval by a sensor and by the reference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EnergyPair {
    /// The interval.
    pub interval: Interval,
    /// By the sensor, in joules.
    pub sensor_j: f64,
    /// By the reference, in joules.
    pub reference_j: f64,
    /// Relative error of the sensor.
    pub error: RelativeError,
}

/// A sensor's energy over the reference's, less 1: 0.01 is 1 % too much.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RelativeError {
    /// The error.
    pub value: f64,
    /// Lower end of the interval; `None` where the data cannot tell.
    pub low: Option<f64>,
    /// Upper end of the interval; `None` where the data cannot tell.
    pub high: Option<f64>,
    /// Confidence of the interval.
    pub confidence: f64,
    /// How the interval was found, or why there is none.
    pub method: String,
    /// What makes the interval doubtful, if anything does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

impl RelativeError {
    /// The error of the sum of `sensor` against the sum of `reference`, with an interval from their blocks.
    ///
    /// `None` where the reference's sum is not positive: an error relative to it means nothing.
    pub fn of_sums(sensor: &[f64], reference: &[f64], seed: u64) -> Option<Self> {
        let (sensor_sum, reference_sum): (f64, f64) = (sensor.iter().sum(), reference.iter().sum());
        if reference_sum <= 0.0 {
            return None;
        }
        let value = sensor_sum / reference_sum - 1.0;
        Some(match stats::ratio_of_sums(sensor, reference, REPLICATES, CONFIDENCE, seed) {
            Some(ratio) => {
                let Estimate { low, high, .. } = ratio.estimate;
                let method = match ratio.method {
                    IntervalMethod::CircularBlockBootstrap => "circular block bootstrap",
                    IntervalMethod::BatchMeansT => "Student's t on batch means",
                };
                Self {
                    value,
                    low: Some(low - 1.0),
                    high: Some(high - 1.0),
                    confidence: CONFIDENCE,
                    method: method.into(),
                    warning: ratio.warning,
                }
            }
            None => Self {
                value,
                low: None,
                high: None,
                confidence: CONFIDENCE,
                method: format!("{} parts are too few for an interval", sensor.len()),
                warning: None,
            },
        })
    }
}

/// Whole-interval energies by both rules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Energies {
    /// Trapezoids through the readings as they stand, begin to end; counters by their difference.
    pub naive: EnergyPair,
    /// From a guard before the load to a guard after it, less idle power times the guards.
    pub guard_banded: Option<EnergyPair>,
    /// Why there is no guard-banded energy, where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard_refused: Option<String>,
}

/// Naive energies of `interval`, which both traces cover; `None` where one does not, or the reference shows none.
///
/// `period_ns` is the longer update period of the two.
pub fn naive(
    sensor: &Trace,
    reference: &Trace,
    interval: Interval,
    period_ns: i64,
    seed: u64,
) -> Option<EnergyPair> {
    let cells = cell_count(interval, period_ns);
    let parts =
        |trace: &Trace| interval.cells(cells).map(|cell| trace.energy_j(cell)).collect::<Option<Vec<f64>>>();
    pair(interval, &parts(sensor)?, &parts(reference)?, seed)
}

/// What the guard-banded rule needs to know.
#[derive(Debug, Clone, Copy)]
pub struct Guard {
    /// Averaging window of the sensor, in nanoseconds.
    pub window_ns: i64,
    /// Longer update period of sensor and reference, in nanoseconds.
    pub period_ns: i64,
}

impl Guard {
    /// Length of a guard: one window and two update periods hold everything that the sensor tells late.
    const fn length_ns(self) -> i64 {
        self.window_ns.saturating_add(self.period_ns.saturating_mul(2))
    }
}

/// Guard-banded energies of the load in `load`: exact for a sensor whose windows leave no gap, however late it is.
///
/// # Errors
///
/// A sentence that says why the rule cannot be applied: no recording around the load, or no steady idle there.
pub fn guard_banded(
    sensor: &Trace,
    reference: &Trace,
    load: Interval,
    guard: Guard,
    seed: u64,
) -> Result<EnergyPair, String> {
    let length = guard.length_ns();
    let whole = load.widened(length);
    let before = Interval::new(whole.begin_ns, load.begin_ns);
    let after = Interval::new(whole.end_ns, whole.end_ns.saturating_add(length));
    let needed = Interval::new(before.begin_ns, after.end_ns);
    let recorded = sensor.span().intersect(reference.span());
    if !recorded.is_some_and(|recorded| recorded.holds(needed)) {
        return Err(format!(
            "needs {:.1} s of idle recorded before the load and {:.1} s after it",
            seconds(length),
            seconds(length) * 2.0
        ));
    }
    let load_w = reference.mean_w(load).ok_or("the load has no length")?;
    // The reference itself tells an edge up to one period early or late.
    let steady_before = Interval::new(before.begin_ns, load.begin_ns - guard.period_ns);
    let steady_after = Interval::new(load.end_ns + guard.period_ns, after.end_ns);
    for (name, idle) in [("before", steady_before), ("after", steady_after)] {
        let (low, high) = reference.extremes_w(idle).ok_or("the reference does not cover the guards")?;
        let rise = load_w - low;
        if high - low > STEADY_SHARE * rise {
            return Err(format!(
                "the reference is not at a steady idle in the {:.1} s {name} the load",
                idle.seconds()
            ));
        }
    }
    let cells = cell_count(whole, guard.period_ns);
    let parts = |trace: &Trace| {
        let (idle_before, idle_after) = (trace.mean_w(before)?, trace.mean_w(after)?);
        let tail = Interval::new(load.end_ns, whole.end_ns);
        whole
            .cells(cells)
            .map(|cell| {
                let shared = |guard: Interval| guard.intersect(cell).map_or(0.0, Interval::seconds);
                Some(trace.energy_j(cell)? - idle_before * shared(before) - idle_after * shared(tail))
            })
            .collect::<Option<Vec<f64>>>()
    };
    let (sensor, reference) =
        parts(sensor).zip(parts(reference)).ok_or("a trace does not cover the guards")?;
    pair(load, &sensor, &reference, seed).ok_or_else(|| "the reference shows no energy".into())
}

/// Share of the load's rise over idle by which power in the guards may vary.
const STEADY_SHARE: f64 = 0.25;

fn pair(interval: Interval, sensor: &[f64], reference: &[f64], seed: u64) -> Option<EnergyPair> {
    let error = RelativeError::of_sums(sensor, reference, seed)?;
    Some(EnergyPair { interval, sensor_j: sensor.iter().sum(), reference_j: reference.iter().sum(), error })
}

fn cell_count(interval: Interval, period_ns: i64) -> usize {
    let shortest = period_ns.saturating_mul(PERIODS_PER_CELL).max(1);
    usize::try_from(interval.length_ns() / shortest).unwrap_or(MOST_CELLS).clamp(1, MOST_CELLS)
}
