//! `estimate`: the energy of the node over a run by a model, where no meter was.

use jiff::Timestamp;
use power_analysis::node::Prediction;
use power_analysis::stats::Estimate;
use power_analysis::{CONFIDENCE, Interval};
use power_core::Scope;
use serde::{Deserialize, Serialize};

use super::components::{ComponentChannels, choose};
use super::estimators::{Assumed, Assumptions, Estimator, Measured, assumed};
use super::host;
use super::levels::{Level, Powers, blocks};
use super::model_file::ModelFile;
use super::phases::{PhaseEstimate, phases};
use crate::comparison;
use crate::correction::Cards;
use crate::run::Run;
use crate::{Error, Result};

/// Share of extrapolated time from which on it is warned of.
const EXTRAPOLATED: f64 = 0.01;

/// What to estimate, and what to compare it with.
#[derive(Debug, Clone, Default)]
pub struct EstimateRequest {
    /// Components, where the run's channels are not those of the model.
    pub components: Vec<ComponentChannels>,
    /// Channel of a meter; by default the model's own, where the run has it.
    pub reference: Option<String>,
    /// Cards of the components' sensors, which correct the phases.
    pub cards: Cards,
    /// Other tools whose statement is to stand beside.
    pub compare_with: Vec<Estimator>,
    /// What they need to know, where the run does not tell.
    pub assumptions: Assumptions,
}

/// The energy of a node over a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunEstimate {
    /// Version of this structure.
    pub schema_version: u32,
    /// Name of the run's folder.
    pub run: String,
    /// When the model's newest run was recorded.
    pub model_date: Timestamp,
    /// What was estimated: the time in which all components were recorded.
    pub interval: Interval,
    /// Its length without what is unknown, in seconds.
    pub seconds: f64,
    /// Time within in which a component's power is unknown, in seconds; no energy counts for it.
    pub unknown_s: f64,
    /// Energy of the node, in joules.
    pub energy_j: Estimate,
    /// Mean power of the node, in watts.
    pub mean_w: f64,
    /// Energy of each component as its sensors have it.
    pub components: Vec<ComponentEnergy>,
    /// Energy of what no sensor has and does not depend on the load, in joules.
    pub constant_j: f64,
    /// Energy of what no sensor has and depends on the load (loss of the power supply, fans, gain of sensors), in joules.
    pub load_dependent_j: f64,
    /// Share of the time outside what the model has seen, 0 to 1.
    pub extrapolated: f64,
    /// The paper's bounds of the energy with nothing known of the load, in joules, where the calibration had both levels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paper_bounds_j: Option<(f64, f64)>,
    /// The same with the run's mean load as the prior, in joules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paper_with_prior_j: Option<f64>,
    /// Against the meter, where the run has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meter: Option<AgainstMeter>,
    /// What other tools would say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub compared: Vec<Assumed>,
    /// The phases.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<PhaseEstimate>,
    /// Why the estimate may be worse than its interval says.
    pub warnings: Vec<String>,
    /// What a reader has to know about the data.
    pub notes: Vec<String>,
}

/// Energy of one component.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComponentEnergy {
    /// Its name.
    pub name: String,
    /// Its energy as the sensors have it, in joules.
    pub energy_j: f64,
}

/// The meter's word on an estimated run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgainstMeter {
    /// The meter's channel.
    pub channel: String,
    /// Its energy over the same time, in joules.
    pub energy_j: f64,
    /// Error of the estimate, in per cent.
    pub error_percent: f64,
    /// Whether the interval holds the meter's energy.
    pub within: bool,
}

/// Estimates the energy of the node over a run.
///
/// # Errors
///
/// - the run lacks a channel of the model, or has no time in which all were recorded
/// - an estimator to compare with lacks what it needs
pub fn estimate(run: &Run, file: &ModelFile, request: &EstimateRequest) -> Result<RunEstimate> {
    let channels = matching_channels(run, file, request)?;
    let reference = reference(run, file, request)?;
    let mut notes = run.manifest().notes.clone();
    let mut powers = Powers::load(run, &channels, reference.as_deref(), &mut notes)?;
    powers.correct(run, &request.cards, &comparison::phases(run)?, &mut notes);
    let interval = powers.span().ok_or_else(|| {
        Error::new(format!("the channels of {} were never recorded together", run.name()))
            .mend("`wattproof energy` shows when each was")
    })?;
    let block_ns = file.block_ns();
    let mut known = known_levels(&powers, interval, block_ns);
    let in_one_piece = known.is_empty().then(|| powers.level(interval, 0).ok()).flatten();
    if let Some(whole) = in_one_piece {
        notes.push(format!(
            "its sensors are too slow for blocks of {} s: the energy is that of its mean power",
            file.block_s
        ));
        known.push(whole);
    }
    let unknown_s = interval.seconds() - known.iter().map(|level| level.interval.seconds()).sum::<f64>();
    if known.is_empty() {
        let why = powers.level(interval, 0).err().unwrap_or_else(|| "it has no length".into());
        return Err(Error::new(format!("no power of {} is known: {why}", run.name()))
            .mend("`wattproof compare` lists gaps and resets"));
    }
    let prediction = file.model.predict(&weighted(&known), CONFIDENCE);
    let seconds = interval.seconds() - unknown_s;
    let energy_j = prediction.energy_j.value;
    let meter_j = meter_energy(&known);
    let meter = reference.zip(meter_j).map(|(channel, metered)| AgainstMeter {
        channel,
        energy_j: metered,
        error_percent: 100.0 * (energy_j / metered - 1.0),
        within: prediction.energy_j.contains(metered),
    });
    let components: Vec<ComponentEnergy> = channels
        .iter()
        .zip(&prediction.components_j)
        .map(|(component, energy_j)| ComponentEnergy { name: component.name.clone(), energy_j: *energy_j })
        .collect();
    let energy_of = |name: &str| components.iter().find(|it| it.name == name).map(|it| it.energy_j);
    let measured = Measured { seconds, gpu_j: energy_of("gpu"), cpu_j: energy_of("cpu") };
    let compared = compared(run, request, measured, energy_j, meter_j)?;
    let sum_j: f64 = prediction.components_j.iter().sum();
    Ok(RunEstimate {
        schema_version: 1,
        run: run.name(),
        model_date: file.date,
        interval,
        seconds,
        unknown_s,
        energy_j: prediction.energy_j,
        mean_w: energy_j / seconds,
        constant_j: prediction.constant_j,
        load_dependent_j: prediction.load_dependent_j,
        extrapolated: prediction.extrapolated,
        paper_bounds_j: file.paper.as_ref().map(|paper| {
            let (low, high) = paper.bounds.without_prior(sum_j / seconds);
            (low * seconds, high * seconds)
        }),
        paper_with_prior_j: file.paper.as_ref().map(|paper| {
            let means_w: Vec<f64> = prediction.components_j.iter().map(|joules| joules / seconds).collect();
            paper.bounds.with_prior(sum_j / seconds, paper.load(&means_w)) * seconds
        }),
        meter,
        compared,
        phases: phases(run, &powers, &file.model, block_ns)?,
        warnings: warnings(run, file, &channels, &prediction, unknown_s),
        components,
        notes,
    })
}

/// The channels of the model's components in this run.
pub(super) fn matching_channels(
    run: &Run,
    file: &ModelFile,
    request: &EstimateRequest,
) -> Result<Vec<ComponentChannels>> {
    let of_model = file.channels.iter().flat_map(|component| &component.channels);
    let found = if request.components.is_empty() && of_model.clone().all(|key| run.channel(key).is_ok()) {
        file.channels.clone()
    } else {
        choose(run, request.reference.as_deref().or(Some(&file.reference)), &request.components)?
    };
    let matched = file.channels.iter().map(|component| {
        found.iter().find(|other| other.name == component.name).cloned().ok_or_else(|| {
            let name = &component.name;
            Error::new(format!("{} has no {name}, which the model needs", run.name())).mend(format!(
                "name its channels, --component {name}=SOURCE/CHANNEL, or calibrate without it"
            ))
        })
    });
    matched.collect()
}

/// The meter's channel, where the run has one.
pub(super) fn reference(run: &Run, file: &ModelFile, request: &EstimateRequest) -> Result<Option<String>> {
    if let Some(named) = &request.reference {
        return Ok(Some(run.key(run.channel(named)?)));
    }
    // A run may name another reference, such as a GPU's own: only a meter of the node counts.
    let of_run = run.manifest().reference.as_deref().and_then(|key| run.channel(key).ok());
    let of_run = of_run.filter(|&it| matches!(run.describe(it).scope, Scope::NodeAc | Scope::NodeDc));
    let own = run.channel(&file.reference).ok().or(of_run);
    Ok(own.filter(|&channel| run.describe(channel).quantity.has_energy()).map(|channel| run.key(channel)))
}

/// Blocks in which all powers are known.
fn known_levels(powers: &Powers, interval: Interval, block_ns: i64) -> Vec<Level> {
    blocks(interval, block_ns).filter_map(|block| powers.level(block, 0).ok()).collect()
}

fn weighted(levels: &[Level]) -> Vec<(f64, Vec<f64>)> {
    levels.iter().map(|level| (level.interval.seconds(), level.components_w.clone())).collect()
}

fn meter_energy(levels: &[Level]) -> Option<f64> {
    let of_level = |level: &Level| level.meter_w.map(|(watts, _)| watts * level.interval.seconds());
    levels.iter().map(of_level).sum::<Option<f64>>().filter(|energy| *energy > 0.0)
}

fn compared(
    run: &Run,
    request: &EstimateRequest,
    measured: Measured,
    energy_j: f64,
    meter_j: Option<f64>,
) -> Result<Vec<Assumed>> {
    let mut known = request.assumptions;
    known.memory_gib = known.memory_gib.or_else(|| host::memory_gib(&run.manifest().host));
    let against = |said: f64, truth: f64| 100.0 * (said / truth - 1.0);
    let all = request.compare_with.iter().map(|&estimator| {
        let (said, memory_w, cpu) = assumed(estimator, measured, &known)?;
        Ok(Assumed {
            estimator,
            energy_j: said,
            memory_w,
            cpu,
            against_estimate_percent: against(said, energy_j),
            against_meter_percent: meter_j.map(|metered| against(said, metered)),
        })
    });
    all.collect()
}

fn warnings(
    run: &Run,
    file: &ModelFile,
    channels: &[ComponentChannels],
    prediction: &Prediction,
    unknown_s: f64,
) -> Vec<String> {
    let mut said = Vec::new();
    let keys: Vec<&str> = channels.iter().flat_map(|it| it.channels.iter().map(String::as_str)).collect();
    let differing = host::differences(&file.machine, &host::machine(run, &keys));
    if !differing.is_empty() {
        said.push(format!(
            "The model is of another machine: {}. No interval holds there.",
            differing.join(", ")
        ));
    }
    if prediction.extrapolated > EXTRAPOLATED {
        said.push(format!(
            "In {:.0} % of the time the powers were outside what the calibration has seen: the interval does not hold \
             there. Calibrate with such loads as well.",
            100.0 * prediction.extrapolated
        ));
    }
    match run.manifest().written_at.parse::<Timestamp>() {
        Ok(recorded) if recorded > file.expires => said.push(format!(
            "The model expired on {}, before this run was recorded. Calibrate anew.",
            file.expires.strftime("%Y-%m-%d")
        )),
        Ok(_) => {}
        Err(_) => said.push("Whether the model has expired cannot be told: the run has no date.".into()),
    }
    if unknown_s > 0.0 {
        said.push(format!("For {unknown_s:.1} s a power is unknown; no energy counts for that time."));
    }
    if file.model.meter_percent.is_none() {
        said.push("The accuracy of the meter is unknown and not in the interval.".into());
    }
    said
}
