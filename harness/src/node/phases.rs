//! `estimate` phase by phase: what the sensors' cards make of short times goes through the model with what it leaves open.

use power_analysis::node::NodeModel;
use power_analysis::stats::Estimate;
use power_analysis::{CONFIDENCE, Interval, Phase};
use serde::{Deserialize, Serialize};

use super::levels::{Level, Powers, blocks};
use crate::Result;
use crate::comparison;
use crate::run::Run;

/// The energy of the node over one phase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhaseEstimate {
    /// The phase's name.
    pub name: String,
    /// Its energy in joules, with what the sensors' cards correct; `None` where it cannot be stated.
    pub energy_j: Option<Estimate>,
    /// The same from the sensors as they show it, in joules, where a card corrects one of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown_j: Option<Estimate>,
    /// Why there is no energy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
}

/// All phases of a run, cut into blocks of `block_ns` where they are longer.
pub(super) fn phases(
    run: &Run,
    powers: &Powers,
    model: &NodeModel,
    block_ns: i64,
) -> Result<Vec<PhaseEstimate>> {
    let of_phase = |phase: Phase| {
        let spans: Vec<Interval> = blocks(phase.interval, block_ns).collect();
        let shown = shown(powers, model, &spans);
        if !powers.are_corrected() {
            let unknown = shown.as_ref().err().cloned();
            return PhaseEstimate { name: phase.name, energy_j: shown.ok(), shown_j: None, unknown };
        }
        let corrected = corrected(powers, model, &spans);
        PhaseEstimate {
            name: phase.name,
            unknown: corrected.as_ref().err().cloned(),
            energy_j: corrected.ok(),
            shown_j: shown.ok(),
        }
    };
    Ok(comparison::phases(run)?.into_iter().map(of_phase).collect())
}

fn shown(powers: &Powers, model: &NodeModel, spans: &[Interval]) -> Result<Estimate, String> {
    let levels = spans.iter().map(|&span| powers.level(span, 0)).collect::<Result<Vec<_>, _>>()?;
    predicted(model, &levels).ok_or_else(|| "it has no length".into())
}

/// The model's interval, and in each component what its sensors' cards leave open, all independent.
fn corrected(powers: &Powers, model: &NodeModel, spans: &[Interval]) -> Result<Estimate, String> {
    let levels = spans.iter().map(|&span| powers.corrected_level(span)).collect::<Result<Vec<_>, _>>()?;
    let found = predicted(model, &levels).ok_or("it has no length")?;
    let mut open_j = 0.0_f64;
    for (component, half_width_j) in powers.left_open_j(spans)?.into_iter().enumerate() {
        let energy_j: f64 =
            levels.iter().map(|level| level.components_w[component] * level.interval.seconds()).sum();
        if half_width_j > 0.0 && energy_j > 0.0 {
            let scaled = scaled(&levels, component, 1.0 + half_width_j / energy_j);
            let moved = predicted(model, &scaled).map_or(half_width_j, |moved| moved.value - found.value);
            open_j = open_j.hypot(moved);
        }
    }
    let low = found.value - open_j.hypot(found.value - found.low);
    let high = found.value + open_j.hypot(found.high - found.value);
    Ok(Estimate::new(found.value, low, high, found.confidence))
}

fn scaled(levels: &[Level], component: usize, by: f64) -> Vec<Level> {
    let mut scaled = levels.to_vec();
    for level in &mut scaled {
        level.components_w[component] *= by;
    }
    scaled
}

fn predicted(model: &NodeModel, levels: &[Level]) -> Option<Estimate> {
    let weighted: Vec<(f64, Vec<f64>)> =
        levels.iter().map(|level| (level.interval.seconds(), level.components_w.clone())).collect();
    (!weighted.is_empty()).then(|| model.predict(&weighted, CONFIDENCE).energy_j)
}
