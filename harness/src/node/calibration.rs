//! `calibrate`: a model of the node from runs that have both the sensors and a meter.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use power_analysis::node::{self, PaperMethod, Row, Rows};
use power_core::Channel;
use serde::{Deserialize, Serialize};

use super::components::{ComponentChannels, choose};
use super::experiments::is_prime;
use super::host;
use super::levels::{Cut, Level, Powers};
use super::model_file::ModelFile;
use crate::run::Run;
use crate::{Error, Result};

/// What is left out, one after another, to judge a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum HoldOut {
    /// A whole run at a time
    #[default]
    Run,
    /// A plateau at a time: for calibrations recorded into one run
    Plateau,
}

/// What to calibrate, and how.
#[derive(Debug, Clone)]
pub struct CalibrationRequest {
    /// Channel of the meter, in every run.
    pub reference: String,
    /// Components; by scope if empty.
    pub components: Vec<ComponentChannels>,
    /// How runs are cut into levels.
    pub cut: Cut,
    /// What is left out to judge a model.
    pub hold_out: HoldOut,
    /// Standard uncertainty of the meter in per cent of its reading, where the caller knows better than the run.
    pub meter_percent: Option<f64>,
    /// For how long the model is to be believed.
    pub valid_days: u32,
    /// The load that the paper's method is to assume, 0 to 1; by default each run's own.
    pub prior_load: Option<f64>,
    /// Start of all random numbers.
    pub seed: u64,
}

/// A model and how it came about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The model.
    pub file: ModelFile,
    /// What each run contributed.
    pub runs: Vec<RunLevels>,
    /// What a reader has to know.
    pub notes: Vec<String>,
}

/// What one run contributed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunLevels {
    /// The run's name.
    pub run: String,
    /// How many levels were used.
    pub levels: usize,
    /// Levels that were left out, and why.
    pub left_out: Vec<String>,
}

/// Fits a model to runs.
///
/// # Errors
///
/// - a run cannot be read, lacks a channel, or has no level in which all channels were recorded
/// - the runs are of different machines
/// - the levels bear no model; the message names what to record next
pub fn calibrate(runs: &[Run], request: &CalibrationRequest) -> Result<Calibration> {
    let first = runs.first().ok_or_else(|| {
        Error::new("no run to calibrate with").mend("name runs that hold sensors and a meter")
    })?;
    let reference = first.key(first.channel(&request.reference)?);
    let channels = choose(first, Some(&reference), &request.components)?;
    let machine = one_machine(runs, &channels)?;
    let mut notes: Vec<String> = Vec::new();
    let mut rows = Rows::new(channels.iter().map(|component| component.name.clone()));
    let (mut contributed, mut units, mut primes) = (Vec::new(), Vec::new(), Vec::new());
    for run in runs {
        notes.extend(run.manifest().notes.iter().cloned());
        let powers = Powers::load(run, &channels, Some(&reference), &mut notes)?;
        let (levels, left_out) = levels(run, &powers, request)?;
        for (at, (name, level)) in levels.iter().enumerate() {
            if at == 0 || request.hold_out == HoldOut::Plateau {
                units.push(unit_name(run, name, at, request.hold_out));
            }
            push(&mut rows, units.len() - 1, level);
            if is_prime(name) {
                primes.push(level.components_w.clone());
            }
        }
        contributed.push(RunLevels { run: run.name(), levels: levels.len(), left_out });
    }
    let meter = first.channel(&reference)?;
    let meter_percent = request.meter_percent.or_else(|| meter_percent(first.describe(meter), &rows));
    if meter_percent.is_none() {
        notes.push(format!(
            "nothing states the accuracy of {reference}: no interval of the model includes it; --meter-percent gives it"
        ));
    }
    let model = node::calibrate(&rows, meter_percent).map_err(|refusal| refused(&refusal, request))?;
    let (paper, prime_load) = paper(&rows, request.prior_load, &primes);
    let falsified = model.held_out.falsified_runs.iter().filter_map(|&unit| units.get(unit).cloned());
    let date = newest(runs)?;
    notes.sort();
    notes.dedup();
    Ok(Calibration {
        file: ModelFile {
            schema_version: ModelFile::schema_version(),
            written_by: concat!("wattproof ", env!("CARGO_PKG_VERSION")).into(),
            date,
            expires: date
                .checked_add(SignedDuration::from_hours(24 * i64::from(request.valid_days)))
                .map_err(|error| Error::new("the model would expire after all calendars").because(error))?,
            runs: contributed.iter().map(|run| run.run.clone()).collect(),
            falsified: falsified.collect(),
            block_s: seconds(request.cut.block_ns),
            meter: first.source_of(meter).descriptor.device.clone(),
            reference,
            machine,
            channels,
            paper,
            prime_load,
            model,
        },
        runs: contributed,
        notes,
    })
}

/// The paper's method on these levels, and the load during a calculation of prime numbers, which is its prior where nobody
/// states another.
fn paper(rows: &Rows, stated: Option<f64>, primes: &[Vec<f64>]) -> (Option<PaperMethod>, Option<f64>) {
    let Some(method) = node::judge(rows, stated) else { return (None, None) };
    let loads: Vec<f64> = primes.iter().map(|components_w| method.load(components_w)).collect();
    let prime_load = power_analysis::stats::mean(&loads);
    match (stated, prime_load) {
        (None, Some(prior)) => (node::judge(rows, Some(prior)), prime_load),
        _ => (Some(method), prime_load),
    }
}

/// A level with the name of its phase, empty where it is a block.
type NamedLevel = (String, Level);

/// The levels of a run with all powers known, and why others were left out.
fn levels(
    run: &Run,
    powers: &Powers,
    request: &CalibrationRequest,
) -> Result<(Vec<NamedLevel>, Vec<String>)> {
    let span = powers.span().ok_or_else(|| {
        Error::new(format!("the channels of {} were never recorded together", run.name()))
            .mend("`wattproof energy` shows when each was; align clocks, or leave the run out")
    })?;
    let (mut known, mut left_out) = (Vec::new(), Vec::new());
    for (name, interval) in request.cut.levels(run, span)? {
        match powers.level(interval, request.seed) {
            Ok(level) if level.meter_w.is_some_and(|(watts, _)| watts > 0.0) => known.push((name, level)),
            Ok(_) => left_out.push(format!("at {} ns: the meter shows no power", interval.begin_ns)),
            Err(why) => left_out.push(format!("at {} ns: {why}", interval.begin_ns)),
        }
    }
    if known.is_empty() {
        let why =
            left_out.first().cloned().unwrap_or_else(|| "it has no phases, or they are too short".into());
        return Err(Error::new(format!("{} has no level in which all powers are known: {why}", run.name()))
            .mend(
                "choose a shorter --block or --discard, other --component channels, or leave the run out",
            ));
    }
    Ok((known, left_out))
}

fn push(rows: &mut Rows, unit: usize, level: &Level) {
    if let Some((meter_w, meter_error_w)) = level.meter_w {
        rows.push(Row { run: unit, components_w: level.components_w.clone(), meter_w, meter_error_w });
    }
}

/// What a unit that is left out as a whole is called.
fn unit_name(run: &Run, phase: &str, at: usize, hold_out: HoldOut) -> String {
    match (hold_out, phase) {
        (HoldOut::Run, _) => run.name(),
        (HoldOut::Plateau, "") => format!("{} block {}", run.name(), at + 1),
        (HoldOut::Plateau, phase) => format!("{} {phase}", run.name()),
    }
}

/// Standard uncertainty by the data sheet's limits of error, in per cent of the reading at the median level.
///
/// The limits are those of a rectangular distribution, u = a/√3 (JCGM 100:2008, 4.3.7).
fn meter_percent(channel: &Channel, rows: &Rows) -> Option<f64> {
    let accuracy = channel.accuracy.as_ref()?;
    let meter: Vec<f64> = rows.rows().iter().map(|row| row.meter_w).collect();
    let median_w = power_analysis::stats::median(&meter)?;
    let of_range = match (&channel.range, accuracy.percent_of_range) {
        (_, share) if share <= 0.0 => 0.0,
        (Some(range), share) => share * range.high / median_w,
        (None, _) => return None,
    };
    Some((accuracy.percent_of_reading + of_range) / 3.0_f64.sqrt())
}

/// What is known of the machine of all runs, or what differs between them.
fn one_machine(runs: &[Run], channels: &[ComponentChannels]) -> Result<BTreeMap<String, String>> {
    let keys: Vec<&str> = channels.iter().flat_map(|it| it.channels.iter().map(String::as_str)).collect();
    let mut known = BTreeMap::new();
    for run in runs {
        let machine = host::machine(run, &keys);
        let differing = host::differences(&known, &machine);
        if !differing.is_empty() {
            return Err(Error::new(format!(
                "{} is of another machine: {}",
                run.name(),
                differing.join(", ")
            ))
            .mend("calibrate each machine by its own runs"));
        }
        known.extend(machine);
    }
    Ok(known)
}

fn newest(runs: &[Run]) -> Result<Timestamp> {
    let times = runs.iter().map(|run| {
        run.manifest().written_at.parse::<Timestamp>().map_err(|error| {
            Error::file(
                run.dir(),
                format!("its manifest was written at `{}`, which is no time", run.manifest().written_at),
            )
            .because(error)
        })
    });
    Ok(times.collect::<Result<Vec<_>>>()?.into_iter().max().unwrap_or(Timestamp::UNIX_EPOCH))
}

fn refused(refusal: &node::Refusal, request: &CalibrationRequest) -> Error {
    let error = Error::new(format!("no model: {refusal}"));
    match refusal {
        node::Refusal::TooFew { runs, .. } if *runs < 4 && request.hold_out == HoldOut::Run => error.mend(
            "where one run holds all plateaus, --phases --hold-out plateau leaves out one of them at a time",
        ),
        _ => error,
    }
}

#[expect(clippy::cast_precision_loss, reason = "blocks of seconds to minutes")]
fn seconds(nanos: i64) -> f64 {
    nanos as f64 / 1e9
}
