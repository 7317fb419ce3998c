//! `wattproof characterise`: the sensor card of each channel.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;

use super::Outcome;
use super::output::{JsonOption, message, paragraph, table};
use super::page::FiguresOption;
use crate::card::{self, SensorCard};
use crate::character_words::load_cannot_tell;
use crate::characterise::{Apart, Request, RunCharacter, characterise, draw};
use crate::load::Load;
use crate::run::Run;
use crate::{Error, Result, report};

/// Characterise each sensor of a run: update period, window, delay, rise, gain, offset, step and noise.
///
/// Each estimate has its interval; where the load could not tell, that is said instead, and no card is saved; exit code 1
/// says that it could tell of no sensor. `wattproof excite` makes a load that can. A card holds what was found of
/// one field of one device by one driver version.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folder of the run.
    run: PathBuf,
    /// Channel that shows what drove the sensors, as `source/channel`; repeat it to take the sum. By default the
    /// reference that the run names.
    #[arg(short, long, value_name = "CHANNEL", conflicts_with = "pulses")]
    reference: Vec<String>,
    /// First word of the phases in which a commanded load was on, in place of a reference.
    #[arg(long, value_name = "PHASE")]
    pulses: Option<String>,
    /// Channel to characterise; may be repeated. By default all that have an energy.
    #[arg(short, long, value_name = "CHANNEL")]
    channel: Vec<String>,
    /// Save the cards, in DIR or in this user's own folder.
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    save: Option<String>,
    /// Also write a page with what the cards rest on.
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
    #[command(flatten)]
    figures: FiguresOption,
    /// Start of all random numbers: the same seed gives the same result.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    json: JsonOption,
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome> {
    let reference = match (&arguments.pulses, &arguments.reference[..]) {
        (Some(group), _) => Some(Load::Phases { group: group.clone() }),
        (None, []) => None,
        (None, channels) => Some(Load::Channels { channels: channels.to_vec() }),
    };
    let request = Request { reference, channels: arguments.channel.clone(), seed: arguments.seed };
    let run = Run::open(&arguments.run)?;
    let found = characterise(&run, &request)?;
    if let Some(dir) = &arguments.save {
        // Without a folder, in this user's own.
        let named = (!dir.is_empty()).then(|| PathBuf::from(dir));
        let dir = named
            .or_else(card::folder)
            .ok_or_else(|| Error::new("there is no home for the cards").mend("name a folder: --save=DIR"))?;
        for card in &found.sensors {
            if load_cannot_tell(&card.character) {
                message(&format!("wattproof: no card of {} is saved: the load could not tell", card.name));
                continue;
            }
            message(&format!("card: {}", card.save(&dir)?.display()));
        }
    }
    arguments.json.write(&found, &text(&found))?;
    let page = || Ok(report::card_page(&found, &draw(&run, &found)?));
    arguments.figures.write(arguments.report.as_deref(), page)?;
    // Sensors of which nothing was asked are no failure.
    let mut driven = found.sensors.iter().filter(|card| card.reference.is_some()).peekable();
    let in_vain = driven.peek().is_some() && driven.all(|card| load_cannot_tell(&card.character));
    Ok(if in_vain { Outcome::Failed } else { Outcome::Fine })
}

fn text(found: &RunCharacter) -> String {
    let by = found.reference.as_ref().map_or_else(|| "their own readings alone".to_owned(), Load::words);
    let mut text = format!("{}: {} sensors by {by}\n\n", found.run, found.sensors.len());
    let rows: Vec<Vec<String>> = found.sensors.iter().map(row).collect();
    table(&mut text, &["sensor", "T ms", "W ms", "d ms", "gain", "noise W", "step W"], &rows);
    for card in &found.sensors {
        let version = card.driver_version.as_ref().map_or_else(String::new, |version| format!(" {version}"));
        let _ = writeln!(
            text,
            "\n{} ({}, {}{version}, {} readings)",
            card.name, card.device, card.driver, card.character.readings
        );
        for sentence in &card.verdict {
            paragraph(&mut text, 2, sentence);
        }
    }
    if !found.lattices.is_empty() {
        text.push_str("\nWhen several devices publish: by how much the second is later than the first\n");
        let row = |apart: &Apart| {
            let numbers = [apart.apart_ms.value, apart.apart_ms.low, apart.apart_ms.high, apart.period_ms];
            let named = vec![apart.second.clone(), apart.first.clone()];
            named.into_iter().chain(numbers.map(|ms| format!("{ms:.1}"))).collect()
        };
        let rows: Vec<Vec<String>> = found.lattices.iter().map(row).collect();
        table(&mut text, &["second", "first", "ms", "from", "to", "T ms"], &rows);
    }
    if !found.notes.is_empty() {
        text.push_str("\nNotes\n");
        for note in &found.notes {
            paragraph(&mut text, 2, note);
        }
    }
    text
}

fn row(card: &SensorCard) -> Vec<String> {
    let unknown = || "unknown".to_owned();
    let character = &card.character;
    let number =
        |value: Option<f64>, digits: usize| value.map_or_else(unknown, |value| format!("{value:.digits$}"));
    let found = character.transient.as_ref();
    let certain = found.filter(|found| found.ambiguous.is_empty());
    let ambiguous =
        |text: String| if found.is_some() && certain.is_none() { "ambiguous".to_owned() } else { text };
    vec![
        card.name.clone(),
        number(character.update_period.period_ms.map(|ms| ms.value), 2),
        ambiguous(number(found.and_then(|found| found.window_ms).map(|ms| ms.value), 1)),
        ambiguous(number(found.map(|found| found.delay_ms.value), 1)),
        number(found.map(|found| found.gain.value), 3),
        number(character.noise_w, 2),
        number(character.quantum.and_then(|quantum| quantum.step_w), 3),
    ]
}
