//! True power of one GPU at all times.

use std::sync::Arc;

use power_testkit::Signal;

use crate::description::Load;

/// A load as it repeats.
#[derive(Debug)]
struct Pattern {
    signal: Signal,
    edges_ns: Vec<i64>,
    /// Length of a cycle in ns, and the energy in it in J.
    cycle: Option<(i64, f64)>,
}

impl Pattern {
    fn new(load: &Load, seed: u64) -> Self {
        let (signal, length) = load.cycle(seed);
        let mut edges_ns = signal.edges_ns();
        edges_ns.retain(|edge| *edge > 0 && length.is_none_or(|length| *edge < length));
        edges_ns.insert(0, 0);
        let cycle = length.map(|length| (length, signal.energy_j(0, length)));
        Self { signal, edges_ns, cycle }
    }

    /// Number of the cycle at `t`, which is not negative, and the time within it.
    fn within(&self, t: i64) -> (i64, i64) {
        self.cycle.map_or((0, t), |(length, _)| (t / length, t % length))
    }

    fn power_w(&self, t: i64) -> f64 {
        self.signal.power_w(self.within(t).1)
    }

    /// Energy from 0 to `t`.
    fn energy_j(&self, t: i64) -> f64 {
        let (cycles, rest) = self.within(t);
        let whole = self.cycle.map_or(0.0, |(_, energy)| energy * crate::num::float(cycles));
        whole + self.signal.energy_j(0, rest)
    }

    /// The steps in [`from`, `to`), the first at `from`.
    fn steps(&self, from: i64, to: i64) -> Vec<(i64, f64)> {
        let mut steps = vec![(from, self.power_w(from))];
        let (mut cycle, start) = self.within(from);
        let mut next = self.edges_ns.partition_point(|edge| *edge <= start);
        loop {
            if next == self.edges_ns.len() {
                if self.cycle.is_none() {
                    return steps;
                }
                (cycle, next) = (cycle + 1, 0);
            }
            let edge = self.edges_ns[next];
            let t = cycle * self.cycle.map_or(0, |(length, _)| length) + edge;
            if t >= to {
                return steps;
            }
            steps.push((t, self.signal.power_w(edge)));
            next += 1;
        }
    }
}

/// A stretch of the truth: a load from its start on.
#[derive(Debug, Clone)]
struct Stretch {
    start_ns: i64,
    pattern: Arc<Pattern>,
    /// Energy from the first start to this one.
    before_j: f64,
}

/// True power and energy of one GPU, exact at all times.
///
/// Times are host times (`CLOCK_MONOTONIC`) in ns. A GPU's truth is a function of the rig's description and
/// of the loads that were set while it runs; every process computes the same.
#[derive(Debug, Clone)]
pub struct Truth {
    idle_w: f64,
    stretches: Vec<Stretch>,
}

impl Truth {
    /// A GPU that idles until `origin_ns` and then has `load`.
    pub(crate) fn new(idle_w: f64, origin_ns: i64, load: &Load, seed: u64) -> Self {
        let pattern = Arc::new(Pattern::new(load, seed));
        Self { idle_w, stretches: vec![Stretch { start_ns: origin_ns, pattern, before_j: 0.0 }] }
    }

    /// Replaces the load by a constant from `at_ns` on, which is not earlier than the latest such time.
    pub(crate) fn set(&mut self, at_ns: i64, power_w: f64) {
        let pattern = Arc::new(Pattern::new(&Load::constant(power_w), 0));
        let start_ns = self.stretches.last().map_or(at_ns, |last| at_ns.max(last.start_ns + 1));
        let before_j = self.total_j(start_ns);
        self.stretches.push(Stretch { start_ns, pattern, before_j });
    }

    /// True power in W at `t_ns`; at a step, the power after it.
    pub fn power_w(&self, t_ns: i64) -> f64 {
        match self.at(t_ns) {
            Some(stretch) => stretch.pattern.power_w(t_ns - stretch.start_ns),
            None => self.idle_w,
        }
    }

    /// True energy in J from `from_ns` to `to_ns`.
    pub fn energy_j(&self, from_ns: i64, to_ns: i64) -> f64 {
        self.total_j(to_ns) - self.total_j(from_ns)
    }

    /// True mean power in W from `from_ns` to `to_ns`, which is later.
    pub fn mean_w(&self, from_ns: i64, to_ns: i64) -> f64 {
        self.signal(from_ns, to_ns, None).mean_w(from_ns, to_ns)
    }

    /// The truth from `from_ns` to `to_ns` as a signal; outside, it means nothing.
    pub fn signal_within(&self, from_ns: i64, to_ns: i64) -> Signal {
        self.signal(from_ns, to_ns, None)
    }

    /// When the load begins, in ns.
    pub(crate) fn origin_ns(&self) -> i64 {
        self.stretches.first().map_or(0, |first| first.start_ns)
    }

    /// Energy since the origin; negative before it.
    pub(crate) fn total_j(&self, t_ns: i64) -> f64 {
        match (self.at(t_ns), self.stretches.first()) {
            (Some(stretch), _) => stretch.before_j + stretch.pattern.energy_j(t_ns - stretch.start_ns),
            (None, Some(first)) => self.idle_w * crate::num::seconds(t_ns - first.start_ns),
            (None, None) => 0.0,
        }
    }

    /// The truth from `from_ns` to `to_ns`, with `before_w` in place of it before.
    pub(crate) fn signal(&self, from_ns: i64, to_ns: i64, before_w: Option<f64>) -> Signal {
        let mut steps: Vec<(i64, f64)> = Vec::new();
        let first = self.stretches.first().map_or(to_ns, |first| first.start_ns);
        if from_ns < first {
            steps.push((from_ns, self.idle_w));
        }
        for (index, stretch) in self.stretches.iter().enumerate() {
            let end = self.stretches.get(index + 1).map_or(i64::MAX, |next| next.start_ns).min(to_ns);
            let from = stretch.start_ns.max(from_ns);
            if from < end {
                let inner = stretch.pattern.steps(from - stretch.start_ns, end - stretch.start_ns);
                steps.extend(inner.into_iter().map(|(t, power)| (t + stretch.start_ns, power)));
            }
        }
        let level = steps.first().map_or(self.idle_w, |step| step.1);
        Signal::steps(before_w.unwrap_or(level), steps)
    }

    fn at(&self, t_ns: i64) -> Option<&Stretch> {
        let after = self.stretches.partition_point(|stretch| stretch.start_ns <= t_ns);
        after.checked_sub(1).map(|index| &self.stretches[index])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000_000;

    #[test]
    fn a_cycle_repeats_and_its_energy_adds_up() {
        let truth = Truth::new(50.0, 10 * S, &Load::square(100.0, 300.0, 0.5), 0);
        assert!((truth.power_w(9 * S) - 50.0).abs() < 1e-12);
        assert!((truth.power_w(10 * S) - 300.0).abs() < 1e-12);
        assert!((truth.power_w(1_000_000 * S + S / 2) - 100.0).abs() < 1e-12);
        assert!((truth.energy_j(9 * S, 12 * S) - (50.0 + 2.0 * 200.0)).abs() < 1e-9);
        let signal = truth.signal(11 * S, 14 * S, None);
        assert!((signal.energy_j(11 * S, 14 * S) - 600.0).abs() < 1e-9);
        assert_eq!(signal.edges_ns().len(), 6);
    }

    #[test]
    fn signal_and_closed_form_agree() {
        for load in [Load::default(), Load::random(80.0, 400.0, 0.3)] {
            let mut truth = Truth::new(75.0, 0, &load, 7);
            truth.set(1_250 * S, 500.0);
            truth.set(1_260 * S + 5, 90.0);
            for (from, to) in [(-3 * S, 60 * S), (590 * S, 1_270 * S), (1_199 * S, 1_201 * S)] {
                let signal = truth.signal(from, to, None);
                let (a, b) = (signal.energy_j(from, to), truth.energy_j(from, to));
                assert!((a - b).abs() < 1e-6, "{load:?} {from} {to}: {a} {b}");
                assert!((signal.power_w(to - S) - truth.power_w(to - S)).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn a_load_set_twice_at_once_is_the_later_one() {
        let mut truth = Truth::new(75.0, 0, &Load::constant(100.0), 0);
        truth.set(5 * S, 200.0);
        truth.set(5 * S, 300.0);
        assert!((truth.power_w(6 * S) - 300.0).abs() < 1e-12);
    }
}
