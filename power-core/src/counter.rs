//! From two counts of a counter to what happened between them.

/// What happened between two readings of a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The counter advanced by this many counts.
    Advance(u64),
    /// The counter passed its modulus once and advanced by this many counts in all.
    Wrap(u64),
    /// The counter was set back, or the step exceeds what is plausible: the interval's energy is unknown.
    Reset,
}

impl Step {
    /// Counts between the two readings; `None` where they are unknown.
    pub const fn counts(self) -> Option<u64> {
        match self {
            Self::Advance(counts) | Self::Wrap(counts) => Some(counts),
            Self::Reset => None,
        }
    }
}

/// Tells an advance from a wrap and a reset.
///
/// `modulus` is the count at which the counter returns to 0; `most` is the greatest plausible step: rated power
/// times the interval, over the counter's quantum. Two wraps between two readings cannot be seen: the reader has
/// to read at least every `modulus × quantum ÷ rated power`. A fall from a count that `modulus` does not allow is a
/// reset.
///
/// ```
/// use power_core::{Step, step};
/// assert_eq!(step(10, 25, Some(100), 50), Step::Advance(15));
/// assert_eq!(step(90, 5, Some(100), 50), Step::Wrap(15));
/// assert_eq!(step(90, 5, None, 50), Step::Reset);
/// assert_eq!(step(60, 5, Some(100), 30), Step::Reset); // a wrap would be 45 counts: implausible
/// assert_eq!(step(10, 99, None, 50), Step::Reset); // 89 counts: implausible
/// ```
pub const fn step(previous: u64, next: u64, modulus: Option<u64>, most: u64) -> Step {
    if next >= previous {
        let counts = next - previous;
        return if counts <= most { Step::Advance(counts) } else { Step::Reset };
    }
    let Some(modulus) = modulus else { return Step::Reset };
    if previous >= modulus {
        return Step::Reset;
    }
    let counts = modulus - previous + next;
    if counts <= most { Step::Wrap(counts) } else { Step::Reset }
}
