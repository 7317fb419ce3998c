//! Charts of a study: points, distribution functions, boxes. Every mark has its words for the pointer.

use std::fmt::Write as _;

use crate::report::axis::{Scale, round_range};
use crate::report::box_plot::{self, BoxRow};
use crate::report::curve::coordinate;
use crate::report::figure::{self, Frame, X_PIXELS, Y_PIXELS};
use crate::report::text::escape;
use crate::study::results::{Curve, EstimatorBox};

/// Most points of one scatter plot.
const MOST_POINTS: usize = 1500;

/// Colours that tell curves apart, as classes of the style sheet.
const SERIES: [&str; 4] = ["line s0", "line s1", "line s2", "line s3"];

/// One point: where, what the pointer says, and how strong its colour is, 0 to 1.
#[derive(Debug, Clone)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) shade: Option<f64>,
    pub(super) words: String,
}

/// What a scatter plot is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axes<'a> {
    pub(super) label: &'a str,
    pub(super) x: &'a str,
    pub(super) y: &'a str,
    /// Range of x that is shown whatever the points.
    pub(super) x_range: Option<(f64, f64)>,
    /// Range of y that is shown whatever the points.
    pub(super) y_range: Option<(f64, f64)>,
}

/// A scatter plot; `None` without points.
pub(super) fn scatter(points: &[Point], axes: &Axes<'_>) -> Option<String> {
    let step = points.len().div_ceil(MOST_POINTS).max(1);
    let points: Vec<&Point> = points.iter().step_by(step).collect();
    let x = Scale::linear(range(points.iter().map(|point| point.x), axes.x_range)?, X_PIXELS);
    let y = Scale::linear(range(points.iter().map(|point| point.y), axes.y_range)?, Y_PIXELS);
    let mut frame = Frame::new(axes.label, x, y, axes.x, axes.y);
    for point in points {
        let (across, up) = (coordinate(x.at(point.x)), coordinate(y.at(point.y)));
        let class = match point.shade {
            Some(shade) if shade < 0.2 => "dot c0",
            Some(shade) if shade < 0.4 => "dot c1",
            Some(shade) if shade < 0.6 => "dot c2",
            Some(shade) if shade < 0.8 => "dot c3",
            Some(_) => "dot c4",
            None => "dot c2",
        };
        frame.raw(&format!(
            "<path class=\"{class}\" d=\"M{across},{up}h0\" data-tip=\"{}\"/>",
            escape(&point.words)
        ));
    }
    Some(frame.finish())
}

fn range(values: impl Iterator<Item = f64>, shown: Option<(f64, f64)>) -> Option<(f64, f64)> {
    let values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    let low = values.iter().copied().reduce(f64::min)?;
    let high = values.iter().copied().reduce(f64::max)?;
    let (low, high) = shown.map_or((low, high), |(least, most)| (low.min(least), high.max(most)));
    Some(round_range(low, high, 5))
}

/// Distribution functions upon each other; `None` without any.
pub(super) fn distributions(curves: &[Curve], label: &str, x_range: Option<(f64, f64)>) -> Option<String> {
    let watts = || curves.iter().flat_map(|curve| curve.points.iter().map(|point| point.0));
    let x = Scale::linear(range(watts(), x_range)?, X_PIXELS);
    let y = Scale::linear((0.0, 1.0), Y_PIXELS);
    let mut frame = Frame::new(label, x, y, "power of one GPU, W", "share at or below");
    for (curve, class) in curves.iter().zip(SERIES.iter().cycle()) {
        let mut data = format!("M{},{}", coordinate(X_PIXELS.0), coordinate(y.at(0.0)));
        for (watts, share) in &curve.points {
            let _ = write!(data, "H{}V{}", coordinate(x.at(*watts)), coordinate(y.at(*share)));
        }
        let _ = write!(data, "H{}", coordinate(X_PIXELS.1));
        frame.raw(&format!(
            "<path class=\"{class}\" d=\"{data}\" data-tip=\"{}: {} values\"/>",
            escape(&curve.name),
            curve.values
        ));
    }
    Some(frame.finish())
}

/// Keys of the curves of a figure, as HTML.
pub(super) fn legend<'a>(names: impl Iterator<Item = &'a str>) -> String {
    figure::legend(SERIES.into_iter().cycle().zip(names))
}

/// Differences of estimators as boxes; `None` without any.
pub(super) fn boxes(boxes: &[EstimatorBox]) -> Option<String> {
    let rows: Vec<BoxRow<'_>> = boxes
        .iter()
        .map(|found| {
            let plot = &found.percent;
            BoxRow {
                name: found.tool.name(),
                five: [plot.low, plot.q1, plot.median, plot.q3, plot.high],
                outliers: &plot.outliers,
                values: format!("{} trainings", plot.values),
            }
        })
        .collect();
    let label = "Differences of estimators against the meter";
    box_plot::svg(&rows, label, "difference of energy against the meter, %")
}
