//! From readings to publications: when the sensor changed its value, not when somebody looked.

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::readings::{Readings, Values};
use crate::select::nth_smallest_of;
use crate::time::{Interval, midpoint, milliseconds, nanos_of, seconds};

/// The publications of one channel.
///
/// A polled sensor is read many times between two publications, and may publish many times between two readings.
/// What the readings tell is when its value changed: somewhere between two of them.
#[derive(Debug, Clone)]
pub struct Publications {
    times_ns: Arc<Vec<i64>>,
    watts: Arc<Vec<f64>>,
    firsts: Firsts,
    unchanged_ns: Vec<i64>,
    unchanged_reading: Vec<usize>,
    period: Option<Period>,
}

/// The first reading that showed each publication.
#[derive(Debug, Clone)]
enum Firsts {
    /// Each reading is a publication.
    All,
    Listed(Vec<usize>),
}

/// One publication.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Publication {
    /// When, best guess, in nanoseconds.
    pub time_ns: i64,
    /// What: power in watts; for a counter the mean since the publication before.
    pub watts: f64,
    /// The first reading that showed it.
    pub reading: usize,
}

/// The times between a sensor's publications, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Period {
    /// By the channel's descriptor; `None` where nobody says.
    pub nominal_ms: Option<f64>,
    /// 5th percentile of what was seen.
    pub p5_ms: f64,
    /// Median of what was seen.
    pub median_ms: f64,
    /// 95th percentile of what was seen.
    pub p95_ms: f64,
    /// Longest time without a change of value.
    pub longest_ms: f64,
}

impl Publications {
    /// Finds the publications in readings.
    pub fn find(readings: &Readings) -> Self {
        let nominal = readings.channel().update_period.map(nanos_of);
        let mut found = match readings.values() {
            Values::Power(watts) => Self::of_power(readings, watts, nominal),
            Values::Energy(energy) => Self::of_counter(readings, energy, nominal),
        };
        found.period = found.measure_period(nominal);
        found.add_unchanged(readings);
        found
    }

    fn empty() -> Self {
        Self {
            times_ns: Arc::default(),
            watts: Arc::default(),
            firsts: Firsts::Listed(Vec::new()),
            unchanged_ns: Vec::new(),
            unchanged_reading: Vec::new(),
            period: None,
        }
    }

    fn of_power(readings: &Readings, watts: &Arc<Vec<f64>>, nominal: Option<i64>) -> Self {
        let mut found = Self::empty();
        if let (true, Some(times_ns)) = (readings.is_streamed(), readings.shared_times()) {
            return Self { times_ns, watts: Arc::clone(watts), firsts: Firsts::All, ..found };
        }
        let streamed = readings.is_streamed();
        #[expect(clippy::float_cmp, reason = "a publication is a change of the value as it is shown")]
        let changes = (1..).zip(watts.windows(2)).filter(|(_, pair)| streamed || pair[0] != pair[1]);
        let first = watts.first().map(|&first| (0, first));
        for (index, value) in first.into_iter().chain(changes.map(|(index, pair)| (index, pair[1]))) {
            let (time, _) = publication_time(readings, index, nominal);
            found.add(time, value, index);
        }
        found
    }

    fn of_counter(readings: &Readings, energy: &[f64], nominal: Option<i64>) -> Self {
        let mut found = Self::empty();
        let mut last: Option<(i64, f64)> = None;
        for (index, &total) in energy.iter().enumerate() {
            match last {
                Some((_, before)) if total <= before => {}
                Some((time_before, before)) => {
                    let (time, _) = publication_time(readings, index, nominal);
                    let length = seconds(time - time_before);
                    if length > 0.0 {
                        found.add(time, (total - before) / length, index);
                        last = Some((time, total));
                    }
                }
                None => last = Some((readings.time(index), total)),
            }
        }
        found
    }

    fn add(&mut self, time_ns: i64, watts: f64, reading: usize) {
        // Nominal periods clip from below only, so times stay in order; a shared edge is possible.
        let time_ns = self.times_ns.last().map_or(time_ns, |&last| time_ns.max(last));
        // Nobody else has them while they are collected, so nothing is copied.
        Arc::make_mut(&mut self.times_ns).push(time_ns);
        Arc::make_mut(&mut self.watts).push(watts);
        if let Firsts::Listed(firsts) = &mut self.firsts {
            firsts.push(reading);
        }
    }

    fn measure_period(&self, nominal: Option<i64>) -> Option<Period> {
        let last = self.len().checked_sub(2)?;
        // Times are in order, so that no step is negative.
        let steps = || self.times_ns.windows(2).map(|pair| u64::try_from(pair[1] - pair[0]).unwrap_or(0));
        let ranks = [50, 500, 950, 1000].map(|per_mille: usize| last * per_mille / 1000);
        let found = nth_smallest_of(|_| ranks, steps)?;
        let [p5_ms, median_ms, p95_ms, longest_ms] =
            found.map(|step| milliseconds(i64::try_from(step).unwrap_or(i64::MAX)));
        Some(Period { nominal_ms: nominal.map(milliseconds), p5_ms, median_ms, p95_ms, longest_ms })
    }

    /// Adds the moments at which a sensor that is polled often enough must have published the same value again.
    fn add_unchanged(&mut self, readings: &Readings) {
        // A counter that does not advance publishes no power: its next step covers that time, too.
        let Some(period) = self.period_ns().filter(|_| !readings.is_counter()) else { return };
        let ends =
            self.times_ns.iter().skip(1).copied().chain(readings.span().map(|span| span.end_ns + period));
        let lasts = (1..self.len()).map(|index| self.reading(index)).chain([readings.len()]);
        let firsts = (0..self.len()).map(|index| self.reading(index));
        let (mut unchanged_ns, mut unchanged_reading) = (Vec::new(), Vec::new());
        for (((&time, first), end), last) in self.times_ns.iter().zip(firsts).zip(ends).zip(lasts) {
            let repeats = ((end - time) + period / 2) / period - 1;
            let mut reading = first;
            for tick in (1..=repeats).map(|k| time + k * period) {
                while reading < last && readings.time(reading) < tick {
                    reading += 1;
                }
                // Somebody must have looked before the next one: in a pause of the readings nothing is known.
                if reading < last && readings.time(reading) < tick + period {
                    unchanged_ns.push(tick);
                    unchanged_reading.push(reading);
                }
            }
        }
        (self.unchanged_ns, self.unchanged_reading) = (unchanged_ns, unchanged_reading);
    }

    /// All publications in order, those that repeated a value included.
    pub fn all(&self) -> impl Iterator<Item = Publication> + '_ {
        let mut changed = 0;
        let mut unchanged = 0;
        std::iter::from_fn(move || {
            let next = self.times_ns.get(changed).copied();
            let repeat = self.unchanged_ns.get(unchanged).copied();
            match (next, repeat) {
                (next, Some(time_ns)) if next.is_none_or(|next| time_ns < next) => {
                    unchanged += 1;
                    // Every repeat comes after the change that it repeats.
                    let watts = self.watts[changed - 1];
                    Some(Publication { time_ns, watts, reading: self.unchanged_reading[unchanged - 1] })
                }
                (Some(time_ns), _) => {
                    changed += 1;
                    Some(Publication {
                        time_ns,
                        watts: self.watts[changed - 1],
                        reading: self.reading(changed - 1),
                    })
                }
                (None, _) => None,
            }
        })
    }

    /// Number of changes of value that were seen.
    pub fn len(&self) -> usize {
        self.times_ns.len()
    }

    /// Whether no value was ever seen.
    pub fn is_empty(&self) -> bool {
        self.times_ns.is_empty()
    }

    /// When each value was published, best guess, in nanoseconds.
    pub fn times_ns(&self) -> &[i64] {
        &self.times_ns
    }

    /// By how much the time of publication `index`, found in `readings`, can be wrong, in nanoseconds.
    ///
    /// # Panics
    ///
    /// If there is no such publication.
    pub fn slack_ns(&self, index: usize, readings: &Readings) -> i64 {
        publication_time(readings, self.reading(index), readings.channel().update_period.map(nanos_of)).1
    }

    /// The published values: power in watts; for a counter the mean since the publication before.
    pub fn watts(&self) -> &[f64] {
        &self.watts
    }

    /// The first reading that showed publication `index`.
    ///
    /// # Panics
    ///
    /// If there is no such publication.
    pub fn reading(&self, index: usize) -> usize {
        match &self.firsts {
            Firsts::All => index,
            Firsts::Listed(firsts) => firsts[index],
        }
    }

    /// The readings that show each change of power until the next, as ranges; a counter has none.
    pub(crate) fn plateaus(&self, readings: &Readings) -> impl Iterator<Item = Range<usize>> {
        (0..self.len()).map(|index| self.readings_of(index..index + 1, readings))
    }

    /// The readings that show the changes of power in a range of them.
    pub(crate) fn readings_of(&self, changes: Range<usize>, readings: &Readings) -> Range<usize> {
        let end = if changes.end < self.len() { self.reading(changes.end) } else { readings.len() };
        self.reading(changes.start)..end
    }

    /// The times between publications; `None` if there are fewer than two.
    pub fn period(&self) -> Option<Period> {
        self.period
    }

    /// The update period to reckon with, in nanoseconds: the nominal one, or the median seen if that is longer.
    pub fn period_ns(&self) -> Option<i64> {
        let period = self.period?;
        let longer = period.median_ms.max(period.nominal_ms.unwrap_or(0.0));
        let nanos = crate::time::nanoseconds(longer * 1e-3);
        (nanos > 0).then_some(nanos)
    }

    /// How many publications fell into an interval, those that repeated a value included.
    pub fn count(&self, interval: Interval) -> usize {
        let inside = |times: &[i64]| {
            let from = times.partition_point(|&time| time < interval.begin_ns);
            let to = times.partition_point(|&time| time <= interval.end_ns);
            to.saturating_sub(from)
        };
        inside(&self.times_ns) + inside(&self.unchanged_ns)
    }

    /// The longest time within an interval without a publication, its ends included, in nanoseconds.
    pub fn longest_gap_ns(&self, interval: Interval) -> i64 {
        let slice = |times: &'_ [i64]| {
            let from = times.partition_point(|&time| time < interval.begin_ns);
            let to = times.partition_point(|&time| time <= interval.end_ns);
            from..to.max(from)
        };
        let (changed, unchanged) = (slice(&self.times_ns), slice(&self.unchanged_ns));
        let mut times: Vec<i64> = self.times_ns[changed].to_vec();
        times.extend_from_slice(&self.unchanged_ns[unchanged]);
        times.sort_unstable();
        let mut last = interval.begin_ns;
        let mut longest = 0;
        for time in times.into_iter().chain([interval.end_ns]) {
            longest = longest.max(time - last);
            last = time;
        }
        longest
    }
}

/// When the value of reading `index` was published, and by how much that can be wrong.
///
/// It was published after the reading before, and no earlier than one nominal period before the reading itself.
/// A streamed reading is the publication.
fn publication_time(readings: &Readings, index: usize, nominal: Option<i64>) -> (i64, i64) {
    let bracket = readings.bracket(index);
    if readings.is_streamed() {
        return (readings.time(index), bracket.length_ns() / 2);
    }
    let seen = readings.time(index);
    let before = (index > 0).then(|| readings.time(index - 1));
    let oldest = nominal.map(|period| seen.saturating_sub(period));
    let earliest = match (before, oldest) {
        (Some(before), Some(oldest)) => before.max(oldest),
        (Some(before), None) => before,
        (None, Some(oldest)) => oldest,
        (None, None) => seen,
    };
    (midpoint(earliest, seen), (seen - earliest) / 2)
}
