//! The model of a power sensor.

use std::time::Duration;

use power_core::{Channel, Quantity};

use crate::faults::{Fate, Fault, Segments};
use crate::filter::{Filter, FilteredSignal};
use crate::lattice::Lattice;
use crate::noise::Noise;
use crate::num::nanos;
use crate::signal::Signal;

/// A power sensor with known truth.
///
/// ```text
/// true p(t) --delay d--> filter h --sample at t_k = phase + k T + jitter-->
///     quantise(gain y + offset + noise) --publish, hold until the next--> polled
/// ```
///
/// Every publication is a function of its number and the seed: what is shown does not depend on when or how
/// often it is looked at. A sensor has been publishing for ever, before time 0 too.
///
/// ```
/// use power_testkit::{Filter, SensorModel, Signal};
/// use std::time::Duration;
/// let load = Signal::steps(80.0, [(1_000_000_000, 300.0)]);
/// let window = Duration::from_millis(25);
/// let sensor = SensorModel::new(load, Duration::from_millis(100)).with_filter(Filter::Boxcar(window));
/// assert_eq!(sensor.value_at(1_050_000_000), Some(80.0)); // published at 1.0 s
/// assert_eq!(sensor.value_at(1_100_000_000), Some(300.0));
/// ```
#[derive(Debug, Clone)]
pub struct SensorModel {
    filtered: FilteredSignal,
    lattice: Lattice,
    delay_ns: i64,
    gain: f64,
    offset: f64,
    noise_sd: f64,
    quantum: f64,
    faults: Vec<(Fault, Segments)>,
    seed: u64,
}

/// One publication of a simulated sensor and the truth about it.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Publication {
    /// Its number k on the sensor's lattice.
    pub index: i64,
    /// When it was published, in ns.
    pub t_ns: i64,
    /// What was shown, in W; `None` if the sensor had no value, or did not publish.
    pub value: Option<f64>,
    /// Filtered true power in W at the time that this publication is about: no gain, noise, quantum or fault.
    pub true_w: f64,
    /// Whether it is as it should be.
    pub fate: Fate,
}

/// How many publications a look-back for a shown value may pass; a sensor stuck for longer shows nothing.
const LOOK_BACK: i64 = 1 << 16;

/// Numbers of the random streams of a sensor; fault i has stream `FAULTS + i`.
const JITTER: u64 = 1;
const VALUE: u64 = 2;
const FAULTS: u64 = 16;

impl SensorModel {
    /// A perfect sensor that samples `signal` every `period` at whole multiples of it.
    ///
    /// # Panics
    ///
    /// Panics if `period` is shorter than 10 ns.
    pub fn new(signal: Signal, period: Duration) -> Self {
        let lattice = Lattice::new(period);
        let filtered = FilteredSignal::new(signal, Filter::Point);
        Self {
            filtered,
            lattice,
            delay_ns: 0,
            gain: 1.0,
            offset: 0.0,
            noise_sd: 0.0,
            quantum: 0.0,
            faults: Vec::new(),
            seed: 0,
        }
        .with_seed(0)
    }

    /// Sets the time of publication 0.
    #[must_use]
    pub fn with_phase(mut self, phase: Duration) -> Self {
        self.lattice.set_phase(phase);
        self
    }

    /// Sets the standard deviation of publication times about the lattice: normal, cut at 0.45 periods.
    #[must_use]
    pub fn with_jitter(mut self, sd: Duration) -> Self {
        self.lattice.set_jitter(sd);
        self
    }

    /// Sets the filter between power and sampling.
    ///
    /// # Panics
    ///
    /// Panics if a window or a time constant is 0.
    #[must_use]
    pub fn with_filter(mut self, filter: Filter) -> Self {
        self.filtered = FilteredSignal::new(self.filtered.signal().clone(), filter);
        self
    }

    /// Sets the delay d from physics to publication.
    #[must_use]
    pub fn with_delay(mut self, delay: Duration) -> Self {
        self.delay_ns = nanos(delay);
        self
    }

    /// Sets the gain: watts shown per watt.
    #[must_use]
    pub fn with_gain(mut self, gain: f64) -> Self {
        self.gain = gain;
        self
    }

    /// Sets the offset, in W.
    #[must_use]
    pub fn with_offset(mut self, offset_w: f64) -> Self {
        self.offset = offset_w;
        self
    }

    /// Sets the standard deviation of the normal noise of each publication, in W.
    #[must_use]
    pub fn with_noise(mut self, sd_w: f64) -> Self {
        self.noise_sd = sd_w;
        self
    }

    /// Makes the sensor show whole multiples of `quantum_w` W; 0 for none.
    #[must_use]
    pub fn with_quantum(mut self, quantum_w: f64) -> Self {
        self.quantum = quantum_w;
        self
    }

    /// Adds a fault. Where several hit one publication, it is unpublished before it is missing before it is
    /// stuck before it is falsified; of two that falsify, the one added first.
    #[must_use]
    pub fn with_fault(mut self, fault: Fault, segments: Segments) -> Self {
        self.faults.push((fault, segments));
        self
    }

    /// Sets the seed of jitter, noise and random faults.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self.lattice.set_noise(Noise::new(seed, JITTER));
        self
    }

    /// The true power.
    pub const fn signal(&self) -> &Signal {
        self.filtered.signal()
    }

    /// The true power behind the sensor's filter, not delayed.
    pub const fn filtered(&self) -> &FilteredSignal {
        &self.filtered
    }

    /// Update period T.
    pub fn period(&self) -> Duration {
        self.lattice.period()
    }

    /// A channel that describes this sensor truthfully: quantity, averaging window, update period and
    /// resolution.
    pub fn channel(&self, name: impl Into<std::borrow::Cow<'static, str>>) -> Channel {
        let quantity = match self.filtered.filter() {
            Filter::Point => Quantity::instantaneous_power(),
            Filter::Boxcar(window) => Quantity::average_power(window),
            Filter::Exponential(_) | Filter::BoxcarExponential { .. } => Quantity::power(),
        };
        let channel = Channel::new(name, quantity).with_update_period(self.period());
        if self.quantum > 0.0 { channel.with_resolution(self.quantum) } else { channel }
    }

    /// The publications in [`from_ns`, `to_ns`), in order; those that a fault left unpublished are not among
    /// them.
    pub fn publications(&self, from_ns: i64, to_ns: i64) -> Vec<Publication> {
        self.lattice_points(from_ns, to_ns).filter(|point| point.fate != Fate::Unpublished).collect()
    }

    /// Every point of the sensor's lattice in [`from_ns`, `to_ns`), published or not: the truth about what is
    /// lost.
    pub fn lattice_points(&self, from_ns: i64, to_ns: i64) -> impl Iterator<Item = Publication> + '_ {
        self.lattice.between(from_ns, to_ns).map(|k| self.publication(k))
    }

    /// Number `index` of the lattice.
    pub fn publication(&self, index: i64) -> Publication {
        let t_ns = self.lattice.time(index);
        let true_w = self.filtered.power_w(t_ns.saturating_sub(self.delay_ns));
        let (fate, fault) = self.fate(index, t_ns);
        let value = match fate {
            Fate::Unpublished | Fate::Missing => None,
            Fate::Stuck => self.held(index),
            Fate::Healthy | Fate::Falsified => Some(self.shown(index, true_w, fault)),
        };
        Publication { index, t_ns, value, true_w, fate }
    }

    /// The publication on show at `t_ns`.
    pub fn publication_at(&self, t_ns: i64) -> Publication {
        let newest = self.lattice.last_at(t_ns);
        let shown = (newest - LOOK_BACK..=newest).rev().find(|k| self.fate_of(*k) != Fate::Unpublished);
        self.publication(shown.unwrap_or(newest))
    }

    /// What the sensor shows at `t_ns`, in W; `None` where it shows that it has no value.
    pub fn value_at(&self, t_ns: i64) -> Option<f64> {
        self.publication_at(t_ns).value
    }

    /// The value that a sensor stuck at publication `index` goes on showing.
    fn held(&self, index: i64) -> Option<f64> {
        let free = |k: &i64| matches!(self.fate_of(*k), Fate::Healthy | Fate::Falsified);
        (index - LOOK_BACK..index).rev().find(free).and_then(|k| self.publication(k).value)
    }

    fn shown(&self, index: i64, true_w: f64, fault: Option<Fault>) -> f64 {
        let noise = match self.noise_sd {
            0.0 => 0.0,
            sd => sd * Noise::new(self.seed, VALUE).normal(index),
        };
        let healthy = self.gain * true_w + self.offset + noise;
        let value = match fault {
            Some(Fault::Factor(factor)) => healthy * factor,
            Some(Fault::Level(level)) => level + noise,
            _ => healthy,
        };
        if self.quantum > 0.0 { (value / self.quantum).round() * self.quantum } else { value }
    }

    fn fate_of(&self, index: i64) -> Fate {
        if self.faults.is_empty() { Fate::Healthy } else { self.fate(index, self.lattice.time(index)).0 }
    }

    /// What becomes of a publication, and the fault that falsifies it.
    fn fate(&self, index: i64, t_ns: i64) -> (Fate, Option<Fault>) {
        let mut worst = (Fate::Healthy, None);
        for (stream, (fault, segments)) in (FAULTS..).zip(&self.faults) {
            if segments.contain(index, t_ns, Noise::new(self.seed, stream))
                && severity(fault.fate()) > severity(worst.0)
            {
                worst = (fault.fate(), Some(*fault));
            }
        }
        worst
    }
}

const fn severity(fate: Fate) -> u8 {
    match fate {
        Fate::Healthy => 0,
        Fate::Falsified => 1,
        Fate::Stuck => 2,
        Fate::Missing => 3,
        Fate::Unpublished => 4,
    }
}
