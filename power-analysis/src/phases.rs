//! One sensor against the reference, phase by phase, with a verdict on each.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::energy::{CONFIDENCE, RelativeError};
use crate::publications::Publications;
use crate::readings::Readings;
use crate::stats::{self, Estimate};
use crate::time::{Interval, milliseconds, seconds};
use crate::trace::Trace;

/// Fewest publications from which a phase's power is attributed to it (sensors.md §5.7).
pub const FEWEST_PUBLICATIONS: usize = 3;

/// A pause of this many update periods is a gap (sensors.md §5.7).
pub const GAP_PERIODS: i64 = 3;

/// Share of the publications to be expected below which a phase is under-sampled (sensors.md §5.7).
const UNDER_SAMPLED_SHARE: f64 = 0.5;

/// A named interval of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phase {
    /// Its name: a group's name, alone or followed by what tells it from its like, as in `epoch 3/0`.
    pub name: String,
    /// When it was.
    #[serde(flatten)]
    pub interval: Interval,
}

impl Phase {
    /// The first word of the name: phases of one group are of one kind.
    pub fn group(&self) -> &str {
        self.name.split_whitespace().next().unwrap_or("")
    }
}

/// Whether a sensor can be believed about a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PhaseVerdict {
    /// Enough publications, evenly spread.
    Ok,
    /// Fewer than half of the publications that its update period promises were seen.
    UnderSampled,
    /// Fewer than three publications.
    Unresolved,
    /// A pause of more than three update periods.
    Gap,
    /// Enough publications, but a fault falls into it: a dropout, a stuck or a false-low value.
    Faulty,
    /// Not one whole reading: no energy is stated.
    NoReading,
    /// A counter was set back within it: no energy is stated.
    CounterReset,
    /// Not recorded from begin to end by both: no energy is stated.
    NotCovered,
    /// The reference itself has fewer than three publications in it: its energy is not stated.
    Unjudged,
}

impl PhaseVerdict {
    /// The verdict in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::UnderSampled => "under-sampled",
            Self::Unresolved => "unresolved",
            Self::Gap => "gap",
            Self::Faulty => "faulty",
            Self::NoReading => "no reading",
            Self::CounterReset => "counter reset",
            Self::NotCovered => "not covered",
            Self::Unjudged => "reference too slow",
        }
    }
}

/// One phase as a sensor and the reference saw it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhaseRow {
    /// The phase.
    #[serde(flatten)]
    pub phase: Phase,
    /// Whether the sensor can be believed about it.
    pub verdict: PhaseVerdict,
    /// Readings wholly within it.
    pub readings: usize,
    /// Publications within it.
    pub publications: usize,
    /// Readings over those asked for; `None` where nobody knows how many were asked for.
    pub sample_ratio: Option<f64>,
    /// Share of the phase that publications cover; `None` where the averaging window is unknown.
    pub coverage: Option<f64>,
    /// Longest time without a publication.
    pub longest_gap_ms: f64,
    /// Energy by the sensor; `None` where it cannot be stated.
    pub sensor_j: Option<f64>,
    /// Energy by the reference; `None` where it cannot be stated.
    pub reference_j: Option<f64>,
    /// Relative error of the sensor's energy.
    pub error: Option<f64>,
    /// By how much the clocks' uncertainty can change the error; `None` where both clocks are the time base.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_error: Option<f64>,
    /// Mean of the readings wholly within it in watts, as the naive tracer takes it; `None` for a counter.
    pub mean_reading_w: Option<f64>,
}

/// All phases of one kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhaseGroup {
    /// The first word of their names.
    pub group: String,
    /// How many there are.
    pub phases: usize,
    /// How many have each verdict.
    pub verdicts: BTreeMap<PhaseVerdict, usize>,
    /// How many have no whole reading.
    pub without_reading: usize,
    /// Phases with an energy by both, of which the figures below speak.
    pub judged: usize,
    /// Sum of the sensor's energies in joules; `None` where no phase was judged.
    pub sensor_j: Option<f64>,
    /// Sum of the reference's energies in joules; `None` where no phase was judged.
    pub reference_j: Option<f64>,
    /// Relative error of the sum; phases are the blocks of its interval. `None` where no phase was judged.
    pub error: Option<RelativeError>,
    /// Median of the phases' absolute relative errors.
    pub median_absolute_error: Option<f64>,
    /// Pearson's correlation of mean power; `None` below three phases.
    pub pearson: Option<Estimate>,
    /// Spearman's rank correlation of mean power.
    pub spearman: Option<Estimate>,
    /// Lin's concordance of mean power.
    pub concordance: Option<f64>,
}

/// What judging phases needs.
#[derive(Debug)]
pub(crate) struct Side<'a> {
    pub(crate) readings: &'a Readings,
    pub(crate) publications: &'a Publications,
    pub(crate) trace: &'a Trace,
}

/// One row a phase.
pub(crate) fn rows(
    phases: &[Phase],
    sensor: &Side<'_>,
    reference: &Side<'_>,
    asked_period_ns: Option<i64>,
    window_ns: Option<i64>,
) -> Vec<PhaseRow> {
    phases.iter().map(|phase| row(phase, sensor, reference, asked_period_ns, window_ns)).collect()
}

fn row(
    phase: &Phase,
    sensor: &Side<'_>,
    reference: &Side<'_>,
    asked_period_ns: Option<i64>,
    window_ns: Option<i64>,
) -> PhaseRow {
    let interval = phase.interval;
    let length = interval.seconds();
    let inside = sensor.readings.within(interval);
    let publications = sensor.publications.count(interval);
    let longest_gap_ns = sensor.publications.longest_gap_ns(interval);
    let verdict = verdict(interval, sensor, reference, inside.len(), publications, longest_gap_ns);
    let stated =
        !matches!(verdict, PhaseVerdict::NoReading | PhaseVerdict::CounterReset | PhaseVerdict::NotCovered);
    let sensor_j = if stated { sensor.trace.energy_j(interval) } else { None };
    let reference_stated = verdict != PhaseVerdict::Unjudged && !has_reset(reference.readings, interval);
    let reference_j = if reference_stated { reference.trace.energy_j(interval) } else { None };
    let error = match (sensor_j, reference_j) {
        (Some(sensor), Some(reference)) if reference > 0.0 => Some(sensor / reference - 1.0),
        _ => None,
    };
    let mean_reading_w = match sensor.readings.values() {
        crate::readings::Values::Power(watts) => stats::mean(&watts[inside.clone()]),
        crate::readings::Values::Energy(_) => None,
    };
    PhaseRow {
        phase: phase.clone(),
        verdict,
        readings: inside.len(),
        publications,
        sample_ratio: asked_period_ns
            .filter(|_| length > 0.0)
            .map(|asked| stats::count(inside.len()) * seconds(asked) / length),
        coverage: window_ns.filter(|_| length > 0.0).map(|window| {
            let step = sensor.publications.period_ns().unwrap_or(window);
            (stats::count(publications) * seconds(window.min(step)) / length).min(1.0)
        }),
        longest_gap_ms: milliseconds(longest_gap_ns),
        sensor_j,
        reference_j,
        error,
        clock_error: None,
        mean_reading_w,
    }
}

fn verdict(
    interval: Interval,
    sensor: &Side<'_>,
    reference: &Side<'_>,
    readings: usize,
    publications: usize,
    longest_gap_ns: i64,
) -> PhaseVerdict {
    let covered = |side: &Side<'_>| side.trace.span().holds(interval);
    if interval.length_ns() == 0 || !covered(sensor) || !covered(reference) {
        return PhaseVerdict::NotCovered;
    }
    if has_reset(sensor.readings, interval) {
        return PhaseVerdict::CounterReset;
    }
    if readings == 0 {
        return PhaseVerdict::NoReading;
    }
    if reference.publications.count(interval) < FEWEST_PUBLICATIONS {
        return PhaseVerdict::Unjudged;
    }
    if publications < FEWEST_PUBLICATIONS {
        return PhaseVerdict::Unresolved;
    }
    let Some(period) = sensor.publications.period_ns() else { return PhaseVerdict::Unresolved };
    if longest_gap_ns > period.saturating_mul(GAP_PERIODS) {
        return PhaseVerdict::Gap;
    }
    // The period that the sensor keeps by its maker's word, not the one at which it was looked at.
    let promised = sensor.publications.period().and_then(|period| period.nominal_ms);
    let promised_s = promised.map_or(seconds(period), |nominal| nominal * 1e-3);
    if stats::count(publications) * promised_s < UNDER_SAMPLED_SHARE * interval.seconds() {
        return PhaseVerdict::UnderSampled;
    }
    PhaseVerdict::Ok
}

fn has_reset(readings: &Readings, interval: Interval) -> bool {
    let resets = readings.resets_ns();
    let after = resets.partition_point(|&time| time <= interval.begin_ns);
    // A reset is known at the reading after it: the first one past the interval's end may tell of one within.
    let known_at = readings.first_from(interval.end_ns).unwrap_or(interval.end_ns);
    resets.get(after).is_some_and(|&time| time <= known_at)
}

/// Sums rows up by group, in order of first appearance.
pub(crate) fn groups(rows: &[PhaseRow], seed: u64) -> Vec<PhaseGroup> {
    let mut order: Vec<&str> = Vec::new();
    let mut members: BTreeMap<&str, Vec<&PhaseRow>> = BTreeMap::new();
    for row in rows {
        let group = row.phase.group();
        members.entry(group).or_insert_with(|| {
            order.push(group);
            Vec::new()
        });
        if let Some(rows) = members.get_mut(group) {
            rows.push(row);
        }
    }
    order.into_iter().filter_map(|group| members.get(group).map(|rows| group_of(group, rows, seed))).collect()
}

fn group_of(group: &str, rows: &[&PhaseRow], seed: u64) -> PhaseGroup {
    let mut verdicts = BTreeMap::new();
    for row in rows {
        *verdicts.entry(row.verdict).or_insert(0) += 1;
    }
    let judged: Vec<(f64, f64, f64)> = rows
        .iter()
        .filter_map(|row| Some((row.sensor_j?, row.reference_j?, row.phase.interval.seconds())))
        .collect();
    let (sensor, reference): (Vec<f64>, Vec<f64>) = judged.iter().map(|&(s, r, _)| (s, r)).unzip();
    let (sensor_w, reference_w): (Vec<f64>, Vec<f64>) =
        judged.iter().map(|&(s, r, t)| (s / t, r / t)).unzip();
    let errors: Vec<f64> = rows.iter().filter_map(|row| row.error.map(f64::abs)).collect();
    let points = stats::count(judged.len());
    let interval = |r: f64| stats::correlation_interval(r, points, CONFIDENCE);
    PhaseGroup {
        group: group.to_owned(),
        phases: rows.len(),
        verdicts,
        without_reading: rows.iter().filter(|row| row.readings == 0).count(),
        judged: judged.len(),
        sensor_j: (!judged.is_empty()).then(|| sensor.iter().sum()),
        reference_j: (!judged.is_empty()).then(|| reference.iter().sum()),
        error: RelativeError::of_sums(&sensor, &reference, seed),
        median_absolute_error: stats::median(&errors),
        pearson: stats::pearson(&sensor_w, &reference_w).map(interval),
        spearman: stats::spearman(&sensor_w, &reference_w).map(interval),
        concordance: stats::concordance(&sensor_w, &reference_w),
    }
}
