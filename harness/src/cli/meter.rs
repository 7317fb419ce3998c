//! `wattproof meter`: tries a meter's profile, and the meter itself.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use driver_meter::{DRIVER, profile, uncertainty};
use power_core::{Driver, Options, PowerSource, Reading, Recorder, SystemClock};
use serde::Serialize;

use super::Outcome;
use super::output::{JsonOption, paragraph};
use crate::{Error, Result};

/// How long a meter may take to show every channel once: a slow one publishes once a second.
const PATIENCE: Duration = Duration::from_secs(5);

/// Check a meter's profile, or read a meter once.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Check a profile; a fault is shown with its line and the nearest known key.
    Check {
        /// The profile, a TOML file.
        profile: PathBuf,
    },
    /// Read every channel of a meter once.
    Probe {
        /// `METER@LINK`, such as `sdm120@serial:/dev/ttyUSB0`; METER is a name or the path of a profile.
        meter: String,
        /// Options of the driver, such as `unit=7` or `baud=9600`.
        #[arg(value_name = "NAME=VALUE")]
        options: Vec<String>,
        #[command(flatten)]
        json: JsonOption,
    },
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome> {
    match &arguments.action {
        Action::Check { profile } => {
            let known = profile::load(profile).map_err(|error| failed("the profile is not sound", error))?;
            let text = format!("{}: sound, {} channels\n", known.name, known.channels.len());
            super::output::print(&text)?;
        }
        Action::Probe { meter, options, json } => {
            let probe = probe(meter, &parse(options)?)?;
            json.write(&probe, &probe.text())?;
        }
    }
    Ok(Outcome::Fine)
}

fn parse(options: &[String]) -> Result<Options> {
    let pairs: Option<Options> = options.iter().map(|pair| pair.split_once('=')).collect();
    pairs.ok_or_else(|| {
        Error::new("an option has no value").mend("write options as NAME=VALUE, such as baud=9600")
    })
}

/// What a meter showed.
#[derive(Debug, Serialize)]
struct Probe {
    schema_version: u32,
    meter: String,
    details: std::collections::BTreeMap<String, String>,
    channels: Vec<Shown>,
}

/// What a channel showed.
#[derive(Debug, Serialize)]
struct Shown {
    channel: String,
    quantity: String,
    scope: String,
    /// In words, with its unit; `None` where it was not shown in time.
    value: Option<String>,
    /// Expanded uncertainty (k = 2) by the data sheet, in the unit of the value.
    uncertainty: Option<f64>,
}

fn probe(meter: &str, options: &Options) -> Result<Probe> {
    let mut source =
        DRIVER.open(meter, options).map_err(|error| failed("the meter cannot be opened", error))?;
    let descriptor = source.descriptor().clone();
    let mut shown: Vec<Option<Reading>> = vec![None; descriptor.channels.len()];
    let (until, mut readings) = (Instant::now() + PATIENCE, Vec::new());
    while shown.iter().any(Option::is_none) && Instant::now() < until {
        readings.clear();
        let outcome = source.read(&mut Recorder::new(&SystemClock, &mut readings));
        for reading in &readings {
            if let Some(place) = shown.get_mut(usize::from(reading.channel.0)) {
                *place = Some(*reading);
            }
        }
        if let Err(error) = outcome
            && readings.is_empty()
        {
            return Err(failed("the meter cannot be read", error));
        }
    }
    let channels = descriptor.channels.iter().zip(shown).map(|(channel, reading)| Shown {
        channel: channel.name.to_string(),
        quantity: channel.quantity.to_string(),
        scope: channel.scope.to_string(),
        value: reading.map(|reading| reading.value.to_string()),
        uncertainty: reading
            .and_then(|reading| reading.value.number())
            .and_then(|number| uncertainty::of_reading(channel, number))
            .map(uncertainty::Uncertainty::expanded),
    });
    let channels = channels.collect();
    Ok(Probe { schema_version: 1, meter: descriptor.device, details: descriptor.details, channels })
}

impl Probe {
    fn text(&self) -> String {
        let mut text = String::new();
        paragraph(&mut text, 0, &self.meter);
        for (name, value) in &self.details {
            paragraph(&mut text, 2, &format!("{name}: {value}"));
        }
        for shown in &self.channels {
            let limits = shown.uncertainty.map_or_else(String::new, |limits| format!(" ± {limits:.2}"));
            let value = shown.value.as_deref().unwrap_or("unknown");
            let _ = writeln!(
                text,
                "{:<16} {value:>14}{limits:<10} {}, {}",
                shown.channel, shown.quantity, shown.scope
            );
        }
        text
    }
}

fn failed(what: &str, error: power_core::Error) -> Error {
    Error::new(what).because(error)
}
