//! What a sensor does to power before it samples it.

use std::time::Duration;

use crate::Signal;
use crate::num::nanos;

/// The filter h of a sensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Filter {
    /// None: the sensor shows point values.
    #[default]
    Point,
    /// The mean over the averaging window W that ends at the time of sampling.
    Boxcar(Duration),
    /// First order with this time constant tau.
    Exponential(Duration),
    /// First order with time constant tau, then the mean over a window W.
    BoxcarExponential {
        /// Averaging window W.
        window: Duration,
        /// Time constant tau.
        tau: Duration,
    },
}

impl Filter {
    /// The averaging window W, where there is one.
    pub const fn window(self) -> Option<Duration> {
        match self {
            Self::Boxcar(window) | Self::BoxcarExponential { window, .. } => Some(window),
            Self::Point | Self::Exponential(_) => None,
        }
    }

    /// The time constant tau, where there is one.
    pub const fn tau(self) -> Option<Duration> {
        match self {
            Self::Exponential(tau) | Self::BoxcarExponential { tau, .. } => Some(tau),
            Self::Point | Self::Boxcar(_) => None,
        }
    }
}

/// True power behind a filter, exact at every time.
///
/// The mean over a window comes from the exact energy of the signal. The first-order state z has a closed
/// form within each stretch of a signal, and from `tau z' = p - z` its integral is the energy less `tau`
/// times the gain in z; so both filters in a row are exact as well, for steps, ramps and rises alike.
#[derive(Debug, Clone)]
pub struct FilteredSignal {
    signal: Signal,
    filter: Filter,
    /// For each part of the signal, the first-order state at its knots.
    states: Vec<Vec<f64>>,
}

impl FilteredSignal {
    /// `signal` behind `filter`.
    ///
    /// # Panics
    ///
    /// Panics if a window or a time constant is 0: that is [`Filter::Point`].
    pub fn new(signal: Signal, filter: Filter) -> Self {
        assert!(
            filter.window().is_none_or(|w| !w.is_zero()) && filter.tau().is_none_or(|tau| !tau.is_zero()),
            "a filter needs a window and a time constant above 0"
        );
        let states = filter.tau().map_or_else(Vec::new, |tau| {
            signal.parts().iter().map(|part| part.states(tau.as_secs_f64())).collect()
        });
        Self { signal, filter, states }
    }

    /// The signal before the filter.
    pub const fn signal(&self) -> &Signal {
        &self.signal
    }

    /// The filter.
    pub const fn filter(&self) -> Filter {
        self.filter
    }

    /// Filtered power in W at `t_ns`.
    pub fn power_w(&self, t_ns: i64) -> f64 {
        match self.filter {
            Filter::Point => self.signal.power_w(t_ns),
            Filter::Boxcar(window) => self.signal.mean_w(t_ns.saturating_sub(nanos(window)), t_ns),
            Filter::Exponential(tau) => self.state(tau.as_secs_f64(), t_ns),
            Filter::BoxcarExponential { window, tau } => {
                let from = t_ns.saturating_sub(nanos(window));
                let tau = tau.as_secs_f64();
                let gain = self.state(tau, t_ns) - self.state(tau, from);
                self.signal.mean_w(from, t_ns) - tau * gain / window.as_secs_f64()
            }
        }
    }

    fn state(&self, tau: f64, t_ns: i64) -> f64 {
        let parts = self.signal.parts().iter().zip(&self.states);
        parts.map(|(part, states)| part.state(states, tau, t_ns)).sum()
    }
}
