//! What a recorder gets that polls a simulated sensor: for tests of estimators.

use std::ops::Range;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::num::{float, nanos, rounded};
use crate::{CounterModel, FilteredSignal, SensorModel, Signal};

/// Something that shows a value at any time.
pub trait Observable {
    /// What it shows.
    type Value;

    /// What it shows at `t_ns`.
    fn observe(&self, t_ns: i64) -> Self::Value;
}

impl Observable for SensorModel {
    type Value = Option<f64>;
    /// The latest publication, in W.
    fn observe(&self, t_ns: i64) -> Option<f64> {
        self.value_at(t_ns)
    }
}

impl Observable for CounterModel {
    type Value = u64;
    /// The latest count.
    fn observe(&self, t_ns: i64) -> u64 {
        self.count_at(t_ns)
    }
}

impl Observable for Signal {
    type Value = f64;
    /// True power in W.
    fn observe(&self, t_ns: i64) -> f64 {
        self.power_w(t_ns)
    }
}

impl Observable for FilteredSignal {
    type Value = f64;
    /// Filtered power in W.
    fn observe(&self, t_ns: i64) -> f64 {
        self.power_w(t_ns)
    }
}

impl<M: Observable + ?Sized> Observable for &M {
    type Value = M::Value;
    fn observe(&self, t_ns: i64) -> M::Value {
        (**self).observe(t_ns)
    }
}

/// When a recorder polls: at absolute times, so that a late read does not move the ones after it.
///
/// A read that comes due while the one before is still running, or while the recorder is stalled, is missed.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    period_ns: i64,
    span_ns: Range<i64>,
    jitter_ns: i64,
    cost_ns: i64,
    cost_spread_ns: i64,
    stalls_ns: Vec<Range<i64>>,
    seed: u64,
}

/// One read of a simulated recorder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Poll<V> {
    /// Just before the read, in ns.
    pub t_start_ns: i64,
    /// Just after the read, in ns.
    pub t_end_ns: i64,
    /// What it saw, at a random time between the two.
    pub value: V,
}

impl Schedule {
    /// A read every `period` from `span_ns.start` on, before `span_ns.end`; reads take no time.
    ///
    /// # Panics
    ///
    /// Panics if `period` is 0.
    pub fn new(period: Duration, span_ns: Range<i64>) -> Self {
        assert!(!period.is_zero(), "a schedule needs a period above 0");
        Self {
            period_ns: nanos(period),
            span_ns,
            jitter_ns: 0,
            cost_ns: 0,
            cost_spread_ns: 0,
            stalls_ns: Vec::new(),
            seed: 0,
        }
    }

    /// Makes each read late by a time uniform on [0, `most`): keeps polls from locking to the sensor's own
    /// period.
    #[must_use]
    pub fn with_jitter(mut self, most: Duration) -> Self {
        self.jitter_ns = nanos(most);
        self
    }

    /// Makes a read take `least` plus a time uniform on [0, `spread`).
    #[must_use]
    pub fn with_cost(mut self, least: Duration, spread: Duration) -> Self {
        self.cost_ns = nanos(least);
        self.cost_spread_ns = nanos(spread);
        self
    }

    /// Keeps the recorder from starting reads within this interval, in ns; may be given several times.
    #[must_use]
    pub fn with_stall(mut self, stall_ns: Range<i64>) -> Self {
        self.stalls_ns.push(stall_ns);
        self
    }

    /// Sets the seed of jitter and costs.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Number of reads asked for, missed ones included: what a sample ratio is a ratio to.
    pub fn asked(&self) -> usize {
        let span = self.span_ns.end.saturating_sub(self.span_ns.start).max(0);
        usize::try_from((span + self.period_ns - 1) / self.period_ns).unwrap_or(usize::MAX)
    }
}

/// Polls `model` on `schedule`.
///
/// ```
/// use power_testkit::{Schedule, SensorModel, Signal, poll};
/// use std::time::Duration;
/// let sensor = SensorModel::new(Signal::constant(75.0), Duration::from_millis(100));
/// let schedule = Schedule::new(Duration::from_millis(10), 0..1_000_000_000)
///     .with_cost(Duration::from_micros(300), Duration::from_micros(100))
///     .with_stall(200_000_000..500_000_000);
/// let polls = poll(&sensor, &schedule);
/// assert_eq!((polls.len(), schedule.asked()), (70, 100));
/// assert!(polls.iter().all(|poll| poll.t_end_ns > poll.t_start_ns && poll.value == Some(75.0)));
/// ```
pub fn poll<M: Observable + ?Sized>(model: &M, schedule: &Schedule) -> Vec<Poll<M::Value>> {
    let mut generator = Xoshiro256PlusPlus::seed_from_u64(schedule.seed);
    let mut part = |of: i64| rounded((float(of) * generator.random::<f64>()).floor());
    let mut polls = Vec::with_capacity(schedule.asked());
    let (mut due, mut free) = (schedule.span_ns.start, i64::MIN);
    while due < schedule.span_ns.end {
        let t_start_ns = due + part(schedule.jitter_ns);
        let cost = schedule.cost_ns + part(schedule.cost_spread_ns);
        let seen = t_start_ns + part(cost);
        due += schedule.period_ns;
        if t_start_ns < free || schedule.stalls_ns.iter().any(|stall| stall.contains(&t_start_ns)) {
            continue;
        }
        free = t_start_ns + cost;
        polls.push(Poll { t_start_ns, t_end_ns: free, value: model.observe(seen) });
    }
    polls
}
