//! How often a sensor publishes.

use serde::{Deserialize, Serialize};

use super::events::Change;
use super::lattice::{self, Lattice};
use crate::fit::blocks;
use crate::readings::Readings;
use crate::stats::{Estimate, count, student_two_sided};
use crate::time::{milliseconds, nanoseconds, seconds};

/// Distances that the comb is searched by, at most.
const MOST_IN_COMB: usize = 4_000;
/// Changes below this number tell nothing of a period.
const FEWEST_CHANGES: usize = 20;
/// Residuals beyond this share of a period: no lattice (0.29 of one that has none).
const LOOSEST: f64 = 0.22;
/// The same where the phase is lost in every pause, and only what follows without one is looked at.
const LOOSEST_IN_PIECES: f64 = 0.27;
/// Share of readings that show a new value, from which on the period cannot be told from that of the readings.
const EVERY_READING: f64 = 0.7;

/// How often a sensor publishes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UpdatePeriod {
    /// What the changes of its value say.
    pub verdict: PeriodVerdict,
    /// Update period T in milliseconds, where there is a lattice.
    pub period_ms: Option<Estimate>,
    /// Standard deviation of the changes about the lattice, the readings' own spacing included.
    pub residual_ms: Option<f64>,
    /// Median time between two readings; `None` for a channel that hands over its publications.
    pub poll_ms: Option<f64>,
    /// Changes of value that were seen.
    pub changes: usize,
    /// 5th percentile, median, 95th percentile and longest time between two changes, in milliseconds.
    pub interval_ms: Option<[f64; 4]>,
    /// Share of the lattice's points, between changes that belong together, at which no change was seen.
    pub missing: Option<f64>,
    /// How many changes came 1, 2, 3, 4, and 5 or more periods after the one before.
    pub steps: [usize; 5],
    /// Stretches between which the lattice was broken or nothing was seen.
    pub stretches: usize,
    /// One of the lattice's points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point: Option<LatticePoint>,
}

/// A moment at which a sensor publishes, by which lattices can be laid beside each other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LatticePoint {
    /// When, in the middle of the longest unbroken stretch, on the run's time base.
    pub at_ns: i64,
    /// Half width of its 95 % interval in milliseconds, with what the spacing of the readings leaves open.
    pub within_ms: f64,
}

/// What the changes of a sensor's value say of its period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeriodVerdict {
    /// It publishes on a lattice.
    Lattice,
    /// It publishes on a lattice of which many points show no new value.
    Sparse,
    /// It publishes, but on no lattice.
    FreeRunning,
    /// Its value changed at nearly every reading: it publishes faster than it was read, or when it is asked.
    EveryReading,
    /// Its value changed too seldom to tell.
    TooFewChanges,
}

/// When each change was published, best guess, in nanoseconds: on the lattice where there is one, and always within
/// what the readings allow.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// Times, one a change.
    pub times_ns: Vec<i64>,
    /// Whether the time is that of a lattice.
    pub snapped: bool,
    /// By how much all times together can be wrong to either side, in nanoseconds: readings that keep step with the
    /// sensor never tell where between two of them it publishes.
    pub slack_ns: i64,
}

/// Estimates the update period from the changes of value, and snaps them to it.
pub fn update_period(readings: &Readings, changes: &[Change], confidence: f64) -> (UpdatePeriod, Published) {
    let origin = changes.first().map_or(0, |change| change.middle_ns);
    let moments: Vec<f64> =
        changes.iter().map(|change| seconds(change.middle_ns.saturating_sub(origin))).collect();
    let distances: Vec<f64> = moments.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let poll = (!readings.is_streamed()).then(|| readings.poll_period_ns()).flatten();
    let poll_s = poll.map_or(0.0, seconds);
    let mut period = UpdatePeriod {
        verdict: PeriodVerdict::TooFewChanges,
        period_ms: None,
        residual_ms: None,
        poll_ms: poll.map(milliseconds),
        changes: changes.len(),
        interval_ms: intervals_ms(&distances),
        missing: None,
        steps: [0; 5],
        stretches: 0,
        point: None,
    };
    let unsnapped = || Published {
        times_ns: changes.iter().map(|change| change.middle_ns).collect(),
        snapped: false,
        slack_ns: 0,
    };
    if changes.len() < FEWEST_CHANGES {
        return (period, unsnapped());
    }
    let typical = crate::stats::median(&distances).unwrap_or(0.0);
    if poll_s > EVERY_READING * typical {
        period.verdict = PeriodVerdict::EveryReading;
        return (period, unsnapped());
    }
    let gap = lattice::gap(&distances, poll_s);
    let close: Vec<f64> = distances.iter().copied().filter(|distance| *distance <= gap).collect();
    let sample: Vec<f64> = blocks(close.len(), MOST_IN_COMB).into_iter().map(|index| close[index]).collect();
    // Where the phase is lost in every pause, as on a V100, only what follows without one belongs together.
    let found = lattice::comb(&sample, 1.6 * poll_s).and_then(|guess| {
        [(gap, LOOSEST), (1.5 * typical, LOOSEST_IN_PIECES)].into_iter().find_map(|(gap, loosest)| {
            lattice::fit(&moments, guess, gap).filter(|lattice| lattice.residual < loosest * lattice.period)
        })
    });
    let Some(lattice) = found else {
        period.verdict = PeriodVerdict::FreeRunning;
        return (period, unsnapped());
    };
    describe(&mut period, &lattice, confidence);
    let published = snap(changes, origin, &lattice);
    period.point = point(&lattice, origin, published.slack_ns);
    (period, published)
}

fn describe(period: &mut UpdatePeriod, lattice: &Lattice, confidence: f64) {
    let half = student_two_sided(confidence, lattice.freedom) * lattice.error;
    period.period_ms = Some(Estimate::symmetric(lattice.period * 1e3, half * 1e3, confidence));
    period.residual_ms = Some(lattice.residual * 1e3);
    period.stretches = lattice.stretches.len();
    let (mut seen, mut possible) = (0, 0);
    for stretch in &lattice.stretches {
        for pair in stretch.numbers.windows(2) {
            let step = usize::try_from(pair[1] - pair[0]).unwrap_or(1).max(1);
            seen += 1;
            possible += step;
            period.steps[step.min(5) - 1] += 1;
        }
    }
    let missing = if possible > 0 { 1.0 - count(seen) / count(possible) } else { 0.0 };
    period.missing = Some(missing);
    period.verdict = if missing > 0.25 { PeriodVerdict::Sparse } else { PeriodVerdict::Lattice };
}

fn point(lattice: &Lattice, origin: i64, slack_ns: i64) -> Option<LatticePoint> {
    let longest = lattice.stretches.iter().max_by_key(|stretch| stretch.numbers.len())?;
    let middle = longest.numbers.get(longest.numbers.len() / 2)?;
    let chance_s = 1.96 * lattice.residual / count(longest.numbers.len()).sqrt();
    Some(LatticePoint {
        at_ns: origin.saturating_add(nanoseconds(longest.at(*middle))),
        within_ms: milliseconds(slack_ns) + chance_s * 1e3,
    })
}

fn snap(changes: &[Change], origin: i64, lattice: &Lattice) -> Published {
    let mut times_ns: Vec<i64> = changes.iter().map(|change| change.middle_ns).collect();
    let mut slack_ns = i64::MAX;
    for stretch in &lattice.stretches {
        // How far the whole stretch could be moved without leaving what any of its readings allows.
        let (mut earlier, mut later) = (i64::MAX, i64::MAX);
        for (index, &number) in (stretch.first..).zip(&stretch.numbers) {
            let within = changes[index].within;
            let on_lattice = origin.saturating_add(nanoseconds(stretch.at(number)));
            earlier = earlier.min(on_lattice.saturating_sub(within.begin_ns));
            later = later.min(within.end_ns.saturating_sub(on_lattice));
            times_ns[index] = on_lattice.clamp(within.begin_ns, within.end_ns.max(within.begin_ns));
        }
        // Nothing is left where the sensor's own jitter, or readings that drift through its period, fix the phase.
        let left = if earlier.saturating_add(later) > 0 { earlier.max(later) } else { 0 };
        slack_ns = slack_ns.min(left);
    }
    let slack_ns = if slack_ns == i64::MAX { 0 } else { slack_ns.max(0) };
    // Clipping can put two on one moment, never out of order by more than rounding.
    for index in 1..times_ns.len() {
        times_ns[index] = times_ns[index].max(times_ns[index - 1]);
    }
    Published { times_ns, snapped: true, slack_ns }
}

fn intervals_ms(distances: &[f64]) -> Option<[f64; 4]> {
    let mut sorted = distances.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let at = |per_mille: usize| sorted[last * per_mille / 1000] * 1e3;
    Some([at(50), at(500), at(950), at(1000)])
}
