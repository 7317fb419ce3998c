//! What the virtual rig knows, beside what was recovered.

use std::collections::HashMap;
use std::path::Path;

use power_analysis::study::{Figure, Seen, Stretch, cell};
use power_analysis::{Between, Trace};

use super::observe::Observed;
use super::results::{Epoch, ExperimentResults, Tool, TruthRow};
use crate::{Error, Result};

/// Adds true energies to the epochs of a run that has the virtual rig's truth beside its readings.
///
/// # Errors
///
/// - if the truth is there and cannot be read.
pub fn add(run: &Path, one: &mut Observed) -> Result<()> {
    let path = run.join("truth.csv");
    if !path.is_file() {
        return Ok(());
    }
    let rails = read(&path)?;
    let gpus: Vec<String> = one.gpus.iter().map(|gpu| format!("truth/gpu{gpu}")).collect();
    for (interval, epoch) in &mut one.epochs {
        let energy = |rail: &str| rails.get(rail)?.energy_j(*interval);
        epoch.true_gpus_j = gpus.iter().map(|rail| energy(rail)).sum();
        epoch.true_node_j = energy("truth/node_ac");
    }
    Ok(())
}

/// The true power of every rail: it holds from each row to the next.
fn read(path: &Path) -> Result<HashMap<String, Trace>> {
    let bad = |error: csv::Error| Error::file(path, "is no truth of a virtual rig").because(error);
    let mut reader = csv::Reader::from_path(path).map_err(bad)?;
    let mut rows: HashMap<String, (Vec<i64>, Vec<f64>)> = HashMap::new();
    let mut row = csv::StringRecord::new();
    while reader.read_record(&mut row).map_err(bad)? {
        if row.get(2) != Some("instantaneous power") {
            continue;
        }
        let parsed = row
            .get(0)
            .and_then(|time| time.parse().ok())
            .zip(row.get(3).and_then(|watts| watts.parse().ok()));
        let Some(((time, watts), rail)) = parsed.zip(row.get(1)) else {
            return Err(Error::file(path, "has a row that is no power"));
        };
        let points = rows.entry(rail.to_owned()).or_default();
        points.0.push(time);
        points.1.push(watts);
    }
    Ok(rows
        .into_iter()
        .filter_map(|(rail, (times, watts))| Some((rail, Trace::new(times, watts, Between::Hold)?)))
        .collect())
}

/// How well each tool, and the reference itself, recovered the truth; empty where there is none.
pub fn rows(experiments: &[ExperimentResults], seed: u64) -> Vec<TruthRow> {
    let epochs: Vec<&Epoch> = experiments
        .iter()
        .filter(|found| !found.id.is_on_all_gpus())
        .flat_map(|found| {
            // Trainings are numbered anew in each experiment.
            &found.epochs
        })
        .collect();
    let mut offsets = HashMap::new();
    let mut next = 0;
    for found in experiments.iter().filter(|found| !found.id.is_on_all_gpus()) {
        offsets.insert(found.id, next);
        next += found.trainings;
    }
    let numbers: Vec<usize> = experiments
        .iter()
        .filter(|found| !found.id.is_on_all_gpus())
        .flat_map(|found| {
            let offset = offsets.get(&found.id).copied().unwrap_or(0);
            found.epochs.iter().map(move |epoch| offset + epoch.stretch.training)
        })
        .collect();
    let row = |name: &str, found: &dyn Fn(&Epoch) -> Option<f64>, truth: &dyn Fn(&Epoch) -> Option<f64>| {
        let stretches: Vec<Stretch> = epochs
            .iter()
            .zip(&numbers)
            .map(|(epoch, training)| Stretch {
                training: *training,
                seconds: epoch.stretch.seconds,
                seen: vec![Seen { energy_j: found(epoch), reference_j: truth(epoch), ..Seen::default() }],
            })
            .collect();
        let energy = cell(&stretches, 0, Figure::Energy, seed);
        let power = cell(&stretches, 0, Figure::Power, seed);
        (energy.pairs > 0).then(|| TruthRow { name: name.to_owned(), energy, power })
    };
    let gpus = |epoch: &Epoch| epoch.true_gpus_j;
    let node = |epoch: &Epoch| epoch.true_node_j;
    let reference = |tool: Tool| move |epoch: &Epoch| epoch.stretch.seen.get(tool.position())?.reference_j;
    let mut all = vec![
        row("reference of the GPUs (meter, by the paper's way)", &reference(Tool::NvmlPolled), &gpus),
        row("meter of the node", &reference(Tool::Components), &node),
    ];
    for tool in Tool::ALL {
        let own = move |epoch: &Epoch| epoch.stretch.seen.get(tool.position())?.energy_j;
        all.push(if tool.is_of_node() {
            row(tool.name(), &own, &node)
        } else {
            row(tool.name(), &own, &gpus)
        });
    }
    all.into_iter().flatten().collect()
}
