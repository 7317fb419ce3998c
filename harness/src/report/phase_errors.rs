//! The figure of each phase's power error against how well it was sampled.

use std::fmt::Write as _;

use power_analysis::{Comparison, PhaseRow, PhaseVerdict};

use super::axis::{Scale, round_range};
use super::bland_altman::middle;
use super::curve::coordinate;
use super::figure::{Frame, X_PIXELS, Y_PIXELS, as_f64, most_marks};
use super::text::{counted, grouped, plain};
use super::verdict;

/// Most phases that are drawn.
const MOST_POINTS: usize = 2000;

/// One phase in the figure.
#[derive(Debug, Clone, Copy)]
struct Point {
    x: f64,
    error: f64,
    verdict: PhaseVerdict,
    phase: usize,
}

/// The figure of one of `sensors` sensors and its caption, as HTML; `None` where no phase has an error.
pub(super) fn figure(comparison: &Comparison, sensors: usize) -> Option<String> {
    let by_ratio = comparison.phases.iter().any(|row| row.sample_ratio.is_some());
    let by_mean = comparison.phases.iter().any(|row| row.mean_reading_w.is_some());
    let across = |row: &PhaseRow| {
        if by_ratio { row.sample_ratio } else { (row.readings > 0).then(|| count(row.readings)) }
    };
    let error = |row: &PhaseRow| if by_mean { mean_error(row) } else { row.error };
    let points: Vec<Point> = comparison
        .phases
        .iter()
        .enumerate()
        .filter_map(|(phase, row)| {
            Some(Point { x: across(row)?, error: error(row)?, verdict: row.verdict, phase })
        })
        .filter(|point| point.x.is_finite() && point.error.is_finite())
        .collect();
    let xs = || points.iter().map(|point| point.x);
    let (least, most) = (xs().reduce(f64::min)?, xs().reduce(f64::max)?);
    let x = if by_ratio {
        Scale::linear((0.0, round_range(0.0, most.max(1.0) * 1.02, 5).1), X_PIXELS)
    } else {
        Scale::logarithmic((least.max(1.0) / 1.3, most.max(2.0) * 1.3), X_PIXELS)
    };
    let (low, high) = middle(points.iter().map(|point| point.error * 100.0).collect());
    let y = Scale::linear(round_range(low.min(0.0), high.max(0.0), 5), Y_PIXELS);
    let y_title = if by_mean { "error of mean reading, %" } else { "error of energy, %" };
    let x_title = if by_ratio {
        "sample ratio: readings taken / asked for"
    } else {
        "readings in the phase (logarithmic)"
    };
    let mut frame =
        Frame::new("Power error of each phase against how well it was sampled", x, y, x_title, y_title);
    frame.level("neutral", 0.0);
    let stride = points.len().div_ceil(most_marks(MOST_POINTS, sensors));
    let (bottom, top) = y.ends();
    let mut keys = String::new();
    for verdict in verdict::ALL {
        let (mut data, mut phases) = (String::new(), String::new());
        for point in points.iter().step_by(stride).filter(|point| point.verdict == verdict) {
            let (px, py) = (x.at(point.x), y.at(y.clip(point.error * 100.0)));
            let _ = write!(data, "M{},{}{}", coordinate(px), coordinate(py), verdict::glyph(verdict));
            let _ = write!(phases, "{}{}", if phases.is_empty() { "" } else { " " }, point.phase);
        }
        if !data.is_empty() {
            let class = verdict::class(verdict).0;
            let _ = write!(keys, "<li>{}{}</li>", verdict::mark(verdict), verdict.words());
            frame.raw(&format!("<path class=\"point v-{class}\" data-phases=\"{phases}\" d=\"{data}\"/>"));
        }
    }
    let mut caption = caption(comparison, &points, by_ratio, by_mean);
    if stride > 1 {
        let _ = write!(caption, " One phase in {stride} is drawn.");
    }
    let beyond =
        points.iter().filter(|point| point.error * 100.0 < bottom || point.error * 100.0 > top).count();
    if beyond > 0 {
        let _ = write!(caption, " {} beyond the axis, drawn at its edge.", grouped(beyond));
    }
    Some(format!(
        "<figure class=\"phase-errors\">{}<ul class=\"legend\">{keys}</ul><figcaption><b>Phases.</b> {caption}</figcaption></figure>",
        frame.finish()
    ))
}

/// Error of the mean of the readings within a phase, as the naive tracer makes it.
pub(super) fn mean_error(row: &PhaseRow) -> Option<f64> {
    let seconds = row.phase.interval.seconds();
    let reference_w = row.reference_j.filter(|&joules| joules > 0.0 && seconds > 0.0)? / seconds;
    Some(row.mean_reading_w? / reference_w - 1.0)
}

fn caption(comparison: &Comparison, points: &[Point], by_ratio: bool, by_mean: bool) -> String {
    let within = |limit: f64| points.iter().filter(|point| point.error.abs() <= limit).count();
    let phases = comparison.phases.len();
    let what = if by_mean { "mean reading" } else { "energy (a counter has no mean reading)" };
    let mut caption = format!(
        "In {} of {} the {what} is within 5 % of the reference, in {} within 20 %.",
        grouped(within(0.05)),
        counted(points.len(), "phase", "phases"),
        grouped(within(0.20))
    );
    if by_ratio {
        let low = points.iter().filter(|point| point.x < 0.95).count();
        let share = 100.0 * count(low) / count(points.len().max(1));
        let _ = write!(caption, " {} ({} %) have a sample ratio below 0.95.", grouped(low), plain(share, 0));
    } else {
        caption.push_str(
            " How many readings were asked for is unknown, so is the sample ratio: the axis counts readings.",
        );
    }
    if points.len() < phases {
        let _ = write!(
            caption,
            " {} of {} have no error to draw.",
            grouped(phases - points.len()),
            grouped(phases)
        );
    }
    caption
}

fn count(items: usize) -> f64 {
    as_f64(i64::try_from(items).unwrap_or(i64::MAX))
}
