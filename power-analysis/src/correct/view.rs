//! What a correction takes from a sensor's character.

use serde::{Deserialize, Serialize};

use crate::characterise::{Character, Transient, TransientClass};
use crate::stats::Estimate;

/// What one publication is about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Shape {
    /// The mean over a window, in seconds.
    Mean(Estimate),
    /// The mean since the publication before.
    SincePrevious,
    /// A first-order lag, in seconds.
    Lag(Estimate),
}

/// A sensor as a correction needs it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    pub(super) shape: Shape,
    /// Delay in seconds.
    pub(super) delay: Estimate,
    /// Watts shown per watt, and watts shown at 0 W; `None` where no calibrated reference told them.
    pub(super) line: Option<(Estimate, Estimate)>,
    /// Least noise of a publication, in watts.
    pub(super) noise_w: f64,
    /// What its character could not explain of a publication, in watts.
    pub(super) left_w: f64,
    /// The update period, in seconds, where publications keep it: a value that did not change was then published again.
    pub(super) period_s: Option<f64>,
}

/// Why a sensor cannot be corrected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Uncorrectable {
    /// Its window and delay are not known.
    NotKnown,
    /// More than one window and delay fit what was seen of it.
    Ambiguous,
    /// It rises otherwise than it falls: what it shows is no linear function of power.
    RisesOtherwiseThanItFalls,
}

impl Uncorrectable {
    /// The reason in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::NotKnown => "its card has no window and delay",
            Self::Ambiguous => "more than one window and delay fit what its card rests on",
            Self::RisesOtherwiseThanItFalls => "it rises otherwise than it falls, which cannot be undone",
        }
    }
}

/// Shortest window that is reckoned with, in seconds: a point has no integral.
const SHORTEST_S: f64 = 1e-4;

impl View {
    /// The sensor with this character; its gain and offset are used only if a `calibrated` reference told them.
    ///
    /// # Errors
    ///
    /// - [`Uncorrectable`] where the character does not say what one publication is about.
    pub fn of(character: &Character, calibrated: bool) -> Result<Self, Uncorrectable> {
        let found = character.transient.as_ref().ok_or(Uncorrectable::NotKnown)?;
        if !found.ambiguous.is_empty() {
            return Err(Uncorrectable::Ambiguous);
        }
        let step_w = character.quantum.and_then(|quantum| quantum.step_w).unwrap_or(0.0);
        // Uniform within a step.
        let noise_w = character.noise_w.unwrap_or(0.0).max(step_w / 12.0_f64.sqrt()).max(1e-3);
        let (shape, late) = shape(found)?;
        let delay = found.delay_ms.map(|ms| ms * 1e-3 + late);
        let line = calibrated.then_some((found.gain, found.offset_w)).filter(|(gain, _)| gain.low > 0.0);
        let lattice = character.update_period.verdict == crate::characterise::PeriodVerdict::Lattice;
        let period_s = character.update_period.period_ms.filter(|_| lattice).map(|ms| ms.value * 1e-3);
        Ok(Self { shape, delay, line, noise_w, left_w: found.residual_w.max(noise_w), period_s })
    }

    /// The mean over `window_ms` that ends `delay_ms` before its publication, each with its interval.
    pub fn averaging(window_ms: Estimate, delay_ms: Estimate, noise_w: f64) -> Self {
        let of = |ms: f64| (ms * 1e-3).max(SHORTEST_S);
        Self {
            shape: Shape::Mean(window_ms.map(of)),
            delay: delay_ms.map(|ms| ms * 1e-3),
            line: None,
            noise_w,
            left_w: noise_w,
            period_s: None,
        }
    }

    /// A first-order lag of `constant_ms` behind a delay, each with its interval.
    pub fn lagging(constant_ms: Estimate, delay_ms: Estimate, noise_w: f64) -> Self {
        let constant = constant_ms.map(|ms| (ms * 1e-3).max(SHORTEST_S));
        Self { shape: Shape::Lag(constant), ..Self::averaging(constant_ms, delay_ms, noise_w) }
    }

    /// Whether gain and offset are corrected.
    pub fn is_calibrated(&self) -> bool {
        self.line.is_some()
    }

    /// The time that one publication looks back, in seconds.
    pub(super) fn memory_s(&self) -> f64 {
        match self.shape {
            Shape::Mean(window) => window.value,
            Shape::SincePrevious => 0.0,
            Shape::Lag(constant) => constant.value,
        }
    }

    /// Share of time that it looks at, with publications this many seconds apart.
    pub(super) fn attention(&self, interval: f64) -> f64 {
        match self.shape {
            Shape::Mean(window) => window.value / interval,
            Shape::SincePrevious => 1.0,
            Shape::Lag(constant) => 2.0 * constant.value / interval,
        }
    }

    /// The same with window and delay at one end of their intervals, one after the other.
    pub(super) fn at_ends(&self) -> impl Iterator<Item = [Self; 2]> + '_ {
        let end = |of: Estimate, value: f64| Estimate { value, ..of };
        let shaped = |shape| Self { shape, ..*self };
        let delays = Some([self.delay.low, self.delay.high])
            .map(|ends| ends.map(|value| Self { delay: end(self.delay, value), ..*self }));
        let shapes = match self.shape {
            Shape::Mean(window) => {
                Some([window.low, window.high].map(|v| shaped(Shape::Mean(end(window, v.max(SHORTEST_S))))))
            }
            Shape::Lag(constant) => Some(
                [constant.low, constant.high].map(|v| shaped(Shape::Lag(end(constant, v.max(SHORTEST_S))))),
            ),
            Shape::SincePrevious => None,
        };
        delays.into_iter().chain(shapes)
    }
}

/// The shape, and by how many seconds later than the delay it is.
fn shape(found: &Transient) -> Result<(Shape, f64), Uncorrectable> {
    let seconds = |estimate: Estimate| estimate.map(|ms| (ms * 1e-3).max(SHORTEST_S));
    let window = found.window_ms.map(seconds);
    match (found.class, window, found.rise_ms.map(seconds), found.fall_ms) {
        (TransientClass::SincePrevious, ..) => Ok((Shape::SincePrevious, 0.0)),
        (TransientClass::Exponential, _, Some(_), Some(_)) => Err(Uncorrectable::RisesOtherwiseThanItFalls),
        (TransientClass::Exponential, _, Some(rise), None) => Ok((Shape::Lag(rise), 0.0)),
        // Beside a longer window a lag is a delay, to first order; what is left of it is noise.
        (TransientClass::BoxcarExponential, Some(window), Some(rise), _) if rise.value < window.value => {
            Ok((Shape::Mean(window), rise.value))
        }
        (TransientClass::BoxcarExponential, Some(window), Some(rise), _) => {
            Ok((Shape::Lag(rise), 0.5 * window.value))
        }
        (TransientClass::Boxcar | TransientClass::None, Some(window), ..) => Ok((Shape::Mean(window), 0.0)),
        _ => Err(Uncorrectable::NotKnown),
    }
}
