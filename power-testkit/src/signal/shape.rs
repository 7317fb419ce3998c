//! One stretch of a signal and a row of them, with their exact integrals and filter responses.

use crate::num::{float, seconds};

/// Power `dt` seconds into a stretch: `level + slope * dt + excess * exp(-dt / tau)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Shape {
    pub(crate) level: f64,
    pub(crate) slope: f64,
    pub(crate) excess: f64,
    /// Time constant of `excess` in s; means nothing where that is 0.
    pub(crate) tau: f64,
}

impl Shape {
    pub(crate) const fn level(level: f64) -> Self {
        Self { level, slope: 0.0, excess: 0.0, tau: 1.0 }
    }

    pub(crate) fn at(&self, dt: f64) -> f64 {
        self.level + self.slope * dt + self.excess * (-dt / self.tau).exp()
    }

    /// Mean from `a` to `a + length` seconds into the stretch; exactly `level` where that is all there is, so
    /// that a sensor on a plateau shows the same number at every publication.
    fn mean(&self, a: f64, length: f64) -> f64 {
        let straight = self.level + self.slope * (a + length / 2.0);
        if self.excess == 0.0 {
            return straight;
        }
        straight - self.excess * (-a / self.tau).exp() * (-length / self.tau).exp_m1() * self.tau / length
    }

    /// Integral from `a` to `a + length` seconds into the stretch.
    fn integral(&self, a: f64, length: f64) -> f64 {
        if length == 0.0 { 0.0 } else { self.mean(a, length) * length }
    }

    /// State `dt` seconds on of a first-order filter of time constant `tau` that starts at `state`.
    fn respond(&self, state: f64, tau: f64, dt: f64) -> f64 {
        let rest = (-dt / tau).exp();
        let risen = -(-dt / tau).exp_m1();
        let straight = self.level + (state - self.level) * rest + self.slope * (dt - tau * risen);
        if self.excess == 0.0 {
            return straight;
        }
        // tau z' + z = excess * exp(-dt / self.tau) from rest. Equal time constants are its limit, which the
        // second form reaches without dividing by 0.
        let apart = 1.0 - tau / self.tau;
        let turn = dt / tau * apart;
        let response = if turn.abs() > 1.0 {
            ((-dt / self.tau).exp() - rest) / apart
        } else if turn == 0.0 {
            rest * dt / tau
        } else {
            rest * (dt / tau) * turn.exp_m1() / turn
        };
        straight + self.excess * response
    }

    /// The same scaled by `factor`.
    fn scaled(self, factor: f64) -> Self {
        Self { level: self.level * factor, slope: self.slope * factor, excess: self.excess * factor, ..self }
    }
}

/// Shapes one after the other: shape i holds from knot i to knot i + 1, the last one for ever.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Piecewise {
    /// Constant power before the first knot, in W.
    pub(crate) before: f64,
    pub(crate) knots: Vec<i64>,
    pub(crate) shapes: Vec<Shape>,
    /// Energy from the first knot to each knot, in J.
    prefix: Vec<f64>,
}

impl Piecewise {
    /// `knots` must ascend strictly, and there must be as many shapes.
    pub(crate) fn new(before: f64, knots: Vec<i64>, shapes: Vec<Shape>) -> Self {
        let mut prefix = Vec::with_capacity(knots.len());
        let mut total = 0.0;
        for (index, knot) in knots.iter().enumerate() {
            prefix.push(total);
            if let Some(next) = knots.get(index + 1) {
                total += shapes[index].integral(0.0, seconds(next - knot));
            }
        }
        Self { before, knots, shapes, prefix }
    }

    /// Number of the stretch at `t`: 0 before the first knot, i + 1 from knot i on.
    fn stretch(&self, t: i64) -> usize {
        self.knots.partition_point(|knot| *knot <= t)
    }

    pub(crate) fn power(&self, t: i64) -> f64 {
        match self.stretch(t) {
            0 => self.before,
            n => self.shapes[n - 1].at(seconds(t - self.knots[n - 1])),
        }
    }

    /// Energy from `from` to `to`, which must not be earlier.
    pub(crate) fn energy(&self, from: i64, to: i64) -> f64 {
        let (first, last) = (self.stretch(from), self.stretch(to));
        if first == last {
            return self.within(first, from, to);
        }
        let head = self.within(first, from, self.knots[first]);
        let tail = self.within(last, self.knots[last - 1], to);
        head + (self.prefix[last - 1] - self.prefix[first]) + tail
    }

    /// Mean power from `from` to `to`, which must be later.
    pub(crate) fn mean(&self, from: i64, to: i64) -> f64 {
        match self.stretch(from) {
            // The stretch that begins at `to` has no part in it.
            n if n != self.stretch(to - 1) => self.energy(from, to) / seconds(to - from),
            0 => self.before,
            n => self.shapes[n - 1].mean(seconds(from - self.knots[n - 1]), seconds(to - from)),
        }
    }

    /// Energy from `from` to `to`, both in the stretch `n`.
    fn within(&self, n: usize, from: i64, to: i64) -> f64 {
        match n {
            0 => self.before * seconds(to - from),
            n => self.shapes[n - 1].integral(seconds(from - self.knots[n - 1]), seconds(to - from)),
        }
    }

    /// State at each knot of a first-order filter of time constant `tau`, settled before the first knot.
    pub(crate) fn states(&self, tau: f64) -> Vec<f64> {
        let mut states = Vec::with_capacity(self.knots.len());
        let mut state = self.before;
        for (index, knot) in self.knots.iter().enumerate() {
            states.push(state);
            if let Some(next) = self.knots.get(index + 1) {
                state = self.shapes[index].respond(state, tau, seconds(next - knot));
            }
        }
        states
    }

    /// State of that filter at `t`, from its states at the knots.
    pub(crate) fn state(&self, states: &[f64], tau: f64, t: i64) -> f64 {
        match self.stretch(t) {
            0 => self.before,
            n => self.shapes[n - 1].respond(states[n - 1], tau, seconds(t - self.knots[n - 1])),
        }
    }

    pub(crate) fn scaled(&self, factor: f64) -> Self {
        let shapes = self.shapes.iter().map(|shape| shape.scaled(factor)).collect();
        Self::new(self.before * factor, self.knots.clone(), shapes)
    }

    /// This behind a first-order lag; `None` if it holds an exponential already.
    pub(crate) fn lagged(&self, tau: f64) -> Option<Self> {
        if self.shapes.iter().any(|shape| shape.excess != 0.0) {
            return None;
        }
        let states = self.states(tau);
        let lag = |(shape, state): (&Shape, f64)| {
            let level = shape.level - shape.slope * tau;
            Shape { level, slope: shape.slope, excess: state - level, tau }
        };
        let shapes = self.shapes.iter().zip(states).map(lag).collect();
        Some(Self::new(self.before, self.knots.clone(), shapes))
    }

    /// This, later by `by` ns.
    pub(crate) fn shifted(&self, by: i64) -> Self {
        let knots = self.knots.iter().map(|knot| knot + by).collect();
        Self { knots, ..self.clone() }
    }
}

/// Slope in W/s that leads from `from` W to `to` W in `length` ns.
pub(crate) fn slope(from: f64, to: f64, length: i64) -> f64 {
    (to - from) / float(length) * 1e9
}
