//! What an estimator states of one part of a node.

/// Power of one part.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Part {
    /// It has no such part in its sum.
    NotCounted,
    /// A sensor did not tell, or not yet.
    Unknown,
    /// Watts.
    Watts(f64),
}

impl Part {
    /// The power, where it is stated.
    pub(super) fn watts(self) -> Option<f64> {
        match self {
            Self::Watts(watts) => Some(watts),
            Self::NotCounted | Self::Unknown => None,
        }
    }
}

impl From<Option<f64>> for Part {
    fn from(watts: Option<f64>) -> Self {
        watts.map_or(Self::Unknown, Self::Watts)
    }
}

/// The parts of a node, each of which an estimator may count or not.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts {
    pub(super) cpu: Part,
    pub(super) ram: Part,
    pub(super) gpu: Part,
}

impl Parts {
    /// Their sum in watts; `None` where a part that counts is unknown.
    pub(super) fn sum_w(&self) -> Option<f64> {
        [self.cpu, self.ram, self.gpu].into_iter().try_fold(0.0, |sum, part| match part {
            Part::NotCounted => Some(sum),
            Part::Unknown => None,
            Part::Watts(watts) => Some(sum + watts),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_counted_adds_nothing_and_what_is_unknown_leaves_no_sum() {
        let parts = |gpu| Parts { cpu: Part::Watts(20.0), ram: Part::NotCounted, gpu }.sum_w();
        assert_eq!([parts(Part::NotCounted), parts(Part::Watts(5.0))], [Some(20.0), Some(25.0)]);
        assert_eq!(parts(Part::Unknown), None);
    }
}
