//! Any CSV: one row a record, columns by their names or as they are told.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use power_analysis::audit::{Column, Component, Evaluation, Measure, Part, Record};
use power_core::{Joules, Quantity};

use super::Gathered;
use super::figures::{believable, half_digit};
use crate::import::cell::show;
use crate::import::code_carbon::number;
use crate::import::delimited::{Delimited, line_error};
use crate::import::file_name;
use crate::import::nearest_hint;
use crate::import::unit::WireUnit;
use crate::{Error, Result};

macro_rules! roles {
    ($($variant:ident, $name:literal, $dimension:ident, [$($alias:literal),*];)*) => {
        /// What a column of a table is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "each is its name on the command line")]
        pub enum Role { $($variant),* }

        impl Role {
            /// Every role.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Its name on the command line.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            const fn dimension(self) -> Dimension {
                match self { $(Self::$variant => Dimension::$dimension),* }
            }

            /// Names of columns, without their unit and in lower case, that are taken for it.
            const fn aliases(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($alias),*]),* }
            }
        }
    };
}

/// What a figure counts; its unit is that of [`Record`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dimension {
    Text,
    Plain,
    Energy,
    Power,
    Time,
    Percent,
}

roles! {
    Architecture, "architecture", Text, ["architecture", "arch", "arch_id", "model", "model_name", "config", "hash"];
    Repeat, "repeat", Text, ["repeat", "seed", "trial", "run", "run_id"];
    Epoch, "epoch", Plain, ["epoch", "epochs"];
    Energy, "energy", Energy, ["energy", "epoch_energy", "gpu_energy", "energy_gpu", "epoch_energy_gpu", "energy_consumption", "train_energy"];
    TotalEnergy, "total-energy", Energy, ["total_energy", "energy_total", "energy_consumed"];
    RunningEnergy, "running-energy", Energy, ["cumulative_energy", "running_energy", "energy_cumulative", "cumulative_energy_gpu"];
    Power, "power", Power, ["power", "gpu_power", "avg_power", "average_power", "mean_power", "power_gpu"];
    Window, "window", Time, ["window", "duration", "elapsed", "elapsed_time", "time_elapse", "time", "seconds", "epoch_duration"];
    Training, "training", Time, ["training_time", "train_time", "epoch_time", "time_epoch"];
    GpuUtilisation, "gpu-util", Percent, ["gpu_util", "gpu_utilization", "gpu_utilisation", "utilization", "utilization_gpu"];
    MemoryUtilisation, "mem-util", Percent, ["mem_util", "memory_util", "memory_utilization", "utilization_memory"];
    Temperature, "temperature", Plain, ["temp", "temperature", "gpu_temp", "temperature_gpu"];
    CpuEnergy, "cpu-energy", Energy, ["cpu_energy", "energy_cpu", "epoch_energy_cpu"];
    MemoryEnergy, "memory-energy", Energy, ["ram_energy", "memory_energy", "energy_ram", "dram_energy", "epoch_energy_ram"];
    CpuPower, "cpu-power", Power, ["cpu_power", "power_cpu"];
    MemoryPower, "memory-power", Power, ["ram_power", "memory_power", "power_ram", "dram_power"];
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let names: Vec<&str> = Self::ALL.iter().map(|role| role.name()).collect();
        Self::ALL.iter().copied().find(|role| role.name() == text).ok_or_else(|| {
            Error::new(format!("`{text}` is nothing that a column can be")).mend(nearest_hint(text, &names))
        })
    }
}

/// A column that is told: its role, its name, and its unit where the name does not have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnChoice {
    /// What it is.
    pub role: Role,
    /// Its name in the header.
    pub name: String,
    /// Its unit.
    pub unit: Option<String>,
}

impl FromStr for ColumnChoice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (role, rest) = text.split_once('=').ok_or_else(|| {
            Error::new(format!("`{text}` names no column"))
                .mend("write ROLE=COLUMN, such as energy=epoch_kwh:kWh")
        })?;
        let (name, unit) = match rest.rsplit_once(':') {
            Some((name, unit)) if !unit.is_empty() => (name, Some(unit.to_owned())),
            _ => (rest, None),
        };
        Ok(Self { role: role.parse()?, name: name.to_owned(), unit })
    }
}

/// A column whose place and unit are known.
#[derive(Debug)]
struct Place {
    role: Role,
    at: usize,
    name: String,
    unit: String,
    factor: f64,
    /// Half of the finest digit seen, in the unit of the file.
    half_digit: f64,
}

/// Reads a table; `choices` come before what the names of the columns say; `path` is for messages.
///
/// # Errors
///
/// - a told column is not there, or its unit does not fit
/// - there is neither an energy nor a power
/// - a cell is no number; the message names the line
pub fn read(bytes: &[u8], path: &Path, choices: &[ColumnChoice], into: &mut Gathered) -> Result<()> {
    let mut file = Delimited::open(bytes, path, b',', None)?;
    let mut places = places(file.header(), path, choices)?;
    let name = file_name(path);
    let mut index: HashMap<String, usize> = HashMap::new();
    while let Some((record, line)) = file.next()? {
        let mut row = Row::default();
        for place in &mut places {
            let cell = record.get(place.at).unwrap_or_default().trim_ascii();
            row.take(place, cell).map_err(|what| line_error(path, line, what))?;
        }
        let key = [row.architecture.clone(), row.repeat.clone()].join(" ");
        let at = *index.entry(key).or_insert_with(|| {
            into.benchmark.evaluations.push(Evaluation {
                architecture: row.architecture.clone(),
                at: [name.clone(), row.architecture.clone(), row.repeat.clone()]
                    .into_iter()
                    .filter(|part| !part.is_empty())
                    .collect::<Vec<_>>()
                    .join(", "),
                ..Evaluation::default()
            });
            into.benchmark.evaluations.len() - 1
        });
        row.add_to(&mut into.benchmark.evaluations[at], line);
    }
    if index.is_empty() {
        return Err(Error::file(path, "has a header and no rows").mend("check the file"));
    }
    for place in places {
        if let Some(measure) = measure(place.role) {
            let half = if place.half_digit.is_finite() { place.half_digit * place.factor } else { 0.0 };
            into.column(Column::new(measure, place.name, place.unit).rounded(half));
        }
    }
    into.notes.extend(file.notes());
    Ok(())
}

const fn measure(role: Role) -> Option<Measure> {
    Some(match role {
        Role::Energy => Measure::Energy,
        Role::TotalEnergy => Measure::TotalEnergy,
        Role::RunningEnergy => Measure::RunningEnergy,
        Role::Power => Measure::Power,
        Role::Window => Measure::Window,
        Role::Training => Measure::Training,
        Role::GpuUtilisation => Measure::GpuUtilisation,
        Role::MemoryUtilisation => Measure::MemoryUtilisation,
        Role::Temperature => Measure::Temperature,
        Role::CpuEnergy | Role::MemoryEnergy => Measure::Components,
        _ => return None,
    })
}

fn places(header: &[String], path: &Path, choices: &[ColumnChoice]) -> Result<Vec<Place>> {
    let mut places: Vec<Place> = Vec::new();
    for choice in choices {
        let at = header.iter().position(|column| *column == choice.name).ok_or_else(|| {
            Error::file(path, format!("has no column `{}`", choice.name))
                .mend(nearest_hint(&choice.name, header))
        })?;
        let (_, in_name) = split_unit(&choice.name);
        let unit = choice.unit.as_deref().or(in_name).unwrap_or_default();
        let factor = factor(choice.role.dimension(), unit).ok_or_else(|| {
            Error::new(format!("`{unit}` is no unit of {} that is known", choice.role))
                .mend(format!("write --column {}={}:UNIT", choice.role, choice.name))
        })?;
        let (name, unit) = (choice.name.clone(), unit.to_owned());
        places.push(Place { role: choice.role, at, name, unit, factor, half_digit: f64::INFINITY });
    }
    for (at, column) in header.iter().enumerate() {
        let (stem, unit) = split_unit(column);
        let stem = stem.to_ascii_lowercase();
        let named = Role::ALL.iter().find(|role| role.aliases().contains(&stem.as_str()));
        let Some(role) = named.copied().filter(|role| places.iter().all(|place| place.role != *role)) else {
            continue;
        };
        if places.iter().any(|place| place.at == at) {
            continue;
        }
        let unit = unit.unwrap_or_default();
        let Some(factor) = factor(role.dimension(), unit) else {
            return Err(Error::file(path, format!("column `{column}` does not say its unit"))
                .mend(format!("say it: --column {role}={column}:UNIT")));
        };
        let (name, unit) = (column.clone(), unit.to_owned());
        places.push(Place { role, at, name, unit, factor, half_digit: f64::INFINITY });
    }
    if !places.iter().any(|place| matches!(place.role, Role::Energy | Role::TotalEnergy | Role::Power)) {
        return Err(Error::file(path, "has no column of energy or power that is known by its name")
            .mend("name one: --column energy=COLUMN:UNIT"));
    }
    Ok(places)
}

/// A column's name without its unit, and the unit: `energy_kwh`, `energy (kWh)`, `energy [kWh]`.
fn split_unit(column: &str) -> (&str, Option<&str>) {
    let column = column.trim();
    for (open, close) in [('(', ')'), ('[', ']')] {
        if let Some((stem, unit)) = column.strip_suffix(close).and_then(|rest| rest.rsplit_once(open)) {
            return (stem.trim().trim_end_matches('_'), Some(unit.trim()));
        }
    }
    match column.rsplit_once('_') {
        Some((stem, unit)) if is_unit(unit) => (stem, Some(unit)),
        _ => (column, None),
    }
}

fn is_unit(text: &str) -> bool {
    [Dimension::Energy, Dimension::Power, Dimension::Time, Dimension::Percent]
        .into_iter()
        .any(|dimension| factor(dimension, text).is_some())
        && !text.is_empty()
}

/// What a number in `unit` is multiplied by; `None` if the unit is of something else, or missing where it must be known.
fn factor(dimension: Dimension, unit: &str) -> Option<f64> {
    const COUNTER: Quantity = Quantity::EnergyCounter { quantum: Joules::from_joules(1.0), modulus: None };
    let lower = unit.to_ascii_lowercase();
    let word = match lower.as_str() {
        "joules" | "joule" => "J",
        // Case tells milli from mega, but not in words that are written anyhow.
        "kwh" => "kWh",
        "wh" => "Wh",
        "watt" => "W",
        _ => unit,
    };
    match dimension {
        Dimension::Text | Dimension::Plain => Some(1.0),
        Dimension::Energy => WireUnit::find(word)?.factor_for(COUNTER),
        Dimension::Power if unit.is_empty() => Some(1.0),
        Dimension::Power => WireUnit::find(word)?.factor_for(Quantity::power()),
        Dimension::Time => match lower.as_str() {
            "" | "s" | "sec" | "secs" | "second" | "seconds" => Some(1.0),
            "ms" => Some(1e-3),
            "us" => Some(1e-6),
            "min" | "minutes" => Some(60.0),
            "h" | "hours" => Some(3_600.0),
            _ => None,
        },
        Dimension::Percent => match lower.as_str() {
            "" | "%" | "percent" | "pct" => Some(1.0),
            "1" | "ratio" | "share" => Some(100.0),
            _ => None,
        },
    }
}

/// What a row says.
#[derive(Debug, Default)]
struct Row {
    architecture: String,
    repeat: String,
    figures: HashMap<Role, f64>,
}

impl Row {
    fn take(&mut self, place: &mut Place, cell: &[u8]) -> Result<(), String> {
        let text = || String::from_utf8_lossy(cell).chars().filter(|c| !c.is_control()).collect();
        match place.role {
            Role::Architecture => self.architecture = text(),
            Role::Repeat => self.repeat = text(),
            role => {
                let value =
                    number(cell).map_err(|()| format!("{} `{}` is no number", place.name, show(cell)))?;
                if let Some(value) = value.and_then(|value| believable(value * place.factor)) {
                    self.figures.insert(role, value);
                    let text = std::str::from_utf8(cell).unwrap_or_default();
                    place.half_digit = place.half_digit.min(half_digit(text));
                }
            }
        }
        Ok(())
    }

    fn add_to(&self, evaluation: &mut Evaluation, line: u64) {
        let figure = |role: Role| self.figures.get(&role).copied();
        for (part, energy, power) in [
            (Part::Cpu, Role::CpuEnergy, Role::CpuPower),
            (Part::Memory, Role::MemoryEnergy, Role::MemoryPower),
        ] {
            let (energy, power) = (figure(energy), figure(power));
            if energy.is_none() && power.is_none() {
                continue;
            }
            let at =
                evaluation.components.iter().position(|component| component.part == part).unwrap_or_else(
                    || {
                        evaluation.components.push(Component::new(part, None));
                        evaluation.components.len() - 1
                    },
                );
            let component = &mut evaluation.components[at];
            component.energy_j = match (component.energy_j, energy) {
                (Some(so_far), Some(energy)) => Some(so_far + energy),
                (so_far, energy) => so_far.or(energy),
            };
            component.power_w.extend(power);
        }
        evaluation.total_j = figure(Role::TotalEnergy).or(evaluation.total_j);
        evaluation.records.push(Record {
            name: figure(Role::Epoch)
                .map_or_else(|| format!("line {line}"), |epoch| format!("epoch {epoch}")),
            epochs: figure(Role::Epoch),
            energy_j: figure(Role::Energy),
            running_j: figure(Role::RunningEnergy),
            power_w: figure(Role::Power),
            window_s: figure(Role::Window),
            training_s: figure(Role::Training),
            gpu_percent: figure(Role::GpuUtilisation),
            memory_percent: figure(Role::MemoryUtilisation),
            temperature_c: figure(Role::Temperature),
            ..Record::default()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_units() {
        assert_eq!(split_unit("energy (kWh)"), ("energy", Some("kWh")));
        assert_eq!(split_unit("epoch_energy_kwh"), ("epoch_energy", Some("kwh")));
        assert_eq!(split_unit("total_time"), ("total_time", None));
        assert_eq!(factor(Dimension::Energy, "kwh"), Some(3.6e6));
        assert_eq!(factor(Dimension::Energy, ""), None);
        assert_eq!(factor(Dimension::Time, "ms"), Some(1e-3));
        assert_eq!(factor(Dimension::Power, "kWh"), None);
    }

    #[test]
    fn choices_are_parsed() {
        let choice: ColumnChoice = "energy=my:col:kWh".parse().unwrap();
        assert_eq!(
            (choice.role, choice.name.as_str(), choice.unit.as_deref()),
            (Role::Energy, "my:col", Some("kWh"))
        );
        assert!("enery=x".parse::<ColumnChoice>().unwrap_err().to_string().contains("`energy`"));
        assert!("energy".parse::<ColumnChoice>().is_err());
    }
}
