//! Drawing the errors of phases, at the measures of a screen.

use std::fmt::Write as _;

use super::{Corrected, Place, Row};
use crate::report::axis::Scale;
use crate::report::curve::coordinate;
use crate::report::figure::{as_f64, text};
use crate::report::text::plain;

/// Measures of a figure, in its own units.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    class: &'static str,
    width: f64,
    /// Left end of the errors.
    left: f64,
    /// Height of the errors.
    errors: f64,
    /// Room of a label of the axis; the style sheet enlarges those of the wide one on screens that are less wide.
    label: f64,
}

/// On a wide screen and in print, and on a phone.
pub(super) const LAYOUTS: [Layout; 2] = [
    Layout { class: "wide", width: 1120.0, left: 82.0, errors: 240.0, label: 58.0 },
    Layout { class: "narrow", width: 380.0, left: 66.0, errors: 220.0, label: 44.0 },
];

const RIGHT: f64 = 12.0;
const TOP: f64 = 26.0;
const LANE: f64 = 16.0;
const FOOT: f64 = 42.0;

/// Ticks of the errors: rounding both ends of the axis makes room for two more than were asked for.
const TICKS: u32 = super::TICKS + 2;

/// Between two kinds of phases.
const BETWEEN: f64 = 14.0;

/// Width of a character, about.
const CHARACTER: f64 = 6.6;

impl Layout {
    /// The figure as SVG.
    pub(super) fn svg(self, groups: &[Row<'_>], y: Scale, stride: usize) -> String {
        let Self { class, width, left, errors, .. } = self;
        let floor = TOP + errors;
        let y = Scale::linear(y.ends(), (floor, TOP));
        let all = || groups.iter().flat_map(|row| &row.places);
        let lanes: Vec<(&str, f64)> = [
            ("refused", all().any(|place| matches!(place.corrected, Corrected::Refused(_)))),
            ("unjudged", all().any(|place| matches!(place.corrected, Corrected::Unjudged))),
        ]
        .into_iter()
        .filter_map(|(name, occurs)| occurs.then_some(name))
        .zip([floor + 6.0, floor + 6.0 + LANE])
        .collect();
        let bottom = lanes.last().map_or(floor, |(_, above)| above + LANE + 2.0);
        let height = bottom + FOOT;
        let mut svg = format!(
            "<svg class=\"{class}\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
             aria-label=\"Error of the energy of each phase, as shown and as corrected\"><g class=\"grid\">"
        );
        for (value, _) in y.ticks(TICKS) {
            let _ = write!(svg, "<path d=\"M{left},{}H{}\"/>", coordinate(y.at(value)), width - RIGHT);
        }
        svg.push_str("</g>");
        let mut marks = Marks::default();
        let mut labels = String::new();
        for (row, (from, to)) in groups.iter().zip(self.stretches(groups)) {
            let places: Vec<&Place> = row.places.iter().step_by(stride).collect();
            let slot = (to - from) / as_f64(i64::try_from(places.len()).unwrap_or(1));
            for (index, place) in (0..).zip(&places) {
                marks.push(place, from + (as_f64(index) + 0.5) * slot, slot, &y, &lanes);
            }
            marks.close(&mut svg, slot);
            if groups.len() > 1 {
                labels.push_str(&heading(row.name, (from, to)));
            }
            labels.push_str(&lengths(&places, (from, to), bottom, self.label));
            let _ = write!(
                svg,
                "<g class=\"axis\"><path d=\"M{},{bottom}H{}\"/></g>",
                coordinate(from),
                coordinate(to)
            );
        }
        let _ = write!(
            svg,
            "<path class=\"neutral\" d=\"M{left},{}H{}\"/><path class=\"places\" data-phases=\"{}\" d=\"{}\"/>\
             <g class=\"axis\"><path d=\"M{left},{TOP}V{floor}\"/>",
            coordinate(y.at(0.0)),
            width - RIGHT,
            marks.phases,
            marks.places
        );
        for (value, label) in y.ticks(TICKS) {
            svg.push_str(&text(left - 7.0, y.at(value) + 4.0, "end", "", &label));
        }
        for (name, above) in lanes {
            svg.push_str(&text(left - 7.0, above + LANE - 4.0, "end", "lane-label", name));
        }
        svg.push_str(&labels);
        let middle = f64::midpoint(left, width - RIGHT);
        svg.push_str(&text(
            middle,
            height - 6.0,
            "middle",
            "title",
            "length of the phase, s; the shortest first",
        ));
        let _ = write!(
            svg,
            "<text class=\"title\" text-anchor=\"middle\" transform=\"translate(13 {}) rotate(-90)\">error of energy, %\
             </text></g></svg>",
            coordinate(TOP + errors / 2.0)
        );
        svg
    }

    /// From where to where each kind of phases stands: few get more room a phase than many.
    fn stretches(self, groups: &[Row<'_>]) -> Vec<(f64, f64)> {
        let weight = |row: &Row<'_>| as_f64(i64::try_from(row.places.len()).unwrap_or(i64::MAX)).sqrt();
        let total: f64 = groups.iter().map(weight).sum();
        let gaps = BETWEEN * as_f64(i64::try_from(groups.len()).unwrap_or(1) - 1);
        let room = self.width - RIGHT - self.left - gaps;
        let mut from = self.left;
        let stretch = |row: &Row<'_>| {
            let to = from + room * weight(row) / total.max(1.0);
            let stretch = (from, to);
            from = to + BETWEEN;
            stretch
        };
        groups.iter().map(stretch).collect()
    }
}

/// Marks of one row of phases, as SVG path data; the places are of all rows.
#[derive(Debug, Default)]
struct Marks {
    shown: String,
    intervals: [String; 2],
    corrected: [String; 2],
    lanes: [String; 2],
    phases: String,
    places: String,
}

impl Marks {
    /// Adds the marks of a phase whose place is `slot` wide about `x`.
    fn push(&mut self, place: &Place, x: f64, slot: f64, y: &Scale, lanes: &[(&str, f64)]) {
        // Side by side where there is room for both.
        let aside = if slot >= 7.0 { (0.2 * slot).min(5.0) } else { 0.0 };
        let height = |error: f64| coordinate(y.at(y.clip(error)));
        let right = coordinate(x + aside);
        if let Some(shown) = place.shown {
            // Not quite a point: a square end of no length has no direction, and PDF leaves it out.
            let _ = write!(self.shown, "M{},{}h.1", coordinate(x - aside), height(shown));
        }
        let at = match place.corrected {
            Corrected::Error(error) => {
                let astray = usize::from(!error.contains(0.0));
                let _ =
                    write!(self.intervals[astray], "M{right},{}V{}", height(error.low), height(error.high));
                let _ = write!(self.corrected[astray], "M{right},{}h0", height(error.value));
                y.at(y.clip(error.value))
            }
            Corrected::Refused(_) => self.lane(0, "refused", x, lanes),
            Corrected::Unjudged => self.lane(1, "unjudged", x, lanes),
        };
        let space = if self.phases.is_empty() { "" } else { " " };
        let _ = write!(self.phases, "{space}{}", place.phase);
        let _ = write!(self.places, "M{},{}", coordinate(x), coordinate(at));
    }

    /// Adds a line in a lane; gives its middle.
    fn lane(&mut self, index: usize, name: &str, x: f64, lanes: &[(&str, f64)]) -> f64 {
        let above = lanes.iter().find(|(lane, _)| *lane == name).map_or(0.0, |(_, above)| *above);
        let _ = write!(self.lanes[index], "M{},{}v{}", coordinate(x), coordinate(above + 3.0), LANE - 6.0);
        above + LANE / 2.0
    }

    /// Adds the row's marks to a figure, as large as its places allow.
    fn close(&mut self, svg: &mut String, slot: f64) {
        let size = coordinate((0.8 * slot).clamp(1.6, 5.5));
        let line = coordinate((0.4 * slot).clamp(0.7, 1.6));
        let mut add = |class: &str, width: &str, data: &mut String| {
            if !data.is_empty() {
                let _ = write!(svg, "<path class=\"{class}\" stroke-width=\"{width}\" d=\"{data}\"/>");
                data.clear();
            }
        };
        let [holds, astray] = &mut self.intervals;
        add("interval-bar", &line, holds);
        add("interval-bar astray", &line, astray);
        add("as-shown", &size, &mut self.shown);
        let [holds, astray] = &mut self.corrected;
        add("as-corrected", &size, holds);
        add("as-corrected astray", &size, astray);
        let [refused, unjudged] = &mut self.lanes;
        add("refused", &line, refused);
        add("unjudged", &line, unjudged);
    }
}

/// The name of a kind of phases above its stretch, cut to the room there is.
fn heading(name: &str, (from, to): (f64, f64)) -> String {
    let name = if name.is_empty() { "unnamed" } else { name };
    let fits =
        |count: usize| as_f64(i64::try_from(count).unwrap_or(i64::MAX)) * CHARACTER <= to - from + BETWEEN;
    let letters = name.chars().count();
    let shown = if fits(letters) {
        name.to_owned()
    } else {
        let most = (1..letters).rev().find(|&count| fits(count + 1)).unwrap_or(1);
        name.chars().take(most).chain(['…']).collect()
    };
    text(f64::midpoint(from, to), TOP - 10.0, "middle", "title", &shown)
}

/// Lengths below a stretch, in seconds, of the first phase and of as many others as there is room for.
fn lengths(places: &[&Place], (from, to): (f64, f64), bottom: f64, label: f64) -> String {
    let slot = (to - from) / as_f64(i64::try_from(places.len()).unwrap_or(1));
    let mut labels = String::new();
    let mut free = from;
    for (index, place) in (0..).zip(places) {
        let x = from + (as_f64(index) + 0.5) * slot;
        // The first of the next stretch has its label, whatever stands here.
        if index > 0 && (x < free || x + 0.5 * label > to + BETWEEN) {
            continue;
        }
        free = x + label;
        let seconds = place.interval.seconds();
        let decimals = match seconds {
            _ if seconds < 0.1 => 3,
            _ if seconds < 10.0 => 2,
            _ if seconds < 100.0 => 1,
            _ => 0,
        };
        labels.push_str(&text(x, bottom + 17.0, "middle", "", &plain(seconds, decimals)));
    }
    labels
}
