//! True power of one GPU at all times.

use std::sync::Arc;

use power_testkit::Signal;

use super::wave::Wave;
use crate::description::Load;

/// What a GPU does over time: its power, and how far it is used where the workload says that.
#[derive(Debug)]
pub(crate) struct Pattern {
    pub(crate) power: Wave,
    /// Utilisation of the GPU and of its memory in %.
    pub(crate) utilisation: Option<[Wave; 2]>,
}

impl Pattern {
    fn of_load(load: &Load, seed: u64) -> Self {
        let (signal, length) = load.cycle(seed);
        Self { power: Wave::new(signal, length), utilisation: None }
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
        Self::of_pattern(idle_w, origin_ns, Pattern::of_load(load, seed))
    }

    /// A GPU that idles until `origin_ns` and then does this.
    pub(crate) fn of_pattern(idle_w: f64, origin_ns: i64, pattern: Pattern) -> Self {
        let pattern = Arc::new(pattern);
        Self { idle_w, stretches: vec![Stretch { start_ns: origin_ns, pattern, before_j: 0.0 }] }
    }

    /// Replaces the load by a constant from `at_ns` on, which is not earlier than the latest such time.
    pub(crate) fn set(&mut self, at_ns: i64, power_w: f64) {
        let pattern = Arc::new(Pattern::of_load(&Load::constant(power_w), 0));
        let start_ns = self.stretches.last().map_or(at_ns, |last| at_ns.max(last.start_ns + 1));
        let before_j = self.total_j(start_ns);
        self.stretches.push(Stretch { start_ns, pattern, before_j });
    }

    /// True power in W at `t_ns`; at a step, the power after it.
    pub fn power_w(&self, t_ns: i64) -> f64 {
        match self.at(t_ns) {
            Some(stretch) => stretch.pattern.power.level(t_ns - stretch.start_ns),
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
            (Some(stretch), _) => stretch.before_j + stretch.pattern.power.integral(t_ns - stretch.start_ns),
            (None, Some(first)) => self.idle_w * crate::num::seconds(t_ns - first.start_ns),
            (None, None) => 0.0,
        }
    }

    /// The truth from `from_ns` to `to_ns`, with `before_w` in place of it before.
    pub(crate) fn signal(&self, from_ns: i64, to_ns: i64, before_w: Option<f64>) -> Signal {
        let steps = self.steps(from_ns, to_ns);
        let level = steps.first().map_or(self.idle_w, |step| step.1);
        Signal::steps(before_w.unwrap_or(level), steps)
    }

    /// The powers from `from_ns` to `to_ns`, each with its time, the first at `from_ns`.
    pub(crate) fn steps(&self, from_ns: i64, to_ns: i64) -> Vec<(i64, f64)> {
        self.gather(from_ns, to_ns, self.idle_w, |pattern, from, to| pattern.power.steps(from, to))
    }

    /// Utilisation of the GPU (`which` 0) or of its memory (1) from `from_ns` to `to_ns`, in %; where no workload
    /// says it, what `of_power` makes of the power.
    pub(crate) fn utilisation(
        &self,
        which: usize,
        from_ns: i64,
        to_ns: i64,
        of_power: impl Fn(f64) -> f64,
    ) -> Signal {
        let steps = self.gather(from_ns, to_ns, 0.0, |pattern, from, to| match &pattern.utilisation {
            Some(waves) => waves[which].steps(from, to),
            None => pattern.power.steps(from, to).into_iter().map(|(t, p)| (t, of_power(p))).collect(),
        });
        Signal::steps(steps.first().map_or(0.0, |step| step.1), steps)
    }

    /// Whether the workload says what the GPU does at `t_ns`, and the host with it.
    pub(crate) fn is_scripted(&self, t_ns: i64) -> bool {
        self.at(t_ns).is_none_or(|stretch| stretch.pattern.utilisation.is_some())
    }

    /// Steps of each stretch, from `from_ns` to `to_ns`; `before` before the first stretch.
    fn gather(
        &self,
        from_ns: i64,
        to_ns: i64,
        before: f64,
        of: impl Fn(&Pattern, i64, i64) -> Vec<(i64, f64)>,
    ) -> Vec<(i64, f64)> {
        let mut steps: Vec<(i64, f64)> = Vec::new();
        let first = self.stretches.first().map_or(to_ns, |first| first.start_ns);
        if from_ns < first {
            steps.push((from_ns, before));
        }
        for (index, stretch) in self.stretches.iter().enumerate() {
            let end = self.stretches.get(index + 1).map_or(i64::MAX, |next| next.start_ns).min(to_ns);
            let from = stretch.start_ns.max(from_ns);
            if from < end {
                let inner = of(&stretch.pattern, from - stretch.start_ns, end - stretch.start_ns);
                steps.extend(inner.into_iter().map(|(t, level)| (t + stretch.start_ns, level)));
            }
        }
        steps
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
