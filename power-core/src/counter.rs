//! From two counts of a counter to what happened between them.

use std::time::Duration;

use crate::{Channel, Flags, Quantity, Reading};

/// By how much more time than lies between two readings their counts may differ: no known counter updates more slowly, and
/// one that updates each millisecond is late where whoever updates it has to wait, as on a loaded virtual machine. A step
/// that is implausible even so is a counter's restart or its wrap, hundreds of joules or more.
const LATEST_UPDATE: Duration = Duration::from_secs(1);

/// What happened between two readings of a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The counter advanced by this many counts.
    Advance(u64),
    /// The counter passed its modulus once and advanced by this many counts in all.
    Wrap(u64),
    /// The counter was set back, or the step exceeds what is plausible: the interval's energy is unknown.
    Reset,
    /// So much time passed that the counter may have passed its modulus once more than it shows: the interval's
    /// energy is unknown.
    Gap,
}

impl Step {
    /// Counts between the two readings; `None` where they are unknown.
    pub const fn counts(self) -> Option<u64> {
        match self {
            Self::Advance(counts) | Self::Wrap(counts) => Some(counts),
            Self::Reset | Self::Gap => None,
        }
    }
}

/// Tells an advance from a wrap, a reset and a gap.
///
/// `modulus` is the count at which the counter returns to 0; `most` is the greatest plausible step: rated power
/// times the interval, over the counter's quantum. Of all steps that show as these two counts (each a modulus
/// above the one before), exactly one must be plausible, else the step is unknown: none is a reset, more than one
/// is a gap. [`Channel::read_within`] says how often to read so that there is never more than one. A fall from a
/// count that `modulus` does not allow is a reset.
///
/// ```
/// use power_core::{Step, step};
/// assert_eq!(step(10, 25, Some(100), 50), Step::Advance(15));
/// assert_eq!(step(90, 5, Some(100), 50), Step::Wrap(15));
/// assert_eq!(step(90, 5, None, 50), Step::Reset);
/// assert_eq!(step(60, 5, Some(100), 30), Step::Reset); // a wrap would be 45 counts: implausible
/// assert_eq!(step(10, 99, None, 50), Step::Reset); // 89 counts: implausible
/// assert_eq!(step(90, 5, Some(100), 115), Step::Gap); // 15 counts, or 115: both are plausible
/// ```
pub const fn step(previous: u64, next: u64, modulus: Option<u64>, most: u64) -> Step {
    let counts = if next >= previous {
        next - previous
    } else {
        match modulus {
            Some(modulus) if previous < modulus => modulus - previous + next,
            _ => return Step::Reset,
        }
    };
    if counts > most {
        return Step::Reset;
    }
    if let Some(modulus) = modulus
        && modulus > 0
        && counts <= u64::MAX - modulus
        && counts + modulus <= most
    {
        return Step::Gap;
    }
    if next >= previous { Step::Advance(counts) } else { Step::Wrap(counts) }
}

impl Channel {
    /// Greatest step of this energy counter within `apart`: rated power times that and one update period (a second, where
    /// it is shorter, for an update may be late), over the quantum, and one count for rounding.
    ///
    /// `None` where the channel counts no energy or states no rated power.
    ///
    /// ```
    /// use power_core::{Channel, Joules, Quantity, Watts};
    /// use std::time::Duration;
    /// let quantity = Quantity::EnergyCounter { quantum: Joules::from_joules(0.5), modulus: None };
    /// let channel = Channel::new("package", quantity)
    ///     .with_rated_power(Watts::from_watts(100.0))
    ///     .with_update_period(Duration::from_secs(1));
    /// assert_eq!(channel.most_counts(Duration::from_secs(9)), Some(2001));
    /// ```
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float cast saturates, and makes 0 of what is below"
    )]
    pub fn most_counts(&self, apart: Duration) -> Option<u64> {
        let Quantity::EnergyCounter { quantum, .. } = self.quantity else { return None };
        let time = apart.saturating_add(self.latest_update());
        let counts = self.rated_power? * time / quantum;
        Some((counts as u64).saturating_add(1))
    }

    /// Longest time between the start of one reading and the end of the next in which this energy counter's step
    /// is certain: no second wrap is possible at rated power.
    ///
    /// `None` where the channel counts no energy, does not wrap, or states no rated power.
    pub fn read_within(&self) -> Option<Duration> {
        let Quantity::EnergyCounter { quantum, modulus: Some(modulus) } = self.quantity else { return None };
        #[expect(clippy::cast_precision_loss, reason = "a bound need not be exact to 2^-53")]
        let seconds = quantum.get() * modulus.saturating_sub(2) as f64 / self.rated_power?.get();
        let wrap = Duration::try_from_secs_f64(seconds).ok()?;
        Some(wrap.saturating_sub(self.latest_update()))
    }

    fn latest_update(&self) -> Duration {
        self.update_period.unwrap_or_default().max(LATEST_UPDATE)
    }

    /// What happened to this energy counter between two of its readings, by their stamps, their flags and the
    /// channel's rated power.
    ///
    /// A reading flagged [`Flags::BREAK`] is not continued from the one before: a [`Step::Reset`]. `None` where the
    /// channel counts no energy or a value is missing. Without a rated power, any step below the modulus is plausible.
    pub fn step(&self, earlier: &Reading, later: &Reading) -> Option<Step> {
        let Quantity::EnergyCounter { modulus, .. } = self.quantity else { return None };
        let (previous, next) = (earlier.value.count()?, later.value.count()?);
        if later.flags.contains(Flags::BREAK) {
            return Some(Step::Reset);
        }
        let apart = later.stamp.end().since(earlier.stamp.start()).unwrap_or_default();
        let any = modulus.map_or(u64::MAX, |modulus| modulus.saturating_sub(1));
        Some(step(previous, next, modulus, self.most_counts(apart).unwrap_or(any)))
    }
}
