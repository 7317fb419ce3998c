//! The readings of one channel on the time base, before anything is concluded from them.

use std::sync::Arc;
use std::time::Duration;

use power_core::{Channel, Delivery, Quantity, Step, step};

use crate::brackets::Brackets;
use crate::select::nth_smallest;
use crate::time::{Interval, midpoint, seconds};

/// Power above which a counter's step cannot be real, in watts: no single sensor of a computer sees 100 kW.
const MOST_PLAUSIBLE_W: f64 = 100e3;

/// The readings of one power channel or energy counter, in order of time.
#[derive(Debug, Clone)]
pub struct Readings {
    channel: Channel,
    brackets: Brackets,
    values: Values,
    missing_ns: Vec<i64>,
    reordered: usize,
    resets_ns: Vec<i64>,
}

/// What the readings show, one item a reading; shared with the traces that are made of them.
#[derive(Debug, Clone)]
pub enum Values {
    /// Power, in watts.
    Power(Arc<Vec<f64>>),
    /// Energy since the first reading, in joules, from an energy counter: wraps undone, constant across a reset.
    Energy(Arc<Vec<f64>>),
}

/// One reading as it comes in: a number in the channel's unit, a raw count, or nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Raw {
    /// Power in watts.
    Number(f64),
    /// A raw count of an energy counter.
    Count(u64),
    /// The device had no value.
    Missing,
}

/// Collects readings one after another.
#[derive(Debug)]
pub struct ReadingsBuilder {
    channel: Channel,
    brackets: Brackets,
    watts: Vec<f64>,
    counts: Vec<u64>,
    breaks_ns: Vec<i64>,
    missing_ns: Vec<i64>,
    reordered: usize,
}

impl ReadingsBuilder {
    /// A builder for a channel of power or an energy counter; `None` for any other quantity.
    pub fn new(channel: Channel) -> Option<Self> {
        channel.quantity.has_energy().then(|| Self {
            channel,
            brackets: Brackets::default(),
            watts: Vec::new(),
            counts: Vec::new(),
            breaks_ns: Vec::new(),
            missing_ns: Vec::new(),
            reordered: 0,
        })
    }

    /// Adds a reading taken between `start_ns` and `end_ns`.
    ///
    /// A number that is not finite, or does not fit the channel's quantity, counts as missing.
    pub fn push(&mut self, start_ns: i64, end_ns: i64, raw: Raw) {
        let counter = matches!(self.channel.quantity, Quantity::EnergyCounter { .. });
        match raw {
            Raw::Number(watts) if watts.is_finite() && !counter => self.watts.push(watts),
            Raw::Count(count) if counter => self.counts.push(count),
            _ => {
                self.missing_ns.push(midpoint(start_ns, end_ns));
                return;
            }
        }
        if self.brackets.starts().last().is_some_and(|&last| start_ns < last) {
            self.reordered += 1;
        }
        self.brackets.push(start_ns, end_ns);
    }

    /// Adds readings of numbers, by column: the same as [`push`](Self::push) for each, and several times as fast.
    ///
    /// # Panics
    ///
    /// If the columns differ in length.
    pub fn extend(&mut self, starts_ns: &[i64], ends_ns: &[i64], numbers: &[f64]) {
        assert!(
            starts_ns.len() == ends_ns.len() && starts_ns.len() == numbers.len(),
            "columns of one length"
        );
        let counter = matches!(self.channel.quantity, Quantity::EnergyCounter { .. });
        let plain = !counter && starts_ns.is_sorted() && numbers.iter().all(|watts| watts.is_finite());
        let follows = self.brackets.starts().last() <= starts_ns.first();
        if plain && follows {
            self.watts.extend_from_slice(numbers);
            self.brackets.extend(starts_ns, ends_ns);
            return;
        }
        for ((&start_ns, &end_ns), &number) in starts_ns.iter().zip(ends_ns).zip(numbers) {
            self.push(start_ns, end_ns, Raw::Number(number));
        }
    }

    /// Notes that the reading that starts at `start_ns` does not continue the one before
    /// ([`Flags::BREAK`](power_core::Flags::BREAK)): what a counter counted between them is unknown.
    pub fn push_break(&mut self, start_ns: i64) {
        self.breaks_ns.push(start_ns);
    }

    /// The readings, sorted by time; how many were out of order stays known.
    pub fn finish(mut self) -> Readings {
        if self.reordered > 0 {
            let mut order: Vec<usize> = (0..self.brackets.len()).collect();
            order.sort_by_key(|&index| self.brackets.start(index));
            self.brackets.reorder(&order);
            if self.counts.is_empty() {
                self.watts = order.iter().map(|&index| self.watts[index]).collect();
            } else {
                self.counts = order.iter().map(|&index| self.counts[index]).collect();
            }
        }
        self.missing_ns.sort_unstable();
        let (values, resets_ns) = match self.channel.quantity {
            Quantity::EnergyCounter { quantum, modulus } => {
                self.breaks_ns.sort_unstable();
                let counter = Counter { channel: &self.channel, quantum_j: quantum.get(), modulus };
                let (energy, resets) = counter.unwrap(self.brackets.starts(), &self.counts, &self.breaks_ns);
                (Values::Energy(Arc::new(energy)), resets)
            }
            _ => (Values::Power(Arc::new(self.watts)), Vec::new()),
        };
        Readings {
            channel: self.channel,
            brackets: self.brackets,
            values,
            missing_ns: self.missing_ns,
            reordered: self.reordered,
            resets_ns,
        }
    }
}

/// What tells a counter's steps apart.
struct Counter<'a> {
    channel: &'a Channel,
    quantum_j: f64,
    modulus: Option<u64>,
}

impl Counter<'_> {
    /// Energy since the first count, and the times of the readings before which the energy is unknown.
    fn unwrap(&self, times: &[i64], counts: &[u64], breaks: &[i64]) -> (Vec<f64>, Vec<i64>) {
        let mut total = 0.0;
        let mut energy = Vec::with_capacity(counts.len());
        let mut resets = Vec::new();
        let before = |time: i64| breaks.partition_point(|&at| at <= time);
        let broken = |from: i64, to: i64| before(from) < before(to);
        energy.extend(counts.first().map(|_| 0.0));
        for (pair, time) in counts.windows(2).zip(times.windows(2)) {
            let most = self.most(time[1].saturating_sub(time[0]));
            match step(pair[0], pair[1], self.modulus, most) {
                Step::Advance(counts) | Step::Wrap(counts) if !broken(time[0], time[1]) => {
                    total += energy_of(counts, self.quantum_j);
                }
                _ => resets.push(time[1]),
            }
            energy.push(total);
        }
        (energy, resets)
    }

    /// Greatest plausible step between two readings whose starts are `apart_ns` apart.
    ///
    /// Where nobody rates the channel's power, a second wrap cannot be called plausible or not, and is taken not to be.
    fn most(&self, apart_ns: i64) -> u64 {
        let apart = Duration::from_nanos(u64::try_from(apart_ns).unwrap_or_default());
        self.channel.most_counts(apart).unwrap_or_else(|| {
            // A step can be late by the device's own update period, which is below a second in every known sensor.
            let most = most_counts(seconds(apart_ns) + 1.0, self.quantum_j);
            self.modulus.map_or(most, |modulus| most.min(modulus.saturating_sub(1)))
        })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float cast saturates; both are positive"
)]
fn most_counts(seconds: f64, quantum_j: f64) -> u64 {
    (MOST_PLAUSIBLE_W * seconds / quantum_j) as u64
}

#[expect(clippy::cast_precision_loss, reason = "a plausible step is far below 2^53 counts")]
fn energy_of(counts: u64, quantum_j: f64) -> f64 {
    counts as f64 * quantum_j
}

impl Readings {
    /// The channel that was read.
    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// Number of readings that have a value.
    pub fn len(&self) -> usize {
        self.brackets.len()
    }

    /// Whether no reading has a value.
    pub fn is_empty(&self) -> bool {
        self.brackets.len() == 0
    }

    /// The times of the readings, shared, where no bracket has a width.
    pub(crate) fn shared_times(&self) -> Option<Arc<Vec<i64>>> {
        self.brackets.shared_times()
    }

    /// What the readings show.
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// Best guess of when reading `index` was taken: the middle of its bracket.
    ///
    /// # Panics
    ///
    /// If there is no such reading.
    pub fn time(&self, index: usize) -> i64 {
        self.brackets.time(index)
    }

    /// The bracket of reading `index`.
    ///
    /// # Panics
    ///
    /// If there is no such reading.
    pub fn bracket(&self, index: usize) -> Interval {
        Interval::new(self.brackets.start(index), self.brackets.end(index))
    }

    /// Whether every reading is a publication of its own.
    pub fn is_streamed(&self) -> bool {
        self.channel.delivery == Delivery::Streamed
    }

    /// Whether the channel counts energy.
    pub fn is_counter(&self) -> bool {
        matches!(self.values, Values::Energy(_))
    }

    /// When the device answered that it has no value.
    pub fn missing_ns(&self) -> &[i64] {
        &self.missing_ns
    }

    /// How many readings stood out of order of time in the data.
    pub fn reordered(&self) -> usize {
        self.reordered
    }

    /// When a counter was found set back, implausibly advanced, or left unread for too long: the energy before this
    /// reading is unknown.
    pub fn resets_ns(&self) -> &[i64] {
        &self.resets_ns
    }

    /// From the first to the last reading; `None` if there are fewer than two.
    pub fn span(&self) -> Option<Interval> {
        let last = self.len().checked_sub(1)?;
        let span = Interval::new(self.time(0), self.time(last));
        (span.length_ns() > 0).then_some(span)
    }

    /// The readings whose whole bracket lies within `interval`, as a range of indices.
    ///
    /// A reading that began before the interval or ended after it may show what was outside.
    pub fn within(&self, interval: Interval) -> std::ops::Range<usize> {
        let from = self.brackets.starts().partition_point(|&start| start < interval.begin_ns);
        let to = self.brackets.ended_by(interval.end_ns);
        from..to.max(from)
    }

    /// Start of the first reading that began at or after `time_ns`.
    pub(crate) fn first_from(&self, time_ns: i64) -> Option<i64> {
        let starts = self.brackets.starts();
        starts.get(starts.partition_point(|&start| start < time_ns)).copied()
    }

    /// Median time between the starts of two readings, in nanoseconds.
    pub fn poll_period_ns(&self) -> Option<i64> {
        // Starts are in order, so that no step is negative.
        let steps = || {
            let pairs = self.brackets.starts().windows(2);
            pairs.map(|pair| u64::try_from(pair[1].saturating_sub(pair[0])).unwrap_or(0))
        };
        let step = nth_smallest(self.len().checked_sub(1)? / 2, steps)?;
        i64::try_from(step).ok()
    }
}

#[cfg(test)]
mod tests {
    use power_core::{Joules, Watts};

    use super::*;

    /// Readings of a counter of 1 J that wraps at 1000 J, behind 100 W at most.
    fn resets(readings: &[(i64, u64)], breaks_s: &[i64]) -> (f64, Vec<i64>) {
        let quantity = Quantity::EnergyCounter { quantum: Joules::from_joules(1.0), modulus: Some(1_000) };
        let channel = Channel::new("package", quantity)
            .with_rated_power(Watts::from_watts(100.0))
            .with_update_period(Duration::from_millis(1));
        let mut builder = ReadingsBuilder::new(channel).unwrap();
        for &(second, count) in readings {
            builder.push(second * 1_000_000_000, second * 1_000_000_000 + 10, Raw::Count(count));
        }
        for second in breaks_s {
            builder.push_break(second * 1_000_000_000);
        }
        let readings = builder.finish();
        let Values::Energy(energy) = readings.values() else { unreachable!() };
        (*energy.last().unwrap(), readings.resets_ns().iter().map(|time| time / 1_000_000_000).collect())
    }

    #[test]
    fn columns_are_the_same_as_rows() {
        let power = || ReadingsBuilder::new(Channel::new("power", Quantity::power())).unwrap();
        // In order without and with widths, a number that is none, two out of order, a long bracket, nothing.
        let columns: [(&[i64], &[i64], &[f64]); 6] = [
            (&[0, 10], &[0, 10], &[1.0, 2.0]),
            (&[20, 30], &[25, 35], &[3.0, 4.0]),
            (&[40, 50], &[41, 51], &[f64::NAN, 5.0]),
            (&[60, 55, 5], &[61, 56, 5], &[6.0, 7.0, 8.0]),
            (&[70, 80], &[9_000_000_000, 81], &[9.0, 10.0]),
            (&[], &[], &[]),
        ];
        let (mut by_row, mut by_column) = (power(), power());
        for (starts, ends, watts) in columns {
            by_column.extend(starts, ends, watts);
            for ((&start, &end), &watts) in starts.iter().zip(ends).zip(watts) {
                by_row.push(start, end, Raw::Number(watts));
            }
        }
        let (by_row, by_column) = (by_row.finish(), by_column.finish());
        assert_eq!((by_row.len(), by_row.reordered(), by_row.missing_ns()), (10, 2, [40].as_slice()));
        assert_eq!(format!("{by_row:?}"), format!("{by_column:?}"));
    }

    #[test]
    fn an_interval_with_two_possible_wraps_is_unknown() {
        assert_eq!(resets(&[(0, 900), (5, 100), (9, 300)], &[]), (400.0, vec![]));
        // In 10 s at 100 W and a second for a late update, 200 J and 1200 J look the same only if 1200 J were possible.
        assert_eq!(resets(&[(0, 900), (10, 100)], &[]), (200.0, vec![]));
        assert_eq!(resets(&[(0, 900), (13, 100), (14, 150)], &[]), (50.0, vec![13]));
        // A fall that would take more than the rated power is no wrap.
        assert_eq!(resets(&[(0, 500), (4, 100)], &[]), (0.0, vec![4]));
    }

    #[test]
    fn a_break_is_not_counted_across() {
        let readings = [(0, 900), (1, 950), (2, 20), (3, 40)];
        assert_eq!(resets(&readings, &[]), (140.0, vec![]));
        assert_eq!(resets(&readings, &[2]), (70.0, vec![2]));
    }
}
