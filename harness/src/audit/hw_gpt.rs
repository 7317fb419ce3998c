//! HW-GPT-Bench's columns: energy and mean power of one forward pass, repeated, for each architecture.
//!
//! `energy_gpu` holds the energies of the repeats (labelled `KWh` by `unit_energy`), `emissions_gpu` their mean powers in
//! watts, whatever its name says; `mean_energy_gpu` and `std_energy_gpu` sum them up. As JSON a list of objects, or an
//! object of them by architecture; as CSV a row an architecture, the repeats as a list in brackets.
//!
//! Format: `data_collection/gpt_profiler/utils/energy_profiler.py` of `github.com/automl/HW-GPT-Bench` at 1f43ee8.

use std::path::Path;

use power_analysis::audit::{Column, Evaluation, Measure, Record};
use serde_json::{Map, Value};

use super::Gathered;
use super::figures::{KWH_J, WATT_HOUR_J, believable};
use crate::import::delimited::Delimited;
use crate::import::file_name;
use crate::{Error, Result};

/// Reads one file of them; `path` is for messages.
///
/// # Errors
///
/// - it is neither JSON nor a table with the column `energy_gpu` or `mean_energy_gpu`
pub fn read(bytes: &[u8], path: &Path, into: &mut Gathered) -> Result<()> {
    let name = file_name(path);
    let before = into.benchmark.evaluations.len();
    let json = bytes.trim_ascii_start().first().is_some_and(|byte| matches!(byte, b'{' | b'['));
    let rows = if json { of_json(bytes, path)? } else { of_table(bytes, path)? };
    let mut unit = None;
    for (at, (label, row)) in rows.into_iter().enumerate() {
        let label = label.unwrap_or_else(|| format!("row {}", at + 1));
        unit = unit.or_else(|| row.get("unit_energy").and_then(Value::as_str).map(str::to_owned));
        let factor = joules(unit.as_deref());
        let records = repeats(&row, factor);
        if records.is_empty() {
            continue;
        }
        if row.contains_key("emissions_gpu") {
            into.odd("`emissions_gpu` holds powers in watts, not emissions");
        }
        into.benchmark.evaluations.push(Evaluation {
            at: format!("{name}, {label}"),
            architecture: label,
            records,
            ..Evaluation::default()
        });
    }
    if into.benchmark.evaluations.len() == before {
        return Err(Error::file(path, "has no architecture with `energy_gpu` or `mean_energy_gpu`")
            .mend("name a file with HW-GPT-Bench's columns"));
    }
    into.column(Column::new(Measure::Energy, "energy_gpu", unit.unwrap_or_else(|| "KWh".into())));
    into.column(Column::new(Measure::Power, "emissions_gpu", "W"));
    Ok(())
}

/// Joules in the stated unit, which is kilowatt-hours where it states none.
fn joules(unit: Option<&str>) -> f64 {
    match unit.map(str::to_ascii_lowercase).as_deref() {
        Some("wh") => WATT_HOUR_J,
        Some("j" | "joule" | "joules") => 1.0,
        Some("mj") => 1e-3,
        _ => KWH_J,
    }
}

/// The repeats of a row; the mean as a single record where there are none.
fn repeats(row: &Map<String, Value>, factor: f64) -> Vec<Record> {
    let list = |key: &str| -> Vec<Option<f64>> {
        let values = row.get(key).and_then(Value::as_array);
        values
            .map(|values| values.iter().map(|value| value.as_f64().and_then(believable)).collect())
            .unwrap_or_default()
    };
    let (energies, powers) = (list("energy_gpu"), list("emissions_gpu"));
    let record = |at: usize, energy: Option<f64>, power: Option<f64>| Record {
        name: format!("repeat {}", at + 1),
        energy_j: energy.map(|energy| energy * factor),
        power_w: power,
        ..Record::default()
    };
    if energies.is_empty() {
        let number = |key: &str| row.get(key).and_then(Value::as_f64).and_then(believable);
        let mean = number("mean_energy_gpu");
        return mean.map(|mean| record(0, Some(mean), number("mean_co2_gpu"))).into_iter().collect();
    }
    let power = |at: usize| powers.get(at).copied().flatten();
    energies.iter().enumerate().map(|(at, energy)| record(at, *energy, power(at))).collect()
}

type Rows = Vec<(Option<String>, Map<String, Value>)>;

fn of_json(bytes: &[u8], path: &Path) -> Result<Rows> {
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|error| Error::file(path, format!("is no JSON, {error}")).mend("check the file"))?;
    let object = |value: Value| if let Value::Object(object) = value { Some(object) } else { None };
    Ok(match value {
        Value::Array(rows) => rows.into_iter().filter_map(object).map(|row| (None, row)).collect(),
        Value::Object(row) if row.contains_key("energy_gpu") || row.contains_key("mean_energy_gpu") => {
            vec![(None, row)]
        }
        Value::Object(rows) => {
            rows.into_iter().filter_map(|(name, row)| Some((Some(name), object(row)?))).collect()
        }
        _ => Vec::new(),
    })
}

fn of_table(bytes: &[u8], path: &Path) -> Result<Rows> {
    let mut file = Delimited::open(bytes, path, b',', None)?;
    let header = file.header().to_vec();
    let mut rows = Vec::new();
    while let Some((record, _)) = file.next()? {
        let cell = |(name, cell): (&String, &[u8])| {
            let text = String::from_utf8_lossy(cell);
            // A list in brackets is JSON but for numpy's nan.
            let value =
                serde_json::from_str(&text.replace("nan", "null")).unwrap_or_else(|_| text.trim().into());
            (name.clone(), value)
        };
        let row: Map<String, Value> = header.iter().zip(record.iter()).map(cell).collect();
        let label = ["arch", "architecture", "arch_id", "index"].iter().find_map(|key| row.get(*key));
        let label = label.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        rows.push((label, row));
    }
    Ok(rows)
}
