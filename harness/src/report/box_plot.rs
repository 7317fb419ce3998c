//! A box plot: one row for each of several things, on one scale with 0 in it.

use std::fmt::Write as _;

use super::axis::{Scale, round_range};
use super::curve::coordinate;
use super::figure::{WIDTH, X_PIXELS, text};
use super::text::{escape, plain};

/// Pixels of a row, and where rows begin to the right of their names.
const ROW: f64 = 30.0;
const NAMES: f64 = 118.0;

/// One row.
#[derive(Debug, Clone)]
pub(super) struct BoxRow<'a> {
    pub(super) name: &'a str,
    /// End of the low whisker, lower quartile, median, upper quartile, end of the high whisker.
    pub(super) five: [f64; 5],
    /// What lies beyond the whiskers.
    pub(super) outliers: &'a [f64],
    /// How many values it rests on, with what they are of.
    pub(super) values: String,
}

/// The plot as SVG; `None` without rows. `label` says what it is, `axis` what it shows, in per cent.
pub(super) fn svg(rows: &[BoxRow<'_>], label: &str, axis: &str) -> Option<String> {
    let shown = || rows.iter().flat_map(|row| row.five.iter().chain(row.outliers)).copied();
    let (low, high) = (shown().reduce(f64::min)?, shown().reduce(f64::max)?);
    let x = Scale::linear(round_range(low.min(0.0), high.max(0.0), 5), (NAMES, X_PIXELS.1));
    let floor: f64 = rows.iter().map(|_| ROW).sum::<f64>() + 12.0;
    let height = floor + 44.0;
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{}\"><g class=\"grid\">",
        escape(label)
    );
    for (value, _) in x.ticks(5) {
        let _ = write!(svg, "<path d=\"M{},8V{floor}\"/>", coordinate(x.at(value)));
    }
    svg.push_str("</g><g class=\"axis\">");
    for (value, label) in x.ticks(5) {
        svg.push_str(&text(x.at(value), floor + 17.0, "middle", "", &label));
    }
    svg.push_str(&text(f64::midpoint(NAMES, X_PIXELS.1), height - 8.0, "middle", "title", axis));
    let mut middle = 10.0 + ROW / 2.0;
    let mut drawn = String::new();
    for row in rows {
        svg.push_str(&text(NAMES - 8.0, middle + 4.0, "end", "", row.name));
        drawn.push_str(&boxed(row, &x, middle));
        middle += ROW;
    }
    let _ =
        write!(svg, "</g><path class=\"neutral\" d=\"M{},8V{floor}\"/>{drawn}</svg>", coordinate(x.at(0.0)));
    Some(svg)
}

/// Whiskers, box, median and outliers of a row.
fn boxed(row: &BoxRow<'_>, x: &Scale, middle: f64) -> String {
    let at = row.five.map(|value| coordinate(x.at(value)));
    let (top, bottom) = (coordinate(middle - 8.0), coordinate(middle + 8.0));
    let words = escape(&format!(
        "{}: median {} %, quartiles {} and {} %, {}",
        row.name,
        plain(row.five[2], 1),
        plain(row.five[1], 1),
        plain(row.five[3], 1),
        row.values
    ));
    let mut drawn = format!(
        "<path class=\"box-whisker\" d=\"M{},{middle}H{}M{},{middle}H{}\"/>\
         <path class=\"box\" d=\"M{},{top}H{}V{bottom}H{}z\" data-tip=\"{words}\"/>\
         <path class=\"box-median\" d=\"M{},{top}V{bottom}\"/>",
        at[0], at[1], at[3], at[4], at[1], at[3], at[1], at[2]
    );
    for outlier in row.outliers {
        let _ = write!(drawn, "<path class=\"dot c2\" d=\"M{},{middle}h0\"/>", coordinate(x.at(*outlier)));
    }
    drawn
}
