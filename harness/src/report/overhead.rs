//! The page of what measuring costs.

use std::fmt::Write as _;

use super::axis::Scale;
use super::curve::coordinate;
use super::figure::{self, Frame, X_PIXELS, Y_PIXELS};
use super::text::{escape, name};
use super::{POLICY, STYLE};
use crate::overhead::words::{
    INTERFERENCE, POLLERS, RATES, interference_cells, poller_cells, rate_tables, sentences,
};
use crate::overhead::{Overhead, RateRow};

/// The page of what measuring costs: one file that opens offline, without scripts.
pub fn overhead_page(overhead: &Overhead) -> String {
    let title = format!("What measuring costs: {}", overhead.device);
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><meta name=\"generator\" content=\"{}\">\
         <title>{}</title><style>\n{STYLE}</style></head>\n<body><main><h1>{}</h1>",
        escape(&overhead.written_by),
        escape(&title),
        escape(&title)
    );
    for sentence in sentences(overhead) {
        let _ = write!(html, "<p>{}</p>", escape(&sentence));
    }
    html.push_str("<h2>Rates</h2><div class=\"figures\">");
    html.push_str(&lateness(&overhead.rates));
    html.push_str(&cpu(&overhead.rates));
    html.push_str("</div>");
    for (head, rows) in rate_tables(overhead) {
        let _ = write!(html, "<p>{}</p>", escape(&head));
        html.push_str(&table(&RATES, rows.into_iter()));
    }
    if !overhead.pollers.is_empty() {
        html.push_str("<h2>One thread for all GPUs, or one each</h2>");
        html.push_str(&table(&POLLERS, overhead.pollers.iter().map(poller_cells)));
    }
    for view in overhead.interference.iter().flat_map(|found| &found.views) {
        let _ = write!(html, "<h2>What other readers do to {}</h2>", name(&view.channel));
        html.push_str(&table(&INTERFERENCE, interference_cells(view).into_iter()));
    }
    html.push_str("<h2>Notes</h2><ul>");
    for note in &overhead.notes {
        let _ = write!(html, "<li>{}</li>", escape(note));
    }
    html.push_str("</ul><h2>Machine</h2>");
    let facts = overhead.host.iter().map(|(name, fact)| vec![name.clone(), fact.clone()]);
    html.push_str(&table(&["what", "is"], facts));
    html.push_str("</main></body></html>\n");
    html
}

fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut html = String::from("<table><thead><tr>");
    for cell in header {
        let _ = write!(html, "<th scope=\"col\">{}</th>", escape(cell));
    }
    html.push_str("</tr></thead><tbody>");
    for row in rows {
        html.push_str("<tr>");
        for cell in row {
            let _ = write!(html, "<td>{}</td>", escape(&cell));
        }
        html.push_str("</tr>");
    }
    html.push_str("</tbody></table>");
    html
}

/// How late the thread woke up, by rate.
fn lateness(rows: &[RateRow]) -> String {
    let curve = |class: &'static str, words: &'static str, of: fn(&RateRow) -> Option<f64>| {
        (class, words, rows.iter().filter_map(|row| Some((row.asked_hz, of(row)?))).collect::<Vec<_>>())
    };
    let curves = [
        curve("line reference", "median", |row| row.wake_up.p50_us),
        curve("line sensor", "99th percentile", |row| row.wake_up.p99_us),
    ];
    figure(
        "wake-ups late by, us",
        "Wake-ups",
        "Median and 99th percentile of how late the thread woke up.",
        &curves,
    )
}

/// CPU share, by rate.
fn cpu(rows: &[RateRow]) -> String {
    let shares =
        rows.iter().filter(|row| row.cpu_share > 0.0).map(|row| (row.asked_hz, row.cpu_share * 100.0));
    let curves = [("line sensor", "both threads", shares.collect())];
    figure("CPU time, % of a core", "CPU", "CPU time of the reading and of the writing thread.", &curves)
}

/// Class, words, and points of rate and value.
type Curve = (&'static str, &'static str, Vec<(f64, f64)>);

/// Curves over the rate, both axes logarithmic; nothing where there is nothing to draw.
fn figure(y_title: &str, head: &str, caption: &str, curves: &[Curve]) -> String {
    let points = || curves.iter().flat_map(|(.., points)| points).filter(|(x, y)| *x > 0.0 && *y > 0.0);
    let range = |of: fn(&(f64, f64)) -> f64| {
        let all = || points().map(of);
        Some((all().reduce(f64::min)? / 1.5, all().reduce(f64::max)? * 1.5))
    };
    let (Some(xs), Some(ys)) = (range(|point| point.0), range(|point| point.1)) else { return String::new() };
    let (x, y) = (Scale::logarithmic(xs, X_PIXELS), Scale::logarithmic(ys, Y_PIXELS));
    let mut frame = Frame::new(caption, x, y, "reads a second (logarithmic)", y_title);
    for (class, _, points) in curves {
        let mut path = String::new();
        for (at, value) in points.iter().filter(|(x, y)| *x > 0.0 && *y > 0.0) {
            let step = if path.is_empty() { 'M' } else { 'L' };
            let _ = write!(path, "{step}{},{}", coordinate(x.at(*at)), coordinate(y.at(*value)));
        }
        frame.path(class, &path);
    }
    format!(
        "<figure>{}{}<figcaption><b>{head}.</b> {caption}</figcaption></figure>",
        frame.finish(),
        figure::legend(curves.iter().map(|(class, words, _)| (*class, *words)))
    )
}
