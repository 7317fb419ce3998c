//! Whether the reference measures the same thing at all.

use serde::{Deserialize, Serialize};

use crate::agreement::Agreement;

/// A correlation surely below this means that the reference does not follow the sensor.
const FOLLOWS_FROM: f64 = 0.5;

/// A sensor whose power varies by less than this share of its mean gives nothing to follow.
const VARIES_FROM: f64 = 0.02;

/// Whether the reference follows the sensor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Following {
    /// It does.
    Yes,
    /// It does not: it measures another machine, or another part of this one, or the clocks do not agree.
    No {
        /// What shows it.
        reason: String,
    },
    /// The data cannot tell.
    Unknown {
        /// Why not.
        reason: String,
    },
}

/// Judges from matched pairs whether the reference follows the sensor.
pub fn following(agreement: Option<&Agreement>) -> Following {
    let unknown = |reason: &str| Following::Unknown { reason: reason.into() };
    let Some(agreement) = agreement else { return unknown("there are fewer than three pairs to compare") };
    let Some(spread) = &agreement.distribution else { return unknown("there is no distribution to compare") };
    let ends = |curve: &[(f64, f64)]| {
        let (low, high) = (curve.first().map_or(0.0, |p| p.0), curve.last().map_or(0.0, |p| p.0));
        (high - low, f64::midpoint(low, high).abs())
    };
    let ((sensor_range, sensor_level), (reference_range, reference_level)) =
        (ends(&spread.sensor_curve), ends(&spread.reference_curve));
    if sensor_range <= VARIES_FROM * sensor_level {
        return unknown("the load did not vary; record one that does");
    }
    let Some(pearson) = agreement.pearson else {
        return Following::No { reason: "the reference does not vary while the sensor does".into() };
    };
    if pearson.high < FOLLOWS_FROM {
        let reason = format!(
            "their correlation is {:.2} [{:.2}, {:.2}]; the sensor varies by {sensor_range:.0} W, the reference by \
             {reference_range:.0} W around {reference_level:.0} W",
            pearson.value, pearson.low, pearson.high
        );
        return Following::No { reason };
    }
    if pearson.low > 0.0 { Following::Yes } else { unknown("too few independent pairs; record for longer") }
}
