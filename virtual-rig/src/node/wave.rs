//! Levels over time, once or again and again.

use power_testkit::Signal;

use crate::num::float;

/// Levels from time 0 on, in cycles where they repeat.
#[derive(Debug)]
pub(crate) struct Wave {
    signal: Signal,
    edges_ns: Vec<i64>,
    /// Length of a cycle in ns, and the integral over it in level times s.
    cycle: Option<(i64, f64)>,
}

impl Wave {
    /// `signal` from 0 to `length`, in cycles; for ever where there is no length.
    pub(crate) fn new(signal: Signal, length: Option<i64>) -> Self {
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

    /// The level at `t`; at a step, the level after it.
    pub(crate) fn level(&self, t: i64) -> f64 {
        self.signal.power_w(self.within(t).1)
    }

    /// Integral from 0 to `t`.
    pub(crate) fn integral(&self, t: i64) -> f64 {
        let (cycles, rest) = self.within(t);
        let whole = self.cycle.map_or(0.0, |(_, integral)| integral * float(cycles));
        whole + self.signal.energy_j(0, rest)
    }

    /// The steps in [`from`, `to`), the first at `from`.
    pub(crate) fn steps(&self, from: i64, to: i64) -> Vec<(i64, f64)> {
        let mut steps = vec![(from, self.level(from))];
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
