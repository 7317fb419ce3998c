//! pycls' `sweep.json`: a list of trainings, each with its metrics by epoch.
//!
//! It has the lengths of epochs (`train_epoch.time_epoch`, in seconds) and no energies: those have to come from another
//! file. Format: `pycls/sweep/analysis.py` of `github.com/facebookresearch/pycls`.

use std::path::Path;

use power_analysis::audit::{Column, Evaluation, Measure, Record};
use serde_json::Value;

use super::Gathered;
use super::figures::believable;
use crate::import::file_name;
use crate::{Error, Result};

/// Reads a `sweep.json`; `path` is for messages.
///
/// # Errors
///
/// - it is no list of trainings with a `train_epoch`
pub fn read(bytes: &[u8], path: &Path, into: &mut Gathered) -> Result<()> {
    let fault = |what: String| Error::file(path, what).mend("name a sweep.json of pycls");
    let trainings: Vec<Value> =
        serde_json::from_slice(bytes).map_err(|error| fault(format!("is no list in JSON, {error}")))?;
    let name = file_name(path);
    let before = into.benchmark.evaluations.len();
    for (at, training) in trainings.iter().enumerate() {
        let Some(times) = training.pointer("/train_epoch/time_epoch").and_then(Value::as_array) else {
            continue;
        };
        let records = times.iter().enumerate().map(|(at, time)| Record {
            name: format!("epoch {}", at + 1),
            training_s: time.as_f64().and_then(believable),
            ..Record::default()
        });
        let label = format!("{name}, training {}", at + 1);
        into.benchmark.evaluations.push(Evaluation {
            architecture: label.clone(),
            at: label,
            records: records.collect(),
            ..Evaluation::default()
        });
    }
    let found = into.benchmark.evaluations.len() - before;
    if found == 0 {
        return Err(fault("has no training with train_epoch.time_epoch".into()));
    }
    if found < trainings.len() {
        into.notes.push(format!(
            "{name}: trainings without the times of their epochs: {}",
            trainings.len() - found
        ));
    }
    into.column(Column::new(Measure::Training, "train_epoch.time_epoch", "s"));
    Ok(())
}
