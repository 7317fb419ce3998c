//! Tables of phases and of faults. The script adds sorting and filters; without it they are just long.

use std::fmt::Write as _;

use power_analysis::correct::CorrectedPhase;
use power_analysis::{Comparison, Interval, PhaseRow};

use super::cap::Whole;
use super::corrections;
use super::figure::as_f64;
use super::text::{UNKNOWN, counted, escape, grouped, number, plain, significant};
use super::verdict;
use crate::correction::Correction;
use crate::words;

/// Columns: title, explanation, and whether they sort as numbers.
const COLUMNS: [(&str, &str, bool); 13] = [
    ("Phase", "name of the phase", false),
    ("Begin, s", "since the start of the run", true),
    ("Length, s", "duration of the phase", true),
    ("Readings", "readings wholly within it", true),
    ("Publ.", "publications within it", true),
    ("Sample ratio", "readings over those asked for", true),
    ("Coverage", "share of the phase that publications cover", true),
    ("Longest gap, ms", "longest time without a publication", true),
    ("Sensor, J", "energy by the sensor", true),
    ("Reference, J", "energy by the reference", true),
    ("Error, %", "relative error of the sensor's energy", true),
    ("Mean, %", "relative error of the mean of the readings", true),
    ("Verdict", "whether the sensor can be believed about it", false),
];

/// Columns of what a card corrects, before the verdict.
const CORRECTED: [(&str, &str, bool); 2] = [
    (
        "Corrected, J",
        "energy as the sensor's card corrects it, with its interval, or why none is stated",
        true,
    ),
    ("Corr. error, %", "relative error of the corrected energy, with its interval", true),
];

/// The table of phases as HTML, with what a card makes of them; empty where none is marked.
pub(super) fn phases(
    compared: &Comparison,
    corrected: Option<&Correction>,
    whole: Whole,
    origin_ns: i64,
) -> String {
    if whole.phases == 0 {
        return "<h3>Phases</h3><p>No phase is marked, so nothing can be said about parts of the run.</p>"
            .into();
    }
    let mut html = String::from(
        "<h3>Phases</h3><div class=\"tools\" hidden><label>Group <select class=\"group\"><option value=\"\">all</option>\
         </select></label><label>Verdict <select class=\"by-verdict\"><option value=\"\">all</option></select></label>\
         <span class=\"shown\" aria-live=\"polite\"></span><span class=\"hint\">A click on a row, or Enter, shows the \
         phase in the figure.</span></div><div class=\"scroll tall\" tabindex=\"0\" role=\"region\" \
         aria-label=\"Table of phases\"><table class=\"phases\"><thead><tr>",
    );
    let corrected = corrected.filter(|found| found.refused.is_none()).map(|found| &found.phases);
    let (verdict, others) =
        COLUMNS.split_last().map_or((None, &[][..]), |(last, others)| (Some(last), others));
    let added = corrected.iter().flat_map(|_| &CORRECTED);
    for (title, explanation, numeric) in others.iter().chain(added).chain(verdict) {
        let class = if *numeric { " class=\"num\"" } else { "" };
        let _ = write!(html, "<th scope=\"col\"{class} title=\"{explanation}\">{title}</th>");
    }
    html.push_str("</tr></thead><tbody>");
    for (index, row) in compared.phases.iter().enumerate() {
        let cells = corrected.map(|phases| corrected_cells(phases.get(index), row));
        push_row(&mut html, row, cells.into_iter().flatten(), origin_ns);
    }
    html.push_str("</tbody></table></div>");
    if compared.phases.len() < whole.phases {
        let _ = write!(
            html,
            "<p class=\"hint\">The first {} of {} phases; <code>wattproof compare --json</code> has them all. Sums and \
             figures are of all.</p>",
            grouped(compared.phases.len()),
            grouped(whole.phases)
        );
    }
    html
}

/// Adds a row; `corrected` are its cells of what a card makes of it.
fn push_row(html: &mut String, row: &PhaseRow, corrected: impl Iterator<Item = String>, origin_ns: i64) {
    let (class, _) = verdict::class(row.verdict);
    let seconds = since(row.phase.interval, origin_ns);
    let percent = |error: Option<f64>| number(error.map(|error| error * 100.0), 1);
    let _ = write!(html, "<tr class=\"v-{class}\"><td>{}", escape(&row.phase.name));
    let cells = [
        plain(seconds, 3),
        plain(row.phase.interval.seconds(), 3),
        row.readings.to_string(),
        row.publications.to_string(),
        number(row.sample_ratio, 2),
        number(row.coverage, 2),
        number(Some(row.longest_gap_ms), 0),
        joules(row.sensor_j),
        joules(row.reference_j),
        percent(row.error),
        percent(super::phase_errors::mean_error(row)),
    ];
    for cell in cells.into_iter().chain(corrected).chain([row.verdict.words().to_owned()]) {
        html.push_str("<td>");
        html.push_str(&cell);
    }
}

/// Corrected energy and its error, or why there is none.
fn corrected_cells(phase: Option<&CorrectedPhase>, row: &PhaseRow) -> [String; 2] {
    let energy = phase.and_then(|phase| phase.energy_j);
    let shown = match (energy, phase.and_then(|phase| phase.refused)) {
        (_, Some(refused)) => escape(&refused.words()),
        (Some(energy), None) => with_interval(&[energy.value, energy.low, energy.high].map(significant)),
        (None, None) => UNKNOWN.into(),
    };
    let error = phase.and_then(|phase| corrections::error(phase, row));
    let error = error.map(|error| [error.value, error.low, error.high].map(|share| plain(share * 100.0, 1)));
    [shown, error.map_or_else(|| UNKNOWN.into(), |ends| with_interval(&ends))]
}

fn with_interval([value, low, high]: &[String; 3]) -> String {
    format!("{value} <span class=\"interval\">[{low}, {high}]</span>")
}

fn joules(joules: Option<f64>) -> String {
    joules.filter(|joules| joules.is_finite()).map_or_else(|| UNKNOWN.into(), significant)
}

/// The table of faults as HTML.
pub(super) fn faults(compared: &Comparison, whole: Whole, origin_ns: i64) -> String {
    if whole.faults == 0 {
        return "<h3>Faults</h3><p>None was found.</p>".into();
    }
    let mut html = format!(
        "<h3>Faults</h3><p>{}. Nothing was removed from the data for them.</p><div class=\"scroll tall\" tabindex=\"0\" \
         role=\"region\" aria-label=\"Table of faults\"><table class=\"faults\"><thead><tr><th scope=\"col\">Kind</th>\
         <th scope=\"col\" class=\"num\">Begin, s</th><th scope=\"col\" class=\"num\">Length, s</th>\
         <th scope=\"col\" class=\"num\">Count</th><th scope=\"col\">What was seen</th></tr></thead><tbody>",
        counted(whole.faults, "fault", "faults")
    );
    for fault in &compared.faults {
        let _ = write!(
            html,
            "<tr><td>{}<td class=\"num\">{}<td class=\"num\">{}<td class=\"num\">{}<td>{}",
            fault.kind.words(),
            plain(since(fault.interval, origin_ns), 3),
            plain(fault.interval.seconds(), 3),
            grouped(fault.count),
            escape(&fault.detail)
        );
    }
    html.push_str("</tbody></table></div>");
    if compared.faults.len() < whole.faults {
        let _ = write!(
            html,
            "<p class=\"hint\">The first {} of {}; <code>wattproof compare --json</code> has them all.</p>",
            grouped(compared.faults.len()),
            grouped(whole.faults)
        );
    }
    html
}

/// What a perfect sensor would have shown, as a paragraph; empty where nothing can be said.
pub(super) fn why(compared: &Comparison) -> String {
    if compared.explained.is_empty() {
        return "<h3>Why</h3><p>Its averaging window and its update period are unknown, so nothing explains its errors.</p>"
            .into();
    }
    let mut html = String::from(
        "<h3>Why</h3><p>What a perfect sensor would have been off by, had it published and been read at the same \
         times:</p><ul>",
    );
    for explained in &compared.explained {
        let [low, high] = [explained.low, explained.high].map(words::percent);
        let expected = if low == high { low } else { format!("{low} to {high}") };
        let rest = match explained.measured {
            measured if measured < explained.low => measured - explained.low,
            measured => (measured - explained.high).max(0.0),
        };
        let _ = write!(
            html,
            "<li>{}: {expected} expected ({}), {} measured, {} points unexplained.</li>",
            escape(&explained.of),
            escape(&explained.assumption),
            words::percent(explained.measured),
            plain(rest * 100.0, 1)
        );
    }
    html.push_str("</ul>");
    html
}

/// Seconds from the origin to the beginning of an interval.
fn since(interval: Interval, origin_ns: i64) -> f64 {
    as_f64(interval.begin_ns.saturating_sub(origin_ns)) * 1e-9
}
