//! What is drawn of a run: the traces of reference and sensors, thinned to what a page can hold.

use power_analysis::{Comparison, Interval, Matching, Pairs, Publications, Readings, Trace, Window};

use super::curve::{Curve, Points, micros};
use super::{figure, thin};
use crate::comparison::RunComparison;
use crate::run::{Run, TimeBase};
use crate::{Result, traces};

/// Most points of all traces together: about 1.5 MB.
const MOST_POINTS: usize = 100_000;

/// Most pairs that a scatter plot shows.
const MOST_PAIRS: usize = 1500;

/// Share of what both recorded that is drawn before and after it.
const MARGIN: i64 = 50;

/// Nanoseconds below which two times have no interval between them worth drawing.
const SHORTEST_MARGIN_NS: i64 = 1_000_000;

/// The traces of a run as they are drawn.
#[derive(Debug)]
pub(super) struct Drawn {
    /// What times in the page count from, on the run's time base.
    pub(super) origin_ns: i64,
    /// Whether times are row numbers.
    pub(super) ordinal: bool,
    /// The reference; `None` where no sensor could be compared with it.
    pub(super) reference: Option<Curve>,
    /// By sensor: what is drawn of it; `None` where it was not compared.
    pub(super) sensors: Vec<Option<Sensor>>,
}

/// One sensor as it is drawn.
#[derive(Debug)]
pub(super) struct Sensor {
    pub(super) curve: Curve,
    /// What the figure shows at first, in microseconds since the origin.
    pub(super) view: (f64, f64),
    /// Matched pairs (sensor, reference) in watts, evenly thinned.
    pub(super) pairs: Vec<(f64, f64)>,
}

impl Drawn {
    /// Loads what is drawn of `comparison`.
    ///
    /// # Errors
    ///
    /// If the run cannot be read.
    pub(super) fn load(run: &Run, comparison: &RunComparison) -> Result<Self> {
        let ordinal = comparison.time_base == TimeBase::Ordinal;
        let compared = || comparison.sensors.iter().filter_map(|judged| judged.comparison.as_ref());
        let views: Vec<Interval> = compared().map(|compared| view(compared.overlap)).collect();
        let Some(window) = views.iter().copied().reduce(hull) else {
            let sensors = comparison.sensors.iter().map(|_| None).collect();
            return Ok(Self { origin_ns: 0, ordinal, reference: None, sensors });
        };
        let reference = traces::load(run, &comparison.reference.name)?.readings;
        let reference_trace = Trace::naive(&reference);
        let mut reference_points = Points::of(&reference, window).map(|points| points.thinned(MOST_POINTS));
        let most_pairs = figure::most_marks(MOST_PAIRS, comparison.sensors.len());
        let mut loaded = Vec::new();
        for judged in &comparison.sensors {
            let Some(compared) = &judged.comparison else {
                loaded.push(None);
                continue;
            };
            let readings = traces::load(run, &judged.sensor.name)?.readings;
            let pairs = reference_trace
                .as_ref()
                .map(|trace| thinned_pairs(&pairs(&readings, &reference, trace, compared), most_pairs));
            let points =
                Points::of(&readings, view(compared.overlap)).map(|points| points.thinned(MOST_POINTS));
            loaded.push(points.map(|points| (points, compared.overlap, pairs.unwrap_or_default())));
        }
        let begins = comparison.sensors.iter().filter(|judged| judged.comparison.is_some());
        let begins = begins.map(|judged| &judged.sensor).chain([&comparison.reference]);
        let begin = begins.filter_map(|subject| Some(subject.span?.begin_ns)).min();
        let origin_ns = if ordinal { 0 } else { begin.unwrap_or(window.begin_ns) };
        let mut traces: Vec<&mut Points> = loaded.iter_mut().flatten().map(|(points, ..)| points).collect();
        traces.extend(reference_points.as_mut());
        share_out(&mut traces);
        Ok(Self {
            origin_ns,
            ordinal,
            reference: reference_points.map(|points| points.rounded(origin_ns)),
            sensors: loaded
                .into_iter()
                .map(|loaded| {
                    let (points, overlap, pairs) = loaded?;
                    let view = view(overlap);
                    let since = |time: i64| figure::as_f64(micros(time, origin_ns));
                    let view = (since(view.begin_ns), since(view.end_ns));
                    Some(Sensor { curve: points.rounded(origin_ns), view, pairs })
                })
                .collect(),
        })
    }
}

/// What both recorded, and a little more at both ends.
fn view(overlap: Interval) -> Interval {
    overlap.widened((overlap.length_ns() / MARGIN).max(SHORTEST_MARGIN_NS))
}

fn hull(a: Interval, b: Interval) -> Interval {
    Interval::new(a.begin_ns.min(b.begin_ns), a.end_ns.max(b.end_ns))
}

/// Thins traces so that all together have at most [`MOST_POINTS`].
fn share_out(traces: &mut [&mut Points]) {
    let wanted: Vec<usize> = traces.iter().map(|points| points.times_ns.len()).collect();
    for (points, share) in traces.iter_mut().zip(thin::shares(&wanted, MOST_POINTS)) {
        if share < points.times_ns.len() {
            **points = points.thinned(share);
        }
    }
}

/// The pairs on which the agreement of a comparison rests.
fn pairs(readings: &Readings, other: &Readings, reference: &Trace, compared: &Comparison) -> Vec<(f64, f64)> {
    let Some(agreement) = &compared.agreement else { return Vec::new() };
    let pairs = match agreement.matching {
        Matching::Window { window_ms } => {
            Pairs::by_window(&Publications::find(readings), reference, Window::Known(nanos(window_ms)))
        }
        Matching::Steps => Pairs::by_window(&Publications::find(readings), reference, Window::SincePrevious),
        Matching::Blocks { block_ms } => match Trace::naive(readings) {
            // A fifth of the block as the period gives the same block again.
            Some(trace) => Pairs::by_blocks(&trace, reference, compared.overlap, nanos(block_ms) / 5),
            None => return Vec::new(),
        },
        Matching::Rows => Pairs::by_rows(readings, other),
    };
    pairs.sensor_w.into_iter().zip(pairs.reference_w).collect()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a float cast saturates; windows and blocks are far shorter"
)]
fn nanos(milliseconds: f64) -> i64 {
    (milliseconds * 1e6).round() as i64
}

/// At most `most` pairs, evenly spaced, those of the greatest and the least difference among them.
fn thinned_pairs(pairs: &[(f64, f64)], most: usize) -> Vec<(f64, f64)> {
    if pairs.len() <= most {
        return pairs.to_vec();
    }
    let difference = |pair: &&(f64, f64)| pair.0 - pair.1;
    let by = |a: &&(f64, f64), b: &&(f64, f64)| difference(a).total_cmp(&difference(b));
    let ends = pairs.iter().max_by(by).into_iter().chain(pairs.iter().min_by(by));
    pairs.iter().step_by(pairs.len().div_ceil(most - 2)).chain(ends).copied().collect()
}
