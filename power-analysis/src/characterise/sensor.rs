//! Everything that one recording tells of one sensor.

use serde::{Deserialize, Serialize};

use super::{
    CallCost, CounterRatio, PlateauFit, PlateauSettings, Quantum, Transient, TransientClass,
    TransientRefusal, TransientSettings, UpdatePeriod, call_cost, changes, counter_ratios, noise_w, plateaus,
    quantum, transient, update_period,
};
use crate::fit::{Drive, fill_boxcar};
use crate::readings::Readings;
use crate::trace::Trace;

/// Share of the response's range by which two publications may differ and count as on the same level.
const STEADY: f64 = 0.01;

/// What drove the sensor while it was read.
#[derive(Debug, Clone, Copy)]
pub struct Driven<'a> {
    /// Its power, or the load as commanded.
    pub drive: &'a Drive,
    /// The reference's trace, where it measures the same power: then gain, offset and counters are judged by it.
    pub reference: Option<&'a Trace>,
}

/// How a sensor is characterised.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CharacterSettings {
    /// Window, delay, rise.
    pub transient: TransientSettings,
    /// Gain and offset on plateaus.
    pub plateaus: PlateauSettings,
    /// Start of all random numbers.
    pub seed: u64,
}

/// What a recording tells of a sensor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Character {
    /// Readings with a value.
    pub readings: usize,
    /// How often it publishes.
    pub update_period: UpdatePeriod,
    /// Window, delay, rise and gain; `None` where nothing drove it, or for the reason beside.
    pub transient: Option<Transient>,
    /// Why there is no window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transient_refused: Option<TransientRefusal>,
    /// Attention, the share of time that it looks at: min(1, W/T), or min(1, 2τ/T) for a lag.
    pub attention: Option<f64>,
    /// The smallest step that it shows.
    pub quantum: Option<Quantum>,
    /// Standard deviation of a publication on a steady load, in watts.
    pub noise_w: Option<f64>,
    /// Gain, offset and linearity on plateaus, where there are any.
    pub plateaus: Option<PlateauFit>,
    /// What one read costs.
    pub call_cost: Option<CallCost>,
    /// A counter's energy over the reference's, by how often it was read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counter: Vec<CounterRatio>,
}

/// Characterises one sensor; without a drive, only what its own readings tell.
pub fn characterise(
    readings: &Readings,
    driven: Option<Driven<'_>>,
    settings: &CharacterSettings,
) -> Character {
    let confidence = settings.transient.confidence;
    let changes = changes(readings);
    let (period, published) = update_period(readings, &changes, confidence);
    let watts: Vec<f64> = changes.iter().map(|change| change.watts).collect();
    let fitted = driven.map(|driven| {
        transient(&published.times_ns, &watts, readings.is_counter(), driven.drive, &settings.transient)
    });
    let (found, refused) = match fitted {
        None => (None, None),
        Some(Ok(found)) => (Some(found.with_slack(published.slack_ns)), None),
        Some(Err(refused)) => (None, Some(refused)),
    };
    let noise = driven.zip(found.as_ref()).and_then(|(driven, found)| {
        let response = response(&published.times_ns, driven.drive, found);
        let (low, high) = response
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &x| (low.min(x), high.max(x)));
        let steady = |index: usize| {
            // The one before must have been steady, too: a lag goes on for a while.
            let near = |a: usize, b: usize| (response[a] - response[b]).abs() <= STEADY * (high - low);
            index > 1 && near(index, index - 1) && near(index - 1, index - 2)
        };
        noise_w(&watts, steady)
    });
    let reference = driven.and_then(|driven| driven.reference);
    let naive = Trace::naive(readings);
    // Twice the time to 90 % of a step, so that a slow sensor's own response is not taken for its gain.
    let response_s = found.as_ref().map_or(0.0, |found| 2e-3 * found.response_ms[2]);
    let settle_s = settings.plateaus.settle_s.max(response_s);
    let longer = settle_s - settings.plateaus.settle_s;
    let settled =
        PlateauSettings { settle_s, shortest_s: settings.plateaus.shortest_s + longer, ..settings.plateaus };
    Character {
        readings: readings.len(),
        attention: found
            .as_ref()
            .zip(driven)
            .and_then(|(found, driven)| attention(found, &period, driven.drive.is_commanded())),
        transient: found,
        transient_refused: refused,
        quantum: if readings.is_counter() { None } else { quantum(&watts) },
        noise_w: noise,
        plateaus: reference
            .zip(naive.as_ref())
            .and_then(|(reference, sensor)| plateaus(reference, sensor, &settled)),
        call_cost: call_cost(readings),
        counter: reference
            .map_or_else(Vec::new, |power| counter_ratios(readings, power, confidence, settings.seed)),
        update_period: period,
    }
}

/// What drove each publication, through the window and delay that were found.
fn response(times_ns: &[i64], drive: &Drive, found: &Transient) -> Vec<f64> {
    let seconds = |estimate: Option<crate::stats::Estimate>| estimate.map_or(0.0, |ms| ms.value * 1e-3);
    // After eight time constants a lag is within a thirtieth of a per cent.
    let window = seconds(found.window_ms) + 8.0 * seconds(found.rise_ms).max(seconds(found.fall_ms));
    let mut out = Vec::with_capacity(times_ns.len());
    let times = times_ns.iter().map(|&time| drive.seconds(time));
    fill_boxcar(drive, times, window, found.delay_ms.value * 1e-3, &mut out);
    out
}

/// The share of time that is looked at; a rise behind a `commanded` load may be the load's own, and is no look.
fn attention(found: &Transient, period: &UpdatePeriod, commanded: bool) -> Option<f64> {
    let period = period.period_ms?.value;
    let rise = found.rise_ms.filter(|_| !commanded).map(|rise| 2.0 * rise.value);
    let looked = match found.class {
        TransientClass::SincePrevious => return Some(1.0),
        TransientClass::Boxcar | TransientClass::None => found.window_ms?.value,
        TransientClass::Exponential => rise?,
        TransientClass::BoxcarExponential => found.window_ms?.value + rise.unwrap_or(0.0),
    };
    Some((looked / period).min(1.0))
}
