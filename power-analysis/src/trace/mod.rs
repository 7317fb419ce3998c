//! Power as a function of time, with its exact prefix integral.

mod cursor;

pub use cursor::Cursor;
pub(crate) use cursor::MovingMean;

use std::ops::Range;
use std::sync::Arc;

use crate::publications::Publications;
use crate::readings::{Readings, Values};
use crate::time::{Interval, seconds};

/// What power is taken to be between two points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Between {
    /// The straight line through both points: integrates by the trapezoid rule.
    Line,
    /// The mean since the point before, as a counter gives it.
    MeanSince,
    /// The earlier point's value until the later one: what a polled sensor shows.
    Hold,
}

/// A power signal: points in order of time, what lies between them, and the energy up to each.
///
/// The prefix integral makes the energy of any interval two look-ups, whatever its length.
#[derive(Debug, Clone)]
pub struct Trace {
    times_ns: Arc<Vec<i64>>,
    watts: Arc<Vec<f64>>,
    /// Energy up to every `stride`-th point.
    energy_j: Vec<f64>,
    stride: usize,
    between: Between,
}

/// Points from one stored energy to the next: what lies between is summed again, in the same order, when it is asked for.
const STRIDE: usize = 16;

impl Trace {
    /// A trace through points in order of time; `None` for fewer than two points.
    pub fn new(times_ns: Vec<i64>, watts: Vec<f64>, between: Between) -> Option<Self> {
        Self::shared(Arc::new(times_ns), Arc::new(watts), between)
    }

    fn shared(times_ns: Arc<Vec<i64>>, watts: Arc<Vec<f64>>, between: Between) -> Option<Self> {
        if times_ns.len() < 2 || times_ns.len() != watts.len() {
            return None;
        }
        debug_assert!(times_ns.is_sorted(), "points are in order of time");
        let mut energy_j = Vec::with_capacity(times_ns.len().div_ceil(STRIDE));
        let mut total = 0.0;
        for first in (0..times_ns.len()).step_by(STRIDE) {
            energy_j.push(total);
            let points = first..(first + STRIDE + 1).min(times_ns.len());
            total = add_pieces(total, &times_ns[points.clone()], &watts[points], between);
        }
        Some(Self { times_ns, watts, energy_j, stride: STRIDE, between })
    }

    /// Energy from the first point to point `index`.
    fn energy_to_j(&self, index: usize) -> f64 {
        let known = index / self.stride;
        let points = known * self.stride..=index;
        add_pieces(self.energy_j[known], &self.times_ns[points.clone()], &self.watts[points], self.between)
    }

    /// A trace through points of cumulated energy; power between two points is their mean.
    pub fn from_energy(times_ns: Vec<i64>, energy_j: Vec<f64>) -> Option<Self> {
        if times_ns.len() < 2 || times_ns.len() != energy_j.len() {
            return None;
        }
        let mean = |index: usize| {
            let length = seconds(times_ns[index] - times_ns[index - 1]);
            if length > 0.0 { (energy_j[index] - energy_j[index - 1]) / length } else { 0.0 }
        };
        let mut watts = Vec::with_capacity(times_ns.len());
        watts.push(mean(1));
        watts.extend((1..times_ns.len()).map(mean));
        let (times_ns, watts) = (Arc::new(times_ns), Arc::new(watts));
        // What was counted is kept as it was counted.
        Some(Self { times_ns, watts, energy_j, stride: 1, between: Between::MeanSince })
    }

    /// The naive trace of what was read, taken at the middle of each bracket: trapezoids for power, straight lines
    /// between the readings of a counter.
    pub fn naive(readings: &Readings) -> Option<Self> {
        let collected = || (0..readings.len()).map(|index| readings.time(index)).collect();
        match readings.values() {
            Values::Power(watts) => {
                let times = readings.shared_times().unwrap_or_else(|| Arc::new(collected()));
                Self::shared(times, Arc::clone(watts), Between::Line)
            }
            Values::Energy(energy) => Self::from_energy(collected(), energy.to_vec()),
        }
    }

    /// The same power as [`naive`](Self::naive) by fewer points: of readings in a row that show the same, the first and the
    /// last. A sensor that is polled a hundred times a publication then takes a fiftieth of the memory.
    pub(crate) fn of_corners(readings: &Readings, publications: &Publications) -> Option<Self> {
        let (Values::Power(values) | Values::Energy(values)) = readings.values();
        let last = values.len().checked_sub(1)?;
        #[expect(clippy::float_cmp, reason = "a corner is a change of the value as it is shown")]
        let is_corner = |index: &usize| {
            let index = *index;
            index == 0
                || index == last
                || values[index] != values[index - 1]
                || values[index] != values[index + 1]
        };
        let (mut times, mut corners) = (Vec::new(), Vec::new());
        let mut add = |index: usize| {
            times.push(readings.time(index));
            corners.push(values[index]);
        };
        // More corners than that would save nothing.
        let most = last / 2 + 1;
        if readings.is_counter() {
            // What does not count on is no publication.
            (0..=last).filter(is_corner).take(most).for_each(&mut add);
        } else if !readings.is_streamed() {
            let ends = |plateau: Range<usize>| {
                let last = (plateau.len() > 1).then(|| plateau.end - 1);
                [plateau.start].into_iter().chain(last)
            };
            publications.plateaus(readings).flat_map(ends).take(most).for_each(&mut add);
        }
        if readings.is_streamed() || corners.len() == most {
            drop((times, corners));
            return Self::naive(readings);
        }
        if readings.is_counter() {
            Self::from_energy(times, corners)
        } else {
            Self::new(times, corners, Between::Line)
        }
    }

    /// From the first to the last point.
    pub fn span(&self) -> Interval {
        Interval::new(self.times_ns[0], self.times_ns[self.times_ns.len() - 1])
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.times_ns.len()
    }

    /// Never: a trace has at least two points.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The points' times, in nanoseconds.
    pub fn times_ns(&self) -> &[i64] {
        &self.times_ns
    }

    /// The points' power, in watts.
    pub fn watts(&self) -> &[f64] {
        &self.watts
    }

    /// Energy of an interval in joules; `None` where the trace does not cover it.
    pub fn energy_j(&self, interval: Interval) -> Option<f64> {
        self.span().holds(interval).then(|| {
            self.cumulated_j(interval.end_ns, self.segment(interval.end_ns))
                - self.cumulated_j(interval.begin_ns, self.segment(interval.begin_ns))
        })
    }

    /// Mean power of an interval in watts; `None` where the trace does not cover it or it has no length.
    pub fn mean_w(&self, interval: Interval) -> Option<f64> {
        let length = interval.seconds();
        if length > 0.0 { self.energy_j(interval).map(|energy| energy / length) } else { None }
    }

    /// A cursor for queries in order of time: constant cost a query.
    pub fn cursor(&self) -> Cursor<'_> {
        Cursor::new(self)
    }

    /// Lowest and highest power at the points in an interval and at its ends; `None` where it is not covered.
    pub fn extremes_w(&self, interval: Interval) -> Option<(f64, f64)> {
        self.extremes_near_w(interval, &mut 0)
    }

    /// As [`extremes_w`](Self::extremes_w), where `near` is the segment in which the interval before began: the next one
    /// mostly begins close to it.
    pub(crate) fn extremes_near_w(&self, interval: Interval, near: &mut usize) -> Option<(f64, f64)> {
        if !self.span().holds(interval) {
            return None;
        }
        let (begin, end) = (interval.begin_ns, interval.end_ns);
        let first = self.segment_near(begin, *near);
        let last = self.segment_near(end, first);
        *near = first;
        let ends = (self.power_w(begin, first), self.power_w(end, last));
        // Points at the very begin belong to it, however many stand at one time.
        let before = self.times_ns[..=first].iter().rev().take_while(|&&time| time >= begin).count();
        let to = last + 1 + self.times_ns[last + 1..].iter().take_while(|&&time| time <= end).count();
        Some(extremes_of(&self.watts[first + 1 - before..to], ends))
    }

    /// Straight pieces in order: start in nanoseconds, power there in watts, slope in watts a second; the last one is
    /// the power at the end.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = (i64, f64, f64)> + '_ {
        let last = self.len() - 1;
        (0..=last).map(move |index| {
            let time = self.times_ns[index];
            if index == last {
                return (time, self.watts[last], 0.0);
            }
            let length = seconds(self.times_ns[index + 1] - time);
            let (first, next) = (self.watts[index], self.watts[index + 1]);
            match self.between {
                Between::Line if length > 0.0 => (time, first, (next - first) / length),
                Between::MeanSince => (time, next, 0.0),
                Between::Line | Between::Hold => (time, first, 0.0),
            }
        })
    }

    /// By how much the energy of `interval` changes if all times are wrong by up to `by_ns`, in joules.
    ///
    /// The interval is moved by whole, half and quarter of it to both sides, as far as the trace goes.
    pub fn shift_bound_j(&self, interval: Interval, by_ns: i64) -> f64 {
        let shifts = [by_ns, by_ns / 2, by_ns / 4].into_iter().flat_map(|by| [by, by.saturating_neg()]);
        shifts.filter_map(|by| self.shifted_by_j(interval, by)).map(f64::abs).fold(0.0, f64::max)
    }

    /// The energy of `interval` moved later by `by_ns` less its own; `None` where the trace does not cover it.
    ///
    /// What would lie beyond the trace counts as its last power.
    pub(crate) fn shifted_by_j(&self, interval: Interval, by_ns: i64) -> Option<f64> {
        if !self.span().holds(interval) {
            return None;
        }
        let up_to = |time: i64| {
            let inside = time.clamp(self.span().begin_ns, self.span().end_ns);
            let segment = self.segment(inside);
            self.cumulated_j(inside, segment) + seconds(time - inside) * self.power_w(inside, segment)
        };
        let length =
            |by: i64| up_to(interval.end_ns.saturating_add(by)) - up_to(interval.begin_ns.saturating_add(by));
        Some(length(by_ns) - length(0))
    }

    /// The segment [`index`, `index` + 1] that holds `time_ns`, which lies within the span.
    fn segment(&self, time_ns: i64) -> usize {
        self.times_ns.partition_point(|&time| time <= time_ns).saturating_sub(1).min(self.len() - 2)
    }

    /// As [`segment`](Self::segment), in steps that double from where it would be if points were as far apart everywhere.
    fn segment_near(&self, time_ns: i64, near: usize) -> usize {
        let times = &self.times_ns;
        let apart = (self.span().length_ns() / i64::try_from(times.len()).unwrap_or(i64::MAX)).max(1);
        let steps = time_ns.saturating_sub(times[near]) / apart;
        let guess = i64::try_from(near).unwrap_or(0).saturating_add(steps).max(0);
        let guess = usize::try_from(guess).unwrap_or(near).min(times.len() - 1);
        let (mut from, mut to, mut step) = (guess, guess, 1);
        while from > 0 && times[from] > time_ns {
            from = from.saturating_sub(step);
            step *= 2;
        }
        while to < times.len() && times[to] <= time_ns {
            to = (to + step).min(times.len());
            step *= 2;
        }
        let after = from + times[from..to].partition_point(|&time| time <= time_ns);
        after.saturating_sub(1).min(times.len() - 2)
    }

    /// Energy from the first point to `time_ns`, which lies in `segment`.
    fn cumulated_j(&self, time_ns: i64, segment: usize) -> f64 {
        let begin = self.times_ns[segment];
        let since = seconds(time_ns - begin);
        let mean = match self.between {
            Between::Line => f64::midpoint(self.watts[segment], self.power_w(time_ns, segment)),
            Between::MeanSince => self.watts[segment + 1],
            Between::Hold => self.watts[segment],
        };
        self.energy_to_j(segment) + since * mean
    }

    /// Power at `time_ns`, which lies in `segment`.
    fn power_w(&self, time_ns: i64, segment: usize) -> f64 {
        let (begin, end) = (self.times_ns[segment], self.times_ns[segment + 1]);
        let (first, last) = (self.watts[segment], self.watts[segment + 1]);
        match self.between {
            Between::Line if end > begin => {
                first + (last - first) * (seconds(time_ns - begin) / seconds(end - begin))
            }
            Between::MeanSince if time_ns > begin => last,
            Between::Hold if time_ns == end => last,
            Between::Line | Between::MeanSince | Between::Hold => first,
        }
    }
}

/// `total` and the energy between each point and the next, in joules, one after the other.
fn add_pieces(total: f64, times_ns: &[i64], watts: &[f64], between: Between) -> f64 {
    let steps = times_ns.windows(2).zip(watts.windows(2));
    steps.fold(total, |total, (times, watts)| {
        let mean = match between {
            Between::Line => f64::midpoint(watts[0], watts[1]),
            Between::MeanSince => watts[1],
            Between::Hold => watts[0],
        };
        total + seconds(times[1] - times[0]) * mean
    })
}

/// Numbers that are looked at side by side: one after the other would wait for each other.
const LANES: usize = 8;

/// Lowest and highest of the values and the two `ends`, all of which are finite.
fn extremes_of(values: &[f64], ends: (f64, f64)) -> (f64, f64) {
    let lower = |one: f64, other: f64| if other < one { other } else { one };
    let higher = |one: f64, other: f64| if other > one { other } else { one };
    let (mut lows, mut highs) = ([lower(ends.0, ends.1); LANES], [higher(ends.0, ends.1); LANES]);
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            lows[lane] = lower(lows[lane], chunk[lane]);
            highs[lane] = higher(highs[lane], chunk[lane]);
        }
    }
    let low = lows.iter().chain(rest).copied().fold(lows[0], lower);
    let high = highs.iter().chain(rest).copied().fold(highs[0], higher);
    (low, high)
}
