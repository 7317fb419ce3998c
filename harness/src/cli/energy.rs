//! `wattproof energy`: what each channel says of the energy of a run.

use std::path::PathBuf;

use clap::Args;
use power_analysis::ChannelEnergy;
use power_analysis::correct::CorrectedPhase;

use super::Outcome;
use super::output::{JsonOption, paragraph, table};
use crate::correction::Cards;
use crate::energy::{ChannelEnergies, RunEnergy, energy};
use crate::run::Run;
use crate::{Result, words};

/// State the energy of a run and of its phases by each channel.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folder of the run.
    run: PathBuf,
    /// Channel to state; may be repeated. By default all that have an energy.
    #[arg(short, long, value_name = "CHANNEL")]
    channel: Vec<String>,
    /// Sensor card to correct the phases by, or a folder of cards; may be repeated. Those in the run's folder `cards` and
    /// this user's own are used as well.
    #[arg(long, value_name = "CARD")]
    card: Vec<PathBuf>,
    #[command(flatten)]
    json: JsonOption,
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome> {
    let run = Run::open(&arguments.run)?;
    let named = Cards::read(&arguments.card)?;
    named.check(&run)?;
    let result = energy(&run, &arguments.channel, &named.and_found(&arguments.run)?)?;
    arguments.json.write(&result, &text(&result))?;
    Ok(Outcome::Fine)
}

fn text(result: &RunEnergy) -> String {
    let mut rows = Vec::new();
    for channel in &result.channels {
        rows.push(row(&channel.name, "whole run", channel.whole.as_ref(), None));
        rows.extend(
            channel.phases.iter().map(|phase| {
                row(&channel.name, &phase.name, phase.energy.as_ref(), phase.corrected.as_ref())
            }),
        );
    }
    let mut header = vec!["channel", "phase", "s", "energy", "± sampling", "mean W", "readings", "gaps s"];
    let corrected = |channel: &ChannelEnergies| channel.phases.iter().any(|phase| phase.corrected.is_some());
    if result.channels.iter().any(corrected) {
        header.push("corrected by its card");
    } else {
        for row in &mut rows {
            row.truncate(header.len());
        }
    }
    let mut text = String::new();
    table(&mut text, &header, &rows);
    text.push('\n');
    paragraph(
        &mut text,
        0,
        "± sampling bounds what lies between the readings at both ends and in gaps, and what a clock that is known to an \
         interval leaves open; the sensor's own error is not in it.",
    );
    for note in &result.notes {
        paragraph(&mut text, 0, note);
    }
    text
}

fn row(
    channel: &str,
    phase: &str,
    energy: Option<&ChannelEnergy>,
    corrected: Option<&CorrectedPhase>,
) -> Vec<String> {
    let corrected =
        corrected.map_or_else(String::new, |corrected| match (corrected.energy_j, corrected.refused) {
            (Some(energy), _) => energy.with_unit("J").to_string(),
            (None, Some(refused)) => refused.words(),
            (None, None) => "unknown".to_owned(),
        });
    let Some(energy) = energy else {
        let mut row = vec![channel.to_owned(), phase.to_owned()];
        row.extend(["", "unknown", "", "unknown", "", ""].map(str::to_owned));
        row.push(corrected);
        return row;
    };
    vec![
        channel.to_owned(),
        phase.to_owned(),
        format!("{:.1}", energy.interval.seconds()),
        words::joules(energy.energy_j),
        words::joules(energy.sampling_bound_j + energy.clock_bound_j.unwrap_or(0.0)),
        format!("{:.1}", energy.mean_w),
        energy.readings.to_string(),
        format!("{:.1}", energy.gap_s),
        corrected,
    ]
}
