//! Publications as means of power over stretches of time.

use super::view::{Shape, View};
use crate::characterise::{changes, update_period};
use crate::readings::Readings;
use crate::time::seconds;

/// A pause of this many periods, in which the sensor was read, is one in which its value did not change.
const HELD_PERIODS: f64 = 3.0;

/// One publication, as the mean of power over a stretch of time, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Look {
    pub(super) begin: f64,
    pub(super) end: f64,
    pub(super) watts: f64,
    /// Its noise, as a multiple of a publication's.
    pub(super) noise: f64,
    /// Correlation of its noise with that of the look before, as a multiple of a publication's variance.
    pub(super) shared: f64,
}

/// When a sensor published what, in seconds since an origin.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Published {
    pub(super) origin_ns: i64,
    times: Vec<f64>,
    watts: Vec<f64>,
    /// Times at which a counter was set back.
    resets: Vec<f64>,
    /// By how much a publication can be elsewhere than it is taken to be, where there is no lattice.
    slack: f64,
}

impl Published {
    /// What `readings` show of a sensor, on its lattice where it keeps one.
    pub(super) fn of(readings: &Readings, view: &View) -> Option<Self> {
        let changes = changes(readings);
        let (_, published) = update_period(readings, &changes, 0.95);
        let origin_ns = readings.span()?.begin_ns;
        let since = |time_ns: i64| seconds(time_ns.saturating_sub(origin_ns));
        let mut found = Self {
            origin_ns,
            times: Vec::with_capacity(changes.len()),
            watts: Vec::with_capacity(changes.len()),
            resets: readings.resets_ns().iter().copied().map(since).collect(),
            slack: match readings.poll_period_ns() {
                Some(poll) if !published.snapped && !readings.is_streamed() => 0.5 * seconds(poll),
                _ => 0.0,
            },
        };
        for (change, time_ns) in changes.iter().zip(published.times_ns) {
            let time = since(time_ns);
            let last = found.times.last().copied();
            if let (Some(period), Some(last)) = (view.period_s, last.filter(|_| !readings.is_counter())) {
                found.hold(readings, period, last, time);
            }
            // Two that fell on one moment tell of the same stretch: the later one is what stood.
            if last.is_some_and(|last| time <= last) {
                found.times.pop();
                found.watts.pop();
            }
            found.times.push(time);
            found.watts.push(change.watts);
        }
        (found.times.len() > 1).then_some(found)
    }

    /// Adds the publications of a value that stood from `from` to `to`, where it was read.
    fn hold(&mut self, readings: &Readings, period: f64, from: f64, to: f64) {
        if to - from <= HELD_PERIODS * period {
            return;
        }
        let Some(&watts) = self.watts.last() else { return };
        let mut time = from + period;
        while time < to - 0.5 * period {
            let at = self.origin_ns.saturating_add(crate::time::nanoseconds(time));
            let next = readings.first_from(at).map(|next| seconds(next.saturating_sub(self.origin_ns)));
            if next.is_some_and(|next| next < time + period) {
                self.times.push(time);
                self.watts.push(watts);
            }
            time += period;
        }
    }

    /// How sharply an edge of the load is seen, in seconds: half the width of what stands for it.
    pub(super) fn blur(&self, view: &View) -> f64 {
        let by_shape = match view.shape {
            // Between weights that fall by exp(-length / constant) and even ones of the same mean age.
            Shape::Lag(constant) => {
                (self.interval().powi(2) / (8.0 * constant.value)).min(0.25 * constant.value)
            }
            Shape::Mean(_) | Shape::SincePrevious => 0.0,
        };
        by_shape.hypot(self.slack)
    }

    /// Typical time between two publications, in seconds.
    pub(super) fn interval(&self) -> f64 {
        let steps: Vec<f64> = self.times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        crate::stats::median(&steps).unwrap_or(0.0)
    }

    /// Everything that the sensor was about; an order of time.
    pub(super) fn looks(&self, view: &View) -> Vec<Look> {
        let delay = view.delay.value;
        let mut looks = Vec::with_capacity(self.times.len());
        let mut kept = None;
        for (index, (&time, &shown)) in self.times.iter().zip(&self.watts).enumerate() {
            let before = index.checked_sub(1).map(|before| (self.times[before], self.watts[before]));
            let look = |begin: f64, watts: f64| Look {
                begin: begin - delay,
                end: time - delay,
                watts,
                noise: 1.0,
                shared: 0.0,
            };
            match (view.shape, before) {
                (Shape::Mean(window), _) => looks.push(look(time - window.value, shown)),
                (Shape::SincePrevious, Some((begin, _))) => {
                    if !self.resets.iter().any(|&reset| reset > begin && reset <= time) {
                        looks.push(look(begin, shown));
                    }
                }
                (Shape::Lag(constant), Some((begin, held))) => {
                    let (decay, window) = undone(time - begin, constant.value);
                    let watts = (shown - decay * held) / (1.0 - decay);
                    let noise = (1.0 + decay * decay).sqrt() / (1.0 - decay);
                    // The one before took part in both, with the opposite sign.
                    let shared = kept.map_or(0.0, |kept: f64| -decay / ((1.0 - decay) * kept));
                    kept = Some(1.0 - decay);
                    looks.push(Look { noise, shared, ..look(time - window, watts) });
                }
                (Shape::SincePrevious | Shape::Lag(_), None) => {}
            }
        }
        looks
    }

    /// Whether a counter was set back between two times.
    pub(super) fn is_reset_within(&self, begin: f64, end: f64) -> bool {
        self.resets.iter().any(|&reset| reset > begin && reset <= end)
    }
}

/// What is left of a first-order lag's state after `length`, and the window that ends then whose middle is as old as what
/// came in since: less than the whole where the lag forgets within it.
///
/// `shown(t) - decay × shown(t - length)` is what came in since, weighted by exp(-age / constant): the inverse filter
/// P + τ dP/dt for any length, without a derivative.
fn undone(length: f64, constant: f64) -> (f64, f64) {
    let decay = (-length / constant).exp();
    let age = constant - length * decay / (1.0 - decay);
    (decay, (2.0 * age).min(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lag_that_forgets_slowly_looks_at_all_since_the_publication_before() {
        let (decay, window) = undone(0.01, 1.0);
        assert!((decay - 0.990_05).abs() < 1e-4 && (window - 0.01).abs() < 1e-4, "{window}");
        let (_, window) = undone(1.0, 0.05);
        assert!((window - 0.1).abs() < 1e-3, "{window}");
    }
}
