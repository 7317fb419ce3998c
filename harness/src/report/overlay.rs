//! The figure of both traces over time, their difference, the phases and the faults.
//!
//! `assets/trace.js` draws the same figure again for the part that the reader zooms to.

use std::fmt::Write as _;

use power_analysis::{Comparison, PhaseVerdict};
use serde::Serialize;

use super::axis::{Scale, round_range};
use super::curve::{Corners, coordinate, micros};
use super::data::MOST_PHASES;
use super::figure::{as_f64, text};
use super::text::escape;
use super::verdict;

/// Measures of the figure, in pixels of its own.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Layout {
    pub(super) width: f64,
    left: f64,
    right: f64,
    top: f64,
    power: f64,
    between: f64,
    difference: f64,
    lane: f64,
    foot: f64,
}

/// The figure on a screen that is wide enough.
pub(super) const LAYOUT: Layout = Layout {
    width: 1120.0,
    left: 124.0,
    right: 12.0,
    top: 12.0,
    power: 250.0,
    between: 22.0,
    difference: 96.0,
    lane: 16.0,
    foot: 42.0,
};

/// From the left axis to the middle of its title.
const TITLE: f64 = 48.0;

/// An interval that is shaded or marked, in microseconds since the origin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Span {
    begin: f64,
    end: f64,
}

impl Span {
    /// The span from `begin_ns` to `end_ns`.
    pub(super) fn between(begin_ns: i64, end_ns: i64, origin_ns: i64) -> Self {
        span(power_analysis::Interval::new(begin_ns, end_ns), origin_ns)
    }
}

/// What the figure shows.
#[derive(Debug)]
pub(super) struct Overlay<'a> {
    /// The sensor's name.
    pub(super) sensor: &'a str,
    /// The reference's name.
    pub(super) reference: &'a str,
    /// The sensor.
    pub(super) own: &'a Corners,
    /// The reference.
    pub(super) other: &'a Corners,
    /// What is shown, in microseconds since the origin.
    pub(super) view: (f64, f64),
    /// Spans of phases by verdict, those that occur.
    pub(super) phases: Vec<(PhaseVerdict, Vec<Span>)>,
    /// Spans of faults.
    pub(super) faults: Vec<Span>,
    /// Whether times are row numbers.
    pub(super) ordinal: bool,
}

/// Spans of the phases by verdict, of those verdicts that occur.
pub(super) fn phases(comparison: &Comparison, origin_ns: i64) -> Vec<(PhaseVerdict, Vec<Span>)> {
    let of = |verdict: PhaseVerdict| -> Vec<Span> {
        let rows = comparison.phases.iter().take(MOST_PHASES).filter(|row| row.verdict == verdict);
        rows.map(|row| span(row.phase.interval, origin_ns)).collect()
    };
    let all = verdict::ALL.into_iter().map(|verdict| (verdict, of(verdict)));
    all.filter(|(_, spans)| !spans.is_empty()).collect()
}

/// Spans of the faults.
pub(super) fn faults(comparison: &Comparison, origin_ns: i64) -> Vec<Span> {
    comparison.faults.iter().map(|fault| span(fault.interval, origin_ns)).collect()
}

fn span(interval: power_analysis::Interval, origin_ns: i64) -> Span {
    Span {
        begin: as_f64(micros(interval.begin_ns, origin_ns)),
        end: as_f64(micros(interval.end_ns, origin_ns)),
    }
}

impl Overlay<'_> {
    /// The figure as SVG.
    pub(super) fn svg(&self) -> String {
        let Layout { width, left, right, top, power, between, difference, lane, foot } = LAYOUT;
        let (begin, end) = self.view;
        let x = Scale::linear((begin * 1e-6, end * 1e-6), (left, width - right));
        let across = |time: f64| x.at(time * 1e-6);
        let apart = self.own.less(self.other);
        let (low, high) = both(self.own.extremes(begin, end), self.other.extremes(begin, end));
        let y = Scale::linear(round_range(low, high, 5), (top + power, top));
        let floor = top + power + between + difference;
        let (least, most) = both(apart.extremes(begin, end), Some((0.0, 0.0)));
        let z = Scale::linear(round_range(least, most, 3), (floor, floor - difference));
        let lanes = self.lanes();
        let bottom = floor + 8.0 + lane * as_f64(i64::try_from(lanes.len()).unwrap_or(0));
        let height = bottom + foot;

        let mut svg = format!(
            "<svg viewBox=\"0 0 {width} {height}\" data-height=\"{height}\" role=\"img\" aria-label=\"{}\">",
            escape(&format!(
                "Power of {} and {} over time, with their difference below",
                self.sensor, self.reference
            ))
        );
        let middle = floor - difference;
        for (verdict, spans) in &self.phases {
            let data = rectangles(spans, self.view, across, (top, middle - top - between));
            let _ = write!(svg, "<path class=\"shade v-{}\" d=\"{data}\"/>", verdict::class(*verdict).0);
        }
        svg.push_str("<g class=\"grid\">");
        for (scale, count) in [(&y, 5), (&z, 3)] {
            for (value, _) in scale.ticks(count) {
                let _ =
                    write!(svg, "<path d=\"M{left},{}H{}\"/>", coordinate(scale.at(value)), width - right);
            }
        }
        for (value, _) in x.ticks(10) {
            let at = coordinate(x.at(value));
            let _ = write!(svg, "<path d=\"M{at},{top}V{}M{at},{middle}V{bottom}\"/>", top + power);
        }
        let _ = write!(
            svg,
            "</g><path class=\"line difference\" d=\"{}\"/><path class=\"line reference\" d=\"{}\"/>\
             <path class=\"line sensor\" d=\"{}\"/>",
            apart.path(begin, end, across, |w| z.at(w)),
            self.other.path(begin, end, across, |w| y.at(w)),
            self.own.path(begin, end, across, |w| y.at(w)),
        );
        for (index, (label, class, spans)) in (0..).zip(&lanes) {
            let above = floor + 8.0 + lane * as_f64(index);
            let data = rectangles(spans, self.view, across, (above + 3.0, lane - 6.0));
            let _ = write!(svg, "<path class=\"lane {class}\" d=\"{data}\"/>");
            svg.push_str(&text(left - 8.0, above + lane - 4.0, "end", "lane-label", label));
        }
        let _ = write!(
            svg,
            "<g class=\"axis\"><path d=\"M{left},{top}V{}M{left},{middle}V{floor}M{left},{bottom}H{}\"/>",
            top + power,
            width - right
        );
        for (scale, count) in [(&y, 5), (&z, 3)] {
            for (value, label) in scale.ticks(count) {
                svg.push_str(&text(left - 8.0, scale.at(value) + 4.0, "end", "", &label));
            }
        }
        for (value, label) in x.ticks(10) {
            svg.push_str(&text(x.at(value), bottom + 17.0, "middle", "", &label));
        }
        let across = if self.ordinal { "row" } else { "time since the start of the run, s" };
        svg.push_str(&text(f64::midpoint(left, width - right), bottom + 36.0, "middle", "title", across));
        for (at, title) in [(top + power / 2.0, "power, W"), (floor - difference / 2.0, "difference, W")] {
            let _ = write!(
                svg,
                "<text class=\"title\" text-anchor=\"middle\" transform=\"translate({} {}) rotate(-90)\">{title}</text>",
                left - TITLE,
                coordinate(at)
            );
        }
        svg.push_str("</g></svg>");
        svg
    }

    /// The lanes below the curves: one a verdict that occurs, and one for the faults.
    fn lanes(&self) -> Vec<(&'static str, String, &[Span])> {
        let mut lanes: Vec<(&'static str, String, &[Span])> = self
            .phases
            .iter()
            .map(|(verdict, spans)| {
                (verdict.words(), format!("v-{}", verdict::class(*verdict).0), spans.as_slice())
            })
            .collect();
        if !self.faults.is_empty() {
            lanes.push(("faults", "fault".into(), &self.faults));
        }
        lanes
    }
}

/// The hull of two ranges; 0 to 1 for none.
fn both(a: Option<(f64, f64)>, b: Option<(f64, f64)>) -> (f64, f64) {
    match (a, b) {
        (Some(a), Some(b)) => (a.0.min(b.0), a.1.max(b.1)),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => (0.0, 1.0),
    }
}

/// Spans as rectangles at least 1.2 pixels wide, as SVG path data; narrow ones that touch are one.
fn rectangles(
    spans: &[Span],
    (begin, end): (f64, f64),
    x: impl Fn(f64) -> f64,
    (above, height): (f64, f64),
) -> String {
    let mut edges: Vec<(f64, f64)> = spans
        .iter()
        .filter(|span| span.end >= begin && span.begin <= end)
        .map(|span| {
            let (from, to) = (x(span.begin.max(begin)), x(span.end.min(end)));
            // Where there is room, neighbours stay apart.
            (from, if to - from > 4.0 { to - 1.0 } else { to.max(from + 1.2) })
        })
        .collect();
    edges.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut joined: Vec<(f64, f64)> = Vec::new();
    for (from, to) in edges {
        match joined.last_mut() {
            Some(last) if from <= last.1 + 0.1 => last.1 = last.1.max(to),
            _ => joined.push((from, to)),
        }
    }
    let mut data = String::new();
    for (from, to) in joined {
        let (from, width) = (coordinate(from), coordinate(to - from));
        let _ = write!(data, "M{from},{above}h{width}v{height}h-{width}z");
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrow_spans_that_touch_are_one_rectangle() {
        let spans = [
            (0.0, 10.0),
            (10.0, 20.0),
            (30.0, 32.0),
            (32.0, 34.0),
            (40.0, 40.0),
            (90.0, 300.0),
            (-50.0, -20.0),
        ];
        let spans = spans.map(|(begin, end)| Span { begin, end });
        let data = rectangles(&spans, (0.0, 100.0), |time| time, (5.0, 4.0));
        assert_eq!(data, "M0,5h9v4h-9zM10,5h9v4h-9zM30,5h4v4h-4zM40,5h1.2v4h-1.2zM90,5h9v4h-9z");
    }
}
