//! Every method for the energy of a node in one table: what each errs by on runs with a meter that no fit has seen.

use power_analysis::node::MethodError;
use power_analysis::{CONFIDENCE, Interval};
use serde::{Deserialize, Serialize};

use super::estimation::{EstimateRequest, matching_channels, reference};
use super::estimators::{Estimator, Measured, assumed};
use super::host;
use super::levels::{Level, Powers, blocks};
use super::model_file::ModelFile;
use crate::run::Run;
use crate::{Error, Result};

/// What "Guidelines for the Quality Assessment of Energy-Aware NAS Benchmarks" (arXiv 2505.15631, section VI.D) finds of its
/// node, in per cent: Code Carbon's assumption, bounds without a prior, bounds with a prior load.
pub const PAPER_PERCENT: [f64; 3] = [10.3, 8.9, 6.6];

/// What to judge, and what the methods need to know.
#[derive(Debug, Clone, Default)]
pub struct MethodsRequest {
    /// Phases of a run that are judged one by one: those whose names begin so. Whole runs where it is absent.
    pub phases: Option<String>,
    /// Components, meter and what estimators need to know.
    pub estimate: EstimateRequest,
}

/// What each method errs by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MethodTable {
    /// Version of this structure.
    pub schema_version: u32,
    /// What was judged: names of runs, or of phases.
    pub judged: Vec<String>,
    /// What was not, and why.
    pub left_out: Vec<String>,
    /// The methods.
    pub methods: Vec<JudgedMethod>,
    /// Methods that cannot be judged here, and why.
    pub unknown: Vec<String>,
    /// Mean power of what no sensor has, in watts: the meter's less all components.
    pub unmeasured_w: f64,
    /// Mean power of the memory by its sensors, in watts, where there are any.
    pub memory_w: Option<f64>,
    /// Mean power by the meter, in watts.
    pub meter_w: f64,
    /// Why the figures are not those of the paper.
    pub differs: Vec<String>,
}

/// One method.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JudgedMethod {
    /// Its name.
    pub method: String,
    /// Its errors in short.
    pub error: MethodError,
    /// The error of each of what was judged, in per cent.
    pub errors_percent: Vec<f64>,
    /// What the paper finds for it on its own node, in per cent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paper_percent: Option<f64>,
}

/// One run or phase: its levels, each with its length in seconds.
struct Unit {
    name: String,
    levels: Vec<(f64, Level)>,
}

impl Unit {
    /// Energy by a rule for the power of a level, in joules.
    fn energy_j(&self, power_w: impl Fn(&Level) -> f64) -> f64 {
        self.levels.iter().map(|(seconds, level)| seconds * power_w(level)).sum()
    }

    fn meter_j(&self) -> f64 {
        self.energy_j(|level| level.meter_w.map_or(0.0, |(watts, _)| watts))
    }

    fn seconds(&self) -> f64 {
        self.levels.iter().map(|(seconds, _)| seconds).sum()
    }
}

/// Judges every method on runs with a meter.
///
/// # Errors
///
/// - a run lacks a channel of the model or the meter, or was fitted
/// - no run or phase is known whole
pub fn compare_methods(runs: &[Run], file: &ModelFile, request: &MethodsRequest) -> Result<MethodTable> {
    let (mut units, mut left_out) = (Vec::new(), Vec::new());
    let mut memory_gib = request.estimate.assumptions.memory_gib;
    for run in runs {
        if file.runs.contains(&run.name()) {
            return Err(Error::new(format!("the model was fitted to {}", run.name()))
                .mend("judge methods on runs that the fit has not seen"));
        }
        memory_gib = memory_gib.or_else(|| host::memory_gib(&run.manifest().host));
        collect(run, file, request, &mut units, &mut left_out)?;
    }
    if units.is_empty() {
        let why = left_out.first().cloned().unwrap_or_else(|| "there is no run, or no such phase".into());
        return Err(Error::new(format!("nothing can be judged: {why}"))
            .mend("record runs with all components and the meter, and name their phases by --phases"));
    }
    let mut known = request.estimate.assumptions;
    known.memory_gib = memory_gib;
    let (mut methods, mut unknown) = (Vec::new(), Vec::new());
    for (estimator, paper) in [
        (Estimator::CodecarbonV2, Some(PAPER_PERCENT[0])),
        (Estimator::CodecarbonV3, Some(PAPER_PERCENT[0])),
        (Estimator::Tdp, None),
    ] {
        let measured = |unit: &Unit| Measured {
            seconds: unit.seconds(),
            gpu_j: component_j(unit, file, "gpu"),
            cpu_j: component_j(unit, file, "cpu"),
        };
        let said: Result<Vec<f64>> =
            units.iter().map(|unit| Ok(assumed(estimator, measured(unit), &known)?.0)).collect();
        match said {
            Ok(said) => methods.extend(judged(estimator.name(), paper, &units, &said)),
            Err(why) => unknown.push(format!("{}: {why}", estimator.name())),
        }
    }
    let mut add = |name: &str, paper: Option<f64>, energy_j: &dyn Fn(&Unit) -> f64| {
        let said: Vec<f64> = units.iter().map(energy_j).collect();
        methods.extend(judged(name, paper, &units, &said));
    };
    let sum = |level: &Level| level.components_w.iter().sum::<f64>();
    if let Some(paper) = &file.paper {
        let bounds = paper.bounds;
        add("lower bound", None, &|unit| unit.energy_j(|level| bounds.without_prior(sum(level)).0));
        add("upper bound", Some(PAPER_PERCENT[1]), &|unit| {
            unit.energy_j(|level| bounds.without_prior(sum(level)).1)
        });
        match file.prime_load {
            Some(load) => add("prior of the prime run", Some(PAPER_PERCENT[2]), &|unit| {
                unit.energy_j(|level| bounds.with_prior(sum(level), load))
            }),
            None => unknown.push(
                "prior of the prime run: the calibration has no phase `prime`; make one by calibrate --run"
                    .into(),
            ),
        }
    } else {
        unknown.push("bounds: the calibration has no idle and no busy level of CPU and memory".into());
    }
    add("model", None, &|unit| {
        unit.energy_j(|level| {
            file.model.predict(&[(1.0, level.components_w.clone())], CONFIDENCE).energy_j.value
        })
    });
    let seconds: f64 = units.iter().map(Unit::seconds).sum();
    let mean_w = |power_w: &dyn Fn(&Level) -> f64| {
        units.iter().map(|unit| unit.energy_j(power_w)).sum::<f64>() / seconds
    };
    let meter_w = units.iter().map(Unit::meter_j).sum::<f64>() / seconds;
    let memory_w = file.model.measured.iter().position(|name| name == "dram");
    let memory_w = memory_w.map(|at| mean_w(&|level| level.components_w.get(at).copied().unwrap_or(0.0)));
    let unmeasured_w = meter_w - mean_w(&sum);
    Ok(MethodTable {
        schema_version: 1,
        judged: units.iter().map(|unit| unit.name.clone()).collect(),
        left_out,
        differs: differs(&methods, meter_w, unmeasured_w, memory_w),
        methods,
        unknown,
        unmeasured_w,
        memory_w,
        meter_w,
    })
}

/// The levels of a run's units.
fn collect(
    run: &Run,
    file: &ModelFile,
    request: &MethodsRequest,
    units: &mut Vec<Unit>,
    left_out: &mut Vec<String>,
) -> Result<()> {
    let channels = matching_channels(run, file, &request.estimate)?;
    let meter = reference(run, file, &request.estimate)?.ok_or_else(|| {
        Error::new(format!("{} has no meter {}", run.name(), file.reference))
            .mend("name its meter by --reference, or leave it out")
    })?;
    let powers = Powers::load(run, &channels, Some(&meter), &mut Vec::new())?;
    let spans: Vec<(String, Interval)> = match &request.phases {
        None => powers.span().map(|span| (run.name(), span)).into_iter().collect(),
        Some(prefix) => run
            .phases()?
            .iter()
            .filter(|phase| phase.name.starts_with(prefix.as_str()))
            .map(|phase| (phase.name.clone(), Interval::new(phase.begin_ns, phase.end_ns)))
            .collect(),
    };
    for (name, span) in spans {
        let levels =
            blocks(span, file.block_ns()).map(|block| Ok((block.seconds(), powers.level(block, 0)?)));
        match levels.collect::<Result<Vec<_>, String>>() {
            Ok(levels)
                if levels.iter().all(|(_, level)| level.meter_w.is_some_and(|(watts, _)| watts > 0.0)) =>
            {
                units.push(Unit { name, levels });
            }
            Ok(_) => left_out.push(format!("{name}: the meter shows no power")),
            Err(why) => left_out.push(format!("{name}: {why}")),
        }
    }
    Ok(())
}

fn component_j(unit: &Unit, file: &ModelFile, name: &str) -> Option<f64> {
    let at = file.model.measured.iter().position(|measured| measured == name)?;
    Some(unit.energy_j(|level| level.components_w.get(at).copied().unwrap_or(f64::NAN)))
}

fn judged(method: &str, paper_percent: Option<f64>, units: &[Unit], said_j: &[f64]) -> Option<JudgedMethod> {
    let errors_percent: Vec<f64> =
        units.iter().zip(said_j).map(|(unit, said)| 100.0 * (said / unit.meter_j() - 1.0)).collect();
    let error = MethodError::of(&errors_percent)?;
    Some(JudgedMethod { method: method.to_owned(), error, errors_percent, paper_percent })
}

/// Why these figures are not the paper's, from what was measured.
fn differs(methods: &[JudgedMethod], meter_w: f64, unmeasured_w: f64, memory_w: Option<f64>) -> Vec<String> {
    let worst = |name: &str| methods.iter().find(|it| it.method == name).map(|it| it.error.worst_percent);
    let mut said = Vec::new();
    let share = 100.0 * unmeasured_w / meter_w;
    said.push(format!(
        "The paper does not say what its node takes that no sensor has. Here it is {unmeasured_w:.0} W, {share:.0} % of the \
         meter: what Code Carbon leaves out, and what the bounds have to hold."
    ));
    if let Some(memory_w) = memory_w {
        said.push(format!(
            "Nor does it say which version of Code Carbon it used. Memory takes {memory_w:.0} W here; what a version \
             assumes beyond that makes up for a part of what it leaves out, and what it assumes less adds to it."
        ));
    }
    if let (Some(two), Some(three)) = (worst("codecarbon-v2"), worst("codecarbon-v3")) {
        said.push(format!("So version 2 errs by {two:+.1} % and version 3 by {three:+.1} %; the paper has 10.3 % without a sign."));
    }
    if let Some(upper) = worst("upper bound") {
        said.push(format!(
            "The upper bound errs by {upper:+.1} % where the paper has 8.9 %: it says by how much what no sensor has grows \
             from idle to the busiest load of CPU and memory, on a node of its own."
        ));
    }
    said
}
