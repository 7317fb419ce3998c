//! Way `tracer`: as EA-HAS-Bench's tracer reads, `sleep 0.1; nvidia-smi -q -x`, kept so that it can be studied.

use std::thread;

use power_core::{Descriptor, Error, ErrorKind, Flags, Lane, PowerSource, Recorder, Result};

use super::looped::push_lost;
use super::query::settle;
use crate::config::Config;
use crate::describe::{Plan, Taken, describe, is_lost};
use crate::error::{Gone, SmiError};
use crate::inventory::Inventory;
use crate::port;
use crate::protocol::{Field, Report, xml};

/// As the tracer asks: everything about every GPU.
const ARGUMENTS: &[&str] = &["-q", "-x"];

/// Opens a source that reads as the tracer does.
pub(crate) fn open_tracer(
    config: &Config,
    several: bool,
    survey: impl Fn(&[Field]) -> Result<Inventory>,
) -> Result<Box<dyn PowerSource>> {
    let mut inventory = survey(&[])?;
    let (report, _) = ask(config)?;
    inventory.driver_version = inventory.driver_version.or_else(|| report.driver_version.clone());
    for gpu in &mut inventory.gpus {
        let found = report.gpus.iter().find(|found| same(found, &gpu.uuid, &gpu.bus_id));
        let found = found.ok_or_else(|| SmiError::nonsense(format!("no GPU {} in the log", gpu.uuid), ""))?;
        if config.old_keys && found.power_section.as_deref() != Some("power_readings") {
            let message = "the log has no power_readings: drivers since 535 name it gpu_power_readings";
            return Err(Error::new(ErrorKind::Unsupported, message)
                .with_context("what EA-HAS-Bench makes of it", "0 W and 0 kWh, without a word (F6)")
                .with_context("mend", "leave out option keys"));
        }
        gpu.cells.clone_from(&found.cells);
    }
    let (descriptor, plan) = describe(config, &inventory, &[], several)?;
    let descriptor = descriptor
        .with_lane(Lane::new("nvidia-smi"))
        .with_detail("way", "tracer")
        .with_detail("period_ms", config.period.as_millis().to_string())
        .with_detail("path", config.binary.display().to_string());
    Ok(Box::new(TracerSource { descriptor, plan, config: config.clone(), gone: None }))
}

/// Sleeps, then starts `nvidia-smi -q -x`. A read blocks for `period_ms` and that process, `deadline_ms` at most.
#[derive(Debug)]
struct TracerSource {
    descriptor: Descriptor,
    plan: Plan,
    config: Config,
    gone: Option<Gone>,
}

impl TracerSource {
    fn poll(&self, recorder: &mut Recorder<'_>) -> std::result::Result<(), SmiError> {
        thread::sleep(self.config.period);
        let ((report, fault), stamp) = recorder.bracket(|| ask(&self.config))?;
        // The log's own time is in whole seconds, the bracket far narrower.
        let taken = Taken { stamp, device: None, flags: Flags::NONE };
        let (mut there, mut lost) = (0_usize, 0_usize);
        for (gpu, target) in self.plan.targets.iter().enumerate() {
            let found = report.gpus.iter().find(|found| same(found, &target.uuid, &target.bus_id));
            let Some(found) = found else {
                // Who is not in the log of a process that met a lost GPU is the lost one.
                if fault.is_some() {
                    push_lost(&self.plan, gpu, taken, recorder);
                }
                continue;
            };
            there += 1;
            lost += usize::from(is_lost(found.cells.iter().map(|(_, cell)| *cell)));
            for (field, channel) in &target.channels {
                let gone = || SmiError::FieldGone(field.name());
                taken.push(recorder, *channel, found.cell(*field).ok_or_else(gone)?);
            }
        }
        if there == lost {
            return Err(fault.unwrap_or(SmiError::Lost));
        }
        Ok(())
    }
}

impl PowerSource for TracerSource {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn read(&mut self, recorder: &mut Recorder<'_>) -> Result<()> {
        if let Some(gone) = &self.gone {
            return Err(gone.error());
        }
        self.poll(recorder).map_err(|error| settle(&mut self.gone, error.while_reading()))
    }
}

/// The log, and what a process said that met a lost GPU and logged the others.
fn ask(config: &Config) -> std::result::Result<(Report, Option<SmiError>), SmiError> {
    let (text, fault) = port::ask(&config.binary, ARGUMENTS, config.deadline)?.despite_lost()?;
    match (xml::parse(&text).map(|mut reports| reports.pop()), fault) {
        (Ok(Some(report)), fault) => Ok((report, fault)),
        (_, Some(fault)) => Err(fault),
        (Ok(None), None) => Err(SmiError::nonsense("no log in the answer", &text)),
        (Err(error), None) => Err(SmiError::nonsense(error, &text)),
    }
}

/// Whether a part of the log is about this GPU: by uuid, by bus id where the log has no uuid.
fn same(found: &crate::protocol::GpuReport, uuid: &str, bus_id: &str) -> bool {
    match &found.uuid {
        Some(found) => found == uuid,
        None => found.bus_id.eq_ignore_ascii_case(bus_id),
    }
}
