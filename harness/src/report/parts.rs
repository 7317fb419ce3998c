//! Sensors that measure a part of what the reference does, or something else: a table in place of verdicts.

use std::fmt::Write as _;

use super::summary::estimate;
use super::text::{escape, name};
use crate::comparison::{Judged, RunComparison};

/// Whether a sensor is told of here.
pub(super) fn holds(judged: &Judged) -> bool {
    judged.comparison.is_none() && !judged.failed
}

/// The table as HTML; nothing where all measure what the reference does.
pub(super) fn html(comparison: &RunComparison) -> String {
    let told: Vec<&Judged> = comparison.sensors.iter().filter(|judged| holds(judged)).collect();
    if told.is_empty() {
        return String::new();
    }
    let mut html = format!(
        "<section id=\"parts\"><h2>Beside the reference</h2><p>{} measures {}. These measure a part of it, or something \
         else: what they differ by is no error, and none is stated. A reference of the same scope tells their errors \
         (<code>--reference</code>); what a node takes beside its parts, <code>wattproof calibrate</code>.</p>\
         <div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Sensors of parts\"><table class=\"summary\">\
         <thead><tr><th scope=\"col\">Sensor</th><th scope=\"col\">Measures</th>\
         <th scope=\"col\" class=\"num\">Share of the reference&#39;s energy</th>\
         <th scope=\"col\" class=\"num\">Reference, W per W</th><th scope=\"col\" class=\"num\">Pearson</th></tr></thead><tbody>",
        name(&comparison.reference.name),
        escape(&comparison.reference.channel.scope.to_string())
    );
    for judged in told {
        let part = judged.part.as_ref();
        let share = part.map_or_else(|| "no part of it".to_owned(), |part| escape(&part.share_words()));
        let _ = write!(
            html,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td class=\"num\">{share}</td>\
             <td class=\"num\">{}</td><td class=\"num\">{}</td></tr>",
            name(&judged.sensor.name),
            escape(&judged.sensor.channel.scope.to_string()),
            estimate(part.and_then(|part| Some(part.line.as_ref()?.slope))),
            estimate(part.and_then(|part| part.pearson)),
        );
    }
    html.push_str("</tbody></table></div></section>");
    html
}
