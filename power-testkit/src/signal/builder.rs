//! Builds a signal piece by piece.

use std::time::Duration;

use super::Signal;
use super::shape::{Piecewise, Shape, slope};
use crate::num::{nanos, seconds};

/// Builds a signal of steps, ramps and rises in the order of time.
///
/// ```
/// use power_testkit::Signal;
/// use std::time::Duration;
/// let signal = Signal::build(100.0)
///     .step(1_000_000_000, 200.0)
///     .ramp(2_000_000_000, Duration::from_secs(1), 300.0)
///     .rise(4_000_000_000, Duration::from_millis(50), 100.0)
///     .finish();
/// assert_eq!(signal.power_w(2_500_000_000), 250.0);
/// assert_eq!(signal.energy_j(1_000_000_000, 4_000_000_000), 200.0 + 250.0 + 300.0);
/// ```
#[derive(Debug, Clone)]
pub struct SignalBuilder {
    before: f64,
    knots: Vec<i64>,
    shapes: Vec<Shape>,
}

impl SignalBuilder {
    pub(super) const fn new(before: f64) -> Self {
        Self { before, knots: Vec::new(), shapes: Vec::new() }
    }

    /// Constant power `to_w` W from `t_ns` on.
    ///
    /// # Panics
    ///
    /// Panics, as the other parts do, if `t_ns` is not later than the beginning of the part before.
    #[must_use]
    pub fn step(self, t_ns: i64, to_w: f64) -> Self {
        self.piece(t_ns, Shape::level(to_w))
    }

    /// From the power at `t_ns` in a straight line to `to_w` W, which is reached after `length` and kept.
    ///
    /// # Panics
    ///
    /// Panics if `length` is 0, or if `t_ns` is not later than the end of the part before.
    #[must_use]
    pub fn ramp(self, t_ns: i64, length: Duration, to_w: f64) -> Self {
        let length = nanos(length);
        assert!(length > 0, "a ramp needs a length above 0");
        let from = self.power_at(t_ns);
        let rising = Shape { slope: slope(from, to_w, length), ..Shape::level(from) };
        self.piece(t_ns, rising).piece(t_ns.saturating_add(length), Shape::level(to_w))
    }

    /// From the power at `t_ns` towards `to_w` W with time constant `tau`.
    ///
    /// # Panics
    ///
    /// Panics if `tau` is 0, or if `t_ns` is not later than the end of the part before.
    #[must_use]
    pub fn rise(self, t_ns: i64, tau: Duration, to_w: f64) -> Self {
        assert!(!tau.is_zero(), "a rise needs a time constant above 0");
        let excess = self.power_at(t_ns) - to_w;
        self.piece(t_ns, Shape { excess, tau: tau.as_secs_f64(), ..Shape::level(to_w) })
    }

    /// The signal; its last power is kept for ever.
    pub fn finish(self) -> Signal {
        Signal::from_part(Piecewise::new(self.before, self.knots, self.shapes))
    }

    fn piece(mut self, t_ns: i64, shape: Shape) -> Self {
        assert!(
            self.knots.last().is_none_or(|last| *last < t_ns),
            "a part of a signal begins at {t_ns} ns, before the end of the one before"
        );
        self.knots.push(t_ns);
        self.shapes.push(shape);
        self
    }

    /// Power at `t_ns` as the signal stands; the power before the first part where `t_ns` is too early.
    fn power_at(&self, t_ns: i64) -> f64 {
        match (self.knots.last(), self.shapes.last()) {
            (Some(knot), Some(shape)) => shape.at(seconds(t_ns - knot)),
            _ => self.before,
        }
    }
}
