//! What can be set of a sensor.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// What differs in a sensor from that of its model; what is absent does not.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct SensorDescription {
    /// Update period T in ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period_ms: Option<f64>,
    /// Averaging window W in ms; 0 for point values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_ms: Option<f64>,
    /// Time constant of a first-order filter in ms, in place of a window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tau_ms: Option<f64>,
    /// Delay from physics to publication in ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<f64>,
    /// Standard deviation of publication times about their lattice in ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter_ms: Option<f64>,
    /// Share of publications that are skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<f64>,
    /// Watts shown per watt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gain: Option<f64>,
    /// Watts shown at no power.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset_w: Option<f64>,
    /// Standard deviation of the noise of a publication in W.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise_w: Option<f64>,
}

impl SensorDescription {
    pub(crate) fn check(&self) -> Result<()> {
        let within =
            |value: Option<f64>, low: f64, high: f64| value.is_none_or(|v| (low..=high).contains(&v));
        let times = [self.delay_ms, self.jitter_ms, self.window_ms, self.noise_w];
        if !within(self.period_ms, 0.1, 10_000.0) {
            return Err(Error::new("the update period of a sensor is 0.1 to 10000 ms"));
        }
        if !times.iter().all(|time| within(*time, 0.0, 5_000.0)) {
            return Err(Error::new("window, delay, jitter (ms) and noise (W) of a sensor are 0 to 5000"));
        }
        if !within(self.tau_ms, 0.01, 400.0) {
            return Err(Error::new("the time constant of a sensor is 0.01 to 400 ms"));
        }
        if !within(self.skipped, 0.0, 0.5) {
            return Err(Error::new("the share of skipped publications is 0 to 0.5"));
        }
        if !within(self.gain, 0.01, 100.0) || !within(self.offset_w, -1e4, 1e4) {
            return Err(Error::new("the gain of a sensor is 0.01 to 100, its offset -10000 to 10000 W"));
        }
        Ok(())
    }
}
