//! Code Carbon's `emissions.csv`, as it states it: columns by name, all versions.
//!
//! The rows of one `run_id` are cumulative; the last one is the evaluation's. The same file is imported as a run by
//! [`code_carbon`](crate::import::code_carbon).

use std::path::Path;

use csv::ByteRecord;
use power_analysis::audit::{Column, Component, Evaluation, Measure, Part, Record};

use super::Gathered;
use super::figures::{KWH_J, believable};
use crate::import::cell::show;
use crate::import::code_carbon::number;
use crate::import::delimited::{Delimited, line_error};
use crate::import::file_name;
use crate::{Error, Result};

/// Energy and power of each part.
const PARTS: [(Part, &str, &str); 3] = [
    (Part::Gpu, "gpu_energy", "gpu_power"),
    (Part::Cpu, "cpu_energy", "cpu_power"),
    (Part::Memory, "ram_energy", "ram_power"),
];

/// Reads one `emissions.csv`; `path` is for messages.
///
/// # Errors
///
/// - the file is no table of Code Carbon's, or a cell of it is no number; the message names the line
pub fn read(bytes: &[u8], path: &Path, into: &mut Gathered) -> Result<()> {
    let mut file = Delimited::open(bytes, path, b',', None)?;
    let header = file.header().to_vec();
    for name in ["duration", "energy_consumed"] {
        if !header.iter().any(|column| column == name) {
            return Err(Error::file(
                path,
                format!("line 1: has no column `{name}`, which Code Carbon writes"),
            )
            .mend("name an emissions.csv"));
        }
    }
    let (name, mut before, mut rows) = (file_name(path), String::new(), 0_usize);
    while let Some((record, line)) = file.next()? {
        let row = Row { header: &header, record, path, line };
        let id = row.text("run_id").filter(|id| !id.is_empty()).unwrap_or_else(|| format!("line {line}"));
        if rows == 0 || id != before {
            into.benchmark.evaluations.push(new_evaluation(&row, &id, &name)?);
        }
        if let Some(evaluation) = into.benchmark.evaluations.last_mut() {
            row.add_to(evaluation)?;
        }
        (before, rows) = (id, rows + 1);
    }
    if rows == 0 {
        return Err(
            Error::file(path, "has a header and no rows").mend("check whether its tracker was stopped")
        );
    }
    into.column(Column::new(Measure::Energy, "energy_consumed", "kWh"));
    into.column(Column::new(Measure::TotalEnergy, "energy_consumed of the last row", "kWh"));
    into.column(Column::new(Measure::Power, "cpu_power + gpu_power + ram_power", "W"));
    into.column(Column::new(Measure::Window, "duration", "s"));
    into.column(Column::new(Measure::Components, "cpu_energy, gpu_energy, ram_energy", "kWh"));
    into.benchmark.records_of = Part::Sum;
    into.notes.extend(file.notes());
    Ok(())
}

fn new_evaluation(row: &Row<'_>, id: &str, file: &str) -> Result<Evaluation> {
    let label = row.text("task_name").or_else(|| row.text("project_name")).unwrap_or_default();
    Ok(Evaluation {
        architecture: if label.is_empty() { id.to_owned() } else { format!("{label} {id}") },
        at: format!("{file}, line {}", row.line),
        memory_gib: row.number("ram_total_size")?,
        ..Evaluation::default()
    })
}

struct Row<'a> {
    header: &'a [String],
    record: &'a ByteRecord,
    path: &'a Path,
    line: u64,
}

impl Row<'_> {
    fn cell(&self, name: &str) -> Option<&[u8]> {
        let at = self.header.iter().position(|column| column == name)?;
        self.record.get(at).map(<[u8]>::trim_ascii)
    }

    fn text(&self, name: &str) -> Option<String> {
        self.cell(name).map(|cell| String::from_utf8_lossy(cell).into_owned())
    }

    fn number(&self, name: &str) -> Result<Option<f64>> {
        let Some(cell) = self.cell(name) else { return Ok(None) };
        let value = number(cell).map_err(|()| {
            line_error(self.path, self.line, format!("{name} `{}` is no number", show(cell)))
        })?;
        Ok(value.and_then(believable))
    }

    /// Adds the row: its cumulative figures replace those of the rows before.
    fn add_to(&self, evaluation: &mut Evaluation) -> Result<()> {
        let energy_j = self.number("energy_consumed")?.map(|kwh| kwh * KWH_J);
        let duration_s = self.number("duration")?.filter(|seconds| *seconds > 0.0);
        let mut powers = Vec::new();
        for (part, energy, power) in PARTS {
            let energy_j = self.number(energy)?.map(|kwh| kwh * KWH_J);
            let power_w = self.number(power)?;
            powers.push(power_w);
            if energy_j.is_none() && power_w.is_none() {
                continue;
            }
            match evaluation.components.iter_mut().find(|component| component.part == part) {
                Some(component) => {
                    component.energy_j = energy_j;
                    component.power_w.extend(power_w);
                }
                None => evaluation.components.push(Component {
                    power_w: power_w.into_iter().collect(),
                    ..Component::new(part, energy_j)
                }),
            }
        }
        evaluation.records.push(Record {
            name: format!("line {}", self.line),
            energy_j,
            power_w: powers.into_iter().sum(),
            window_s: duration_s.map(|seconds| seconds - evaluation.total_s.unwrap_or(0.0)),
            ..Record::default()
        });
        (evaluation.total_j, evaluation.total_s) = (energy_j, duration_s.or(evaluation.total_s));
        evaluation.pue = self.number("pue")?.filter(|pue| *pue > 0.0).or(evaluation.pue);
        Ok(())
    }
}
