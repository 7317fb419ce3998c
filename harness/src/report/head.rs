//! The head of the page: verdicts in words, what was compared, how to do it again.

use std::fmt::Write as _;

use power_analysis::faults::Following;

use super::parts;
use super::text::{counted, escape, grouped, name, shell_word};
use crate::comparison::{Judged, RunComparison, Subject};
use crate::run::{Manifest, Origin};
use crate::timekeeping;

/// How a sensor fared, in a word or two and as a class of the style sheet.
pub(super) fn standing(judged: &Judged) -> (&'static str, &'static str) {
    match judged.comparison.as_ref().map(|compared| &compared.following) {
        None if judged.part.is_some() => ("a part", "open"),
        None if !judged.failed => ("something else", "open"),
        None => ("not compared", "bad"),
        Some(Following::No { .. }) => ("reference does not follow", "bad"),
        Some(Following::Unknown { .. }) => ("cannot be told", "open"),
        Some(Following::Yes) => ("compared", "done"),
    }
}

/// Title, what comes first, verdicts and facts as HTML.
pub(super) fn html(comparison: &RunComparison, manifest: &Manifest, first: &str) -> String {
    let mut html = String::from("<header>");
    let _ = write!(
        html,
        "<p class=\"kicker\">wattproof report</p><h1>{}: {} against {}</h1>",
        name(&comparison.run),
        counted(comparison.sensors.len(), "sensor", "sensors"),
        name(&comparison.reference.name)
    );
    html.push_str(first);
    html.push_str("<section class=\"verdicts\" aria-label=\"Verdicts\">");
    for (index, judged) in comparison.sensors.iter().enumerate() {
        // One line of a table below is enough for those that measure something else.
        if parts::holds(judged) {
            continue;
        }
        let (word, class) = standing(judged);
        let _ = write!(
            html,
            "<article class=\"verdict {class}\"><h2><a href=\"#sensor-{index}\">{}</a> <span class=\"badge {class}\">{word}</span></h2>",
            name(&judged.sensor.name)
        );
        let mut sentences = judged.verdict.iter();
        if let Some(first) = sentences.next() {
            let _ = write!(html, "<p class=\"lead\">{}</p>", escape(first));
        }
        html.push_str(&points(sentences));
        html.push_str("</article>");
    }
    html.push_str("</section>");
    html.push_str(&parts::html(comparison));
    html.push_str(&facts(comparison, manifest));
    html.push_str("</header>");
    html
}

/// Further sentences as a list; a reason stands with what it explains.
fn points<'a>(sentences: impl Iterator<Item = &'a String>) -> String {
    let mut points: Vec<String> = Vec::new();
    for sentence in sentences {
        match points.last_mut() {
            Some(last) if sentence.starts_with("Why: ") => {
                last.push(' ');
                last.push_str(&escape(sentence));
            }
            _ => points.push(escape(sentence)),
        }
    }
    if points.is_empty() { String::new() } else { format!("<ul><li>{}</li></ul>", points.join("</li><li>")) }
}

fn facts(comparison: &RunComparison, manifest: &Manifest) -> String {
    let mut html = String::from("<dl class=\"facts\">");
    let mut fact = |term: &str, description: &str| {
        let _ = write!(html, "<div><dt>{term}</dt><dd>{description}</dd></div>");
    };
    fact("Reference", &reference(&comparison.reference));
    fact("Host", &host(comparison));
    fact("Run", &origin(comparison, manifest));
    fact(
        "Made by",
        &format!(
            "{}; seed {}; times are {}",
            escape(&comparison.written_by),
            comparison.seed,
            escape(&manifest.time_base.to_string())
        ),
    );
    fact("Make it again", &format!("<code>{}</code>", escape(&command(comparison))));
    html.push_str("</dl>");
    html
}

fn reference(reference: &Subject) -> String {
    let accuracy = match &reference.channel.accuracy {
        Some(accuracy) => format!("accuracy {accuracy}, by {}", accuracy.source),
        None => "accuracy unknown".into(),
    };
    format!(
        "{}: {}; {}, {}, {}; {}; {}",
        name(&reference.name),
        escape(&reference.device),
        reference.channel.quantity,
        escape(&reference.channel.scope.to_string()),
        reference.channel.delivery,
        escape(&accuracy),
        counted(reference.readings, "reading", "readings")
    )
}

fn host(comparison: &RunComparison) -> String {
    // How its clock is kept stands in the notes, where it matters.
    let facts = comparison.host.iter().filter(|(key, _)| !key.starts_with(timekeeping::PREFIX));
    let known: Vec<String> = facts.map(|(key, value)| format!("{} {}", escape(key), escape(value))).collect();
    if known.is_empty() { "unknown".into() } else { known.join("; ") }
}

/// Most inputs and characters of a command that the head names.
const MOST_INPUTS: usize = 12;

fn origin(comparison: &RunComparison, manifest: &Manifest) -> String {
    let when = format!(
        "{}, written {} by {}",
        name(&comparison.run),
        escape(&manifest.written_at),
        escape(&manifest.written_by)
    );
    match &manifest.origin {
        Origin::Recorded { command, exit_code } => {
            let what = if command.is_empty() {
                "a time was recorded".to_owned()
            } else {
                let words: Vec<String> = command.iter().map(|word| shell_word(word)).collect();
                let exit =
                    exit_code.map_or_else(|| "exit code unknown".into(), |code| format!("exit code {code}"));
                format!("recorded around <code>{}</code>, {exit}", escape(&words.join(" ")))
            };
            format!("{when}; {what}")
        }
        Origin::Imported { inputs } => {
            let listed = inputs.iter().take(MOST_INPUTS).map(|input| {
                format!(
                    "<li>{} ({}, {} bytes, SHA-256 <code>{}</code>)</li>",
                    name(&input.name),
                    escape(&input.format),
                    grouped(usize::try_from(input.bytes).unwrap_or(usize::MAX)),
                    escape(&input.sha256)
                )
            });
            let more = match inputs.len().saturating_sub(MOST_INPUTS) {
                0 => String::new(),
                more => format!("<li>and {more} more</li>"),
            };
            format!("{when}; imported from<ul class=\"inputs\">{}{more}</ul>", listed.collect::<String>())
        }
    }
}

/// The command that makes this page again.
fn command(comparison: &RunComparison) -> String {
    let mut command = format!(
        "wattproof report {} --reference {}",
        shell_word(&comparison.run),
        shell_word(&comparison.reference.name)
    );
    for judged in &comparison.sensors {
        let _ = write!(command, " --sensor {}", shell_word(&judged.sensor.name));
    }
    for (channel, nanos) in &comparison.windows_ns {
        let _ = write!(command, " --window {}", shell_word(&format!("{channel}={nanos}ns")));
    }
    let _ = write!(command, " --seed {} -o report.html", comparison.seed);
    command
}
