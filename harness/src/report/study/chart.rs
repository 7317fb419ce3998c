//! Charts of a study: points, distribution functions, boxes. Every mark has its words for the pointer.

use std::fmt::Write as _;

use crate::report::axis::{Scale, round_range};
use crate::report::curve::coordinate;
use crate::report::figure::{Frame, WIDTH, X_PIXELS, Y_PIXELS, text};
use crate::report::text::{escape, plain};
use crate::study::results::{Curve, EstimatorBox};

/// Most points of one scatter plot.
const MOST_POINTS: usize = 1500;

/// Colours that tell curves apart, as classes of the style sheet.
const SERIES: [&str; 4] = ["s0", "s1", "s2", "s3"];

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
            "<path class=\"line {class}\" d=\"{data}\" data-tip=\"{}: {} values\"/>",
            escape(&curve.name),
            curve.values
        ));
    }
    Some(frame.finish())
}

/// Keys of the curves of a figure, as HTML.
pub(super) fn legend<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let keys = names.zip(SERIES.iter().cycle()).map(|(name, class)| {
        format!(
            "<li><svg class=\"key\" viewBox=\"0 0 24 8\" aria-hidden=\"true\"><path class=\"line {class}\" d=\"M0,4H24\"/></svg>{}</li>",
            escape(name)
        )
    });
    format!("<ul class=\"legend\">{}</ul>", keys.collect::<String>())
}

/// Pixels of a row of the box plot, and where its rows begin to the right of their names.
const ROW: f64 = 30.0;
const NAMES: f64 = 118.0;

/// Differences of estimators as boxes; `None` without any.
pub(super) fn boxes(boxes: &[EstimatorBox]) -> Option<String> {
    let ends = boxes.iter().flat_map(|found| {
        [found.percent.low, found.percent.high].into_iter().chain(found.percent.outliers.iter().copied())
    });
    let x = Scale::linear(range(ends, Some((0.0, 0.0)))?, (NAMES, X_PIXELS.1));
    let rows: f64 = boxes.iter().map(|_| ROW).sum();
    let height = rows + 56.0;
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"Differences of estimators against the meter\"><g class=\"grid\">"
    );
    for (value, _) in x.ticks(5) {
        let _ = write!(svg, "<path d=\"M{},8V{}\"/>", coordinate(x.at(value)), rows + 12.0);
    }
    svg.push_str("</g><g class=\"axis\">");
    let _ = write!(svg, "<path d=\"M{},8V{}\"/>", coordinate(x.at(0.0)), rows + 12.0);
    for (value, label) in x.ticks(5) {
        svg.push_str(&text(x.at(value), rows + 29.0, "middle", "", &label));
    }
    svg.push_str(&text(
        f64::midpoint(NAMES, X_PIXELS.1),
        height - 8.0,
        "middle",
        "title",
        "difference of energy against the meter, %",
    ));
    let mut middle = 10.0 + ROW / 2.0;
    let mut drawn = String::new();
    for found in boxes {
        svg.push_str(&text(NAMES - 8.0, middle + 4.0, "end", "", found.tool.name()));
        let plot = &found.percent;
        let at = |value: f64| coordinate(x.at(value));
        let (top, bottom) = (coordinate(middle - 8.0), coordinate(middle + 8.0));
        let words = escape(&format!(
            "{}: median {} %, quartiles {} and {} %, {} trainings",
            found.tool.name(),
            plain(plot.median, 1),
            plain(plot.q1, 1),
            plain(plot.q3, 1),
            plot.values
        ));
        let _ = write!(
            drawn,
            "<path class=\"box-whisker\" d=\"M{},{middle}H{}M{},{middle}H{}\"/>\
             <path class=\"box\" d=\"M{},{top}H{}V{bottom}H{}z\" data-tip=\"{words}\"/><path class=\"box-median\" d=\"M{},{top}V{bottom}\"/>",
            at(plot.low),
            at(plot.q1),
            at(plot.q3),
            at(plot.high),
            at(plot.q1),
            at(plot.q3),
            at(plot.q1),
            at(plot.median)
        );
        for outlier in &plot.outliers {
            let _ = write!(drawn, "<path class=\"dot c2\" d=\"M{},{middle}h0\"/>", at(*outlier));
        }
        middle += ROW;
    }
    svg.push_str("</g>");
    svg.push_str(&drawn);
    svg.push_str("</svg>");
    Some(svg)
}
