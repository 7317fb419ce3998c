//! The model of an energy counter.

use std::time::Duration;

use power_core::{Channel, Joules, Quantity};

use crate::lattice::Lattice;
use crate::noise::Noise;
use crate::num::{counts, nanos};
use crate::signal::Signal;

/// An energy counter with known truth: at each update it shows the integral of power since its start, in
/// whole counts, modulo its modulus.
///
/// ```
/// use power_core::Joules;
/// use power_testkit::{CounterModel, Signal};
/// use std::time::Duration;
/// let (quantum, period) = (Joules::from_millijoules(1), Duration::from_millis(100));
/// let counter = CounterModel::new(Signal::constant(200.0), quantum, period);
/// assert_eq!(counter.count_at(1_050_000_000), 200_000); // updated at 1.0 s
/// ```
#[derive(Debug, Clone)]
pub struct CounterModel {
    signal: Signal,
    quantum: f64,
    lattice: Lattice,
    modulus: Option<u64>,
    gain: f64,
    delay_ns: i64,
    start_ns: i64,
    start_count: u64,
    resets_ns: Vec<i64>,
}

/// One update of a simulated counter and the truth about it.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct CounterUpdate {
    /// When the counter was updated, in ns.
    pub t_ns: i64,
    /// What it shows.
    pub count: u64,
    /// Energy in J since its start or the latest reset, before gain, quantum and modulus.
    pub true_j: f64,
}

impl CounterModel {
    /// A counter that starts from 0 at time 0, counts `quantum` of energy and is updated every `period`.
    ///
    /// # Panics
    ///
    /// Panics if `quantum` is not above 0, or if `period` is shorter than 10 ns.
    pub fn new(signal: Signal, quantum: Joules, period: Duration) -> Self {
        assert!(quantum.get() > 0.0, "a counter needs a quantum above 0");
        Self {
            signal,
            quantum: quantum.get(),
            lattice: Lattice::new(period),
            modulus: None,
            gain: 1.0,
            delay_ns: 0,
            start_ns: 0,
            start_count: 0,
            resets_ns: Vec::new(),
        }
    }

    /// Makes the counter return to 0 when it reaches `modulus` counts.
    ///
    /// # Panics
    ///
    /// Panics if `modulus` is 0.
    #[must_use]
    pub fn with_modulus(mut self, modulus: u64) -> Self {
        assert!(modulus > 0, "a modulus must be above 0");
        self.modulus = Some(modulus);
        self
    }

    /// Sets the time of update 0.
    #[must_use]
    pub fn with_phase(mut self, phase: Duration) -> Self {
        self.lattice.set_phase(phase);
        self
    }

    /// Sets the standard deviation of update times about their lattice (normal, cut at 0.45 periods) and its
    /// seed.
    #[must_use]
    pub fn with_jitter(mut self, sd: Duration, seed: u64) -> Self {
        self.lattice.set_jitter(sd);
        self.lattice.set_noise(Noise::new(seed, 1));
        self
    }

    /// Sets the gain: joules counted per joule.
    #[must_use]
    pub fn with_gain(mut self, gain: f64) -> Self {
        self.gain = gain;
        self
    }

    /// Sets the delay from physics to update.
    #[must_use]
    pub fn with_delay(mut self, delay: Duration) -> Self {
        self.delay_ns = nanos(delay);
        self
    }

    /// Sets when the counter starts, in ns, and from which count; before that it shows this count.
    #[must_use]
    pub fn with_start(mut self, start_ns: i64, count: u64) -> Self {
        self.start_ns = start_ns;
        self.start_count = count;
        self
    }

    /// Sets the counter back to 0 at these times, in ns, as reloading a driver does.
    #[must_use]
    pub fn with_resets(mut self, at_ns: impl IntoIterator<Item = i64>) -> Self {
        self.resets_ns = at_ns.into_iter().collect();
        self.resets_ns.sort_unstable();
        self
    }

    /// The true power.
    pub const fn signal(&self) -> &Signal {
        &self.signal
    }

    /// The quantity of a channel that shows this counter.
    pub const fn quantity(&self) -> Quantity {
        Quantity::EnergyCounter { quantum: Joules::from_joules(self.quantum), modulus: self.modulus }
    }

    /// A channel that describes this counter truthfully.
    pub fn channel(&self, name: impl Into<std::borrow::Cow<'static, str>>) -> Channel {
        Channel::new(name, self.quantity()).with_update_period(self.lattice.period())
    }

    /// What the counter shows at `t_ns`.
    pub fn count_at(&self, t_ns: i64) -> u64 {
        self.update_at(t_ns).count
    }

    /// The update on show at `t_ns`.
    pub fn update_at(&self, t_ns: i64) -> CounterUpdate {
        self.update(self.lattice.last_at(t_ns))
    }

    /// The updates in [`from_ns`, `to_ns`), in order.
    pub fn updates(&self, from_ns: i64, to_ns: i64) -> Vec<CounterUpdate> {
        self.lattice.between(from_ns, to_ns).map(|k| self.update(k)).collect()
    }

    fn update(&self, k: i64) -> CounterUpdate {
        let t_ns = self.lattice.time(k);
        let until = t_ns.saturating_sub(self.delay_ns);
        let resets = self.resets_ns.partition_point(|reset| *reset <= until);
        let (from, first) = match resets {
            0 => (self.start_ns, self.start_count),
            n => (self.resets_ns[n - 1].max(self.start_ns), 0),
        };
        let true_j = if until > from { self.signal.energy_j(from, until) } else { 0.0 };
        let total = first.saturating_add(counts(self.gain * true_j / self.quantum));
        let count = self.modulus.map_or(total, |modulus| total % modulus);
        CounterUpdate { t_ns, count, true_j }
    }
}
