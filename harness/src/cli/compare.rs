//! `wattproof compare`: every sensor of a run against the reference.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;

use super::output::{JsonOption, paragraph, table};
use super::page::FiguresOption;
use super::{Outcome, duration};
use crate::comparison::{self, Judged, Request, RunComparison};
use crate::correction::{Cards, Correction};
use crate::run::Run;
use crate::{Error, Result, report, traces, words};

/// Compare each sensor of a run with the reference: energy, agreement, phases, faults.
///
/// Exit code 1 says that a sensor and the reference do not measure the same thing.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// What to compare.
    #[command(flatten)]
    pub(super) choice: Choice,
    /// List every phase, not only sums by kind.
    #[arg(long)]
    phases: bool,
    /// List every fault, not only how many there are.
    #[arg(long)]
    faults: bool,
    /// Also write the report page.
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
    #[command(flatten)]
    figures: FiguresOption,
    #[command(flatten)]
    json: JsonOption,
}

/// Which run, which channels, and what is known about them.
#[derive(Debug, Args)]
pub(super) struct Choice {
    /// Folder of the run.
    run: PathBuf,
    /// Channel that is taken as true, as `source/channel`; by default the one that the run names.
    #[arg(short, long, value_name = "CHANNEL")]
    reference: Option<String>,
    /// Channel to judge; may be repeated. By default all that have an energy.
    #[arg(short, long, value_name = "CHANNEL")]
    sensor: Vec<String>,
    /// Averaging window of a channel, where its descriptor does not state it or you know better.
    #[arg(short, long, value_name = "CHANNEL=TIME", value_parser = parse_window)]
    window: Vec<(String, i64)>,
    /// Sensor card to correct by, as `characterise --save` writes it, or a folder of cards; may be repeated. Those in the
    /// run's folder `cards` and this user's own are used as well.
    #[arg(long, value_name = "CARD")]
    card: Vec<PathBuf>,
    /// Beside what a card corrects, also tell it as it was shown.
    #[arg(long)]
    raw: bool,
    /// Start of all random numbers: the same seed gives the same result.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn parse_window(text: &str) -> Result<(String, i64), String> {
    let (channel, time) = text.split_once('=').ok_or("write CHANNEL=TIME, such as gpu0/power.draw=1s")?;
    Ok((channel.to_owned(), duration::nanos(duration::parse(time)?)))
}

/// The reference that a run names.
pub(super) fn own_reference(run: &Run) -> Result<String> {
    run.manifest().reference.clone().ok_or_else(|| {
        let channels = traces::power_channels(run);
        Error::new(format!("{} does not say which channel is the reference", run.name()))
            .mend(format!("name it with --reference; power channels are {}", channels.join(", ")))
    })
}

impl Choice {
    /// Opens the run and compares.
    pub(super) fn compare(&self) -> Result<(Run, RunComparison)> {
        let run = Run::open(&self.run)?;
        let reference = match &self.reference {
            Some(named) => named.clone(),
            None => own_reference(&run)?,
        };
        let mut windows_ns = BTreeMap::new();
        for (name, nanos) in &self.window {
            windows_ns.insert(run.key(run.channel(name)?), *nanos);
        }
        let named = Cards::read(&self.card)?;
        named.check(&run)?;
        let request = Request {
            reference,
            sensors: self.sensor.clone(),
            windows_ns,
            seed: self.seed,
            cards: named.and_found(&self.run)?,
            raw: self.raw,
        };
        let comparison = comparison::compare(&run, &request)?;
        Ok((run, comparison))
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome> {
    let (run, comparison) = arguments.choice.compare()?;
    arguments.json.write(&comparison, &text(&comparison, arguments))?;
    arguments.figures.write(arguments.report.as_deref(), || report::page(&run, &comparison))?;
    let failed = comparison.sensors.iter().any(|judged| judged.failed);
    Ok(if failed { Outcome::Failed } else { Outcome::Fine })
}

fn text(comparison: &RunComparison, arguments: &Arguments) -> String {
    let mut text = String::new();
    let reference = &comparison.reference;
    let _ = writeln!(
        text,
        "{}: {} against {}\n({}, {}, {} readings, {})\n",
        comparison.run,
        match comparison.sensors.len() {
            1 => "one sensor".to_owned(),
            count => format!("{count} sensors"),
        },
        reference.name,
        reference.channel.quantity,
        reference.channel.scope,
        reference.readings,
        words::accuracy(&reference.channel),
    );
    let rows: Vec<Vec<String>> = comparison.sensors.iter().map(summary).collect();
    table(&mut text, &["sensor", "energy, whole run", "worst phases", "phases ok", "r"], &rows);
    for judged in &comparison.sensors {
        let sensor = &judged.sensor;
        let _ = writeln!(
            text,
            "\n{} ({}, {}, {} readings)",
            sensor.name, sensor.channel.quantity, sensor.channel.scope, sensor.readings
        );
        for sentence in &judged.verdict {
            paragraph(&mut text, 2, sentence);
        }
        if arguments.phases {
            phases(&mut text, judged, arguments.choice.raw);
        }
        if arguments.faults {
            faults(&mut text, judged);
        }
    }
    if !comparison.notes.is_empty() {
        text.push_str("\nNotes\n");
        for note in &comparison.notes {
            paragraph(&mut text, 2, note);
        }
    }
    text
}

fn summary(judged: &Judged) -> Vec<String> {
    let unknown = || "unknown".to_owned();
    let name = judged.sensor.name.clone();
    if let Some(part) = &judged.part {
        let r = part.pearson.map_or_else(unknown, |r| format!("{:.3}", r.value));
        return vec![name, part.share_words(), "a part".into(), String::new(), r];
    }
    let Some(comparison) = &judged.comparison else {
        return vec![name, "not compared".into(), String::new(), String::new(), String::new()];
    };
    let energies = comparison.energies.as_ref();
    let corrected = judged.corrected.as_ref().filter(|corrected| corrected.refused.is_none());
    if let Some(corrected) = corrected {
        return corrected_summary(name, judged, corrected);
    }
    let worst = comparison.groups.iter().filter_map(|group| Some((group, group.error.as_ref()?.value)));
    let worst = worst.max_by(|(_, a), (_, b)| a.abs().total_cmp(&b.abs()));
    let ok = comparison.phases.iter().filter(|row| row.verdict == power_analysis::PhaseVerdict::Ok).count();
    let phases = comparison.phases.len();
    let pearson = comparison.agreement.as_ref().and_then(|agreement| agreement.pearson);
    vec![
        name,
        energies.map_or_else(unknown, |energies| words::error(&energies.naive.error)),
        worst.map_or_else(unknown, |(group, error)| format!("{} {}", group.group, words::percent(error))),
        if phases > 0 { format!("{ok} of {phases}") } else { "none marked".into() },
        pearson.map_or_else(unknown, |r| format!("{:.3}", r.value)),
    ]
}

/// The row of a sensor whose card corrected the phases.
fn corrected_summary(name: String, judged: &Judged, corrected: &Correction) -> Vec<String> {
    let unknown = || "unknown".to_owned();
    let comparison = judged.comparison.as_ref();
    let energies = comparison.and_then(|comparison| comparison.energies.as_ref());
    let pearson = comparison.and_then(|comparison| comparison.agreement.as_ref()?.pearson);
    let errors = corrected.groups.iter().filter_map(|group| Some((group, group.error?.value)));
    let worst = errors.max_by(|(_, a), (_, b)| a.abs().total_cmp(&b.abs()));
    let stated: usize = corrected.groups.iter().map(|group| group.stated).sum();
    vec![
        name,
        energies.map_or_else(unknown, |energies| words::error(&energies.naive.error)),
        worst.map_or_else(unknown, |(group, error)| format!("{} {}", group.group, words::percent(error))),
        format!("{stated} of {}", corrected.phases.len()),
        pearson.map_or_else(unknown, |r| format!("{:.3}", r.value)),
    ]
}

/// Every phase as its card corrects it.
fn corrected_phases(text: &mut String, judged: &Judged, corrected: &Correction) {
    let rows = judged.comparison.iter().flat_map(|comparison| &comparison.phases);
    let rows: Vec<Vec<String>> = corrected
        .phases
        .iter()
        .zip(rows)
        .map(|(phase, row)| {
            let reference = row.reference_j;
            let number =
                |value: Option<f64>| value.map_or_else(|| "unknown".to_owned(), |v| format!("{v:.1}"));
            let holds = phase.energy_j.zip(reference).map(|(energy, reference)| energy.contains(reference));
            vec![
                phase.phase.name.clone(),
                format!("{:.2}", phase.phase.interval.seconds()),
                number(phase.energy_j.map(|energy| energy.value)),
                number(phase.energy_j.map(|energy| energy.low)),
                number(phase.energy_j.map(|energy| energy.high)),
                number(reference),
                match (phase.refused, holds) {
                    (Some(refused), _) => refused.words(),
                    (None, Some(true)) => "holds".to_owned(),
                    (None, Some(false)) => "does not hold".to_owned(),
                    (None, None) => "unjudged".to_owned(),
                },
            ]
        })
        .collect();
    text.push('\n');
    table(text, &["corrected", "s", "J", "from", "to", "ref. J", "interval"], &rows);
}

fn phases(text: &mut String, judged: &Judged, raw: bool) {
    let Some(comparison) = &judged.comparison else { return };
    if let Some(corrected) = judged.corrected.as_ref().filter(|corrected| corrected.refused.is_none()) {
        corrected_phases(text, judged, corrected);
        if !raw {
            return;
        }
    }
    let number =
        |value: Option<f64>| value.map_or_else(|| "unknown".to_owned(), |value| format!("{value:.1}"));
    let rows: Vec<Vec<String>> = comparison
        .phases
        .iter()
        .map(|row| {
            vec![
                row.phase.name.clone(),
                format!("{:.2}", row.phase.interval.seconds()),
                row.readings.to_string(),
                row.publications.to_string(),
                number(row.sensor_j),
                number(row.reference_j),
                row.error.map_or_else(|| "unknown".to_owned(), words::percent),
                row.verdict.words().to_owned(),
            ]
        })
        .collect();
    text.push('\n');
    table(text, &["phase", "s", "readings", "publ.", "sensor J", "ref. J", "error", "verdict"], &rows);
}

fn faults(text: &mut String, judged: &Judged) {
    let Some(comparison) = &judged.comparison else { return };
    for fault in &comparison.faults {
        let line = format!(
            "at {} ns for {:.3} s: {}: {}",
            fault.interval.begin_ns,
            fault.interval.seconds(),
            fault.kind.words(),
            fault.detail
        );
        paragraph(text, 4, &line);
    }
}
