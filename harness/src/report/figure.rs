//! The frame of a small figure: axes, grid, titles, and SVG text.

use std::fmt::Write as _;

use super::axis::Scale;
use super::curve::coordinate;
use super::text::escape;

/// Width of a small figure in its own units.
pub(super) const WIDTH: f64 = 420.0;

/// Height of a small figure in its own units.
pub(super) const HEIGHT: f64 = 300.0;

const LEFT: f64 = 54.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 46.0;

/// Pixels of the x axis.
pub(super) const X_PIXELS: (f64, f64) = (LEFT, WIDTH - RIGHT);

/// Pixels of the y axis, upwards.
pub(super) const Y_PIXELS: (f64, f64) = (HEIGHT - BOTTOM, TOP);

/// A small figure: SVG that grows.
#[derive(Debug)]
pub(super) struct Frame {
    svg: String,
    y: Scale,
}

impl Frame {
    /// A figure with its grid and axes; `label` tells it to those who cannot see it.
    pub(super) fn new(label: &str, x: Scale, y: Scale, x_title: &str, y_title: &str) -> Self {
        let mut svg = String::new();
        let _ = write!(
            svg,
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\"><g class=\"grid\">",
            escape(label)
        );
        let (left, right, top, bottom) = (X_PIXELS.0, X_PIXELS.1, Y_PIXELS.1, Y_PIXELS.0);
        for (value, _) in y.ticks(5) {
            let at = coordinate(y.at(value));
            let _ = write!(svg, "<path d=\"M{left},{at}H{right}\"/>");
        }
        for (value, _) in x.ticks(5) {
            let at = coordinate(x.at(value));
            let _ = write!(svg, "<path d=\"M{at},{top}V{bottom}\"/>");
        }
        let _ = write!(svg, "</g><g class=\"axis\"><path d=\"M{left},{top}V{bottom}H{right}\"/>");
        for (value, label) in y.ticks(5) {
            svg.push_str(&text(left - 7.0, y.at(value) + 4.0, "end", "", &label));
        }
        for (value, label) in x.ticks(5) {
            svg.push_str(&text(x.at(value), bottom + 17.0, "middle", "", &label));
        }
        svg.push_str(&text(f64::midpoint(left, right), HEIGHT - 8.0, "middle", "title", x_title));
        let middle = coordinate(f64::midpoint(top, bottom));
        let _ = write!(
            svg,
            "<text class=\"title\" text-anchor=\"middle\" transform=\"translate(13 {middle}) rotate(-90)\">{}</text></g>",
            escape(y_title)
        );
        Self { svg, y }
    }

    /// Adds a path; `class` is not from the data.
    pub(super) fn path(&mut self, class: &str, data: &str) {
        if !data.is_empty() {
            let _ = write!(self.svg, "<path class=\"{class}\" d=\"{data}\"/>");
        }
    }

    /// Adds a line across the figure at the height of `value`.
    pub(super) fn level(&mut self, class: &str, value: f64) {
        let (low, high) = self.y.ends();
        if (low..=high).contains(&value) {
            let at = coordinate(self.y.at(value));
            self.path(class, &format!("M{},{at}H{}", X_PIXELS.0, X_PIXELS.1));
        }
    }

    /// Adds SVG as it is.
    pub(super) fn raw(&mut self, svg: &str) {
        self.svg.push_str(svg);
    }

    /// The whole figure.
    pub(super) fn finish(mut self) -> String {
        self.svg.push_str("</svg>");
        self.svg
    }
}

/// SVG text; `class` may be empty.
pub(super) fn text(x: f64, y: f64, anchor: &str, class: &str, content: &str) -> String {
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    format!(
        "<text{class} x=\"{}\" y=\"{}\" text-anchor=\"{anchor}\">{}</text>",
        coordinate(x),
        coordinate(y),
        escape(content)
    )
}

/// The legend of curves, as HTML: the class of each and what it is.
pub(super) fn legend<'a>(curves: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let keys = curves.into_iter().map(|(class, words)| {
        format!(
            "<li><svg class=\"key\" viewBox=\"0 0 24 10\" aria-hidden=\"true\"><path class=\"{class}\" d=\"M0,5H24\"/></svg>{}</li>",
            escape(words)
        )
    });
    format!("<ul class=\"legend\">{}</ul>", keys.collect::<String>())
}

/// Marks in the scatter plots of all sensors together.
const MARKS: usize = 9000;

/// How many marks one scatter plot of so many sensors has: at most `most`, fewer where there are many sensors.
pub(super) fn most_marks(most: usize, sensors: usize) -> usize {
    most.min((MARKS / sensors.max(1)).max(200))
}

/// A count of microseconds or of points as a number to draw with.
#[expect(clippy::cast_precision_loss, reason = "285 years in microseconds are exact")]
pub(super) const fn as_f64(whole: i64) -> f64 {
    whole as f64
}
