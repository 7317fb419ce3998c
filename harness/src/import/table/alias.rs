//! Whether a channel is another name of a second one: they are equal in nearly all rows.
//!
//! What `power.draw` means depends on driver and architecture; the authors of `GPU_Power_Benchmark` take it for
//! an alias of `power.draw.average` or `power.draw.instant` where it equals that in more than 90 % of the rows.

use crate::import::sink::to_f64;
use crate::run::RowValue;

/// Share of equal rows above which a channel is an alias.
const EQUAL_SHARE: f64 = 0.9;
/// Rows below which nothing is said.
const FEWEST_ROWS: u64 = 10;

/// Watches one channel and those that it may be an alias of.
#[derive(Debug, Clone)]
pub(crate) struct AliasWatch {
    /// Place of the channel among the channels of its source.
    pub(crate) channel: u16,
    candidates: Vec<Candidate>,
}

#[derive(Debug, Clone)]
struct Candidate {
    channel: u16,
    both: u64,
    equal: u64,
}

/// What was found of one channel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Verdict {
    /// It is an alias of this channel; the share of equal rows.
    Alias(u16, f64),
    /// It equals several channels, which are equal themselves: nothing can be said.
    Ambiguous,
    /// It equals none.
    None,
}

impl AliasWatch {
    pub(crate) fn new(channel: u16, candidates: &[u16]) -> Self {
        let candidates = candidates.iter().map(|channel| Candidate { channel: *channel, both: 0, equal: 0 });
        Self { channel, candidates: candidates.collect() }
    }

    /// Looks at the values of one row, by place of the channel.
    pub(crate) fn observe(&mut self, values: &[Option<RowValue>]) {
        let value = |channel: u16| match values.get(usize::from(channel)) {
            Some(Some(RowValue::Number(number))) => Some(*number),
            _ => None,
        };
        let Some(own) = value(self.channel) else { return };
        for candidate in &mut self.candidates {
            if let Some(other) = value(candidate.channel) {
                candidate.both += 1;
                // The two were written by one program in one format: equal means the same digits.
                candidate.equal += u64::from(own.total_cmp(&other).is_eq());
            }
        }
    }

    pub(crate) fn verdict(&self) -> Verdict {
        let share = |candidate: &Candidate| to_f64(candidate.equal) / to_f64(candidate.both.max(1));
        let mut equal = self.candidates.iter().filter(|it| it.both >= FEWEST_ROWS && share(it) > EQUAL_SHARE);
        match (equal.next(), equal.next()) {
            (None, _) => Verdict::None,
            (Some(one), None) => Verdict::Alias(one.channel, share(one)),
            (Some(_), Some(_)) => Verdict::Ambiguous,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(rows: &[[f64; 3]]) -> Verdict {
        let mut watch = AliasWatch::new(0, &[1, 2]);
        for row in rows {
            watch.observe(&row.map(|number| Some(RowValue::Number(number))));
        }
        watch.verdict()
    }

    #[test]
    fn equal_rows_make_an_alias() {
        let mut rows = vec![[1.0, 1.0, 2.0]; 99];
        rows.push([1.0, 3.0, 2.0]);
        assert_eq!(watch(&rows), Verdict::Alias(1, 0.99));
        assert_eq!(watch(&[[1.0, 1.0, 1.0]; 50]), Verdict::Ambiguous);
        assert_eq!(watch(&[[1.0, 2.0, 3.0]; 50]), Verdict::None);
        assert_eq!(watch(&[[1.0, 1.0, 2.0]; 3]), Verdict::None);
    }
}
