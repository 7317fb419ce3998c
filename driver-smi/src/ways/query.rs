//! Way `query`: one process a reading.

use power_core::{ClockDomain, Descriptor, Error, ErrorKind, Flags, Lane, PowerSource, Recorder, Result};

use super::looped::push_row;
use super::{selection, survey_twice};
use crate::config::Config;
use crate::describe::{Plan, describe, usual_or_asked};
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
    let [inventory, second] = survey_twice(&wanted, survey)?;
    let (descriptor, plan) = describe(config, &inventory, &[second], several)?;
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
        let text = answer.success()?;
        let mut header = None;
        let (mut there, mut lost) = (0_usize, 0_usize);
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let nonsense = |error| SmiError::nonsense(error, line);
            match csv::classify(&mut header, line.as_bytes()) {
                csv::Line::Row(row) => {
                    let Some(gpu) = row.text(Field::Uuid).and_then(|uuid| self.plan.with_uuid(uuid)) else {
                        continue;
                    };
                    there += 1;
                    let gone =
                        push_row(&self.plan, row, gpu, (stamp, Flags::NONE), recorder).map_err(nonsense)?;
                    lost += usize::from(gone);
                }
                csv::Line::Bad(error) => return Err(nonsense(error)),
                csv::Line::Header | csv::Line::Message(_) => {}
            }
        }
        if there == lost {
            return Err(SmiError::Lost);
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
