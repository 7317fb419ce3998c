//! Raw outputs of `nvidia-smi -q -x`, one after another, as EA-HAS-Bench's tracer polls them.
//!
//! Each GPU becomes an evaluation of one record, whose figures are the plain means over all outputs, made here. The times
//! in them are whole seconds: when within an epoch a reading came, they cannot say.

use std::path::Path;

use power_analysis::audit::{Column, Evaluation, Measure, Record};

use super::Gathered;
use crate::import::file_name;
use crate::import::smi_xml::{Output, outputs};
use crate::{Error, Result};

/// Reads such outputs; `path` is for messages. Beside a log with figures of its own they only say what the machine is.
///
/// # Errors
///
/// - they are cut off, or are none
pub fn read(bytes: &[u8], path: &Path, only_facts: bool, into: &mut Gathered) -> Result<()> {
    let outputs = outputs(bytes, path)?;
    let Some(first) = outputs.first() else {
        return Err(Error::file(path, "holds no output of nvidia-smi -q -x").mend("check the file"));
    };
    let name = file_name(path);
    facts(first, &name, into);
    if only_facts {
        return Ok(());
    }
    for gpu in 0..first.gpus.len() {
        let of_gpu = |figure: fn(&crate::import::smi_xml::Gpu) -> Option<f64>| -> Vec<f64> {
            outputs.iter().filter_map(|output| figure(output.gpus.get(gpu)?)).collect()
        };
        let mean = |figure| power_analysis::stats::mean(&of_gpu(figure));
        let times = (first.time_s, outputs.last().and_then(|output| output.time_s));
        into.benchmark.evaluations.push(Evaluation {
            architecture: format!("GPU {gpu}"),
            at: format!("{name}, GPU {gpu}"),
            records: vec![Record {
                name: format!("mean of {} outputs", outputs.len()),
                power_w: mean(|gpu| gpu.power_w),
                gpu_percent: mean(|gpu| gpu.busy_percent),
                memory_percent: mean(|gpu| gpu.memory_percent),
                temperature_c: mean(|gpu| gpu.temperature_c),
                window_s: times.0.zip(times.1).map(|(from, to)| to - from).filter(|seconds| *seconds > 0.0),
                ..Record::default()
            }],
            ..Evaluation::default()
        });
    }
    for (measure, key, unit) in [
        (Measure::Power, "power draw, mean made here", "W"),
        (Measure::GpuUtilisation, "gpu_util, mean made here", "%"),
        (Measure::MemoryUtilisation, "memory_util, mean made here", "%"),
        (Measure::Temperature, "gpu_temp, mean made here", "C"),
    ] {
        into.column(Column::new(measure, key, unit));
    }
    Ok(())
}

/// What the outputs say of the machine, and of a tracer that looks for the key of old drivers.
fn facts(first: &Output, name: &str, into: &mut Gathered) {
    let hardware = &mut into.benchmark.hardware;
    hardware.gpus = u32::try_from(first.gpus.len()).ok();
    hardware.gpu_limit_w = first.gpus.iter().find_map(|gpu| gpu.limit_w);
    hardware.gpu_names = first.gpus.iter().filter_map(|gpu| gpu.name.clone()).collect();
    if first.gpus.iter().any(|gpu| gpu.old_key) {
        return;
    }
    into.notes.push(format!(
        "{name}: driver {} has no `power_readings/power_draw`, which EA-HAS-Bench's tracer looks for: on this machine it \
         stops without a word and states 0 W",
        first.driver.as_deref().unwrap_or("unknown")
    ));
}
