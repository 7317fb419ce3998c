//! `wattproof sync`: offset and drift of each clock, with uncertainty.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;

use super::output::{JsonOption, message, paragraph};
use super::{Outcome, duration};
use crate::Result;
use crate::load::Load;
use crate::run::Run;
use crate::sync::{Request, RunSync, sync};

/// Align the clocks of a run: offset and drift of each, with uncertainty, into its alignment.json.
///
/// A meter with a clock of its own, or with an unknown delay, is fitted to a load whose edges are known: to pulses that
/// the recorder made, or to another channel. Later commands use the result and grow their own intervals by its
/// uncertainty; raw times stay in the run. Exit code 1 says that a clock that needs it could not be aligned.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folder of the run.
    run: PathBuf,
    /// Channel that shows the load, as `source/channel`; repeat it to take the sum. By default the pulses that the run
    /// has marked, else its reference, else the boards that stream their power.
    #[arg(short, long, value_name = "CHANNEL", conflicts_with = "pulses")]
    load: Vec<String>,
    /// First word of the phases in which the load was on.
    #[arg(long, value_name = "PHASE")]
    pulses: Option<String>,
    /// Channel to align its source by; may be repeated. By default sources with a clock of their own and node meters.
    #[arg(short, long, value_name = "CHANNEL")]
    channel: Vec<String>,
    /// How far a first guess of an offset can be wrong.
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = duration::parse)]
    search: std::time::Duration,
    /// Only say what would be written.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    json: JsonOption,
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome> {
    let run = Run::open(&arguments.run)?;
    let load = match (&arguments.pulses, &arguments.load[..]) {
        (Some(group), _) => Some(Load::Phases { group: group.clone() }),
        (None, []) => None,
        (None, channels) => Some(Load::Channels { channels: channels.to_vec() }),
    };
    let search_ns = duration::nanos(arguments.search);
    let found = sync(&run, &Request { load, channels: arguments.channel.clone(), search_ns })?;
    if !arguments.dry_run && found.clocks.iter().any(|clock| clock.alignment.is_some()) {
        run.save_alignment(&found.alignment(&run)?)?;
        message(&format!("alignment: {}", run.dir().join("alignment.json").display()));
    }
    arguments.json.write(&found, &text(&found))?;
    let failed = found.clocks.iter().any(|clock| clock.failed);
    Ok(if failed { Outcome::Failed } else { Outcome::Fine })
}

fn text(found: &RunSync) -> String {
    let mut text = format!("{}: clocks\n", found.run);
    for clock in &found.clocks {
        let by = clock.channel.as_ref().map_or_else(String::new, |channel| format!(", by {channel}"));
        let _ = writeln!(text, "\n{} ({}{by})", clock.source, clock.clock);
        for sentence in &clock.verdict {
            paragraph(&mut text, 2, sentence);
        }
    }
    if !found.notes.is_empty() {
        text.push_str("\nNotes\n");
        for note in &found.notes {
            paragraph(&mut text, 2, note);
        }
    }
    text
}
