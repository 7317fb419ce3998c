//! One sensor against the reference: all that can be said, in one structure.

use serde::{Deserialize, Serialize};

use crate::agreement::{Agreement, agreement};
use crate::energy::{self, Energies, EnergyPair, Guard};
use crate::faults::{self, Fault, FaultKind, Following, Reach, following};
use crate::filter::{self, Window};
use crate::misalignment;
use crate::pairs::Pairs;
use crate::phases::{self, GAP_PERIODS, Phase, PhaseGroup, PhaseRow, PhaseVerdict, Side};
use crate::publications::{Period, Publications};
use crate::readings::Readings;
use crate::stats;
use crate::time::{Interval, milliseconds, nanos_of, seconds};
use crate::trace::Trace;

/// What a comparison is told besides the readings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Phases of the run.
    pub phases: Vec<Phase>,
    /// The sensor's averaging window in nanoseconds, where the caller knows better than its descriptor.
    pub window_ns: Option<i64>,
    /// Time between two reads that was asked for, in nanoseconds.
    pub asked_period_ns: Option<i64>,
    /// Whether the data has a time base; without one there is no energy.
    pub has_time: bool,
    /// By how much the two clocks can differ, in nanoseconds; 0 where both are the time base.
    pub clock_uncertainty_ns: i64,
    /// Start of all random numbers: the same seed gives the same result.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            phases: Vec::new(),
            window_ns: None,
            asked_period_ns: None,
            has_time: true,
            clock_uncertainty_ns: 0,
            seed: 1,
        }
    }
}

/// The reference, prepared once for any number of sensors.
#[derive(Debug)]
pub struct Reference<'a> {
    readings: &'a Readings,
    publications: Publications,
    trace: Trace,
}

impl<'a> Reference<'a> {
    /// Prepares the reference; `None` if it has fewer than two readings.
    pub fn new(readings: &'a Readings) -> Option<Self> {
        let publications = Publications::find(readings);
        let trace = Trace::of_corners(readings, &publications)?;
        Some(Self { readings, publications, trace })
    }

    /// The reference's power, by the naive rule.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// When the reference published.
    pub fn publications(&self) -> &Publications {
        &self.publications
    }

    /// The longest time by which it tells late: its window and its update period, in nanoseconds.
    fn lag_ns(&self) -> i64 {
        let window = self.readings.channel().window().map_or(0, nanos_of);
        window.saturating_add(self.publications.period_ns().unwrap_or(0))
    }

    fn side(&self) -> Side<'_> {
        Side { readings: self.readings, publications: &self.publications, trace: &self.trace }
    }
}

/// How often a sensor published and was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// Readings with a value.
    pub readings: usize,
    /// Readings for which the device had no value.
    pub missing: usize,
    /// Readings out of order of time in the data; they were sorted.
    pub reordered: usize,
    /// Changes of value that were seen.
    pub publications: usize,
    /// Median time between two readings.
    pub poll_period_ms: Option<f64>,
    /// Time between two readings that was asked for.
    pub asked_period_ms: Option<f64>,
    /// Readings taken over readings asked for.
    pub sample_ratio: Option<f64>,
    /// Times between publications.
    pub update_period: Option<Period>,
    /// Averaging window of one publication; `None` where nobody says.
    pub window_ms: Option<f64>,
    /// Share of time that the sensor looks at, min(1, W/T).
    pub attention: Option<f64>,
}

impl Sampling {
    /// For data without time: nothing that is reckoned from times.
    fn without_times(self) -> Self {
        Self { poll_period_ms: None, sample_ratio: None, update_period: None, attention: None, ..self }
    }
}

/// The error that a perfect sensor would have made with this one's window, publications and readings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explained {
    /// Of what: `whole run`, or the group of phases.
    pub of: String,
    /// Relative error of a perfect sensor; where the window is unknown, the lowest of what windows can give.
    pub low: f64,
    /// The highest of what windows can give; equal to `low` where the window is known.
    pub high: f64,
    /// Relative error that was measured.
    pub measured: f64,
    /// What was assumed about the window.
    pub assumption: String,
}

/// One sensor against the reference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// What both recorded.
    pub overlap: Interval,
    /// How often the sensor published and was read.
    pub sampling: Sampling,
    /// Whether the reference follows the sensor.
    pub following: Following,
    /// Energies of the overlap; `None` where there are none.
    pub energies: Option<Energies>,
    /// Why there are no energies, where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy_refused: Option<String>,
    /// Agreement over matched pairs; `None` for fewer than three.
    pub agreement: Option<Agreement>,
    /// Phases, one after another.
    pub phases: Vec<PhaseRow>,
    /// Phases, summed up by kind.
    pub groups: Vec<PhaseGroup>,
    /// How much of the errors averaging and sampling explain.
    pub explained: Vec<Explained>,
    /// What is wrong with the sensor, in order of time.
    pub faults: Vec<Fault>,
}

/// Why two channels cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incomparable {
    /// The sensor has fewer than two readings with a value.
    TooFewReadings,
    /// The two were never recorded at the same time.
    NoOverlap {
        /// What the sensor covers.
        sensor: Interval,
        /// What the reference covers.
        reference: Interval,
    },
}

/// Compares a sensor with the reference.
///
/// # Errors
///
/// [`Incomparable`] if the sensor has no two readings, or none while the reference was recorded.
pub fn compare(
    readings: &Readings,
    reference: &Reference<'_>,
    settings: &Settings,
) -> Result<Comparison, Incomparable> {
    let publications = Publications::find(readings);
    let trace = Trace::of_corners(readings, &publications).ok_or(Incomparable::TooFewReadings)?;
    let (own, other) = (trace.span(), reference.trace.span());
    let overlap = own.intersect(other).ok_or(Incomparable::NoOverlap { sensor: own, reference: other })?;
    let window =
        settings.window_ns.map(Window::Known).or_else(|| Window::nominal(readings.channel().quantity));
    let period_ns =
        [publications.period_ns(), reference.publications.period_ns()].into_iter().flatten().max();
    let period_ns = period_ns.unwrap_or(0);
    let sensor = Side { readings, publications: &publications, trace: &trace };

    let pairs = pairs(&sensor, reference, window, overlap, period_ns, settings.has_time);
    let agreement = agreement(&pairs, period_ns.saturating_mul(GAP_PERIODS), settings.seed);
    drop(pairs);
    let following = following(agreement.as_ref());

    let window_ns = match window {
        Some(Window::Known(window)) => Some(window),
        Some(Window::SincePrevious) => publications.period_ns(),
        None => None,
    };
    let mut comparison = Comparison {
        overlap,
        sampling: sampling(readings, &publications, window_ns, settings.asked_period_ns),
        following,
        energies: None,
        energy_refused: None,
        agreement,
        phases: Vec::new(),
        groups: Vec::new(),
        explained: Vec::new(),
        faults: Vec::new(),
    };
    if !settings.has_time {
        comparison.sampling = comparison.sampling.without_times();
        comparison.energy_refused = Some("the data has no time: rows are only numbered".into());
        return Ok(comparison);
    }
    comparison.phases =
        phases::rows(&settings.phases, &sensor, &reference.side(), settings.asked_period_ns, window_ns);
    comparison.faults = find_faults(&sensor, reference, window_ns, period_ns, &comparison);
    mark_faulty(&mut comparison.phases, &comparison.faults);
    misalignment::mark(&mut comparison.phases, &reference.trace, settings.clock_uncertainty_ns);
    comparison.groups = phases::groups(&comparison.phases, settings.seed);
    match energies(&sensor, reference, overlap, window_ns, period_ns, settings) {
        Ok(energies) => comparison.energies = Some(energies),
        Err(reason) => comparison.energy_refused = Some(reason),
    }
    comparison.explained = explained(&sensor, reference, window, &comparison);
    misalignment::widen(&mut comparison, &reference.trace, settings.clock_uncertainty_ns);
    Ok(comparison)
}

fn pairs(
    sensor: &Side<'_>,
    reference: &Reference<'_>,
    window: Option<Window>,
    overlap: Interval,
    period_ns: i64,
    has_time: bool,
) -> Pairs {
    if !has_time {
        return Pairs::by_rows(sensor.readings, reference.readings);
    }
    match window {
        Some(window) => Pairs::by_window(sensor.publications, &reference.trace, window),
        None => Pairs::by_blocks(sensor.trace, &reference.trace, overlap, period_ns),
    }
}

fn sampling(
    readings: &Readings,
    publications: &Publications,
    window_ns: Option<i64>,
    asked_period_ns: Option<i64>,
) -> Sampling {
    let period_ns = publications.period_ns();
    let taken = stats::count(readings.len() + readings.missing_ns().len());
    let span = readings.span();
    Sampling {
        readings: readings.len(),
        missing: readings.missing_ns().len(),
        reordered: readings.reordered(),
        publications: publications.len(),
        poll_period_ms: readings.poll_period_ns().map(milliseconds),
        asked_period_ms: asked_period_ns.map(milliseconds),
        sample_ratio: asked_period_ns
            .zip(span)
            .map(|(asked, span)| taken / (span.seconds() / seconds(asked) + 1.0)),
        update_period: publications.period(),
        window_ms: window_ns.map(milliseconds),
        attention: window_ns
            .zip(period_ns)
            .map(|(window, period)| (seconds(window) / seconds(period)).min(1.0)),
    }
}

fn energies(
    sensor: &Side<'_>,
    reference: &Reference<'_>,
    overlap: Interval,
    window_ns: Option<i64>,
    period_ns: i64,
    settings: &Settings,
) -> Result<Energies, String> {
    for (name, readings) in [("sensor", sensor.readings), ("reference", reference.readings)] {
        if readings.resets_ns().iter().any(|&time| time > overlap.begin_ns && time <= overlap.end_ns) {
            return Err(format!(
                "the {name}'s counter was set back within the run: only phases without that have one"
            ));
        }
    }
    let naive = energy::naive(sensor.trace, &reference.trace, overlap, period_ns, settings.seed)
        .ok_or("the reference shows no energy in what both recorded")?;
    let (guard_banded, guard_refused) = match guarded(sensor, reference, window_ns, period_ns, settings) {
        Ok(pair) => (Some(pair), None),
        Err(reason) => (None, Some(reason)),
    };
    Ok(Energies { naive, guard_banded, guard_refused })
}

/// Guard-banded energies of all that is marked, from the first phase's begin to the last one's end.
fn guarded(
    sensor: &Side<'_>,
    reference: &Reference<'_>,
    window_ns: Option<i64>,
    period_ns: i64,
    settings: &Settings,
) -> Result<EnergyPair, String> {
    let begin = settings.phases.iter().map(|phase| phase.interval.begin_ns).min();
    let end = settings.phases.iter().map(|phase| phase.interval.end_ns).max();
    let load =
        begin.zip(end).map(|(begin, end)| Interval::new(begin, end)).ok_or("no phase marks the load")?;
    let window_ns = window_ns.ok_or("the sensor's averaging window is unknown")?;
    energy::guard_banded(sensor.trace, &reference.trace, load, Guard { window_ns, period_ns }, settings.seed)
}

/// The errors of a perfect sensor of the same window, publications and readings, whole run and by group.
fn explained(
    sensor: &Side<'_>,
    reference: &Reference<'_>,
    window: Option<Window>,
    comparison: &Comparison,
) -> Vec<Explained> {
    let (windows, assumption) = match (window, sensor.publications.period_ns()) {
        (Some(Window::Known(nanos)), _) => {
            (vec![Window::Known(nanos)], format!("averaging window {:.0} ms", milliseconds(nanos)))
        }
        (Some(Window::SincePrevious), _) => {
            (vec![Window::SincePrevious], "counts all energy up to each publication".to_owned())
        }
        (None, Some(period)) => (
            vec![Window::Known(0), Window::SincePrevious],
            format!(
                "averaging window unknown, between 0 and its update period of {:.0} ms",
                milliseconds(period)
            ),
        ),
        (None, None) => return Vec::new(),
    };
    let perfect: Vec<Trace> = windows
        .into_iter()
        .filter_map(|window| filter::emulated(&reference.trace, sensor.readings, sensor.publications, window))
        .collect();
    let mut found = Vec::new();
    let mut add = |of: &str, measured: f64, intervals: &[Interval]| {
        let error = |trace: &Trace| {
            let both =
                intervals.iter().filter_map(|&i| Some((trace.energy_j(i)?, reference.trace.energy_j(i)?)));
            let (seen, real) = both.fold((0.0, 0.0), |sum, (seen, real)| (sum.0 + seen, sum.1 + real));
            (real > 0.0).then(|| seen / real - 1.0)
        };
        let errors: Vec<f64> = perfect.iter().filter_map(error).collect();
        if !errors.is_empty() {
            let low = errors.iter().copied().fold(f64::INFINITY, f64::min);
            let high = errors.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            found.push(Explained { of: of.to_owned(), low, high, measured, assumption: assumption.clone() });
        }
    };
    if let Some(energies) = &comparison.energies {
        let covered = perfect.iter().fold(energies.naive.interval, |covered, trace| {
            covered.intersect(trace.span()).unwrap_or(covered)
        });
        add("whole run", energies.naive.error.value, &[covered]);
    }
    for group in &comparison.groups {
        if let Some(error) = &group.error {
            let judged: Vec<Interval> = comparison
                .phases
                .iter()
                .filter(|row| row.phase.group() == group.group && row.error.is_some())
                .map(|row| row.phase.interval)
                .collect();
            add(&group.group, error.value, &judged);
        }
    }
    found
}

fn find_faults(
    sensor: &Side<'_>,
    reference: &Reference<'_>,
    window_ns: Option<i64>,
    period_ns: i64,
    comparison: &Comparison,
) -> Vec<Fault> {
    let mut found = faults::dropouts(sensor.readings, sensor.publications);
    found.extend(faults::resets(sensor.readings));
    found.extend(faults::gaps(sensor.publications, sensor.readings, comparison.overlap));
    // What compares with the reference is only worth saying where the reference follows.
    if comparison.following == Following::Yes && !sensor.readings.is_counter() {
        let window_ns = window_ns.unwrap_or(period_ns);
        let reach = Reach { window_ns, delay_ns: period_ns, reference_lag_ns: reference.lag_ns() };
        found.extend(faults::false_low(sensor.readings, sensor.publications, &reference.trace, reach));
        if let Some((low, high)) = reference.trace.extremes_w(comparison.overlap) {
            found.extend(faults::stuck(
                sensor.publications,
                sensor.readings,
                &reference.trace,
                window_ns,
                reference.lag_ns(),
                high - low,
            ));
        }
        // A reference that is slower than the sensor cannot be brought to its bandwidth.
        let distribution =
            comparison.agreement.as_ref().and_then(|agreement| agreement.distribution.as_ref());
        if reference.lag_ns() <= window_ns.max(sensor.publications.period_ns().unwrap_or(0)) {
            found.extend(distribution.and_then(|known| faults::low_plateau(known, comparison.overlap)));
        }
    }
    found.sort_by_key(|fault| fault.interval.begin_ns);
    found
}

/// A phase that looked well sampled is not believed where a fault falls into it.
fn mark_faulty(rows: &mut [PhaseRow], faults: &[Fault]) {
    let wrong_value = |kind| matches!(kind, FaultKind::Dropout | FaultKind::Stuck | FaultKind::FalseLow);
    for row in rows.iter_mut().filter(|row| row.verdict == PhaseVerdict::Ok) {
        let within = |fault: &Fault| {
            let Interval { begin_ns, end_ns } = row.phase.interval;
            fault.interval.begin_ns <= end_ns && fault.interval.end_ns >= begin_ns
        };
        if faults.iter().any(|fault| wrong_value(fault.kind) && within(fault)) {
            row.verdict = PhaseVerdict::Faulty;
        }
    }
}
