//! What the real CPUs of this machine do, as it becomes known.

use std::sync::Arc;

/// Utilisations, each from its time on until the next; 0 before the first.
#[derive(Debug, Clone, Default)]
pub(super) struct Live {
    /// Shared with copies of the truth until it grows.
    seen: Arc<Vec<(i64, f64)>>,
}

impl Live {
    /// Takes in a utilisation, which is 0 to 1, from a time on, which is later than all before.
    pub(super) fn set(&mut self, at_ns: i64, utilisation: f64) {
        let seen = Arc::make_mut(&mut self.seen);
        match seen.last() {
            Some(last) if last.0 >= at_ns => {}
            Some(last) if last.1.to_bits() == utilisation.to_bits() => {}
            _ => seen.push((at_ns, utilisation.clamp(0.0, 1.0))),
        }
    }

    /// The steps in [`from`, `to`), the first at `from`.
    pub(super) fn steps(&self, from: i64, to: i64) -> Vec<(i64, f64)> {
        let after = self.seen.partition_point(|(t, _)| *t <= from);
        let mut steps = vec![(from, after.checked_sub(1).map_or(0.0, |index| self.seen[index].1))];
        steps.extend(self.seen[after..].iter().take_while(|(t, _)| *t < to).copied());
        steps
    }
}
