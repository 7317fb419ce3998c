//! The page of an audit: verdict first, then findings, figures, what could not be told, and where figures come from.

use std::fmt::Write as _;

use power_analysis::audit::{Finding, ImpliedPower, Principle, PrincipleVerdict, Severity};

use super::axis::{Scale, round_range};
use super::curve::coordinate;
use super::figure::{self, Frame, X_PIXELS, Y_PIXELS, as_f64};
use super::text::{counted, escape, name, plain, significant};
use super::{POLICY, STYLE};
use crate::audit::BenchmarkAudit;

/// Most points of a scatter plot.
const MOST_POINTS: usize = 4000;

/// Bars of the histogram.
const BARS: usize = 40;

/// The audit as one HTML page without any external resource.
pub fn audit_page(found: &BenchmarkAudit) -> String {
    let title = format!("{}: audit of a published benchmark", found.audit.benchmark);
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><meta name=\"generator\" content=\"{}\">\
         <title>{}</title><style>\n{STYLE}</style></head>\n<body><a class=\"skip\" href=\"#findings\">To the findings</a>\
         <nav aria-label=\"Parts of the report\"><a href=\"#principles\">Principles</a><a href=\"#findings\">Findings</a>\
         <a href=\"#figures\">Figures</a><a href=\"#open\">Could not be told</a><a href=\"#provenance\">Where figures come \
         from</a></nav><main>",
        escape(&found.written_by),
        escape(&title)
    );
    html.push_str(&head(found));
    html.push_str(&findings(&found.audit.findings));
    html.push_str(&figures(&found.audit.implied));
    html.push_str(&open(found));
    html.push_str(&provenance(found));
    html.push_str("</main>\n</body></html>\n");
    html
}

fn head(found: &BenchmarkAudit) -> String {
    let audit = &found.audit;
    let mut html = format!(
        "<header><p class=\"kicker\">wattproof audit</p><h1>{}: {} in {}</h1><p class=\"lead\">{}</p>\
         <section class=\"verdicts\" id=\"principles\" aria-label=\"The three principles\">",
        name(&audit.benchmark),
        counted(audit.faults(), "fault", "faults"),
        counted(audit.evaluations, "evaluation", "evaluations"),
        escape(&found.verdict)
    );
    audit.principles.iter().for_each(|one| html.push_str(&principle(one)));
    html.push_str("</section></header>");
    html
}

fn principle(one: &Principle) -> String {
    let class = match one.verdict {
        PrincipleVerdict::Met => "done",
        PrincipleVerdict::NotMet => "bad",
        PrincipleVerdict::CannotBeTold => "open",
    };
    let list = |title: &str, sentences: &[String]| {
        if sentences.is_empty() {
            return String::new();
        }
        let items: Vec<String> = sentences.iter().map(|sentence| escape(sentence)).collect();
        format!("<ul><li><b>{title}</b> {}</li></ul>", items.join("</li><li>"))
    };
    let (first, rest) = one.name.split_at(1);
    format!(
        "<article class=\"verdict {class}\"><h2>{}{rest} <span class=\"badge {class}\">{}</span></h2><p class=\"lead\">{}</p>{}{}\
         </article>",
        first.to_uppercase(),
        one.verdict.words(),
        escape(&one.why),
        list("Can be concluded:", &one.can),
        list("Cannot:", &one.cannot)
    )
}

fn findings(findings: &[Finding]) -> String {
    let mut html = String::from("<section id=\"findings\"><h2>Findings</h2>");
    if findings.is_empty() {
        html.push_str("<p>Nothing was found.</p></section>");
        return html;
    }
    html.push_str(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Findings\"><table class=\"findings\"><thead><tr>\
         <th scope=\"col\">Check</th><th scope=\"col\">What, and the trace</th><th scope=\"col\" class=\"num\">Affected</th>\
         <th scope=\"col\">Worst</th><th scope=\"col\">What follows, and what mends it</th></tr></thead><tbody>",
    );
    for finding in findings {
        let (class, word) = match finding.severity {
            Severity::Fault => ("bad", "fault"),
            Severity::Note => ("open", "to know"),
        };
        let worst = finding
            .worst
            .as_ref()
            .map_or_else(String::new, |worst| format!("{}: {}", name(&worst.at), escape(&worst.figure)));
        let mend = finding.mend.as_ref().map_or_else(String::new, |mend| {
            let by = mend.divide_by.filter(|by| by.high > by.low).map_or_else(String::new, |by| {
                format!(" ({} [{}, {}])", plain(by.value, 5), plain(by.low, 5), plain(by.high, 5))
            });
            format!(" <b>Mend:</b> {}{by}.", escape(&mend.what))
        });
        let _ = write!(
            html,
            "<tr><th scope=\"row\">{}<br><span class=\"badge {class}\">{word}</span> <span class=\"hint\">{}</span></th>\
             <td>{} <span class=\"hint\">{}</span></td><td class=\"num\">{} of {}<br>{}</td><td>{worst}</td><td>{}{mend}</td></tr>",
            finding.check.name(),
            finding.certainty.word(),
            escape(&finding.what),
            escape(&finding.evidence),
            finding.affected,
            finding.of,
            finding.units,
            escape(&finding.consequence)
        );
    }
    html.push_str("</tbody></table></div></section>");
    html
}

fn figures(implied: &[ImpliedPower]) -> String {
    let drawn: Vec<String> = [histogram(implied), windows(implied)].into_iter().flatten().collect();
    if drawn.is_empty() {
        return "<section id=\"figures\"><h2>Figures</h2><p>No record has an energy and a time: there is nothing to draw.</p>\
                </section>"
            .into();
    }
    format!(
        "<section id=\"figures\"><h2>Figures</h2><div class=\"figures\">{}</div></section>",
        drawn.concat()
    )
}

fn ends(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values
        .fold(None, |ends, x| Some(ends.map_or((x, x), |(low, high): (f64, f64)| (low.min(x), high.max(x)))))
}

/// Power as the energies say and as stated, as two histograms on a logarithmic axis.
fn histogram(implied: &[ImpliedPower]) -> Option<String> {
    let of = |figure: fn(&ImpliedPower) -> Option<f64>| -> Vec<f64> {
        implied.iter().filter_map(figure).filter(|watts| watts.is_finite() && *watts > 0.0).collect()
    };
    let (by_energy, stated) = (of(|one| one.implied_w), of(|one| one.stated_w));
    if by_energy.is_empty() {
        return None;
    }
    let (low, high) = ends(by_energy.iter().chain(&stated).copied())?;
    let x = Scale::logarithmic((low / 1.1, high * 1.1), X_PIXELS);
    let counts = |values: &[f64]| {
        let mut bars = [0_i64; BARS];
        for watts in values {
            let share = (x.at(*watts) - X_PIXELS.0) / (X_PIXELS.1 - X_PIXELS.0);
            bars[bar(share)] += 1;
        }
        bars
    };
    let (of_energy, of_stated) = (counts(&by_energy), counts(&stated));
    let most = of_energy.iter().chain(&of_stated).max().copied().unwrap_or(1);
    let y = Scale::linear(round_range(0.0, as_f64(most), 5), Y_PIXELS);
    let mut frame = Frame::new(
        "How many records have which power, by their energies and as stated",
        x,
        y,
        "power, W (logarithmic)",
        "records",
    );
    frame.path("line sensor", &steps(&of_energy, &y));
    if !stated.is_empty() {
        frame.path("line reference", &steps(&of_stated, &y));
    }
    let curves = [("line sensor", "by the energy"), ("line reference", "as stated")];
    let legend = figure::legend(curves.into_iter().take(1 + usize::from(!stated.is_empty())));
    let second = if stated.is_empty() { "no power is stated" } else { "beside it the power as stated" };
    Some(format!(
        "<figure>{}{legend}<figcaption><b>Power that the energies imply.</b> Energy over time, by the label of the energy; \
         {second}. Two hills a factor of 1000 apart are a wrong unit.</figcaption></figure>",
        frame.finish()
    ))
}

/// The bar at a share of the axis.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "from 0 to the number of bars"
)]
fn bar(share: f64) -> usize {
    ((share * BARS as f64).max(0.0) as usize).min(BARS - 1)
}

fn steps(bars: &[i64; BARS], y: &Scale) -> String {
    let width = (X_PIXELS.1 - X_PIXELS.0) / as_f64(i64::try_from(BARS).unwrap_or(1));
    let mut data = format!("M{},{}", coordinate(X_PIXELS.0), coordinate(Y_PIXELS.0));
    let mut right = X_PIXELS.0;
    for count in bars {
        right += width;
        let _ = write!(data, "V{}H{}", coordinate(y.at(as_f64(*count))), coordinate(right));
    }
    let _ = write!(data, "V{}", coordinate(Y_PIXELS.0));
    data
}

/// The length of each energy's window against that of the training.
fn windows(implied: &[ImpliedPower]) -> Option<String> {
    let points: Vec<(f64, f64)> = implied
        .iter()
        .filter_map(|one| one.training_s.zip(one.window_s))
        .filter(|(training, window)| training.is_finite() && window.is_finite())
        .collect();
    let high = points.iter().map(|(training, window)| training.max(*window)).reduce(f64::max)?;
    let range = round_range(0.0, high, 5);
    let (x, y) = (Scale::linear(range, X_PIXELS), Scale::linear(range, Y_PIXELS));
    let mut frame = Frame::new(
        "Length of the window of each energy against the length of its training",
        x,
        y,
        "training, s",
        "window of the energy, s",
    );
    let diagonal = format!(
        "M{},{}L{},{}",
        coordinate(x.at(range.0)),
        coordinate(y.at(range.0)),
        coordinate(x.at(range.1)),
        coordinate(y.at(range.1))
    );
    frame.path("neutral", &diagonal);
    let each = points.len().div_ceil(MOST_POINTS).max(1);
    let mut dots = String::new();
    for (training, window) in points.iter().step_by(each) {
        let _ =
            write!(dots, "M{},{}h0", coordinate(x.at(x.clip(*training))), coordinate(y.at(y.clip(*window))));
    }
    frame.path("dots", &dots);
    let thinned = if each > 1 { format!(" One in {each} is drawn.") } else { String::new() };
    Some(format!(
        "<figure>{}<figcaption><b>What the energies are of.</b> One point a record, of {}; on the dotted line the window is \
         the training, above it the energy is of more.{thinned}</figcaption></figure>",
        frame.finish(),
        points.len()
    ))
}

fn open(found: &BenchmarkAudit) -> String {
    let audit = &found.audit;
    let list = |rows: &mut dyn Iterator<Item = (&'static str, &String)>| {
        let items: Vec<String> =
            rows.map(|(check, words)| format!("<dt>{check}</dt><dd>{}</dd>", escape(words))).collect();
        if items.is_empty() {
            "<p>Nothing.</p>".into()
        } else {
            format!("<dl class=\"method\">{}</dl>", items.concat())
        }
    };
    let unknown = list(&mut audit.open.iter().map(|open| (open.check.name(), &open.reason)));
    let ruled = list(&mut audit.ruled_out.iter().map(|ruled| (ruled.check.name(), &ruled.evidence)));
    format!(
        "<section id=\"open\"><h2>Could not be told</h2>{unknown}<h3>Looked for and not there</h3>{ruled}</section>"
    )
}

fn provenance(found: &BenchmarkAudit) -> String {
    let audit = &found.audit;
    let mut html = format!(
        "<section id=\"provenance\"><h2>Where figures come from</h2><p>Read: {}. Nothing was mended on the way in; each \
         figure is as published.</p><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Columns\"><table><thead>\
         <tr><th scope=\"col\">Figure</th><th scope=\"col\">Key</th><th scope=\"col\">Unit by its label</th>\
         <th scope=\"col\" class=\"num\">Rounded to (J, W, s, %, °C)</th></tr></thead><tbody>",
        escape(&audit.source)
    );
    for column in &audit.columns {
        let measure = serde_json::to_value(column.measure).ok();
        let measure = measure.as_ref().and_then(|value| value.as_str()).unwrap_or_default().replace('_', " ");
        let rounded =
            if column.half_digit > 0.0 { significant(2.0 * column.half_digit) } else { "unknown".into() };
        let _ = write!(
            html,
            "<tr><th scope=\"row\">{measure}</th><td>{}</td><td>{}</td><td class=\"num\">{rounded}</td></tr>",
            name(&column.key),
            escape(if column.unit.is_empty() { "unknown" } else { &column.unit })
        );
    }
    html.push_str("</tbody></table></div>");
    for note in &found.notes {
        let _ = write!(html, "<p class=\"hint\">{}</p>", escape(note));
    }
    let _ = write!(html, "<p class=\"hint\">Made by {}.</p></section>", escape(&found.written_by));
    html
}
