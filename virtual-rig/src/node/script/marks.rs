//! The phases of a workload.

/// A phase: a stage, a training, or an epoch in it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mark {
    /// When it begins, in ns of host time.
    pub begin_ns: i64,
    /// When it ends.
    pub end_ns: i64,
    /// Its name, such as `training 3` or `epoch 2`.
    pub name: String,
    /// How many phases it lies within.
    pub depth: usize,
}

/// The phases of one cycle, ordered, and its length where it repeats; times count from the workload's beginning.
#[derive(Debug, Clone, Default)]
pub(crate) struct Marks {
    marks: Vec<Mark>,
    length: Option<i64>,
}

impl Marks {
    pub(super) fn new(marks: Vec<Mark>, length: Option<i64>) -> Self {
        Self { marks, length }
    }

    /// The phases that lie within [`from`, `to`] as a whole, of a workload that began at `origin`.
    pub(crate) fn within(&self, origin: i64, from: i64, to: i64) -> Vec<Mark> {
        let cycles = match self.length {
            Some(length) => (from - origin).max(0) / length..=(to - origin).max(0) / length,
            None => 0..=0,
        };
        let shift = |cycle| origin + cycle * self.length.unwrap_or(0);
        cycles
            .flat_map(|cycle| {
                self.marks.iter().map(move |mark| Mark {
                    begin_ns: mark.begin_ns + shift(cycle),
                    end_ns: mark.end_ns + shift(cycle),
                    ..mark.clone()
                })
            })
            .filter(|mark| from <= mark.begin_ns && mark.end_ns <= to)
            .collect()
    }
}
