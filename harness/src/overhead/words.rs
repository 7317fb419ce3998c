//! Costs in words and cells of tables: the same in the terminal and on the page.

use super::{Overhead, PollerRow, RateRow, View};
use crate::run::Latency;

/// What has been found, in sentences.
pub(crate) fn sentences(overhead: &Overhead) -> Vec<String> {
    let mut found = Vec::new();
    for view in overhead.interference.iter().flat_map(|found| &found.views) {
        for beside in view.beside.iter().filter(|beside| beside.disturbed == Some(true)) {
            let lost = beside.lost.map_or_else(unknown, |lost| percent(&lost));
            found.push(format!(
                "Disturbed: {} loses {lost} of its publications beside {}.",
                view.channel, beside.reader
            ));
        }
    }
    if let Some(tested) = &overhead.interference
        && found.is_empty()
    {
        found.push(format!(
            "No reader disturbs another: {} pairs tested, none loses above 5 %.",
            tested.tests
        ));
    }
    for slowdown in &overhead.slowdown {
        let by = match (&slowdown.slowdown, slowdown.mean) {
            (Some(estimate), _) => percent(estimate),
            (None, Some(mean)) => format!("{:.2} % (no interval below ten pairs)", mean * 100.0),
            (None, None) => unknown(),
        };
        let pairs = slowdown.pairs;
        found.push(format!("Recording at 1 kHz slows {} by {by}, {pairs} pairs.", slowdown.work));
    }
    found.push(match &overhead.power_added {
        Some(power) => {
            let by = power.by.join(" + ");
            let added = power.added_w.map_or_else(unknown, |added| added.with_unit("W").to_string());
            format!("It adds {added} to {:.1} W, by {by}, {} pairs.", power.without_w, power.pairs)
        }
        None => "The power that it adds is unknown.".to_owned(),
    });
    found
}

fn unknown() -> String {
    "unknown".to_owned()
}

/// A share as a percentage with its interval.
pub(crate) fn percent(share: &power_analysis::stats::Estimate) -> String {
    share.map(|share| share * 100.0).with_unit("%").to_string()
}

/// A number with so many digits behind the point.
pub(crate) fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(unknown, |value| format!("{value:.digits$}"))
}

/// Median, 99th percentile and the longest, in microseconds.
pub(crate) fn latency(latency: &Latency) -> String {
    times(latency, &[latency.p50_us, latency.p99_us, latency.max_us])
}

/// Median and 99th percentile, in microseconds.
fn brief(latency: &Latency) -> String {
    times(latency, &[latency.p50_us, latency.p99_us])
}

fn times(latency: &Latency, times: &[Option<f64>]) -> String {
    if latency.count == 0 {
        return unknown();
    }
    let micros = |value: &Option<f64>| match value {
        Some(us) if *us < 10.0 => format!("{us:.1}"),
        Some(us) => format!("{us:.0}"),
        None => unknown(),
    };
    times.iter().map(micros).collect::<Vec<_>>().join(" / ")
}

/// Header of [`rate_cells`].
pub(crate) const RATES: [&str; 7] =
    ["Hz", "achieved", "ratio", "late us: 50/99/max", "read us: 50/99/max", "CPU %", "us/read"];

/// The subject at all rates, then each source of a GPU: a line above, and the rows.
pub(crate) fn rate_tables(overhead: &Overhead) -> Vec<(String, Vec<Vec<String>>)> {
    let subject = overhead.rates.first().map_or("", |row| row.source.as_str());
    let rates = (format!("Recording {subject}, by rate"), overhead.rates.iter().map(rate_cells).collect());
    let source =
        |row: &RateRow| (format!("Recording {} at its usual rate", row.source), vec![rate_cells(row)]);
    std::iter::once(rates).chain(overhead.sources.iter().map(source)).collect()
}

/// One rate as cells.
fn rate_cells(row: &RateRow) -> Vec<String> {
    vec![
        format!("{:.4}", row.asked_hz).trim_end_matches('0').trim_end_matches('.').to_owned(),
        format!("{:.1}", row.achieved_hz),
        number(row.sample_ratio, 4),
        latency(&row.wake_up),
        latency(&row.read),
        format!("{:.2}", row.cpu_share * 100.0),
        number(row.cpu_us_per_read, 0),
    ]
}

/// Header of [`poller_cells`].
pub(crate) const POLLERS: [&str; 7] =
    ["GPUs", "threads", "ratio", "late us: 50/99", "read us: 50/99", "CPU %", "second: 50/99"];

/// Some GPUs and threads as cells.
pub(crate) fn poller_cells(row: &PollerRow) -> Vec<String> {
    vec![
        row.gpus.to_string(),
        row.threads.to_string(),
        number(row.sample_ratio, 4),
        brief(&row.wake_up),
        brief(&row.read),
        format!("{:.1}", row.cpu_share * 100.0),
        brief(&row.second_reader),
    ]
}

/// Header of [`interference_cells`].
pub(crate) const INTERFERENCE: [&str; 6] =
    ["beside", "1/s", "ms: 50/95", "lost", "disturbed", "read us: 50/99/max"];

/// One view as rows of cells.
pub(crate) fn interference_cells(view: &View) -> Vec<Vec<String>> {
    let cells = |row: &super::Beside| {
        if let Some(missing) = &row.missing {
            return vec![row.reader.clone(), format!("not measured: {missing}")];
        }
        vec![
            row.reader.clone(),
            number(row.publications_hz, 2),
            format!("{} / {}", number(row.interval_p50_ms, 0), number(row.interval_p95_ms, 0)),
            row.lost.map_or_else(String::new, |lost| percent(&lost)),
            match row.disturbed {
                Some(true) => "yes".to_owned(),
                Some(false) => "no".to_owned(),
                None => String::new(),
            },
            latency(&row.read),
        ]
    };
    view.beside.iter().map(cells).collect()
}
