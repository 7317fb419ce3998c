//! Which GPUs there are, which fields this `nvidia-smi` knows, and which of them each GPU answers.

use power_core::{Error, ErrorKind, Result};

use crate::config::Config;
use crate::error::SmiError;
use crate::port;
use crate::protocol::{Cell, Field, csv, help, message};

/// Fields that tell which GPU it is.
const IDENTITY: &[Field] = &[
    Field::Timestamp,
    Field::Index,
    Field::Uuid,
    Field::Name,
    Field::DriverVersion,
    Field::BusId,
    Field::ComputeCapability,
];

/// One GPU and what it answered to a first query.
#[derive(Debug, Clone)]
pub(crate) struct Gpu {
    pub(crate) index: u32,
    pub(crate) uuid: String,
    pub(crate) name: String,
    pub(crate) bus_id: String,
    pub(crate) compute_capability: Option<String>,
    pub(crate) cells: Vec<(Field, Cell)>,
}

impl Gpu {
    /// The cell of one field; `None` if it was not asked for or this `nvidia-smi` does not know it.
    pub(crate) fn cell(&self, field: Field) -> Option<Cell> {
        self.cells.iter().find(|(found, _)| *found == field).map(|(_, cell)| *cell)
    }
}

/// What a first query found.
#[derive(Debug, Clone)]
pub(crate) struct Inventory {
    pub(crate) driver_version: Option<String>,
    pub(crate) gpus: Vec<Gpu>,
    /// The fields that were asked for, by the names that this `nvidia-smi` knows.
    pub(crate) asked: Vec<(Field, &'static str)>,
    /// The maker's word for the accuracy of power, where the help text has it.
    pub(crate) accuracy: Option<&'static str>,
}

impl Inventory {
    /// The name by which this `nvidia-smi` knows a field.
    pub(crate) fn name(&self, field: Field) -> Option<&'static str> {
        self.asked.iter().find(|(asked, _)| *asked == field).map(|(_, name)| *name)
    }
}

/// Asks for the GPUs alone: `selection` is what `--id` takes, `None` for all.
pub(crate) fn gpus(config: &Config, selection: Option<&str>) -> Result<Inventory, SmiError> {
    survey(config, selection, &[])
}

/// Asks for the GPUs and their fields: one process for the help text, one for the values; more where the help text
/// is not to be had and a field is not known.
pub(crate) fn survey(
    config: &Config,
    selection: Option<&str>,
    wanted: &[Field],
) -> Result<Inventory, SmiError> {
    let help = if wanted.is_empty() { None } else { help(config)? };
    let known: Option<Vec<&str>> = help.as_deref().map(|help| help::names(help).collect());
    let mut refused: Vec<String> = Vec::new();
    loop {
        let usable = |name: &&'static str| {
            known.as_ref().is_none_or(|known| known.contains(name))
                && !refused.iter().any(|gone| gone == name)
        };
        let asked: Vec<_> = IDENTITY
            .iter()
            .chain(wanted)
            .filter_map(|field| Some((*field, field.names().iter().copied().find(usable)?)))
            .collect();
        if asked.is_empty() {
            return Err(SmiError::nonsense("this nvidia-smi refuses every field", ""));
        }
        match query(config, selection, &asked) {
            Ok((driver_version, gpus)) => {
                let accuracy = help.as_deref().and_then(accuracy);
                return Ok(Inventory { driver_version, gpus, asked, accuracy });
            }
            Err(SmiError::Exit { code: 2, said }) => match message::unknown_field(&said) {
                // The same field twice would go on for ever.
                Some(field) if asked.iter().any(|(_, name)| *name == field) => refused.push(field.to_owned()),
                _ => return Err(SmiError::Exit { code: 2, said }),
            },
            Err(error) => return Err(error),
        }
    }
}

/// The help text; `None` where this `nvidia-smi` gives none, which a field too many will show.
fn help(config: &Config) -> Result<Option<String>, SmiError> {
    let answer = port::ask(&config.binary, &["--help-query-gpu"], config.deadline)?;
    Ok(answer.success().ok().filter(|help| help::names(help).any(|name| name == "uuid")))
}

fn accuracy(help: &str) -> Option<&'static str> {
    help.contains("accurate to within +/- 5 watts")
        .then_some("power is accurate to within +/- 5 watts, by nvidia-smi --help-query-gpu")
}

/// What `--query-gpu` and `--id` take.
pub(crate) fn query_arguments(names: &[&str], selection: Option<&str>) -> Vec<String> {
    let mut arguments = vec![format!("--query-gpu={}", names.join(",")), "--format=csv".to_owned()];
    arguments.extend(selection.map(|selection| format!("--id={selection}")));
    arguments
}

type Found = (Option<String>, Vec<Gpu>);

fn query(
    config: &Config,
    selection: Option<&str>,
    asked: &[(Field, &'static str)],
) -> Result<Found, SmiError> {
    let names: Vec<_> = asked.iter().map(|(_, name)| *name).collect();
    let answer = port::ask(&config.binary, &query_arguments(&names, selection), config.deadline)?;
    let text = answer.text.clone();
    let (mut header, mut version, mut gpus) = (None, None, Vec::new());
    let mut bad = None;
    for line in text.split_inclusive('\n').filter(|line| !line.trim().is_empty()) {
        let ended = line.ends_with('\n');
        let line = line.trim();
        match csv::classify(&mut header, line.as_bytes()) {
            csv::Line::Row(_) if !ended => bad = Some(SmiError::nonsense(csv::RowError::CutOff, line)),
            csv::Line::Row(row) => match gpu(row) {
                Ok(gpu) => {
                    version = version.or_else(|| row.text(Field::DriverVersion).map(str::to_owned));
                    gpus.push(gpu);
                }
                Err(error) => bad = Some(SmiError::nonsense(error, line)),
            },
            csv::Line::Bad(error) => bad = Some(SmiError::nonsense(error, line)),
            csv::Line::Header | csv::Line::Message(_) => {}
        }
    }
    match (answer.success(), bad) {
        // One lost GPU ends the process with code 15; those that answered are there all the same.
        (Err(SmiError::Exit { code: 15, .. }), None) if !gpus.is_empty() => Ok((version, gpus)),
        (Err(error), _) | (Ok(_), Some(error)) => Err(error),
        (Ok(_), None) if gpus.is_empty() => Err(SmiError::nonsense("no GPU in the answer", &text)),
        (Ok(_), None) => Ok((version, gpus)),
    }
}

fn gpu(row: csv::Row<'_>) -> Result<Gpu, String> {
    let text = |field| row.text(field).unwrap_or_default().to_owned();
    let index =
        row.text(Field::Index).and_then(|index| index.parse().ok()).ok_or("the index is no number")?;
    let cells = row.cells().collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    Ok(Gpu {
        index,
        uuid: text(Field::Uuid),
        name: text(Field::Name),
        bus_id: text(Field::BusId),
        compute_capability: row.text(Field::ComputeCapability).map(str::to_owned),
        cells,
    })
}

/// What `device` selects: `None` for all GPUs, else what `--id` takes.
///
/// # Errors
///
/// - [`ErrorKind::NotFound`] if it can be neither index, uuid nor bus id.
pub(crate) fn selection(device: &str) -> Result<Option<&str>> {
    if device == "all" {
        return Ok(None);
    }
    // `gpu0` is what other drivers and this one's channels call it.
    let device = device.strip_prefix("gpu").filter(|index| index.parse::<u32>().is_ok()).unwrap_or(device);
    let plausible = |byte: u8| byte.is_ascii_alphanumeric() || b"-:.,_".contains(&byte);
    if !device.is_empty() && device.bytes().all(plausible) {
        return Ok(Some(device));
    }
    Err(not_found(device, None))
}

/// The error for a device that is not there, with those that are.
pub(crate) fn not_found(device: &str, there: Option<&Inventory>) -> Error {
    let error = Error::new(ErrorKind::NotFound, format!("there is no GPU {device:?}"));
    let known = there.map(|there| there.gpus.iter().map(|gpu| format!("{} {}", gpu.index, gpu.uuid)));
    match known.map(|known| known.collect::<Vec<_>>().join(", ")) {
        Some(known) => error.with_context("there are", known),
        None => error.with_context("it takes", "an index, a uuid, a PCI bus id, or all"),
    }
}
