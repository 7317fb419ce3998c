//! True power as a function of time, with exact energy.

mod builder;
pub(crate) mod shape;

use std::ops::{Add, Mul, Range};
use std::sync::Arc;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

pub use builder::SignalBuilder;
use shape::{Piecewise, Shape};

use crate::num::{nanos, rounded};

/// True power p(t): what a sensor would show if it were perfect.
///
/// Times are ns on the host's time base, power is in W. A signal is defined at all times. It is made of
/// levels, ramps and first-order rises, so that power, energy and the outputs of the sensor model's filters
/// have closed forms: nothing is integrated numerically. Clones share their data.
///
/// ```
/// use power_testkit::Signal;
/// let signal = Signal::steps(80.0, [(1_000_000_000, 300.0), (2_000_000_000, 80.0)]);
/// assert_eq!(signal.power_w(1_500_000_000), 300.0);
/// assert_eq!(signal.energy_j(0, 3_000_000_000), 80.0 + 300.0 + 80.0);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    parts: Arc<[Piecewise]>,
}

impl Signal {
    /// The same power at all times, in W.
    pub fn constant(power_w: f64) -> Self {
        Self::from_part(Piecewise::new(power_w, Vec::new(), Vec::new()))
    }

    /// `before_w` until the first step, then each power in W from its time in ns on.
    ///
    /// # Panics
    ///
    /// Panics if the times do not ascend strictly.
    pub fn steps(before_w: f64, steps: impl IntoIterator<Item = (i64, f64)>) -> Self {
        let (knots, shapes): (Vec<i64>, Vec<Shape>) =
            steps.into_iter().map(|(t, power)| (t, Shape::level(power))).unzip();
        assert!(knots.is_sorted_by(|a, b| a < b), "the times of steps must ascend strictly");
        Self::from_part(Piecewise::new(before_w, knots, shapes))
    }

    /// Starts a signal of steps, ramps and rises at `before_w` W.
    pub const fn build(before_w: f64) -> SignalBuilder {
        SignalBuilder::new(before_w)
    }

    /// A square wave: `high_w` and `low_w` in turns of `half_period`, `high_w` first, within `span_ns`;
    /// `low_w` outside.
    ///
    /// # Panics
    ///
    /// Panics if `half_period` is 0.
    pub fn square(low_w: f64, high_w: f64, half_period: Duration, span_ns: Range<i64>) -> Self {
        assert!(!half_period.is_zero(), "a square wave needs a half period above 0");
        Self::on_off(low_w, high_w, span_ns, || nanos(half_period))
    }

    /// A load that is on and off for random times, each uniform on [0.15, 1.35] times `probe`, within
    /// `span_ns`.
    ///
    /// `high_w` first, `low_w` outside the span. The same seed gives the same load. Random dwell makes the
    /// response to any averaging window and delay tell them apart, which a periodic load does not.
    ///
    /// # Panics
    ///
    /// Panics if `probe` is shorter than 10 ns.
    pub fn random_square(low_w: f64, high_w: f64, probe: Duration, span_ns: Range<i64>, seed: u64) -> Self {
        assert!(probe >= Duration::from_nanos(10), "a random load needs a probe time of 10 ns or more");
        let mut generator = Xoshiro256PlusPlus::seed_from_u64(seed);
        let probe_ns = probe.as_secs_f64() * 1e9;
        Self::on_off(low_w, high_w, span_ns, || rounded(probe_ns * generator.random_range(0.15..=1.35)))
    }

    fn on_off(low_w: f64, high_w: f64, span_ns: Range<i64>, mut dwell: impl FnMut() -> i64) -> Self {
        let (mut knots, mut shapes) = (Vec::new(), Vec::new());
        let (mut t, mut on) = (span_ns.start, false);
        while t < span_ns.end {
            on = !on;
            knots.push(t);
            shapes.push(Shape::level(if on { high_w } else { low_w }));
            t += dwell();
        }
        if on {
            knots.push(span_ns.end);
            shapes.push(Shape::level(low_w));
        }
        Self::from_part(Piecewise::new(low_w, knots, shapes))
    }

    fn from_part(part: Piecewise) -> Self {
        Self { parts: Arc::new([part]) }
    }

    /// This load as a device takes it up: behind a first-order lag of time constant `tau`.
    ///
    /// # Panics
    ///
    /// Panics if `tau` is 0, or if the signal holds a rise already: two lags in a row are not of a form that
    /// this type can hold.
    #[must_use]
    pub fn with_rise(&self, tau: Duration) -> Self {
        assert!(!tau.is_zero(), "a rise needs a time constant above 0");
        let lag = |part: &Piecewise| part.lagged(tau.as_secs_f64());
        let parts: Option<Arc<[Piecewise]>> = self.parts.iter().map(lag).collect();
        assert!(parts.is_some(), "a signal with a rise cannot be given another");
        Self { parts: parts.unwrap_or_default() }
    }

    /// This, later by `by_ns` (earlier if negative).
    #[must_use]
    pub fn shifted(&self, by_ns: i64) -> Self {
        Self { parts: self.parts.iter().map(|part| part.shifted(by_ns)).collect() }
    }

    /// Power in W at `t_ns`; at a step, the power after it.
    pub fn power_w(&self, t_ns: i64) -> f64 {
        self.parts.iter().map(|part| part.power(t_ns)).sum()
    }

    /// Energy in J from `from_ns` to `to_ns`, exact up to rounding; negative if `to_ns` is the earlier one.
    pub fn energy_j(&self, from_ns: i64, to_ns: i64) -> f64 {
        if to_ns < from_ns {
            return -self.energy_j(to_ns, from_ns);
        }
        self.parts.iter().map(|part| part.energy(from_ns, to_ns)).sum()
    }

    /// Mean power in W from `from_ns` to `to_ns`; the power itself where both are the same.
    pub fn mean_w(&self, from_ns: i64, to_ns: i64) -> f64 {
        let (from, to) = (from_ns.min(to_ns), from_ns.max(to_ns));
        if from == to {
            return self.power_w(from);
        }
        self.parts.iter().map(|part| part.mean(from, to)).sum()
    }

    /// The times in ns at which a step, ramp or rise begins, ascending and each once: when the load was
    /// commanded.
    pub fn edges_ns(&self) -> Vec<i64> {
        let mut edges: Vec<i64> = self.parts.iter().flat_map(|part| part.knots.iter().copied()).collect();
        edges.sort_unstable();
        edges.dedup();
        edges
    }

    pub(crate) fn parts(&self) -> &[Piecewise] {
        &self.parts
    }
}

impl Add for Signal {
    type Output = Self;
    /// Both loads at once.
    fn add(self, other: Self) -> Self {
        Self { parts: self.parts.iter().chain(other.parts.iter()).cloned().collect() }
    }
}

impl Mul<f64> for Signal {
    type Output = Self;
    /// The load times a factor, such as a share of a larger one.
    fn mul(self, factor: f64) -> Self {
        Self { parts: self.parts.iter().map(|part| part.scaled(factor)).collect() }
    }
}
