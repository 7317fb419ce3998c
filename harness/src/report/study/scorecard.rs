//! The scorecard of the three principles, with the figures that decide.

use std::fmt::Write as _;

use power_analysis::study::{Criterion, Principle, Standing, Wanted};

use crate::report::text::escape;
use crate::study::results::StudyResults;
use crate::study::sentences;
use crate::study::tables::known;

/// The scorecard as HTML.
pub(super) fn html(results: &StudyResults) -> String {
    let mut html = String::from(
        "<section id=\"principles\"><h2>The three principles</h2><h3>(i) Reliable measurements</h3>",
    );
    html.push_str("<div class=\"verdicts\">");
    for (tool, principle) in &results.reliable {
        card(&mut html, tool.name(), principle);
    }
    html.push_str("</div><h3>(ii) A wide range of GPU usage</h3><div class=\"verdicts\">");
    for (id, principle) in &results.range {
        card(&mut html, if id.is_on_all_gpus() { "all GPUs" } else { "one GPU" }, principle);
    }
    let _ = write!(
        html,
        "</div><p>{}</p><h3>(iii) Holistic cost</h3><div class=\"verdicts\">",
        escape(&widen(results))
    );
    card(&mut html, "the node", &results.holistic);
    html.push_str("</div><div class=\"scroll\"><table><thead><tr><th scope=\"col\">Component</th><th scope=\"col\">Is</th><th scope=\"col\">By</th><th scope=\"col\">Share of the node's energy</th></tr></thead><tbody>");
    for component in &results.components {
        let share =
            component.share.map_or_else(|| "unknown".to_owned(), |share| format!("{:.0} %", 100.0 * share));
        let _ = write!(
            html,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{share}</td></tr>",
            escape(&component.name),
            escape(&component.how),
            escape(&component.by)
        );
    }
    html.push_str("</tbody></table></div></section>");
    html
}

fn card(html: &mut String, name: &str, principle: &Principle) {
    let class = match principle.standing {
        Standing::Met => "done",
        Standing::Partly | Standing::Unknown => "open",
        Standing::NotMet => "bad",
    };
    let _ = write!(
        html,
        "<article class=\"verdict {class}\"><h2>{} <span class=\"badge {class}\">{}</span></h2><ul>",
        escape(name),
        sentences::standing(principle.standing)
    );
    for criterion in &principle.criteria {
        let _ = write!(html, "<li>{}</li>", line(criterion));
    }
    html.push_str("</ul></article>");
}

fn line(criterion: &Criterion) -> String {
    let (word, bound) = match criterion.wanted {
        Wanted::AtLeast(bound) => ("at least", bound),
        Wanted::AtMost(bound) => ("at most", bound),
    };
    let met = match criterion.met {
        Some(true) => "✓",
        Some(false) => "✕",
        None => "?",
    };
    format!(
        "{met} {}: {} (wanted: {word} {bound})",
        escape(&criterion.name),
        escape(&known(criterion.found.as_ref(), 3, 1.0))
    )
}

/// What would widen the range.
fn widen(results: &StudyResults) -> String {
    let first = results.experiment(crate::study::plan::ExperimentId::E1);
    let Some(range) = first.and_then(|found| found.power) else { return "The range is unknown.".into() };
    let (Some(idle), Some(limit)) = (range.idle_w, range.limit_w) else {
        return "What is feasible is unknown here: rest or limit of the GPU is not known.".into();
    };
    let (below, above) = (range.low_w - idle, limit - range.high_w);
    format!(
        "{:.0} W below the least and {:.0} W above the greatest power of an epoch are unused: {}.",
        below,
        above,
        if above > below {
            "networks of larger width and batch, which fill the GPU, would widen the range most"
        } else {
            "small networks, which leave the GPU waiting, would widen the range most"
        }
    )
}
