//! The powers of a node over a run, level by level: what the model says, and what the others say.

use power_analysis::node::NodeModel;
use power_analysis::stats::Estimate;
use power_analysis::{CONFIDENCE, Interval};
use serde::{Deserialize, Serialize};

use super::estimation::{EstimateRequest, matching_channels, reference};
use super::estimators::{Estimator, Measured, assumed};
use super::host;
use super::levels::{Level, Powers, blocks};
use super::model_file::ModelFile;
use crate::Result;
use crate::run::Run;

/// Most levels of a run that are told apart.
const MOST_LEVELS: i64 = 400;

/// One level of power of the node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeLevel {
    /// When.
    pub interval: Interval,
    /// Power of each component as its sensors have it, in watts.
    pub components_w: Vec<f64>,
    /// Power of what no sensor has and does not depend on the load, in watts.
    pub constant_w: f64,
    /// Power of what no sensor has and depends on the load, in watts.
    pub load_dependent_w: f64,
    /// Power of the node by the model, in watts.
    pub model_w: Estimate,
    /// Power by the meter, in watts, where there is one.
    pub meter_w: Option<f64>,
}

/// What each method says of each level, against the meter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MethodErrors {
    /// The method.
    pub method: String,
    /// Relative errors in per cent, one a level with a meter.
    pub errors_percent: Vec<f64>,
}

/// The levels of a run by a model, in order of time; those in which a power is unknown are missing.
///
/// # Errors
///
/// - the run lacks a channel of the model, or cannot be read
pub fn node_levels(run: &Run, file: &ModelFile, request: &EstimateRequest) -> Result<Vec<NodeLevel>> {
    let channels = matching_channels(run, file, request)?;
    let meter = reference(run, file, request)?;
    let powers = Powers::load(run, &channels, meter.as_deref(), &mut Vec::new())?;
    let Some(span) = powers.span() else { return Ok(Vec::new()) };
    let block_ns = file.block_ns().max(span.length_ns() / MOST_LEVELS);
    let known = blocks(span, block_ns).filter_map(|block| powers.level(block, 0).ok());
    Ok(known.map(|level| node_level(&file.model, level)).collect())
}

fn node_level(model: &NodeModel, level: Level) -> NodeLevel {
    let said = model.predict(&[(1.0, level.components_w.clone())], CONFIDENCE);
    NodeLevel {
        interval: level.interval,
        components_w: level.components_w,
        constant_w: said.constant_j,
        load_dependent_w: said.load_dependent_j,
        model_w: said.energy_j,
        meter_w: level.meter_w.map(|(watts, _)| watts).filter(|watts| *watts > 0.0),
    }
}

/// The error of every method in every level that has a meter: the model, the paper's bounds, and Code Carbon where the
/// size of the memory is known. Empty without a meter.
pub fn method_errors(
    run: &Run,
    file: &ModelFile,
    request: &EstimateRequest,
    levels: &[NodeLevel],
) -> Vec<MethodErrors> {
    let metered: Vec<(&NodeLevel, f64)> =
        levels.iter().filter_map(|level| Some((level, level.meter_w?))).collect();
    let errors = |method: &str, power_w: &dyn Fn(&NodeLevel) -> Option<f64>| {
        let errors = metered.iter().map(|(level, meter_w)| Some(100.0 * (power_w(level)? / meter_w - 1.0)));
        let errors_percent: Vec<f64> = errors.collect::<Option<_>>()?;
        (!errors_percent.is_empty()).then(|| MethodErrors { method: method.to_owned(), errors_percent })
    };
    let sum = |level: &NodeLevel| level.components_w.iter().sum::<f64>();
    let mut known = request.assumptions;
    known.memory_gib = known.memory_gib.or_else(|| host::memory_gib(&run.manifest().host));
    let power_of = |level: &NodeLevel, name: &str| {
        let at = file.model.measured.iter().position(|measured| measured == name)?;
        level.components_w.get(at).copied()
    };
    let tool = |estimator: Estimator| {
        errors(estimator.name(), &|level| {
            let measured =
                Measured { seconds: 1.0, gpu_j: power_of(level, "gpu"), cpu_j: power_of(level, "cpu") };
            assumed(estimator, measured, &known).ok().map(|(joules, _, _)| joules)
        })
    };
    let paper = file.paper.as_ref();
    let methods = [
        errors("model", &|level| Some(level.model_w.value)),
        errors("prior load", &|level| {
            let paper = paper?;
            let load = file.prime_load.unwrap_or_else(|| paper.load(&level.components_w));
            Some(paper.bounds.with_prior(sum(level), load))
        }),
        errors("lower bound", &|level| Some(paper?.bounds.without_prior(sum(level)).0)),
        errors("upper bound", &|level| Some(paper?.bounds.without_prior(sum(level)).1)),
        tool(Estimator::CodecarbonV2),
        tool(Estimator::CodecarbonV3),
    ];
    methods.into_iter().flatten().collect()
}
