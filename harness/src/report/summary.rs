//! One row a sensor: the figures that a reader compares.

use std::fmt::Write as _;

use power_analysis::stats::Estimate;
use power_analysis::{Comparison, PhaseVerdict};
use power_core::Quantity;

use super::head::standing;
use super::parts;
use super::text::{UNKNOWN, counted, escape, grouped, name, number, plain, significant};
use crate::comparison::{Judged, RunComparison};
use crate::words;

const HEADER: [&str; 11] = [
    "Sensor",
    "Quantity, window",
    "Energy error, whole run",
    "Energy error by phase group",
    "Phases ok",
    "Pearson",
    "Spearman",
    "CCC",
    "W₁ = |bias| + shape, W",
    "KS D, p",
    "Faults",
];

/// The columns from this one on hold numbers.
const FIRST_NUMBER: usize = 4;

/// Most groups that one cell lists.
const MOST_GROUPS: usize = 8;

/// The table as HTML.
pub(super) fn html(comparison: &RunComparison) -> String {
    let mut html = String::from(
        "<section id=\"summary\"><h2>Summary</h2><div class=\"scroll\" tabindex=\"0\" role=\"region\" \
         aria-label=\"Summary table\"><table class=\"summary\"><thead><tr>",
    );
    for (column, title) in HEADER.into_iter().enumerate() {
        let class = if column < FIRST_NUMBER { "" } else { " class=\"num\"" };
        let _ = write!(html, "<th scope=\"col\"{class}>{title}</th>");
    }
    html.push_str("</tr></thead><tbody>");
    for (index, judged) in comparison.sensors.iter().enumerate().filter(|(_, judged)| !parts::holds(judged)) {
        let (_, class) = standing(judged);
        let _ = write!(
            html,
            "<tr class=\"{class}\"><th scope=\"row\"><a href=\"#sensor-{index}\">{}</a></th><td>{}</td>",
            name(&judged.sensor.name),
            escape(&quantity(judged))
        );
        match &judged.comparison {
            Some(compared) => html.push_str(&cells(compared)),
            None => {
                let _ = write!(html, "<td colspan=\"{}\">not compared: {}</td>", HEADER.len() - 2, {
                    escape(judged.refused.as_deref().unwrap_or(UNKNOWN))
                });
            }
        }
        html.push_str("</tr>");
    }
    if comparison.sensors.iter().all(parts::holds) {
        let _ = write!(
            html,
            "<tr><td colspan=\"{}\">No sensor measures what the reference does.</td></tr>",
            HEADER.len()
        );
    }
    html.push_str(
        "</tbody></table></div><p class=\"hint\">In brackets: 95 % intervals. Errors are sensor over reference, less 1. \
         CCC: Lin's concordance. W<sub>1</sub>: area between the distribution functions.</p></section>",
    );
    html
}

/// Quantity and averaging window in words.
pub(super) fn quantity(judged: &Judged) -> String {
    let channel = &judged.sensor.channel;
    let window = judged.comparison.as_ref().and_then(|compared| compared.sampling.window_ms);
    let window = match (window, channel.quantity) {
        (Some(0.0), _) => "point value".into(),
        (Some(_), Quantity::EnergyCounter { .. }) => "window: each step".into(),
        (Some(window), _) => format!("window {} ms", significant(window)),
        (None, _) => "window unknown".into(),
    };
    format!("{}, {window}", channel.quantity)
}

fn cells(compared: &Comparison) -> String {
    let mut html = String::new();
    let mut cell = |class: &str, content: &str| {
        let _ = write!(html, "<td class=\"{class}\">{content}</td>");
    };
    let energy = compared.energies.as_ref().map_or_else(
        || {
            format!(
                "{UNKNOWN}: {}",
                escape(compared.energy_refused.as_deref().unwrap_or("no reason is given"))
            )
        },
        |energies| apart(&words::error(&energies.naive.error)),
    );
    cell("", &energy);
    cell("", &groups(compared));
    let ok = compared.phases.iter().filter(|row| row.verdict == PhaseVerdict::Ok).count();
    let phases = match compared.phases.len() {
        0 => "none marked".to_owned(),
        all => format!("{} of {}", grouped(ok), grouped(all)),
    };
    cell("num", &phases);
    let agreement = compared.agreement.as_ref();
    cell("num", &estimate(agreement.and_then(|agreement| agreement.pearson)));
    cell("num", &estimate(agreement.and_then(|agreement| agreement.spearman)));
    cell("num", &number(agreement.and_then(|agreement| agreement.concordance), 3));
    let distribution = agreement.and_then(|agreement| agreement.distribution.as_ref());
    let area = distribution.map(|distribution| distribution.wasserstein);
    let area = area.map_or_else(
        || UNKNOWN.to_owned(),
        |w| {
            let parts = format!("|{}| + {}", significant(w.bias), significant(w.shape));
            format!("{} <span class=\"interval\">= {parts}</span>", significant(w.distance))
        },
    );
    cell("num", &area);
    let ks = distribution.map_or_else(
        || UNKNOWN.to_owned(),
        |distribution| {
            let p = distribution.permutation.as_ref().map(|test| test.p_value);
            let d = number(Some(distribution.kolmogorov_smirnov.statistic), 3);
            format!("{d} <span class=\"interval\">p {}</span>", p_value(p))
        },
    );
    cell("num", &ks);
    cell("num", &grouped(compared.faults.len()));
    html
}

/// An error in words, its interval on a line of its own.
fn apart(error: &str) -> String {
    match error.split_once(" [") {
        Some((value, interval)) => {
            format!("{} <span class=\"interval\">[{}</span>", escape(value), escape(interval))
        }
        None => escape(error),
    }
}

/// A p-value; those that a thousand permutations cannot tell apart are bounded.
fn p_value(p: Option<f64>) -> String {
    match p {
        Some(p) if p < 0.001 => "< 0.001".into(),
        Some(p) => format!("= {}", plain(p, 3)),
        None => UNKNOWN.into(),
    }
}

fn groups(compared: &Comparison) -> String {
    let mut html = String::new();
    for group in compared.groups.iter().take(MOST_GROUPS) {
        let error = group.error.as_ref().map_or_else(|| UNKNOWN.to_owned(), words::error);
        let label = if group.group.is_empty() { "unnamed" } else { &group.group };
        let _ = write!(html, "<div>{}: {}</div>", name(label), escape(&error));
    }
    match compared.groups.len() {
        0 => html.push_str("no phase marked"),
        all if all > MOST_GROUPS => {
            let _ = write!(html, "<div>and {} more</div>", counted(all - MOST_GROUPS, "group", "groups"));
        }
        _ => {}
    }
    html
}

/// A number with its interval, to three decimals.
pub(super) fn estimate(estimate: Option<Estimate>) -> String {
    estimate.filter(|estimate| estimate.value.is_finite()).map_or_else(
        || UNKNOWN.to_owned(),
        |estimate| {
            format!(
                "{} <span class=\"interval\">[{}, {}]</span>",
                plain(estimate.value, 3),
                number(Some(estimate.low), 3),
                number(Some(estimate.high), 3)
            )
        },
    )
}
