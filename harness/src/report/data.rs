//! The page's data for its script: one line of the comparison, one of what is drawn.

use power_analysis::correct::Refused;
use power_analysis::faults::Fault;
use power_analysis::stats::Estimate;
use serde::Serialize;

use super::curve::{Curve, Shape, micros};
use super::drawn::Drawn;
use super::overlay::{LAYOUT, Layout};
use super::text::script_json;
use super::{corrections, verdict};
use crate::Result;
use crate::comparison::{Judged, RunComparison};

/// Most phases that figures shade.
pub(super) const MOST_PHASES: usize = 20_000;

/// Most bytes of names of phases.
const NAME_BYTES: usize = 300_000;

/// All that the script draws from.
#[derive(Debug, Serialize)]
pub(super) struct Page<'a> {
    /// What times count from, in nanoseconds on the run's time base; a string, as it may be beyond 2^53.
    origin_ns: String,
    ordinal: bool,
    layout: Layout,
    verdicts: Vec<Verdict>,
    phases: Phases<'a>,
    reference: Option<Trace<'a>>,
    sensors: Vec<Sensor<'a>>,
}

#[derive(Debug, Serialize)]
struct Verdict {
    letter: char,
    class: &'static str,
    words: &'static str,
}

/// Phases by column, times in microseconds.
#[derive(Debug, Default, Serialize)]
struct Phases<'a> {
    /// Each less the one before it.
    begin_us: Vec<i64>,
    length_us: Vec<i64>,
    name: Vec<&'a str>,
}

/// One trace by column, each number less the one before it.
#[derive(Debug, Serialize)]
struct Trace<'a> {
    name: &'a str,
    shape: Shape,
    per_watt: u32,
    t_us: Vec<i64>,
    w: Vec<i64>,
}

#[derive(Debug, Serialize)]
struct Sensor<'a> {
    name: &'a str,
    trace: Option<Trace<'a>>,
    view_us: (f64, f64),
    /// One letter a phase.
    verdicts: String,
    faults: Vec<FaultSpan<'a>>,
    /// What its card makes of the phases; `None` where it corrects none.
    corrected: Option<Corrections>,
}

/// Corrected phases by column; errors in per cent.
#[derive(Debug, Serialize)]
struct Corrections {
    shown: Vec<Option<f64>>,
    value: Vec<Option<f64>>,
    low: Vec<Option<f64>>,
    high: Vec<Option<f64>>,
    /// Why it has no energy.
    refused: Vec<Option<String>>,
}

#[derive(Debug, Serialize)]
struct FaultSpan<'a> {
    begin_us: i64,
    end_us: i64,
    kind: &'static str,
    detail: &'a str,
}

/// The content of the page's data element: JSON in five lines, of which the second is the comparison as it was given.
///
/// The script hands that line out unchanged: JavaScript would round times in nanoseconds.
///
/// `capped` is what the page lists of `comparison`.
pub(super) fn json(comparison: &RunComparison, capped: &RunComparison, drawn: &Drawn) -> Result<String> {
    let origin = drawn.origin_ns;
    let compared = comparison.sensors.iter().zip(&capped.sensors).zip(&drawn.sensors);
    let page = Page {
        origin_ns: origin.to_string(),
        ordinal: drawn.ordinal,
        layout: LAYOUT,
        verdicts: verdicts(),
        phases: phases(comparison, origin),
        reference: drawn.reference.as_ref().map(|curve| trace(&comparison.reference.name, curve)),
        sensors: compared
            .map(|((judged, listed), drawn)| Sensor {
                name: &judged.sensor.name,
                trace: drawn.as_ref().map(|sensor| trace(&judged.sensor.name, &sensor.curve)),
                view_us: drawn.as_ref().map_or((0.0, 0.0), |sensor| sensor.view),
                verdicts: letters(judged),
                faults: faults(listed, origin),
                corrected: corrections(judged),
            })
            .collect(),
    };
    let (comparison, page) = (script_json(capped)?, script_json(&page)?);
    Ok(format!("{{\"comparison\":\n{comparison}\n,\"page\":\n{page}\n}}"))
}

/// All verdicts on phases, as the script knows them.
fn verdicts() -> Vec<Verdict> {
    let all = verdict::ALL.into_iter().map(|verdict| {
        let (class, letter) = verdict::class(verdict);
        Verdict { letter, class, words: verdict.words() }
    });
    all.collect()
}

/// The tools of a figure of traces, as HTML.
pub(super) const TOOLS: &str = "<div class=\"tools\" hidden>\
     <button type=\"button\" data-do=\"in\" aria-label=\"Zoom in\">+</button>\
     <button type=\"button\" data-do=\"out\" aria-label=\"Zoom out\">−</button>\
     <button type=\"button\" data-do=\"left\" aria-label=\"Move left\">←</button>\
     <button type=\"button\" data-do=\"right\" aria-label=\"Move right\">→</button>\
     <button type=\"button\" data-do=\"reset\">Reset</button>\
     <span class=\"hint\">Drag to zoom, Ctrl and wheel, double-click to reset. Keys when the figure has the focus: \
     ← → + − 0; with Shift, ← → move the crosshair.</span></div>";

/// What figures of traces are drawn from where there is no comparison: a reference, sensors with a letter of verdict for
/// each phase, what is shown, and the phases with begin and end in nanoseconds.
pub(super) fn of_series<'a>(
    origin_ns: i64,
    (name, reference): (&'a str, &Curve),
    sensors: &'a [(&'a str, Curve, String)],
    view_us: (f64, f64),
    phases: &'a [(String, i64, i64)],
) -> Page<'a> {
    let mut shaded = Phases::default();
    let mut before = 0;
    for (name, begin, end) in phases {
        let begin = micros(*begin, origin_ns);
        shaded.begin_us.push(begin.saturating_sub(before));
        shaded.length_us.push(micros(*end, origin_ns).saturating_sub(begin));
        shaded.name.push(name);
        before = begin;
    }
    let sensors = sensors.iter().map(|(name, curve, letters)| Sensor {
        name,
        trace: Some(trace(name, curve)),
        view_us,
        verdicts: letters.clone(),
        faults: Vec::new(),
        corrected: None,
    });
    Page {
        origin_ns: origin_ns.to_string(),
        ordinal: false,
        layout: LAYOUT,
        verdicts: verdicts(),
        phases: shaded,
        reference: Some(trace(name, reference)),
        sensors: sensors.collect(),
    }
}

/// The phases that figures shade, which are the same for every sensor.
fn phases(comparison: &RunComparison, origin_ns: i64) -> Phases<'_> {
    let mut rows = comparison.sensors.iter().filter_map(|judged| Some(&judged.comparison.as_ref()?.phases));
    let Some(rows) = rows.find(|rows| !rows.is_empty()) else { return Phases::default() };
    let mut phases = Phases::default();
    let (mut before, mut bytes) = (0, 0);
    for row in rows.iter().take(MOST_PHASES) {
        let begin = micros(row.phase.interval.begin_ns, origin_ns);
        phases.begin_us.push(begin.saturating_sub(before));
        phases.length_us.push(micros(row.phase.interval.end_ns, origin_ns).saturating_sub(begin));
        before = begin;
        bytes += row.phase.name.len();
        phases.name.push(if bytes <= NAME_BYTES { &row.phase.name } else { "(name not in the page)" });
    }
    phases
}

fn letters(judged: &Judged) -> String {
    let rows = judged.comparison.iter().flat_map(|compared| compared.phases.iter().take(MOST_PHASES));
    rows.map(|row| verdict::class(row.verdict).1).collect()
}

fn corrections(judged: &Judged) -> Option<Corrections> {
    let correction = judged.corrected.as_ref().filter(|found| found.refused.is_none())?;
    let compared = judged.comparison.as_ref()?;
    let rows = || correction.phases.iter().zip(&compared.phases).take(MOST_PHASES);
    // A hundredth of a per cent is finer than any of them is known.
    let percent = |share: f64| (share * 1e4).round() / 1e2;
    let errors = |of: fn(&Estimate) -> f64| {
        rows().map(|(phase, row)| Some(percent(of(&corrections::error(phase, row)?)))).collect()
    };
    Some(Corrections {
        shown: rows().map(|(_, row)| row.error.map(percent)).collect(),
        value: errors(|error| error.value),
        low: errors(|error| error.low),
        high: errors(|error| error.high),
        refused: rows().map(|(phase, _)| phase.refused.map(Refused::words)).collect(),
    })
}

fn faults(judged: &Judged, origin_ns: i64) -> Vec<FaultSpan<'_>> {
    let span = |fault: &'_ Fault| {
        (micros(fault.interval.begin_ns, origin_ns), micros(fault.interval.end_ns, origin_ns))
    };
    let all = judged.comparison.iter().flat_map(|compared| &compared.faults);
    all.map(|fault| {
        let (begin_us, end_us) = span(fault);
        FaultSpan { begin_us, end_us, kind: fault.kind.words(), detail: &fault.detail }
    })
    .collect()
}

fn trace<'a>(name: &'a str, curve: &Curve) -> Trace<'a> {
    Trace {
        name,
        shape: curve.shape,
        per_watt: curve.per_watt,
        t_us: steps(&curve.times_us),
        w: steps(&curve.units),
    }
}

/// Each number less the one before it: fewer digits.
fn steps(numbers: &[i64]) -> Vec<i64> {
    let before = std::iter::once(0).chain(numbers.iter().copied());
    numbers.iter().zip(before).map(|(number, before)| number.saturating_sub(before)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_add_up() {
        assert_eq!(steps(&[5, 7, 4]), [5, 2, -3]);
        assert_eq!(steps(&[]), [0_i64; 0]);
    }
}
