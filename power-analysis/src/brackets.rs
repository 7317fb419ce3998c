//! When readings were taken, in as little memory as it takes: most brackets are short, and many have no width at all.

use std::sync::Arc;

use crate::time::midpoint;

/// The brackets of readings, each from the start to the end of its transaction.
#[derive(Debug, Clone, Default)]
pub(crate) struct Brackets {
    starts_ns: Arc<Vec<i64>>,
    widths: Widths,
}

/// From start to end of each bracket, in nanoseconds.
#[derive(Debug, Clone, Default)]
enum Widths {
    /// All are 0.
    #[default]
    None,
    /// All are below 4.3 s.
    Short(Vec<u32>),
    Long(Vec<i64>),
}

impl Brackets {
    pub(crate) fn push(&mut self, start_ns: i64, end_ns: i64) {
        let width = end_ns.saturating_sub(start_ns).max(0);
        self.widths.push(width, self.starts_ns.len());
        // Nobody else has the times while they are collected, so nothing is copied.
        Arc::make_mut(&mut self.starts_ns).push(start_ns);
    }

    /// Adds brackets from each start to the end at the same position.
    pub(crate) fn extend(&mut self, starts_ns: &[i64], ends_ns: &[i64]) {
        let widths = || starts_ns.iter().zip(ends_ns).map(|(start, end)| end.saturating_sub(*start).max(0));
        if !(matches!(self.widths, Widths::None) && widths().all(|width| width == 0)) {
            widths().zip(self.starts_ns.len()..).for_each(|(width, before)| self.widths.push(width, before));
        }
        Arc::make_mut(&mut self.starts_ns).extend_from_slice(starts_ns);
    }

    /// Brings the brackets into this order.
    pub(crate) fn reorder(&mut self, order: &[usize]) {
        let mut sorted = Self::default();
        for &index in order {
            sorted.push(self.start(index), self.end(index));
        }
        *self = sorted;
    }

    pub(crate) fn len(&self) -> usize {
        self.starts_ns.len()
    }

    pub(crate) fn starts(&self) -> &[i64] {
        &self.starts_ns
    }

    /// The times of the readings, shared, where each is the start of its bracket.
    pub(crate) fn shared_times(&self) -> Option<Arc<Vec<i64>>> {
        matches!(self.widths, Widths::None).then(|| Arc::clone(&self.starts_ns))
    }

    pub(crate) fn start(&self, index: usize) -> i64 {
        self.starts_ns[index]
    }

    pub(crate) fn end(&self, index: usize) -> i64 {
        self.start(index).saturating_add(self.widths.get(index))
    }

    /// The middle of bracket `index`.
    pub(crate) fn time(&self, index: usize) -> i64 {
        midpoint(self.start(index), self.end(index))
    }

    /// How many brackets, from the first on, end at or before `time_ns`, where ends are in order.
    pub(crate) fn ended_by(&self, time_ns: i64) -> usize {
        let (mut from, mut to) = (0, self.len());
        while from < to {
            let middle = usize::midpoint(from, to);
            if self.end(middle) <= time_ns {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        from
    }
}

impl Widths {
    fn push(&mut self, width: i64, before: usize) {
        if width > 0 && matches!(self, Self::None) {
            *self = Self::Short(vec![0; before]);
        }
        match (&mut *self, u32::try_from(width)) {
            (Self::None, _) => {}
            (Self::Short(short), Ok(width)) => short.push(width),
            (Self::Short(short), Err(_)) => {
                let mut long: Vec<i64> = short.iter().map(|width| i64::from(*width)).collect();
                long.push(width);
                *self = Self::Long(long);
            }
            (Self::Long(long), _) => long.push(width),
        }
    }

    fn get(&self, index: usize) -> i64 {
        match self {
            Self::None => 0,
            Self::Short(short) => i64::from(short[index]),
            Self::Long(long) => long[index],
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn brackets_are_kept_as_they_came(
            widths in prop::collection::vec(prop_oneof![Just(0_i64), 0..2_000_000_i64, 0..20_000_000_000_i64], 0..50),
            asked in 0..60_000_i64,
        ) {
            let mut brackets = Brackets::default();
            let mut plain = Vec::new();
            for (start, width) in (0_i64..).map(|index| index * 1_000).zip(widths) {
                brackets.push(start, start + width);
                plain.push((start, start + width));
            }
            let kept: Vec<_> = (0..brackets.len()).map(|index| (brackets.start(index), brackets.end(index))).collect();
            prop_assert_eq!(&kept, &plain);
            let order: Vec<usize> = (0..plain.len()).rev().collect();
            brackets.reorder(&order);
            plain.reverse();
            let kept: Vec<_> = (0..brackets.len()).map(|index| (brackets.start(index), brackets.end(index))).collect();
            prop_assert_eq!(kept, plain);
            let mut steady = Brackets::default();
            (0..50).for_each(|index| steady.push(index * 1_000, index * 1_000 + 300));
            prop_assert_eq!(steady.ended_by(asked), (0..50).filter(|index| index * 1_000 + 300 <= asked).count());
        }
    }
}
