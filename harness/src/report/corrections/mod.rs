//! The figure of what a sensor's card corrects: the error of each phase's energy, as shown beside as corrected.
//!
//! Every phase has a place of its own, so that five can be told apart and five hundred show their envelope. It is
//! drawn twice, for a wide screen and for a phone, and the style sheet shows one: text keeps its size without a script.

mod draw;

use std::fmt::Write as _;

use power_analysis::correct::{CorrectedPhase, Refused};
use power_analysis::stats::{Estimate, median};
use power_analysis::{Interval, PhaseRow};

use self::draw::LAYOUTS;
use super::axis::{Scale, round_range};
use super::bland_altman::middle;
use super::figure::most_marks;
use super::text::{counted, escape, grouped, plain};
use crate::comparison::Judged;

/// Most phases that are drawn.
const MOST_PHASES: usize = 1500;

/// Most kinds of phases that stand side by side; more are one row.
const MOST_GROUPS: usize = 6;

/// Parts of the axis of errors, about.
const TICKS: u32 = 6;

/// Relative error of a phase's energy, and what was made of it.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// Number of the phase.
    phase: usize,
    interval: Interval,
    /// As the sensor showed it, in per cent; `None` where it or the reference is unknown.
    shown: Option<f64>,
    corrected: Corrected,
}

#[derive(Debug, Clone, Copy)]
enum Corrected {
    /// Relative error in per cent.
    Error(Estimate),
    Refused(Refused),
    /// The reference's energy is unknown.
    Unjudged,
}

/// Phases that stand side by side, the shortest first.
#[derive(Debug)]
struct Row<'a> {
    name: &'a str,
    places: Vec<Place>,
}

/// What the corrected energy of a phase is off the reference's, relatively; `None` if either is unknown.
pub(super) fn error(corrected: &CorrectedPhase, row: &PhaseRow) -> Option<Estimate> {
    let reference = row.reference_j.filter(|joules| joules.is_finite() && *joules > 0.0)?;
    let error = corrected.energy_j?.map(|joules| joules / reference - 1.0);
    [error.value, error.low, error.high].iter().all(|share| share.is_finite()).then_some(error)
}

/// The figure of one of `sensors` sensors with its legend and caption, as HTML; `None` where nothing was corrected.
pub(super) fn figure(judged: &Judged, sensors: usize) -> Option<String> {
    let correction = judged.corrected.as_ref().filter(|found| found.refused.is_none())?;
    let rows = &judged.comparison.as_ref()?.phases;
    let places: Vec<Place> = correction
        .phases
        .iter()
        .zip(rows)
        .enumerate()
        .map(|(phase, (corrected, row))| Place {
            phase,
            interval: row.phase.interval,
            shown: row.error.filter(|error| error.is_finite()).map(|error| 100.0 * error),
            corrected: match (error(corrected, row), corrected.refused) {
                (_, Some(refused)) => Corrected::Refused(refused),
                (Some(error), None) => Corrected::Error(error.map(|share| 100.0 * share)),
                (None, None) => Corrected::Unjudged,
            },
        })
        .collect();
    if places.is_empty() {
        return None;
    }
    let y = scale(&places);
    let groups = groups(&places, rows);
    let stride = places.len().div_ceil(most_marks(MOST_PHASES, sensors));
    let svgs: String = LAYOUTS.iter().map(|layout| layout.svg(&groups, y, stride)).collect();
    let card =
        correction.card.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut caption = caption(&places, &card);
    if stride > 1 {
        let _ = write!(caption, " One phase in {} is drawn.", grouped(stride));
    }
    let beyond = beyond(&places, y);
    if beyond > 0 {
        let _ = write!(caption, " {} beyond the axis, drawn at its edge.", grouped(beyond));
    }
    Some(format!(
        "<figure class=\"corrections\"><div class=\"tools\" hidden><span class=\"hint\">A click on a phase shows it in \
         the traces. Keys when the figure has the focus: ← → from phase to phase, Enter for a click.</span></div>\
         <div class=\"stage\">{svgs}<div class=\"tip\" hidden></div></div>\
         <output class=\"spoken\" aria-live=\"polite\"></output>{}<figcaption><b>Corrected phases.</b> {caption}</figcaption></figure>",
        legend(&places)
    ))
}

/// The scale of all errors, in per cent; single ones far out do not stretch it.
fn scale(places: &[Place]) -> Scale {
    let shown = || places.iter().filter_map(|place| place.shown).collect::<Vec<_>>();
    let ends = |of: fn(&Estimate) -> f64| {
        let errors = places.iter().filter_map(Place::error);
        errors.map(|error| of(&error)).collect::<Vec<_>>()
    };
    let (mut low, mut high) = (0.0_f64, 0.0_f64);
    for values in [shown(), ends(|error| error.low), ends(|error| error.high)] {
        if !values.is_empty() {
            let (least, most) = middle(values);
            (low, high) = (low.min(least), high.max(most));
        }
    }
    Scale::linear(round_range(low.min(-1.0), high.max(1.0), TICKS), (1.0, 0.0))
}

/// The kinds of phases in order of their first appearance, each by length.
fn groups<'a>(places: &[Place], rows: &'a [PhaseRow]) -> Vec<Row<'a>> {
    let mut groups: Vec<Row<'a>> = Vec::new();
    for place in places {
        let name = rows[place.phase].phase.group();
        match groups.iter_mut().find(|row| row.name == name) {
            Some(row) => row.places.push(*place),
            None => groups.push(Row { name, places: vec![*place] }),
        }
        if groups.len() > MOST_GROUPS {
            groups = vec![Row { name: "all phases", places: places.to_vec() }];
            break;
        }
    }
    for row in &mut groups {
        row.places.sort_by_key(|place| place.interval.length_ns());
    }
    groups
}

fn beyond(places: &[Place], y: Scale) -> usize {
    let (low, high) = y.ends();
    let outside = |value: Option<f64>| value.is_some_and(|value| value < low || value > high);
    let values = places.iter().flat_map(|place| [place.shown, place.error().map(|error| error.value)]);
    values.filter(|value| outside(*value)).count()
}

impl Place {
    fn error(&self) -> Option<Estimate> {
        match self.corrected {
            Corrected::Error(error) => Some(error),
            Corrected::Refused(_) | Corrected::Unjudged => None,
        }
    }
}

/// What the marks mean, as HTML: of those that occur.
fn legend(places: &[Place]) -> String {
    let bar = |class: &str| {
        format!(
            "<path class=\"interval-bar{class}\" stroke-width=\"1.6\" d=\"M0-5V5\"/>\
             <path class=\"as-corrected{class}\" stroke-width=\"5\" d=\"M0,0h0\"/>"
        )
    };
    let line = |class: &str| format!("<path class=\"{class}\" stroke-width=\"1.6\" d=\"M0-5V5\"/>");
    let errors = || places.iter().filter_map(Place::error);
    let is = |of: fn(&Corrected) -> bool| places.iter().any(|place| of(&place.corrected));
    let keys = [
        (
            places.iter().any(|place| place.shown.is_some()),
            "<path class=\"as-shown\" stroke-width=\"5\" d=\"M0,0h.1\"/>".to_owned(),
            "as shown",
        ),
        (errors().any(|error| error.contains(0.0)), bar(""), "corrected, with its interval"),
        (
            errors().any(|error| !error.contains(0.0)),
            bar(" astray"),
            "corrected, but its interval does not hold the reference",
        ),
        (is(|made| matches!(made, Corrected::Refused(_))), line("refused"), "refused: no energy is stated"),
        (
            is(|made| matches!(made, Corrected::Unjudged)),
            line("unjudged"),
            "unjudged: the reference tells no energy of it",
        ),
    ];
    let keys = keys.iter().filter(|(occurs, ..)| *occurs).map(|(_, mark, words)| {
        format!(
            "<li><svg class=\"mark\" viewBox=\"-6 -6 12 12\" aria-hidden=\"true\">{mark}</svg>{words}</li>"
        )
    });
    format!("<ul class=\"legend\">{}</ul>", keys.collect::<String>())
}

fn caption(places: &[Place], card: &str) -> String {
    let both: Vec<(f64, f64)> =
        places.iter().filter_map(|place| Some((place.shown?.abs(), place.error()?.value.abs()))).collect();
    let errors: Vec<Estimate> = places.iter().filter_map(Place::error).collect();
    let held = errors.iter().filter(|error| error.contains(0.0)).count();
    let mut caption = format!(
        "Each phase's energy against the reference, as shown and as corrected by its card <code>{}</code>, by length.",
        escape(card)
    );
    let [shown, corrected] = [0, 1].map(|side| {
        median(&both.iter().map(|pair| if side == 0 { pair.0 } else { pair.1 }).collect::<Vec<_>>())
    });
    if let (Some(shown), Some(corrected)) = (shown, corrected) {
        let _ = write!(
            caption,
            " In the median of {} with both, the error is {} % in size as shown and {} % as corrected.",
            counted(both.len(), "phase", "phases"),
            plain(shown, 1),
            plain(corrected, 1)
        );
    }
    if let Some(first) = errors.first() {
        let _ = write!(
            caption,
            " {} of {} intervals ({} %) hold the reference's energy.",
            grouped(held),
            grouped(errors.len()),
            plain(100.0 * first.confidence, 0)
        );
    }
    let reasons = reasons(places);
    if !reasons.is_empty() {
        let refused: usize = reasons.iter().map(|(_, count)| count).sum();
        let several = reasons.len() > 1;
        let reasons = reasons.into_iter().map(|(reason, count)| {
            if several { format!("{} {reason}", grouped(count)) } else { reason.to_owned() }
        });
        let reasons = reasons.collect::<Vec<_>>().join(", ");
        let _ = write!(caption, " {} refused: {reasons}.", counted(refused, "phase is", "phases are"));
    }
    caption
}

/// Why phases are refused, and how many for each reason.
fn reasons(places: &[Place]) -> Vec<(&'static str, usize)> {
    let of = |place: &Place| match place.corrected {
        Corrected::Refused(Refused::TooWide { .. }) => Some("seen too little"),
        Corrected::Refused(Refused::NotSeen { .. }) => Some("seen by too few short looks"),
        Corrected::Refused(Refused::NotCovered) => Some("not recorded from begin to end"),
        Corrected::Refused(Refused::CounterReset) => Some("with a counter that was set back"),
        Corrected::Error(_) | Corrected::Unjudged => None,
    };
    let mut reasons: Vec<(&'static str, usize)> = Vec::new();
    for reason in places.iter().filter_map(of) {
        match reasons.iter_mut().find(|(other, _)| *other == reason) {
            Some((_, count)) => *count += 1,
            None => reasons.push((reason, 1)),
        }
    }
    reasons
}
