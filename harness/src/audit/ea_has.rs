//! The output of a training of EA-HAS-Bench: its tracer's blocks, and pycls' `json_stats` lines between them.
//!
//! A block is one line of six numbers with four decimals between tabs: GPU utilisation and memory utilisation in per
//! cent, energy (labelled `KWh`), power in watts, temperature in degrees Celsius, seconds. Where the tracer took no reading
//! it says "No tracing info collected", and the call has no figures. `json_stats:` is followed by one JSON object with
//! `_type` (`train_epoch`, `test_epoch`, …), `epoch` as `3/100`, and `time_epoch` in seconds.
//!
//! Formats: `RegNet+HPO/tracer.py` of `github.com/microsoft/EA-HAS-Bench` at fd689ce, `pycls/core/logging.py` of
//! `github.com/facebookresearch/pycls`.

use std::path::Path;

use power_analysis::audit::{Column, Evaluation, Measure, Record};
use serde::Deserialize;

use super::Gathered;
use super::figures::{KWH_J, believable, half_digit};
use crate::import::file_name;
use crate::{Error, Result};

/// Half of the last of four decimals.
const HALF_DIGIT: f64 = 5e-5;

/// Steps of one reading of nvidia-smi: power in watts, the others in their units.
const POWER_STEP_W: f64 = 0.01;

/// One call of the traced function.
#[derive(Debug, Clone, PartialEq)]
struct Call {
    line: usize,
    /// `None` where the tracer had no reading.
    figures: Option<[Option<f64>; 6]>,
}

/// One line of `json_stats` on an epoch.
#[derive(Debug, Clone, PartialEq)]
struct Epoch {
    kind: String,
    number: u32,
    time_s: Option<f64>,
}

#[derive(Debug, Deserialize)]
struct Stats {
    #[serde(rename = "_type", default)]
    kind: String,
    #[serde(default)]
    epoch: String,
    time_epoch: Option<f64>,
}

/// The six figures of a block's line; `None` if it is none.
///
/// A figure that is not a number (`nan`) is unknown.
pub(crate) fn block(line: &str) -> Option<[Option<f64>; 6]> {
    let mut figures = [None; 6];
    let mut cells = line.trim().split('\t');
    for figure in &mut figures {
        let cell = cells.next()?.trim();
        let value: f64 = cell.parse().ok()?;
        // Any four-decimal number, so that six columns of something else are no block.
        if value.is_finite() && half_digit(cell) > HALF_DIGIT * 1.5 {
            return None;
        }
        *figure = believable(value);
    }
    cells.next().is_none().then_some(figures)
}

/// Reads the output of one training, or of several one after another; `path` is for messages.
///
/// # Errors
///
/// - there is neither a block nor an epoch in it
pub fn read(bytes: &[u8], path: &Path, into: &mut Gathered) -> Result<()> {
    let text = String::from_utf8_lossy(bytes);
    let (mut calls, mut epochs, mut broken) = (Vec::new(), Vec::new(), 0_usize);
    for (at, line) in text.lines().enumerate() {
        if let Some(figures) = block(line) {
            calls.push(Call { line: at + 1, figures: Some(figures) });
        } else if line.contains("No tracing info collected") {
            calls.push(Call { line: at + 1, figures: None });
        } else if let Some((_, json)) = line.split_once("json_stats:") {
            match epoch(json) {
                Ok(found) => epochs.extend(found),
                Err(()) => broken += 1,
            }
        }
    }
    if calls.is_empty() && epochs.is_empty() {
        return Err(Error::file(path, "has neither a block of the tracer nor a json_stats line of an epoch")
            .mend("name the output of a training, such as stdout.log"));
    }
    let name = file_name(path);
    if broken > 0 {
        into.notes.push(format!("{name}: json_stats lines that are no JSON, which say nothing: {broken}"));
    }
    let paired = pair(&calls, &epochs);
    if paired.is_none() && !epochs.is_empty() && !calls.is_empty() {
        into.notes.push(format!(
            "{name}: {} blocks stand beside {} epochs, so that nobody can tell which is whose; the epochs' times are not \
             used",
            calls.len(),
            epochs.len()
        ));
    }
    let records = match &paired {
        Some(epochs) => calls.iter().zip(epochs).map(|(call, epoch)| record(call, Some(epoch))).collect(),
        None if calls.is_empty() => epochs.iter().map(of_epoch).collect(),
        None => calls.iter().map(|call| record(call, None)).collect(),
    };
    let starts = starts(paired.as_deref().unwrap_or(if calls.is_empty() { &epochs } else { &[] }));
    add(records, &starts, &name, into);
    columns(&calls, !epochs.is_empty(), into);
    Ok(())
}

fn epoch(json: &str) -> Result<Option<Epoch>, ()> {
    let stats: Stats = serde_json::from_str(json.trim()).map_err(|_| ())?;
    let number = stats.epoch.split('/').next().unwrap_or_default().parse();
    Ok(match (stats.kind.ends_with("_epoch"), number) {
        (true, Ok(number)) => {
            let time_s = stats.time_epoch.and_then(believable);
            Some(Epoch { kind: stats.kind, number, time_s })
        }
        _ => None,
    })
}

/// The epochs that the calls are of, where their numbers agree: all, or those of training.
fn pair(calls: &[Call], epochs: &[Epoch]) -> Option<Vec<Epoch>> {
    if calls.is_empty() {
        return None;
    }
    let train: Vec<Epoch> = epochs.iter().filter(|epoch| epoch.kind == "train_epoch").cloned().collect();
    [epochs.to_vec(), train].into_iter().find(|epochs| epochs.len() == calls.len())
}

/// Where a new training begins: its epochs are counted from the start again.
fn starts(epochs: &[Epoch]) -> Vec<usize> {
    let again = |at: &usize| {
        epochs[*at].kind == epochs[0].kind
            && epochs[..*at]
                .iter()
                .rev()
                .find(|before| before.kind == epochs[*at].kind)
                .is_some_and(|before| before.number >= epochs[*at].number)
    };
    (1..epochs.len()).filter(again).collect()
}

fn record(call: &Call, epoch: Option<&Epoch>) -> Record {
    let [gpu_percent, memory_percent, energy, power_w, temperature_c, window_s] =
        call.figures.unwrap_or_default();
    let name = epoch.map_or_else(String::new, |epoch| format!("{} {}, ", epoch.kind, epoch.number));
    Record {
        name: format!("{name}line {}", call.line),
        epochs: epoch.filter(|epoch| epoch.kind == "train_epoch").map(|epoch| f64::from(epoch.number)),
        energy_j: energy.map(|energy| energy * KWH_J),
        power_w,
        window_s,
        training_s: epoch.and_then(|epoch| epoch.time_s),
        gpu_percent,
        memory_percent,
        temperature_c,
        ..Record::default()
    }
}

fn of_epoch(epoch: &Epoch) -> Record {
    Record { name: format!("{} {}", epoch.kind, epoch.number), training_s: epoch.time_s, ..Record::default() }
}

fn add(mut records: Vec<Record>, starts: &[usize], name: &str, into: &mut Gathered) {
    let mut parts = Vec::new();
    for start in starts.iter().rev() {
        parts.push(records.split_off(*start));
    }
    parts.push(records);
    for (at, records) in parts.into_iter().rev().enumerate() {
        let label = if starts.is_empty() { name.to_owned() } else { format!("{name}, training {}", at + 1) };
        into.benchmark.evaluations.push(Evaluation {
            architecture: label.clone(),
            at: label,
            records,
            ..Evaluation::default()
        });
    }
}

fn columns(calls: &[Call], epochs: bool, into: &mut Gathered) {
    if !calls.is_empty() {
        let column =
            |measure, key, unit, factor: f64| Column::new(measure, key, unit).rounded(HALF_DIGIT * factor);
        into.column(column(Measure::Energy, "third number of a block", "KWh", KWH_J));
        into.column(column(Measure::Power, "fourth number of a block", "W", 1.0).stepped(POWER_STEP_W));
        into.column(column(Measure::GpuUtilisation, "first number of a block", "percent", 1.0).stepped(1.0));
        into.column(
            column(Measure::MemoryUtilisation, "second number of a block", "percent", 1.0).stepped(1.0),
        );
        into.column(column(Measure::Temperature, "fifth number of a block", "C", 1.0).stepped(1.0));
        into.column(column(Measure::Window, "sixth number of a block", "s", 1.0));
    }
    if epochs {
        into.column(Column::new(Measure::Training, "json_stats time_epoch", "s").rounded(HALF_DIGIT));
    }
}
