//! Outputs of `nvidia-smi -q -x`, one after another: polls as EA-HAS-Bench's tracer takes them.
//!
//! Their times are local and whole seconds; that is their resolution here, too, and a note says so.

use std::path::Path;

use driver_smi::protocol::{Field, GpuReport, LocalTime, Report, xml};
use jiff::tz::Offset;
use power_core::{Channel, Descriptor, Quantity, Value};

use super::input::file_name;
use super::sink::RowSink;
use crate::run::{Row, RowValue, TimeBase};
use crate::{Error, Result};

/// One output, with the figures of each GPU in its order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Output {
    /// Local time in seconds since 1970.
    pub(crate) time_s: Option<f64>,
    pub(crate) driver: Option<String>,
    pub(crate) gpus: Vec<Gpu>,
}

/// What an output says of one GPU.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Gpu {
    pub(crate) name: Option<String>,
    pub(crate) power_w: Option<f64>,
    pub(crate) limit_w: Option<f64>,
    pub(crate) busy_percent: Option<f64>,
    pub(crate) memory_percent: Option<f64>,
    pub(crate) temperature_c: Option<f64>,
    /// Whether power stands where drivers until 530 have it.
    pub(crate) old_key: bool,
}

/// The outputs in a file; `path` is for messages.
pub(crate) fn outputs(bytes: &[u8], path: &Path) -> Result<Vec<Output>> {
    Ok(reports(bytes, path)?.iter().map(output).collect())
}

/// Splits before each head of a document: a parser takes one document at a time.
fn reports(bytes: &[u8], path: &Path) -> Result<Vec<Report>> {
    let text = String::from_utf8_lossy(bytes);
    let head = if text.contains("<?xml") { "<?xml" } else { "<nvidia_smi_log" };
    let starts: Vec<usize> = text.match_indices(head).map(|(at, _)| at).collect();
    let mut reports = Vec::new();
    for (index, start) in starts.iter().enumerate() {
        let end = starts.get(index + 1).copied().unwrap_or(text.len());
        let found = xml::parse(&text[*start..end]).map_err(|error| {
            Error::file(path, format!("output {} of nvidia-smi -q -x: {error}", index + 1))
                .mend("take the last output away if it was cut off")
        })?;
        reports.extend(found);
    }
    Ok(reports)
}

fn output(report: &Report) -> Output {
    let gpu = |gpu: &GpuReport| Gpu {
        name: gpu.name.clone(),
        power_w: POWERS.iter().find_map(|(field, _)| number(gpu, *field)),
        limit_w: number(gpu, Field::EnforcedLimit).map(|milliwatts| milliwatts * 1e-3),
        busy_percent: number(gpu, Field::Utilisation).map(|share| share * 100.0),
        memory_percent: number(gpu, Field::MemoryUtilisation).map(|share| share * 100.0),
        temperature_c: number(gpu, Field::Temperature),
        old_key: gpu.power_section.as_deref() == Some("power_readings")
            && gpu.cell(Field::PowerDraw).is_some(),
    };
    Output {
        time_s: report.time.map(seconds),
        driver: report.driver_version.clone(),
        gpus: report.gpus.iter().map(gpu).collect(),
    }
}

/// Powers by preference of the audit, with their names as channels.
const POWERS: [(Field, &str); 3] = [
    (Field::PowerDraw, "power.draw"),
    (Field::PowerAverage, "power.draw.average"),
    (Field::PowerInstant, "power.draw.instant"),
];

#[expect(clippy::cast_precision_loss, reason = "whole seconds of a few centuries are exact")]
fn seconds(time: LocalTime) -> f64 {
    (time.in_zone(0).nanos() / 1_000_000_000) as f64
}

#[expect(clippy::cast_precision_loss, reason = "milliwatts of a board are exact")]
fn number(gpu: &GpuReport, field: Field) -> Option<f64> {
    match gpu.value(field)? {
        Value::Count(count) => Some(count as f64),
        value => value.number(),
    }
}

/// How such a file is to be read.
#[derive(Debug, Clone)]
pub struct Options {
    /// Prefix of the sources' ids.
    pub source: Option<String>,
    /// Zone of the times, which are local and do not say theirs.
    pub utc_offset: Offset,
}

/// Reads outputs of `nvidia-smi -q -x` into `sink`, a source a GPU; `path` is for messages.
///
/// # Errors
///
/// - the file holds no such output, or one that is cut off or has no time
/// - those of the sink
pub fn read(bytes: &[u8], path: &Path, options: &Options, sink: &mut dyn RowSink) -> Result<()> {
    let reports = reports(bytes, path)?;
    let Some(first) = reports.first() else {
        return Err(Error::file(path, "holds no output of nvidia-smi -q -x").mend("check the file"));
    };
    sink.begin(TimeBase::Unix)?;
    let mut sources = Vec::new();
    for (index, gpu) in first.gpus.iter().enumerate() {
        let prefix = options.source.as_ref().map_or_else(String::new, |source| format!("{source}-"));
        let name = gpu.name.clone().unwrap_or_else(|| "GPU".into());
        let channels = CHANNELS.map(|(_, name, quantity)| Channel::new(name, quantity));
        let descriptor = Descriptor::new("nvidia-smi", name, channels.to_vec());
        sources.push((gpu.bus_id.clone(), sink.add_source(&format!("{prefix}gpu{index}"), descriptor)?));
    }
    let mut strangers = 0_usize;
    for (at, report) in reports.iter().enumerate() {
        let time = report.time.ok_or_else(|| {
            Error::file(path, format!("output {} has no time", at + 1)).mend("check the file")
        })?;
        let t_ns = time.in_zone(options.utc_offset.seconds()).nanos();
        for gpu in &report.gpus {
            // GPUs go by their bus: their order may change.
            let Some((_, source)) = sources.iter().find(|(bus, _)| *bus == gpu.bus_id) else {
                strangers += 1;
                continue;
            };
            for (channel, (field, ..)) in (0_u16..).zip(&CHANNELS) {
                let value = number(gpu, *field).map_or(RowValue::Missing, RowValue::Number);
                sink.push(*source, Row::at(channel, t_ns, value))?;
            }
        }
    }
    let name = file_name(path);
    if strangers > 0 {
        sink.note(format!(
            "{name}: figures of GPUs that the first output does not have, left out: {strangers}"
        ))?;
    }
    sink.note(format!("{name}: times are whole seconds; a reading came within the second before or after"))
}

/// The channels of a GPU.
const CHANNELS: [(Field, &str, Quantity); 6] = [
    (POWERS[0].0, POWERS[0].1, Quantity::power()),
    (POWERS[1].0, POWERS[1].1, Quantity::power()),
    (POWERS[2].0, POWERS[2].1, Quantity::power()),
    (Field::Utilisation, "utilization.gpu", Quantity::Utilisation),
    (Field::MemoryUtilisation, "utilization.memory", Quantity::Utilisation),
    (Field::Temperature, "temperature.gpu", Quantity::Temperature),
];
