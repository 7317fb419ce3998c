//! A drive behind a first-order lag.

use super::drive::{Drive, Signal};

/// A drive behind a first-order lag, whose time constant may differ between rising and falling.
///
/// Within one piece p(s) = a + b s the state is z(s) = a + b (s - τ) + (z0 - a + b τ) exp(-s / τ), and from
/// τ z' = p - z its integral is that of p less τ times the gain of z.
#[derive(Debug, Clone)]
pub(crate) struct Lag<'a> {
    drive: &'a Drive,
    taus: Vec<f64>,
    states: Vec<f64>,
    joules: Vec<f64>,
}

impl<'a> Lag<'a> {
    /// `drive` behind the time constants `rise` and `fall` in seconds, settled at the first knot.
    pub(crate) fn new(drive: &'a Drive, rise: f64, fall: f64) -> Self {
        let knots = drive.len();
        let (mut taus, mut states, mut joules) =
            (Vec::with_capacity(knots), Vec::with_capacity(knots), Vec::with_capacity(knots));
        let (mut state, mut energy) = (drive.watts[0], 0.0);
        // Pieces are mostly of one length: its decay is computed once for each time constant.
        let mut known = [(f64::NAN, 0.0); 2];
        for index in 0..knots {
            let (level, slope) = (drive.watts[index], drive.slopes[index]);
            let length = drive.times.get(index + 1).map_or(0.0, |next| next - drive.times[index]);
            let tau = if level + 0.5 * slope * length >= state { rise } else { fall };
            taus.push(tau);
            states.push(state);
            joules.push(energy);
            let decay = &mut known[usize::from(tau.to_bits() == fall.to_bits())];
            if decay.0.to_bits() != length.to_bits() {
                *decay = (length, decay_of(tau, length));
            }
            let next = settle(level, slope, state, tau, length, decay.1);
            energy += length * (level + 0.5 * slope * length) - tau * (next - state);
            state = next;
        }
        Self { drive, taus, states, joules }
    }

    fn state(&self, index: usize, t: f64) -> f64 {
        let (since, slope) = self.drive.within(index, t);
        if since <= 0.0 {
            return self.states[index];
        }
        after(self.drive.watts[index], slope, self.states[index], self.taus[index], since)
    }
}

fn after(level: f64, slope: f64, state: f64, tau: f64, since: f64) -> f64 {
    settle(level, slope, state, tau, since, decay_of(tau, since))
}

fn decay_of(tau: f64, since: f64) -> f64 {
    if tau > 0.0 { (-since / tau).exp() } else { 0.0 }
}

fn settle(level: f64, slope: f64, state: f64, tau: f64, since: f64, decay: f64) -> f64 {
    level + slope * (since - tau) + (state - level + slope * tau) * decay
}

impl Signal for Lag<'_> {
    fn power(&self, t: f64, hint: &mut usize) -> f64 {
        let index = self.drive.seek(t, hint);
        self.state(index, t)
    }

    fn energy(&self, t: f64, hint: &mut usize) -> f64 {
        let index = self.drive.seek(t, hint);
        let (since, slope) = self.drive.within(index, t);
        let gained = self.state(index, t) - self.states[index];
        self.joules[index] + since * (self.drive.watts[index] + 0.5 * slope * since)
            - self.taus[index] * gained
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lag_keeps_energy_and_rises_by_its_constant() {
        let steps = vec![(2_000_000_000, 300.0), (3_000_000_000, 100.0)];
        let drive = Drive::of_steps(100.0, steps).unwrap();
        let lag = Lag::new(&drive, 0.05, 0.05);
        let mut hint = 0;
        let at = drive.seconds(2_050_000_000);
        let expected = 100.0 + 200.0 * (1.0 - (-1.0_f64).exp());
        assert!((lag.power(at, &mut hint) - expected).abs() < 1e-9);
        let end = drive.seconds(9_000_000_000);
        assert!((lag.energy(end, &mut hint) - drive.energy(end, &mut hint)).abs() < 1e-6);
    }
}
