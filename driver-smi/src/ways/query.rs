//! Way `query`: one process a reading.

use power_core::{ClockDomain, Descriptor, Error, ErrorKind, Flags, Lane, PowerSource, Recorder, Result};

use super::looped::{is_nameless, push_lost, push_row};
use super::selection;
use crate::alias;
use crate::config::Config;
use crate::describe::{Plan, Taken, describe, usual_or_asked};
use crate::error::{Gone, SmiError};
use crate::inventory::{Inventory, query_arguments};
use crate::port;
use crate::protocol::{Field, csv};

/// Opens a source that starts one process a reading.
pub(crate) fn open_query(
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
        .chain(fields)
        .filter_map(|field| inventory.name(field))
        .collect();
    let arguments = query_arguments(&names, Some(&selection(&inventory)));
    let descriptor = descriptor
        .with_lane(Lane::new("nvidia-smi"))
        .with_clock(ClockDomain::HostRealtime)
        .with_detail("way", "query")
        .with_detail("path", config.binary.display().to_string());
    Ok(Box::new(QuerySource { descriptor, plan, config: config.clone(), arguments, gone: None }))
}

/// One process a reading. A read blocks for that process, `deadline_ms` at most.
#[derive(Debug)]
struct QuerySource {
    descriptor: Descriptor,
    plan: Plan,
    config: Config,
    arguments: Vec<String>,
    gone: Option<Gone>,
}

impl QuerySource {
    fn ask(&self, recorder: &mut Recorder<'_>) -> std::result::Result<(), SmiError> {
        let Config { binary, deadline, .. } = &self.config;
        // From the start of the process to its end: the value was taken somewhere in between.
        let (answer, stamp) = recorder.bracket(|| port::ask(binary, &self.arguments, *deadline))?;
        let (text, mut fault) = answer.despite_lost()?;
        let mut header = None;
        let mut there = vec![false; self.plan.targets.len()];
        let mut lost = there.clone();
        for line in text.split_inclusive('\n').filter(|line| !line.trim().is_empty()) {
            let ended = line.ends_with('\n');
            let line = line.trim();
            let nonsense = |error| SmiError::nonsense(error, line);
            match csv::classify(&mut header, line.as_bytes()) {
                csv::Line::Row(_) if !ended => return Err(nonsense(csv::RowError::CutOff)),
                csv::Line::Row(row) => {
                    let Some(gpu) = row.text(Field::Uuid).and_then(|uuid| self.plan.with_uuid(uuid)) else {
                        fault = fault.or_else(|| is_nameless(row).then_some(SmiError::Lost));
                        continue;
                    };
                    there[gpu] = true;
                    lost[gpu] =
                        push_row(&self.plan, row, gpu, (stamp, Flags::NONE), recorder).map_err(nonsense)?;
                }
                csv::Line::Bad(error) => return Err(nonsense(error)),
                csv::Line::Header | csv::Line::Message(_) => {}
            }
        }
        if there == lost {
            // Nothing, and no word about it: the answer is cut off.
            let cut_off = || SmiError::nonsense("no GPU in the answer", &text);
            let nothing = || if there.contains(&true) { SmiError::Lost } else { cut_off() };
            return Err(fault.unwrap_or_else(nothing));
        }
        // Those that are not in the answer of a process that met a lost GPU are the lost ones.
        for gpu in (0..there.len()).filter(|gpu| fault.is_some() && !there[*gpu]) {
            push_lost(&self.plan, gpu, Taken { stamp, device: None, flags: Flags::NONE }, recorder);
        }
        Ok(())
    }
}

impl PowerSource for QuerySource {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn read(&mut self, recorder: &mut Recorder<'_>) -> Result<()> {
        if let Some(gone) = &self.gone {
            return Err(gone.error());
        }
        self.ask(recorder).map_err(|error| settle(&mut self.gone, error.while_reading()))
    }
}

/// Makes a source that is disconnected stay so.
pub(super) fn settle(gone: &mut Option<Gone>, error: Error) -> Error {
    if error.kind() == ErrorKind::Disconnected {
        *gone = Some(Gone::new(error.to_string()));
    }
    error
}
