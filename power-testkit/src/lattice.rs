//! The times at which a sensor publishes.

use std::time::Duration;

use crate::noise::Noise;
use crate::num::{float, nanos, rounded};

/// Publication times `t_k = phase + k * period + jitter_k` for every whole k, negative ones too.
#[derive(Debug, Clone)]
pub(crate) struct Lattice {
    period_ns: i64,
    phase_ns: i64,
    jitter_ns: f64,
    noise: Noise,
}

/// Shortest period that leaves room for jitter.
const SHORTEST: Duration = Duration::from_nanos(10);

impl Lattice {
    pub(crate) fn new(period: Duration) -> Self {
        assert!(period >= SHORTEST, "an update period must be 10 ns or more");
        Self { period_ns: nanos(period), phase_ns: 0, jitter_ns: 0.0, noise: Noise::new(0, 0) }
    }

    pub(crate) fn set_phase(&mut self, phase: Duration) {
        self.phase_ns = nanos(phase);
    }

    pub(crate) fn set_jitter(&mut self, sd: Duration) {
        self.jitter_ns = sd.as_secs_f64() * 1e9;
    }

    pub(crate) fn set_noise(&mut self, noise: Noise) {
        self.noise = noise;
    }

    pub(crate) fn period(&self) -> Duration {
        Duration::from_nanos(self.period_ns.unsigned_abs())
    }

    /// Time of publication k in ns. Jitter is cut at 0.45 of the period, so that publications keep their
    /// order.
    pub(crate) fn time(&self, k: i64) -> i64 {
        let even = self.phase_ns + k * self.period_ns;
        if self.jitter_ns == 0.0 {
            return even;
        }
        let most = 0.45 * float(self.period_ns);
        even + rounded((self.jitter_ns * self.noise.normal(k)).clamp(-most, most))
    }

    /// Number of the last publication at or before `t`.
    pub(crate) fn last_at(&self, t: i64) -> i64 {
        let mut k = t.saturating_sub(self.phase_ns).div_euclid(self.period_ns) + 1;
        while self.time(k) > t {
            k -= 1;
        }
        k
    }

    /// Numbers of the publications in [from, to).
    pub(crate) fn between(&self, from: i64, to: i64) -> std::ops::Range<i64> {
        self.last_at(from.saturating_sub(1)) + 1..self.last_at(to.saturating_sub(1)) + 1
    }
}
