//! EC-NAS-Bench: carbontracker's `results.json`, as they state it.
//!
//! Format: `github.com/saintslab/EC-NAS-Bench` at 1a82fdd; the same file is imported as a run by
//! [`carbontracker`](crate::import::carbontracker), which takes out what this audit finds.

use std::path::Path;

use jiff::tz::Offset;
use power_analysis::audit::{Column, Component, Evaluation, Measure, Part, Record, Sampling};

use super::Gathered;
use super::figures::{KWH_J, believable, half_digit_of};
use crate::Result;
use crate::import::carbontracker::{Results, Usage, parse, times};
use crate::import::file_name;
use crate::import::time::TextTime;

/// The stamps are whole seconds.
const HALF_STAMP_S: f64 = 0.5;

/// NVML gives power in milliwatts.
const GPU_STEP_W: f64 = 1e-3;

/// Reads one `results.json`; `path` tells the architecture and the repeat, by its folders.
///
/// # Errors
///
/// - it is no such file; the message says what is missing
pub fn read(bytes: &[u8], path: &Path, into: &mut Gathered) -> Result<()> {
    let results = parse(bytes, path)?;
    let time = times(Offset::UTC)?;
    if contains(bytes, b"\"avg_power_usages:\"") {
        into.odd("the key `avg_power_usages:` ends in a colon");
    }
    let folder = |up: usize| path.ancestors().nth(up).map(file_name).unwrap_or_default();
    let (repeat, architecture) = (folder(1), folder(2));
    let is_repeat = repeat.starts_with("repeat");
    let at = if is_repeat { format!("{architecture}, {repeat}") } else { repeat.clone() };
    names(&results, into);
    let energies = results.evaluations.iter().map(|evaluation| evaluation.energy_kwh);
    let half_kwh = half_digit_of([results.total_energy_kwh]);
    let evaluation = Evaluation {
        architecture: if is_repeat { architecture } else { repeat },
        at,
        records: records(&results, &time),
        total_j: believable(results.total_energy_kwh * KWH_J),
        total_s: believable(results.total_time),
        components: components(&results),
        memory_gib: None,
        pue: None,
    };
    columns(half_digit_of(energies).min(half_kwh).max(5e-7) * KWH_J, into);
    into.benchmark.evaluations.push(evaluation);
    into.benchmark.records_of = Part::Sum;
    Ok(())
}

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

/// Names of GPUs, and what is odd about names.
fn names(results: &Results, into: &mut Gathered) {
    let Some(usages) = &results.usages else { return };
    for name in usages.gpu.iter().flat_map(|usage| &usage.devices) {
        if !into.benchmark.hardware.gpu_names.contains(name) {
            into.benchmark.hardware.gpu_names.push(name.clone());
        }
    }
    let count = usages.gpu.as_ref().and_then(|usage| u32::try_from(usage.devices.len()).ok());
    into.benchmark.hardware.gpus = into.benchmark.hardware.gpus.max(count.filter(|count| *count > 0));
    let devices = usages.gpu.iter().chain(&usages.cpu).flat_map(|usage| &usage.devices);
    if devices.into_iter().any(|name| name.trim() != name) {
        into.odd("names of devices begin with a blank");
    }
    // The maker's name is there or not, by the version of the driver.
    if usages.gpu.iter().flat_map(|usage| &usage.devices).any(|name| name.starts_with("NVIDIA ")) {
        into.odd("GPU names begin with NVIDIA");
    }
}

fn records(results: &Results, time: &TextTime) -> Vec<Record> {
    let seconds = |from: &str, to: &str| {
        let (from, to) = (time.parse(from.as_bytes()).ok()?, time.parse(to.as_bytes()).ok()?);
        let nanos = to.checked_sub(from).filter(|nanos| *nanos > 0)?;
        u32::try_from(nanos / 1_000_000_000).ok().map(f64::from)
    };
    results
        .evaluations
        .iter()
        .map(|evaluation| Record {
            name: format!("{} epochs", evaluation.epochs),
            epochs: believable(evaluation.epochs),
            energy_j: believable(evaluation.energy_kwh * KWH_J),
            window_s: seconds(&evaluation.start_emission, &evaluation.stop_emission),
            training_s: evaluation.training_time.and_then(believable),
            ..Record::default()
        })
        .collect()
}

fn components(results: &Results) -> Vec<Component> {
    let Some(usages) = &results.usages else { return Vec::new() };
    [(Part::Gpu, &usages.gpu), (Part::Cpu, &usages.cpu)]
        .into_iter()
        .filter_map(|(part, usage)| Some((part, usage.as_ref()?)))
        .flat_map(|(part, usage)| devices(part, usage))
        .collect()
}

/// One component a device.
fn devices(part: Part, usage: &Usage) -> Vec<Component> {
    let count = usage.energy_j.iter().map(Vec::len).max().unwrap_or(0);
    let column = |epochs: &[Vec<f64>], at: usize| -> Vec<f64> {
        epochs.iter().filter_map(|epoch| epoch.get(at).copied().and_then(believable)).collect()
    };
    (0..count)
        .map(|at| Component {
            energy_j: Some(column(&usage.energy_j, at).iter().sum()),
            half_digit_w: half_digit_of(column(&usage.power_w, at)).max(5e-9),
            power_w: column(&usage.power_w, at),
            reading_step_w: (part == Part::Gpu).then_some(GPU_STEP_W),
            ..Component::new(part, None)
        })
        .collect()
}

fn columns(half_digit_j: f64, into: &mut Gathered) {
    into.column(Column::new(Measure::Energy, "energy (kWh)", "kWh").rounded(half_digit_j));
    into.column(Column::new(Measure::TotalEnergy, "total_energy (kWh)", "kWh").rounded(half_digit_j));
    into.column(Column::new(Measure::Window, "start_emission to stop_emission", "s").rounded(HALF_STAMP_S));
    into.column(Column::new(Measure::Training, "training_time", "s"));
    into.column(Column::new(Measure::Components, "avg_energy_usages (J)", "J"));
    into.benchmark.sampling.get_or_insert_with(|| Sampling {
        period_s: 11.0,
        from: "carbontracker reads each 10 s, after 1 s for RAPL".into(),
    });
}

/// Says once how many names there are, when all files are read.
pub(crate) fn finish(into: &mut Gathered) {
    let all = into.benchmark.evaluations.len();
    // A name that is the same in all files is no second spelling.
    into.benchmark
        .oddities
        .retain(|oddity| !(oddity.what.starts_with("GPU names") && oddity.affected == all));
    for oddity in &mut into.benchmark.oddities {
        if oddity.what.starts_with("GPU names") {
            "the same GPU has two names, with and without NVIDIA before it".clone_into(&mut oddity.what);
            oddity.affected = oddity.affected.min(all - oddity.affected);
        }
    }
}
