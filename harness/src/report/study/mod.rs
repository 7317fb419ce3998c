//! The page of a study: verdict, principles, figures, tables, method.

mod chart;
mod figures;
mod scorecard;
mod switching;

use std::fmt::Write as _;

use super::text::escape;
use super::{POLICY, SCRIPT, STYLE};
use crate::Result;
use crate::study::results::StudyResults;
use crate::study::tables::Table;
use crate::study::{beside_paper, sentences};

const STUDY_STYLE: &str = include_str!("../assets/study.css");
const STUDY_SCRIPT: &str = include_str!("../assets/study.js");

/// The results of a study as one HTML page without any external resource.
///
/// # Errors
///
/// If a table or the page's data cannot be written, which memory always can.
pub fn study_page(results: &StudyResults) -> Result<String> {
    let title = format!("{}: quality of energy measurements", results.study);
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><meta name=\"generator\" content=\"{}\">\
         <title>{}</title><style>\n{STYLE}{STUDY_STYLE}</style></head>\n<body><a class=\"skip\" href=\"#verdict\">To the verdict</a>\
         <nav aria-label=\"Parts of the report\"><a href=\"#verdict\">Verdict</a><a href=\"#principles\">Principles</a>\
         <a href=\"#paper\">The paper</a><a href=\"#figures\">Figures</a><a href=\"#table-1\">Table I</a>\
         <a href=\"#sampling\">Sampling</a>{}<a href=\"#notes\">Notes</a><a href=\"#method\">Method</a><a href=\"#data\">Data</a></nav><main>",
        escape(&results.written_by),
        escape(&title),
        if results.truth.is_empty() { "" } else { "<a href=\"#truth\">Truth</a>" },
    );
    html.push_str(&head(results));
    html.push_str(&scorecard::html(results));
    html.push_str(&paper(results));
    html.push_str("<section id=\"figures\"><h2>Figures</h2>");
    html.push_str(&switching::html(results));
    html.push_str("<div class=\"figures\">");
    html.extend(figures::all(results).iter().map(figures::Drawn::html));
    html.push_str("</div></section>");
    html.push_str(&table("Table I", &results.table_one(), &["fails"])?);
    html.push_str(&table("Sampling", &results.table_of_sampling(), &[])?);
    if let Some(truth) = results.table_of_truth() {
        html.push_str(&table("Recovered against truth", &truth, &[])?);
    }
    html.push_str(&method(results));
    html.push_str("</main>\n");
    let (main, parts) = SCRIPT.split_last().map_or(("", &[][..]), |(main, parts)| (*main, parts));
    let _ = write!(
        html,
        "<script type=\"application/json\" id=\"report-data\">{}</script>\n<script>(() => {{\n\"use strict\";\n{}{STUDY_SCRIPT}{main}}})();</script>\n\
         </body></html>\n",
        switching::json(results)?,
        parts.concat()
    );
    Ok(html)
}

/// Title, verdict, facts.
fn head(results: &StudyResults) -> String {
    let epochs: usize = results.experiments.iter().map(|found| found.epochs.len()).sum();
    let trainings: usize = results.experiments.iter().map(|found| found.trainings).sum();
    let mut html = format!(
        "<header><p class=\"kicker\">wattproof study</p><h1>Quality of energy measurements: {trainings} trainings, {epochs} epochs</h1>\
         <section id=\"verdict\" class=\"verdicts\" aria-label=\"Verdict\">"
    );
    for sentence in sentences::verdict(results) {
        let _ =
            write!(html, "<article class=\"verdict\"><p class=\"lead\">{}</p></article>", escape(&sentence));
    }
    html.push_str("</section><dl class=\"facts\">");
    let mut fact = |term: &str, words: &str| {
        let _ = write!(html, "<div><dt>{term}</dt><dd>{words}</dd></div>");
    };
    if !results.finished {
        fact("State", "<b>not finished</b>: what is here is what was recorded so far");
    }
    fact("Reference", &escape(&results.reference));
    fact("Devices", &escape(&results.devices.join("; ")));
    let host: Vec<String> = results.host.iter().map(|(key, value)| format!("{key} {value}")).collect();
    fact("Host", &if host.is_empty() { "unknown".into() } else { escape(&host.join("; ")) });
    if results.plan.rig == crate::study::plan::RigChoice::Virtual {
        fact(
            "Rig",
            "virtual: a node made of software, whose sensors are made as real ones are and whose truth is known",
        );
    }
    fact("Made by", &format!("{}; seed {}", escape(&results.written_by), results.plan.seed));
    fact("Make it again", &format!("<code>{}</code>", escape(&command(results))));
    html.push_str("</dl></header>");
    html
}

/// The command that makes such a study again.
fn command(results: &StudyResults) -> String {
    use super::text::shell_word;
    use crate::study::plan::RigChoice;
    let mut command = format!("wattproof study {} --seed {}", results.plan.preset.words(), results.plan.seed);
    match &results.plan.rig {
        RigChoice::Virtual => command.push_str(" --rig virtual"),
        RigChoice::File(path) => {
            let _ = write!(command, " --rig {}", shell_word(&path.display().to_string()));
        }
        RigChoice::Found => {}
    }
    if let Some(line) = &results.plan.workload {
        let _ = write!(command, " --workload {}", shell_word(line));
    }
    command
}

/// What the paper found, what is found here, and why they differ.
fn paper(results: &StudyResults) -> String {
    let mut html = String::from(
        "<section id=\"paper\"><h2>Beside the paper</h2><div class=\"scroll\"><table><thead><tr><th scope=\"col\">Figure</th>\
         <th scope=\"col\">Paper</th><th scope=\"col\">Here</th><th scope=\"col\">Why</th></tr></thead><tbody>",
    );
    for (what, paper, here, why) in beside_paper::against_the_paper(results) {
        let _ = write!(
            html,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td></tr>",
            escape(&what),
            escape(&paper),
            escape(&here),
            escape(&why)
        );
    }
    html.push_str("</tbody></table></div></section>");
    html
}

/// A table with buttons that copy it; cells that are one of `bad` are shown so.
fn table(title: &str, table: &Table, bad: &[&str]) -> Result<String> {
    let name = table.name;
    let mut html = format!(
        "<section id=\"{name}\"><h2>{title}</h2><p class=\"facts\">{}</p><div class=\"tools copy\" hidden>\
         <button type=\"button\" data-copy=\"{name}-csv\">CSV</button><button type=\"button\" data-copy=\"{name}-tex\">LaTeX</button>\
         <output aria-live=\"polite\"></output></div><div class=\"scroll tall\" tabindex=\"0\"><table><thead><tr>",
        escape(&table.caption)
    );
    for column in &table.columns {
        let _ = write!(html, "<th scope=\"col\">{}</th>", escape(column));
    }
    html.push_str("</tr></thead><tbody>");
    for row in &table.rows {
        html.push_str("<tr>");
        for cell in row {
            let class = if bad.contains(&cell.as_str()) { " class=\"fails\"" } else { "" };
            // An interval goes below its figure where there is no room beside it.
            let cell = escape(cell).replacen(" [", " <span class=\"interval\">[", 1);
            let end = if cell.contains("<span") { "</span>" } else { "" };
            let _ = write!(html, "<td{class}>{cell}{end}</td>");
        }
        html.push_str("</tr>");
    }
    let _ = write!(
        html,
        "</tbody></table></div><script type=\"text/plain\" id=\"{name}-csv\">{}</script><script type=\"text/plain\" id=\"{name}-tex\">{}</script></section>",
        script_text(&table.csv()?),
        script_text(&table.latex())
    );
    Ok(html)
}

/// Text within a script element that is no script: nothing in it may end the element.
fn script_text(text: &str) -> String {
    text.replace('<', "‹")
}

/// Notes, method, data.
fn method(results: &StudyResults) -> String {
    let mut html = String::from(
        "<section id=\"notes\"><h2>Notes</h2><ul><li>nvidia-smi -q -x delays what other readers get of a \
        real GPU: beside one every 0.1 s an H200 published its power 43 times in 7 s in place of 70. E1 has it beside every \
        other tool, as one who must read by it has; E4 is without it. The virtual rig has no such disturbance.</li>\
        <li>EA-HAS-Bench's loop begins anew with every epoch; here it runs on, and those readings count that began within the \
        epoch, the one that ends after it included.</li>",
    );
    for note in &results.notes {
        let _ = write!(html, "<li>{}</li>", escape(note));
    }
    let thresholds = serde_json::to_value(results.plan.thresholds).unwrap_or_default();
    let thresholds: Vec<String> = thresholds
        .as_object()
        .iter()
        .flat_map(|all| all.iter())
        .map(|(name, value)| format!("{name} = {value}"))
        .collect();
    let ((fewest, most), (shortest, longest)) = results.plan.preset.epochs();
    let calibration = results.calibration.as_ref().map_or_else(
        || "there is none: a meter, RAPL and a rest before the first training are needed".to_owned(),
        |found| {
            format!(
                "P_busy {:.1} W at rest and {:.1} W with a busy host, by mean powers of CPUs and memory of {:.1} and {:.1} W",
                found.bounds.idle_w, found.bounds.busy_w, found.host_idle_w, found.host_busy_w
            )
        },
    );
    let experiments: Vec<String> = results
        .experiments
        .iter()
        .map(|found| {
            format!(
                "{} ({}): {} trainings, {} epochs",
                found.id.name(),
                found.id.title(),
                found.trainings,
                found.epochs.len()
            )
        })
        .collect();
    let _ = write!(
        html,
        "</ul></section><section id=\"method\"><h2>Method</h2><dl class=\"method\">\
         <dt>Experiments</dt><dd>{}. Networks are drawn at random from the seed, with {fewest} to {most} epochs whose training part takes \
         {shortest} to {longest} s, lengths spread evenly by their logarithm, where the training is built in.</dd>\
         <dt>Energies</dt><dd>nvidia-smi and polled NVML: the plain mean of the readings times the length, as their users do. \
         Counter: difference. Ring: trapezoids. Code Carbon: NVML, RAPL's packages and its rule for {} GiB of memory. Bounds: \
         RAPL and NVML and P_busy of the calibration, {}.</dd>\
         <dt>Reference</dt><dd>{}. P_GPU = P_total − P_CPU − P_memory − P_busy, with P_busy by the load of the host between rest and \
         busy; in it is the loss of the power supplies, which grows with the GPUs' own power too, so that this reference has a gain of its own: \
         {}.</dd>\
         <dt>Intervals</dt><dd>95 %, by 1000 draws of whole trainings with replacement, since epochs of one training are alike; below {} trainings \
         correlations have Fisher's interval for as many pairs as trainings, and other figures none.</dd>\
         <dt>Kolmogorov-Smirnov</dt><dd>Two samples, asymptotic p with Stephens' correction, all epochs taken as independent, as in the paper.</dd>\
         <dt>Thresholds</dt><dd><code>{}</code>; <code>--thresholds FILE.toml</code> changes them.</dd></dl></section>\
         <section id=\"data\"><h2>Data</h2><p>The results behind this page are in it, as JSON. <a id=\"download\" data-name=\"results.json\" hidden>Save them</a></p><ul class=\"inputs\">",
        escape(&experiments.join("; ")),
        results.memory_gib.map_or_else(|| "unknown".to_owned(), |gib| format!("{gib:.0}")),
        escape(&calibration),
        escape(&results.reference),
        gain(results),
        power_analysis::study::FEWEST_CLUSTERS,
        escape(&thresholds.join(", ")),
    );
    for (run, files) in &results.runs {
        let _ = write!(html, "<li>{}: <code>{}</code></li>", escape(run), escape(&files.join(", ")));
    }
    html.push_str("</ul></section>");
    html
}

/// By how much the reference's energy is off, where the truth is known.
fn gain(results: &StudyResults) -> String {
    let bias = results.truth.first().and_then(|row| row.energy.bias);
    bias.map_or_else(
        || "how much it is, a calibration of the node by load tells".to_owned(),
        |bias| format!("{:+.1} % here, by the truth of the virtual rig", 100.0 * bias.value),
    )
}
