//! All runs of a study together: tables, figures, principles.

use std::collections::BTreeSet;

use power_analysis::Interval;
use power_analysis::stats::{Ecdf, median};
use power_analysis::study::{
    BoxPlot, Component, Figure, Holism, Reliability, Stretch, cell, feasible_range, holism, power_range,
    reliability, sampling, utilisation_range,
};

use super::folder::Folder;
use super::instruments::Instruments;
use super::observe::{Known, Observed, within};
use super::plan::{ExperimentId, Plan, RigChoice};
use super::reference::{Calibration, NodeTraces};
use super::results::{Curve, Epoch, EstimatorBox, ExperimentResults, StudyResults, TableRow, Tool};
use crate::Result;
use crate::run::Run;
use crate::study::switching;

/// Points of a distribution that are kept.
const CURVE_POINTS: usize = 240;

/// What of the runs is needed for figures across them.
#[derive(Debug, Default)]
struct Gathered {
    host: std::collections::BTreeMap<String, String>,
    devices: BTreeSet<String>,
    runs: Vec<(String, Vec<String>)>,
    notes: Vec<String>,
    clock_ns: i64,
    has_meter: bool,
}

/// Analyses what a study has recorded.
///
/// # Errors
///
/// - if a run cannot be read.
pub fn analyse(folder: &Folder) -> Result<StudyResults> {
    let plan = folder.plan().clone();
    let mut gathered = Gathered::default();
    let mut known = Known { calibration: None, memory_gib: None };
    let mut experiments = Vec::new();
    let mut switching = None;
    let mut one_training = None;
    for experiment in &plan.experiments {
        let mut observed: Vec<Observed> = Vec::new();
        let mut first = 0;
        for part in folder.parts().iter().filter(|part| part.experiment == experiment.id) {
            let run = Run::open(&folder.dir().join(&part.run))?;
            let traces = NodeTraces::load(&run, &Instruments::of(&run))?;
            gathered.take(&run, &traces);
            if known.calibration.is_none() {
                known.calibration = Calibration::of(&run, &traces)?;
            }
            known.memory_gib = memory_gib(&plan.rig, &run);
            #[cfg_attr(not(feature = "virtual"), expect(unused_mut, reason = "truth is of the virtual rig"))]
            let mut one = Observed::load(&run, traces, experiment.id.is_on_all_gpus(), &known, first)?;
            #[cfg(feature = "virtual")]
            super::truth::add(run.dir(), &mut one)?;
            first += one.whole.len();
            if switching.is_none() {
                switching = switching::of(&run, &one, known.calibration.as_ref())?;
                one_training = one_training_of(&one, known.calibration.as_ref());
            }
            observed.push(one);
        }
        if !observed.is_empty() {
            experiments.push(results(&plan, experiment.id, observed, known.calibration.as_ref()));
        }
    }
    Ok(assemble(folder, plan, gathered, known, experiments, switching, one_training))
}

/// Memory that estimators go by: of the virtual rig's node what its description says, since this machine's is another.
fn memory_gib(rig: &RigChoice, run: &Run) -> Option<f64> {
    #[cfg(feature = "virtual")]
    if *rig == RigChoice::Virtual {
        return Some(virtual_rig::Description::paper_node().node.dram_gib);
    }
    if *rig == RigChoice::Virtual { None } else { crate::node::memory_gib(&run.manifest().host) }
}

impl Gathered {
    fn take(&mut self, run: &Run, traces: &NodeTraces) {
        let manifest = run.manifest();
        self.host.clone_from(&manifest.host);
        // Of several channels of one device each has a source; identities stand in the runs.
        self.devices.extend(manifest.sources.iter().map(|source| {
            let device = source.descriptor.device.split(" GPU-").next().unwrap_or_default();
            format!("{device} by {}", source.descriptor.driver)
        }));
        let files =
            manifest.files.iter().filter_map(|file| Some(format!("{} {}", file.path, file.sha256.as_ref()?)));
        self.runs.push((run.name(), files.collect()));
        self.clock_ns = self.clock_ns.max(traces.clock_ns);
        self.has_meter |= traces.meter.is_some();
        for note in &traces.notes {
            let note = format!("{}: {note}", run.name());
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
    }
}

/// Everything that is said of one experiment.
fn results(
    plan: &Plan,
    id: ExperimentId,
    observed: Vec<Observed>,
    calibration: Option<&Calibration>,
) -> ExperimentResults {
    let gpus = observed.first().map_or(0, |one| one.gpus.len());
    let limit_w = observed.iter().flat_map(|one| one.limits_w.iter().copied()).reduce(f64::min);
    let idle_w = observed.iter().find_map(|one| one.idle_w);
    let distributions = distributions(&observed, calibration);
    let periods: Vec<Option<f64>> = Tool::ALL.iter().map(|tool| period_s(&observed, *tool)).collect();
    let (mut epochs, mut whole): (Vec<Epoch>, Vec<Stretch>) = (Vec::new(), Vec::new());
    for one in observed {
        epochs.extend(one.epochs.into_iter().map(|(_, epoch)| epoch));
        whole.extend(one.whole.into_iter().map(|(_, stretch)| stretch));
    }
    let stretches: Vec<Stretch> = epochs.iter().map(|epoch| epoch.stretch.clone()).collect();
    let rows = Tool::ALL.into_iter().zip(periods).filter_map(|(tool, period_s)| {
        let position = tool.position();
        let of = |stretches: &[Stretch], figure| cell(stretches, position, figure, plan.seed);
        let row = TableRow {
            tool,
            epoch_energy: of(&stretches, Figure::Energy),
            epoch_power: of(&stretches, Figure::Power),
            training_energy: of(&whole, Figure::Energy),
            training_power: of(&whole, Figure::Power),
            sampling: sampling(&stretches, position, &plan.thresholds, plan.seed),
            period_s,
        };
        (row.epoch_energy.pairs > 0).then_some(row)
    });
    let rows = rows.collect();
    let all = |figure: fn(&Epoch) -> Option<f64>| epochs.iter().filter_map(figure).collect::<Vec<f64>>();
    ExperimentResults {
        id,
        trainings: whole.len(),
        gpus,
        rows,
        power: power_range(&all(|epoch| epoch.gpu_w), idle_w, limit_w),
        used: utilisation_range(&all(|epoch| epoch.used)),
        memory_used: utilisation_range(&all(|epoch| epoch.memory_used)),
        distributions,
        epochs,
        whole,
    }
}

/// Median time between the readings of a tool, in seconds.
fn period_s(observed: &[Observed], tool: Tool) -> Option<f64> {
    let periods = observed.iter().filter_map(|one| one.readings(tool)?.first()?.poll_period_ns());
    let periods: Vec<f64> = periods.map(|period| Interval::new(0, period).seconds()).collect();
    median(&periods)
}

/// Powers of one GPU's share in the intervals given, by the reference and by each polled tool.
fn powers(
    one: &Observed,
    intervals: &[Interval],
    calibration: Option<&Calibration>,
) -> Vec<(String, Vec<f64>)> {
    let number = u32::try_from(one.gpus.len()).map_or(f64::NAN, f64::from);
    let mut found = Vec::new();
    let reference = super::switching::reference(one, calibration);
    if let Some(reference) = reference {
        let inside =
            |time: i64| intervals.iter().any(|interval| interval.begin_ns <= time && time <= interval.end_ns);
        let points = reference.times_ns.iter().zip(&reference.watts);
        let watts = points.filter(|(time, _)| inside(**time)).map(|(_, watts)| watts / number).collect();
        found.push((reference.name, watts));
    }
    for tool in [Tool::SmiTracer, Tool::NvmlPolled] {
        let Some(readings) = one.readings(tool) else { continue };
        let mut watts = Vec::new();
        for interval in intervals {
            let mut each =
                readings.iter().map(|readings| within(readings, *interval, tool == Tool::SmiTracer));
            let first = each.next().unwrap_or_default();
            // Of several GPUs the values of one look are added, as far as all have it.
            let sum = each.fold(first, |sum, other| sum.iter().zip(&other).map(|(a, b)| a + b).collect());
            watts.extend(sum.iter().map(|watts| watts / number));
        }
        found.push((tool.name().to_owned(), watts));
    }
    found
}

fn curves(powers: Vec<(String, Vec<f64>)>) -> Vec<Curve> {
    let curve = |(name, watts): (String, Vec<f64>)| {
        let values = watts.len();
        let points = Ecdf::unweighted(watts)?.curve(CURVE_POINTS);
        Some(Curve { name, values, points })
    };
    powers.into_iter().filter_map(curve).collect()
}

fn distributions(observed: &[Observed], calibration: Option<&Calibration>) -> Vec<Curve> {
    let mut all: Vec<(String, Vec<f64>)> = Vec::new();
    for one in observed {
        let intervals: Vec<Interval> = one.epochs.iter().map(|(interval, _)| *interval).collect();
        for (name, watts) in powers(one, &intervals, calibration) {
            match all.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => known.extend(watts),
                None => all.push((name, watts)),
            }
        }
    }
    curves(all)
}

/// The distributions of the training with the shortest epochs: where sampling tells most.
fn one_training_of(one: &Observed, calibration: Option<&Calibration>) -> Option<(String, Vec<Curve>)> {
    let median_s = |training: usize| {
        let of = one.epochs.iter().filter(|(_, epoch)| epoch.stretch.training == training);
        median(&of.map(|(interval, _)| interval.seconds()).collect::<Vec<_>>())
    };
    let trainings = one.whole.iter().map(|(interval, stretch)| (interval, stretch.training));
    let (interval, training) = trainings
        .min_by(|a, b| median_s(a.1).unwrap_or(f64::MAX).total_cmp(&median_s(b.1).unwrap_or(f64::MAX)))?;
    Some((format!("training {training}"), curves(powers(one, &[*interval], calibration))))
}

fn assemble(
    folder: &Folder,
    plan: Plan,
    gathered: Gathered,
    known: Known,
    experiments: Vec<ExperimentResults>,
    switching: Option<super::results::Switching>,
    one_training: Option<(String, Vec<Curve>)>,
) -> StudyResults {
    let by_meter = gathered.has_meter && known.calibration.is_some();
    let clock_s = Some(Interval::new(0, gathered.clock_ns).seconds());
    let boxes = boxes(&experiments);
    let components = components(&experiments, gathered.has_meter, known.memory_gib);
    let thresholds = plan.thresholds;
    let first = experiments.iter().find(|found| found.id == ExperimentId::E1);
    let reliable = first.map_or_else(Vec::new, |found| {
        let lengths: Vec<f64> = found.epochs.iter().map(|epoch| epoch.stretch.seconds).collect();
        let clock_share = clock_s.zip(median(&lengths)).map(|(clock, length)| clock / length);
        let judged = found.rows.iter().filter(|row| !row.tool.is_of_node()).map(|row| {
            let data = Reliability {
                sampling: row.sampling.as_ref(),
                energy: &row.epoch_energy,
                power: &row.epoch_power,
                clock_share,
            };
            (row.tool, reliability(&data, &thresholds))
        });
        judged.collect()
    });
    let range = experiments
        .iter()
        .filter(|found| matches!(found.id, ExperimentId::E1 | ExperimentId::E3))
        .map(|found| {
            let (power, used) = (found.power.as_ref(), found.used.as_ref());
            (found.id, feasible_range(power, used, found.memory_used.as_ref(), &thresholds))
        })
        .collect();
    let best = boxes.iter().filter(|found| found.tool == Tool::LoadPrior);
    let worst = best.map(|found| worst(&found.percent) / 100.0).reduce(f64::max);
    let missing = components.iter().filter(|component| component.how == "missing").count();
    StudyResults {
        schema_version: 1,
        written_by: concat!("wattproof ", env!("CARGO_PKG_VERSION")).into(),
        study: folder.dir().file_name().unwrap_or(folder.dir().as_os_str()).to_string_lossy().into_owned(),
        finished: folder.is_finished(),
        host: gathered.host,
        devices: gathered.devices.into_iter().collect(),
        reference: if by_meter {
            "the meter, less CPUs and memory by RAPL, the resting GPUs and P_busy by calibration (the paper's way)".into()
        } else {
            "the GPUs' own sample rings, since there is no meter with a calibration".into()
        },
        memory_gib: known.memory_gib,
        calibration: known.calibration,
        clock_s,
        switching,
        one_training,
        boxes,
        components,
        reliable,
        range,
        holistic: holism(&Holism { worst, missing }, &thresholds),
        #[cfg(feature = "virtual")]
        truth: super::truth::rows(&experiments, plan.seed),
        #[cfg(not(feature = "virtual"))]
        truth: Vec::new(),
        runs: gathered.runs,
        notes: gathered.notes,
        experiments,
        plan,
    }
}

/// Greatest distance from 0 of what a box plot shows.
fn worst(plot: &BoxPlot) -> f64 {
    plot.outliers.iter().chain([&plot.low, &plot.high]).map(|value| value.abs()).fold(0.0, f64::max)
}

/// Differences of estimators against the meter, training by training, on one GPU.
fn boxes(experiments: &[ExperimentResults]) -> Vec<EstimatorBox> {
    let single: Vec<&Stretch> = experiments
        .iter()
        .filter(|found| !found.id.is_on_all_gpus())
        .flat_map(|found| &found.whole)
        .collect();
    let of = |tool: Tool| {
        let pairs = single.iter().filter_map(|stretch| stretch.pair(tool.position(), Figure::Energy));
        let pairs: Vec<(f64, f64)> = pairs.filter(|(_, meter)| *meter > 0.0).collect();
        let percent: Vec<f64> = pairs.iter().map(|(tool, meter)| 100.0 * (tool / meter - 1.0)).collect();
        let (tools, meters) = pairs.iter().fold((0.0, 0.0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1));
        let total_percent = 100.0 * (tools / meters - 1.0);
        Some(EstimatorBox { tool, percent: BoxPlot::of(&percent)?, total_percent })
    };
    Tool::ALL.into_iter().filter(|tool| tool.is_of_node()).filter_map(of).collect()
}

/// What of the node is measured, modelled or missing, with its share of the meter's energy.
fn components(experiments: &[ExperimentResults], has_meter: bool, memory_gib: Option<f64>) -> Vec<Component> {
    let whole: Vec<&Stretch> = experiments
        .iter()
        .filter(|found| !found.id.is_on_all_gpus())
        .flat_map(|found| &found.whole)
        .collect();
    let total = |tool: Tool| {
        let seen = whole.iter().filter_map(|stretch| stretch.pair(tool.position(), Figure::Energy));
        let (sum, meter) = seen.fold((0.0, 0.0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1));
        (meter > 0.0).then(|| sum / meter)
    };
    let sum = total(Tool::Components);
    let component = |name: &str, how: &str, by: String, share: Option<f64>| Component {
        name: name.into(),
        how: how.into(),
        by,
        share,
    };
    let measured = experiments.iter().any(|found| found.row(Tool::Components).is_some());
    let host = if measured { "measured" } else { "missing" };
    vec![
        component("GPUs", "measured", "NVML".into(), None),
        component("CPUs and memory", host, "RAPL".into(), None),
        component(
            "GPUs, CPUs and memory together",
            if measured { "measured" } else { "missing" },
            "RAPL and NVML".into(),
            sum,
        ),
        component(
            "fans, board, disks, loss of the power supplies",
            if has_meter && measured { "modelled" } else { "missing" },
            if has_meter {
                "P_busy, calibrated by the meter at rest and busy".into()
            } else {
                "no meter".into()
            },
            sum.map(|sum| 1.0 - sum),
        ),
        component(
            "cooling and supply of the data centre (PUE)",
            "missing",
            match memory_gib {
                Some(_) => "outside of this node: out, as Code Carbon's default of 1.0 has it".into(),
                None => "outside of this node".into(),
            },
            None,
        ),
    ]
}
