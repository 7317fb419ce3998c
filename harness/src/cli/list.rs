//! `wattproof list`: what can be read here.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use power_core::{Access, Channel};

use super::Outcome;
use super::output::{JsonOption, paragraph};
use crate::Result;
use crate::inventory::{Inventory, Listed};

/// List every sensor that can be read here, with what it measures.
///
/// A channel's line has its name, quantity, scope, update period T and averaging window W; unknown is written as `?`.
/// Exit code 1 says that nothing can be read.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// List what cannot be read, too, and why.
    #[arg(long)]
    all: bool,
    /// List the sources of this rig file instead, meters of other hosts among them.
    #[arg(long, value_name = "FILE")]
    rig: Option<PathBuf>,
    #[command(flatten)]
    json: JsonOption,
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome> {
    let mut inventory = Inventory::of(arguments.rig.as_deref())?;
    inventory.describe();
    arguments.json.write(&inventory, &text(&inventory, arguments.all))?;
    Ok(if inventory.ready().next().is_some() { Outcome::Fine } else { Outcome::Failed })
}

fn text(inventory: &Inventory, all: bool) -> String {
    let mut text = String::new();
    for listed in inventory.sources.iter().filter(|listed| all || listed.is_ready()) {
        source(&mut text, listed);
    }
    let barred = inventory.sources.iter().filter(|listed| !listed.is_ready()).count();
    if inventory.ready().next().is_none() {
        text.push_str("nothing can be read here; `wattproof doctor` says why\n");
    } else if barred > 0 && !all {
        let _ = writeln!(text, "{barred} more cannot be read; `wattproof doctor` says why");
    }
    text
}

fn source(into: &mut String, listed: &Listed) {
    let Some(descriptor) = &listed.descriptor else {
        let why = match &listed.access {
            Access::Unavailable { reason, .. } => reason.clone(),
            Access::Denied { mend } => format!("not permitted: {mend}"),
            _ => "not opened".to_owned(),
        };
        paragraph(into, 0, &format!("{}: {}: {why}", listed.id, listed.name));
        return;
    };
    paragraph(into, 0, &format!("{}: {}", listed.id, listed.name));
    let rate = listed.default_rate_hz.map_or_else(|| "?".to_owned(), |hz| format!("{hz:.0}"));
    paragraph(
        into,
        2,
        &format!(
            "driver {}, device {}, lane {}, clock {}, {rate} reads/s",
            listed.driver, listed.device, descriptor.lane, descriptor.clock
        ),
    );
    let width = descriptor.channels.iter().map(|channel| channel.name.chars().count()).max().unwrap_or(0);
    for channel in &descriptor.channels {
        let _ = writeln!(into, "    {:<width$}  {}", channel.name, words(channel));
    }
}

/// Quantity, scope, T and W of a channel.
fn words(channel: &Channel) -> String {
    let time = |time: Option<Duration>| match time {
        Some(time) if time < Duration::from_millis(1) => format!("{} µs", time.as_micros()),
        Some(time) => format!("{} ms", time.as_millis()),
        None => "?".to_owned(),
    };
    let mut words = format!("{} in {}", channel.quantity, channel.unit());
    if channel.quantity.has_energy() {
        let _ = write!(words, ", {}", channel.scope);
    }
    let _ = write!(words, ", T {}", time(channel.update_period));
    if channel.quantity.has_energy() {
        let _ = write!(words, ", W {}", time(channel.window()));
    }
    words
}
