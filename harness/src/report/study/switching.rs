//! Fig. 1 in the page: the same figure of traces as in a comparison, zoom and pointer included.

use std::fmt::Write as _;

use power_analysis::PhaseVerdict;

use crate::Result;
use crate::report::curve::{Corners, Curve, Points, Shape};
use crate::report::data;
use crate::report::overlay::{Overlay, Span};
use crate::report::text::{escape, script_json};
use crate::report::verdict;
use crate::study::results::{Series, StudyResults, Switching};
use crate::study::sentences;

/// Fewest values of an epoch that is not under-sampled.
const FEWEST: usize = power_analysis::FEWEST_PUBLICATIONS;

/// The figures as HTML; empty without any.
pub(super) fn html(results: &StudyResults) -> String {
    let Some(shown) = &results.switching else { return String::new() };
    let mut html = String::new();
    for (index, figure) in svgs(shown).into_iter().enumerate() {
        let sensor = &shown.sensors[index];
        let _ = write!(
            html,
            "<section class=\"sensor figure-1\"><figure class=\"traces\" data-sensor=\"{index}\" id=\"figure-1-{index}\">{}\
             <div class=\"stage\">{figure}<div class=\"tip\" hidden></div></div>\
             <output class=\"spoken\" aria-live=\"polite\"></output>\
             <ul class=\"legend\"><li><svg class=\"key\" viewBox=\"0 0 24 8\" aria-hidden=\"true\"><path class=\"line reference\" d=\"M0,4H24\"/></svg>{}</li>\
             <li><svg class=\"key\" viewBox=\"0 0 24 8\" aria-hidden=\"true\"><path class=\"line sensor\" d=\"M0,4H24\"/></svg>{}</li></ul>\
             <figcaption><b>Fig. 1. Switching between states of low and high power: {}.</b> {}</figcaption></figure></section>",
            data::TOOLS,
            escape(&shown.reference.name),
            escape(&sensor.name),
            escape(&sensor.name),
            escape(&sentences::switching(results).unwrap_or_default()),
        );
    }
    html
}

/// Each figure as SVG.
fn svgs(shown: &Switching) -> Vec<String> {
    let origin = origin(shown);
    let other = corners(&shown.reference, origin);
    let draw = |sensor: &Series| {
        let own = corners(sensor, origin);
        let view = view(&other);
        let phases = verdict::ALL.into_iter().map(|verdict| {
            let of = shown.phases.iter().filter(|phase| judged(sensor, phase) == verdict);
            (verdict, of.map(|(_, begin, end)| Span::between(*begin, *end, origin)).collect::<Vec<_>>())
        });
        Overlay {
            sensor: &sensor.name,
            reference: &shown.reference.name,
            own: &own,
            other: &other,
            view,
            phases: phases.filter(|(_, spans)| !spans.is_empty()).collect(),
            faults: Vec::new(),
            ordinal: false,
        }
        .svg()
    };
    shown.sensors.iter().map(draw).collect()
}

/// Whether a sensor showed enough of an epoch.
fn judged(sensor: &Series, (_, begin, end): &(String, i64, i64)) -> PhaseVerdict {
    let from = sensor.times_ns.partition_point(|time| time < begin);
    let to = sensor.times_ns.partition_point(|time| time <= end);
    match to.saturating_sub(from) {
        0 => PhaseVerdict::NoReading,
        number if number < FEWEST => PhaseVerdict::Unresolved,
        _ => PhaseVerdict::Ok,
    }
}

fn origin(shown: &Switching) -> i64 {
    shown.reference.times_ns.first().copied().unwrap_or(0)
}

fn curve(series: &Series, origin: i64) -> Curve {
    let points = Points {
        shape: if series.holds { Shape::Hold } else { Shape::Line },
        times_ns: series.times_ns.clone(),
        watts: series.watts.clone(),
        of: series.times_ns.len(),
    };
    points.rounded(origin)
}

fn corners(series: &Series, origin: i64) -> Corners {
    curve(series, origin).corners()
}

fn view(other: &Corners) -> (f64, f64) {
    other.span().unwrap_or((0.0, 1.0))
}

/// The page's data element: the results, and what the figures of traces are drawn from.
///
/// # Errors
///
/// - if it cannot be written as JSON.
pub(super) fn json(results: &StudyResults) -> Result<String> {
    let empty = Switching {
        reference: Series { name: String::new(), holds: false, times_ns: Vec::new(), watts: Vec::new() },
        sensors: Vec::new(),
        phases: Vec::new(),
    };
    let shown = results.switching.as_ref().unwrap_or(&empty);
    let origin = origin(shown);
    let reference = curve(&shown.reference, origin);
    let view = view(&reference.corners());
    let sensors: Vec<(&str, Curve, String)> = shown
        .sensors
        .iter()
        .map(|sensor| {
            let letters = shown.phases.iter().map(|phase| verdict::class(judged(sensor, phase)).1);
            (sensor.name.as_str(), curve(sensor, origin), letters.collect())
        })
        .collect();
    let page = data::of_series(origin, (&shown.reference.name, &reference), &sensors, view, &shown.phases);
    // Two lines of their own, as the script reads them.
    Ok(format!("{{\"study\":\n{}\n,\"page\":\n{}\n}}", script_json(results)?, script_json(&page)?))
}
