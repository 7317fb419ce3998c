//! Whether the sensors of several devices publish together: their lattices beside each other.

use power_analysis::CONFIDENCE;
use power_analysis::characterise::UpdatePeriod;
use power_analysis::stats::Estimate;
use serde::{Deserialize, Serialize};

use crate::card::SensorCard;

/// Update periods that differ by more than this share are not one.
const ONE_PERIOD: f64 = 2e-3;

/// The same field of two devices that publish as often.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Apart {
    /// The earlier in the run.
    pub first: String,
    /// The other.
    pub second: String,
    /// Update period of both, in milliseconds.
    pub period_ms: f64,
    /// By how much the second publishes after the first, in milliseconds: from minus to plus half a period.
    pub apart_ms: Estimate,
}

/// Each device's fields beside those of the first device that has them.
pub(crate) fn apart(cards: &[SensorCard]) -> Vec<Apart> {
    let mut found = Vec::new();
    for (index, second) in cards.iter().enumerate() {
        let alike = |first: &&SensorCard| {
            first.driver == second.driver
                && first.channel.name == second.channel.name
                && first.device != second.device
        };
        let first = cards[..index].iter().find(alike);
        found.extend(first.and_then(|first| pair(first, second)));
    }
    found
}

fn pair(first: &SensorCard, second: &SensorCard) -> Option<Apart> {
    let lattice = |period: &UpdatePeriod| Some((period.period_ms?, period.point?));
    let (own, point) = lattice(&first.character.update_period)?;
    let (other, later) = lattice(&second.character.update_period)?;
    let period_ms = f64::midpoint(own.value, other.value);
    if (own.value - other.value).abs() > ONE_PERIOD * period_ms {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "points of one run lie hours apart at most")]
    let between_ms = later.at_ns.checked_sub(point.at_ns)? as f64 * 1e-6;
    let periods = (between_ms / period_ms).round();
    // Over many periods their error adds up.
    let drift = periods.abs() * 0.5 * own.half_width().hypot(other.half_width());
    let half = point.within_ms.hypot(later.within_ms).hypot(drift);
    let apart = between_ms - periods * period_ms;
    (half < 0.25 * period_ms).then(|| Apart {
        first: first.name.clone(),
        second: second.name.clone(),
        period_ms,
        apart_ms: Estimate::symmetric(apart, half, CONFIDENCE),
    })
}
