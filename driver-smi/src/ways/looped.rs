//! Way `loop`: one long-lived process for all GPUs of the source.

use power_core::{ClockDomain, Flags, Lane, PowerSource, Recorder, Result, Stamp};

use super::selection;
use super::stream::{Call, Look, StreamSource, Table};
use crate::alias;
use crate::config::Config;
use crate::describe::{Plan, Taken, describe, is_lost, usual_or_asked};
use crate::error::SmiError;
use crate::inventory::{Inventory, query_arguments};
use crate::protocol::{Absence, Cell, Field, csv};

/// Opens the loop.
pub(crate) fn open_loop(
    config: &Config,
    several: bool,
    survey: impl Fn(&[Field]) -> Result<Inventory>,
) -> Result<Box<dyn PowerSource>> {
    let wanted: Vec<_> = usual_or_asked(config).filter(|field| !field.is_log_only()).collect();
    let inventory = survey(&wanted)?;
    let twins = alias::twins(config, &inventory, || survey(&wanted))?;
    let (descriptor, plan) = describe(config, &inventory, &twins, several)?;
    let fields = plan.fields();
    let names: Vec<_> = [Field::Timestamp, Field::Uuid]
        .into_iter()
        .chain(fields.iter().copied())
        .filter_map(|field| inventory.name(field))
        .collect();
    let mut arguments = query_arguments(&names, Some(&selection(&inventory)));
    arguments.push(format!("--loop-ms={}", config.period.as_millis()));
    let lane = Lane::new(format!("nvidia-smi loop {}", selection(&inventory)));
    let descriptor = descriptor
        .with_lane(lane)
        .with_clock(ClockDomain::HostRealtime)
        .with_detail("way", "loop")
        .with_detail("period_ms", config.period.as_millis().to_string())
        .with_detail("path", config.binary.display().to_string());
    let gpus = plan.targets.len();
    let table = CsvTable { plan, header: None };
    let call = Call { binary: config.binary.clone(), arguments, deadline: config.deadline };
    Ok(Box::new(StreamSource::open(descriptor, table, call, gpus)?))
}

/// Rows of `--query-gpu`.
#[derive(Debug)]
struct CsvTable {
    plan: Plan,
    header: Option<csv::Header>,
}

impl Table for CsvTable {
    fn reset(&mut self) {
        self.header = None;
    }

    fn is_ready(&self) -> std::result::Result<bool, SmiError> {
        let Some(header) = &self.header else { return Ok(false) };
        match self.plan.fields().into_iter().chain([Field::Uuid]).find(|field| !header.has(*field)) {
            None => Ok(true),
            Some(field) => Err(SmiError::nonsense(format!("no column {}", field.name()), "")),
        }
    }

    fn look(&mut self, line: &[u8]) -> Look {
        match csv::classify(&mut self.header, line) {
            csv::Line::Header => Look::Other,
            csv::Line::Row(row) => match row.text(Field::Uuid).and_then(|uuid| self.plan.with_uuid(uuid)) {
                Some(gpu) => Look::Row(gpu),
                None if is_nameless(row) => Look::Nameless,
                None => Look::Other,
            },
            // A lost GPU may have lost its time with the rest.
            csv::Line::Message(text) if text.split(',').all(says_lost) => Look::Nameless,
            csv::Line::Message(_) => Look::Message,
            csv::Line::Bad(error) => Look::Bad(SmiError::nonsense(error, &String::from_utf8_lossy(line))),
        }
    }

    fn push(
        &self,
        line: &[u8],
        gpu: usize,
        (stamp, flags): (Stamp, Flags),
        recorder: &mut Recorder<'_>,
    ) -> std::result::Result<bool, SmiError> {
        let nonsense = |error| SmiError::nonsense(error, &String::from_utf8_lossy(line));
        let Some(header) = &self.header else { return Ok(false) };
        push_row(&self.plan, header.row(line).map_err(nonsense)?, gpu, (stamp, flags), recorder)
            .map_err(nonsense)
    }

    fn push_lost(&self, gpu: usize, (stamp, flags): (Stamp, Flags), recorder: &mut Recorder<'_>) {
        push_lost(&self.plan, gpu, Taken { stamp, device: None, flags }, recorder);
    }
}

fn says_lost(cell: &str) -> bool {
    Absence::parse(cell.trim()) == Some(Absence::GpuLost)
}

/// Whether a row is of a GPU that is lost, and does not say which.
pub(super) fn is_nameless(row: csv::Row<'_>) -> bool {
    row.text(Field::Uuid).is_some_and(says_lost)
}

/// Appends a missing value for each channel of a GPU that is lost.
pub(super) fn push_lost(plan: &Plan, gpu: usize, taken: Taken, recorder: &mut Recorder<'_>) {
    for (_, channel) in &plan.targets[gpu].channels {
        taken.push(recorder, *channel, Cell::Absent(Absence::GpuLost));
    }
}

/// Appends the readings of a row, or none if one of its cells makes no sense. Gives whether the GPU is lost.
///
/// The process prints in UTC, because it was started so.
pub(super) fn push_row(
    plan: &Plan,
    row: csv::Row<'_>,
    gpu: usize,
    (stamp, flags): (Stamp, Flags),
    recorder: &mut Recorder<'_>,
) -> std::result::Result<bool, csv::RowError> {
    row.cells().try_for_each(|cell| cell.map(drop))?;
    let device = row.time()?.map(|time| time.in_zone(0));
    let taken = Taken { stamp, device, flags };
    for (field, cell) in row.cells().flatten() {
        let channels = plan.targets[gpu].channels.iter();
        for (_, channel) in channels.filter(|(found, _)| *found == field) {
            taken.push(recorder, *channel, cell);
        }
    }
    Ok(is_lost(row.cells().flatten().map(|(_, cell)| cell)))
}
