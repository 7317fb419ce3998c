//! Power that drives a sensor, in straight pieces, with its exact integral and its first-order lag.

use crate::time::{Interval, nanoseconds, seconds};
use crate::trace::Trace;

/// Power over time in straight pieces: what a sensor's window, delay and clock are fitted against.
///
/// Times are seconds since an origin, as floating-point numbers: a fit moves a window by less than a nanosecond.
/// Before the first and after the last knot the power stays as it is there.
#[derive(Debug, Clone)]
pub struct Drive {
    origin_ns: i64,
    pub(super) times: Vec<f64>,
    pub(super) watts: Vec<f64>,
    pub(super) slopes: Vec<f64>,
    joules: Vec<f64>,
    commanded: bool,
}

/// Time before and after an edge of a commanded load in which nothing else may change the power, in seconds.
pub(crate) const KNOWN_NEXT_TO_EDGE_S: f64 = 2.0;

/// Share of a dwell by which two that are meant to be alike may differ.
const ALIKE: f64 = 0.05;

/// Something with a power and an integral at every time.
pub(crate) trait Signal {
    /// Power in watts at `t` seconds. `hint` speeds up queries whose times ascend.
    fn power(&self, t: f64, hint: &mut usize) -> f64;
    /// Energy in joules up to `t` seconds.
    fn energy(&self, t: f64, hint: &mut usize) -> f64;
}

impl Drive {
    /// The power of a trace.
    pub fn of_trace(trace: &Trace) -> Self {
        let origin_ns = trace.times_ns()[0];
        Self::of_pieces(origin_ns, trace.pieces())
    }

    /// The power of a meter that leaves nothing out: each value is the mean since the one before. `None` below two.
    ///
    /// A line between such means would blur the load by a window; this keeps the energy of every one.
    pub fn of_means(ends_ns: &[i64], watts: &[f64]) -> Option<Self> {
        let last = ends_ns.len().checked_sub(1).filter(|&last| last > 0 && ends_ns.len() == watts.len())?;
        let pieces = (0..=last).map(|index| (ends_ns[index], watts[(index + 1).min(last)], 0.0));
        Some(Self::of_pieces(ends_ns[0], pieces))
    }

    /// `before_w` until the first step, then each power in watts from its time on; `None` without a step.
    ///
    /// Steps are taken in order of time. A commanded load is 0 and 1 in place of watts.
    pub fn of_steps(before_w: f64, mut steps: Vec<(i64, f64)>) -> Option<Self> {
        steps.sort_by_key(|step| step.0);
        let first = steps.first()?.0;
        // One second of what was before, so that the first step is a step.
        let origin_ns = first.saturating_sub(1_000_000_000);
        let pieces = std::iter::once((origin_ns, before_w, 0.0));
        let steps = steps.into_iter().map(|(time, power)| (time, power, 0.0));
        Some(Self { commanded: true, ..Self::of_pieces(origin_ns, pieces.chain(steps)) })
    }

    /// Straight pieces: start, power there in watts, slope in watts a second.
    fn of_pieces(origin_ns: i64, pieces: impl Iterator<Item = (i64, f64, f64)>) -> Self {
        let mut drive = Self {
            origin_ns,
            times: vec![],
            watts: vec![],
            slopes: vec![],
            joules: vec![],
            commanded: false,
        };
        for (time_ns, watts, slope) in pieces {
            let time = seconds(time_ns.saturating_sub(origin_ns));
            match drive.times.last().map(|&last| time - last) {
                None => drive.joules.push(0.0),
                Some(length) if length > 0.0 => {
                    let last = drive.times.len() - 1;
                    let mean = drive.watts[last] + 0.5 * drive.slopes[last] * length;
                    drive.joules.push(drive.joules[last] + mean * length);
                }
                // Two pieces at one time: the later one holds.
                Some(_) => {
                    drive.times.pop();
                    drive.watts.pop();
                    drive.slopes.pop();
                }
            }
            drive.times.push(time);
            drive.watts.push(watts);
            drive.slopes.push(slope);
        }
        if let Some(slope) = drive.slopes.last_mut() {
            *slope = 0.0;
        }
        drive
    }

    /// The drive with pieces of at least `shortest_s`, each the mean of what it joins: a lag is costly over millions.
    pub(crate) fn coarsened(&self, shortest_s: f64) -> Self {
        let mut times = vec![self.times[0]];
        let mut joules = vec![self.joules[0]];
        for (&time, &energy) in self.times.iter().zip(&self.joules).skip(1) {
            if times.last().is_none_or(|last| time - last >= shortest_s) {
                times.push(time);
                joules.push(energy);
            }
        }
        let mut watts: Vec<f64> =
            times.windows(2).zip(joules.windows(2)).map(|(t, e)| (e[1] - e[0]) / (t[1] - t[0])).collect();
        watts.push(self.watts[self.watts.len() - 1]);
        let (origin_ns, commanded) = (self.origin_ns, self.commanded);
        Self { origin_ns, slopes: vec![0.0; times.len()], times, watts, joules, commanded }
    }

    /// The part of the drive from `from` to `to` seconds, and the knot before; its seconds count from the same origin.
    pub(crate) fn cut(&self, from: f64, to: f64) -> Self {
        let first = self.times.partition_point(|&time| time <= from).saturating_sub(1);
        let last = self.times.partition_point(|&time| time <= to).clamp(first + 1, self.len());
        let of = |values: &[f64]| values[first..last].to_vec();
        let mut slopes = of(&self.slopes);
        if let Some(slope) = slopes.last_mut() {
            *slope = 0.0;
        }
        Self {
            origin_ns: self.origin_ns,
            times: of(&self.times),
            watts: of(&self.watts),
            slopes,
            joules: of(&self.joules),
            commanded: self.commanded,
        }
    }

    /// The time base's nanosecond that counts as 0 s.
    pub fn origin_ns(&self) -> i64 {
        self.origin_ns
    }

    /// Seconds since the origin.
    pub(crate) fn seconds(&self, time_ns: i64) -> f64 {
        seconds(time_ns.saturating_sub(self.origin_ns))
    }

    /// From the first to the last knot.
    pub fn span(&self) -> Interval {
        let last = self.times[self.times.len() - 1];
        Interval::new(self.origin_ns, self.origin_ns.saturating_add(nanoseconds(last)))
    }

    /// Whether it is a load as commanded, known at all times, rather than one that was measured from here to there.
    pub fn is_commanded(&self) -> bool {
        self.commanded
    }

    /// Whether the power from `from` to `to` seconds is known.
    ///
    /// A commanded load is known next to its edges: between two bursts of pulses the machine does what it likes.
    pub(crate) fn covers(&self, from: f64, to: f64) -> bool {
        if self.commanded {
            return self.is_near(from, KNOWN_NEXT_TO_EDGE_S) && self.is_near(to, KNOWN_NEXT_TO_EDGE_S);
        }
        from >= self.times[0] && to <= self.times[self.times.len() - 1]
    }

    /// Whether a knot lies within `margin` seconds of `t`, or the power was measured.
    pub(crate) fn is_near(&self, t: f64, margin: f64) -> bool {
        let next = self.times.partition_point(|&time| time < t - margin);
        !self.commanded || self.times.get(next).is_some_and(|&time| time <= t + margin)
    }

    /// Median length of a piece in seconds: nothing shorter is known. 0 for a commanded load, whose edges are exact.
    pub(crate) fn resolution(&self) -> f64 {
        if self.commanded {
            return 0.0;
        }
        let lengths: Vec<f64> = self.times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        crate::stats::median(&lengths).unwrap_or(0.0)
    }

    /// Number of changes by more than a quarter of the whole range, from one extreme towards the other.
    pub(crate) fn edges(&self) -> usize {
        let (low, high) = self.levels_w();
        let quarter = 0.25 * (high - low);
        let (mut count, mut level) = (0, None::<bool>);
        for &watts in &self.watts {
            let now = if watts > high - quarter {
                Some(true)
            } else if watts < low + quarter {
                Some(false)
            } else {
                None
            };
            if now.is_some() && now != level {
                count += usize::from(level.is_some());
                level = now;
            }
        }
        count
    }

    /// Period in seconds of a commanded load that repeats itself: nine in ten of its times on are alike, and of its times
    /// off. `None` where they are not, and of a measured load, whose noise hides that.
    pub(crate) fn period_s(&self) -> Option<f64> {
        if !self.commanded {
            return None;
        }
        let (low, high) = self.levels_w();
        let mut dwells = [Vec::new(), Vec::new()];
        for (pair, &watts) in self.times.windows(2).zip(&self.watts) {
            dwells[usize::from(watts > 0.5 * (low + high))].push(pair[1] - pair[0]);
        }
        let usual = |dwells: &[f64]| {
            let median = crate::stats::median(dwells)?;
            let alike = dwells.iter().filter(|dwell| (*dwell - median).abs() <= ALIKE * median).count();
            (alike * 10 >= dwells.len() * 9).then_some(median)
        };
        Some(usual(&dwells[0])? + usual(&dwells[1])?)
    }

    /// When power went from near one extreme to near the other, in seconds, with what it was before and is after.
    pub(crate) fn swings(&self) -> Vec<(f64, f64, f64)> {
        let (low, high) = self.levels_w();
        let quarter = 0.25 * (high - low);
        let mut found = Vec::new();
        // The last knot at an extreme: which one, when, and its power.
        let mut last: Option<(bool, f64, f64)> = None;
        for (&time, &watts) in self.times.iter().zip(&self.watts) {
            let level = if watts > high - quarter {
                true
            } else if watts < low + quarter {
                false
            } else {
                continue;
            };
            if let Some((_, since, power)) = last.filter(|last| last.0 != level) {
                let edge = if self.commanded { time } else { f64::midpoint(since, time) };
                found.push((edge, power, watts));
            }
            last = Some((level, time, watts));
        }
        found
    }

    /// Number of knots.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Never: a drive has a knot.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Powers below and above which a fiftieth of the knots lies: its levels, without spikes. Of a commanded load, both.
    pub(crate) fn levels_w(&self) -> (f64, f64) {
        let mut sorted = self.watts.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let last = sorted.len() - 1;
        let apart = if self.commanded { 0 } else { last / 50 };
        (sorted[apart], sorted[last - apart])
    }

    /// The piece that holds `t`: searched outwards from the last one, so that ascending queries are cheap.
    pub(super) fn seek(&self, t: f64, hint: &mut usize) -> usize {
        let times = &self.times;
        let last = times.len() - 1;
        let mut low = (*hint).min(last);
        if times[low] > t {
            let mut reach = 1;
            while low > 0 && times[low] > t {
                low = low.saturating_sub(reach);
                reach *= 2;
            }
        }
        let (mut high, mut reach) = (low + 1, 1);
        while high <= last && times[high] <= t {
            low = high;
            high += reach;
            reach *= 2;
        }
        let high = high.min(last + 1);
        let found = low + times[low..high].partition_point(|&time| time <= t);
        *hint = found.saturating_sub(1);
        *hint
    }

    /// Time since the start of piece `index`; before the first piece the slope does not count.
    pub(super) fn within(&self, index: usize, t: f64) -> (f64, f64) {
        let since = t - self.times[index];
        (since, if since < 0.0 { 0.0 } else { self.slopes[index] })
    }
}

impl Signal for Drive {
    fn power(&self, t: f64, hint: &mut usize) -> f64 {
        let index = self.seek(t, hint);
        let (since, slope) = self.within(index, t);
        self.watts[index] + slope * since
    }

    fn energy(&self, t: f64, hint: &mut usize) -> f64 {
        let index = self.seek(t, hint);
        let (since, slope) = self.within(index, t);
        self.joules[index] + since * (self.watts[index] + 0.5 * slope * since)
    }
}

/// A window below this counts as a point, in seconds.
const POINT_S: f64 = 1e-7;

/// The mean of `signal` over `window` seconds that end `delay` seconds before each of `times`, which ascend.
pub(crate) fn fill_boxcar(
    signal: &(impl Signal + ?Sized),
    times: impl Iterator<Item = f64>,
    window: f64,
    delay: f64,
    out: &mut Vec<f64>,
) {
    out.clear();
    let (mut early, mut late) = (0, 0);
    out.extend(times.map(|time| {
        let end = time - delay;
        if window < POINT_S {
            return signal.power(end, &mut late);
        }
        (signal.energy(end, &mut late) - signal.energy(end - window, &mut early)) / window
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps() -> Drive {
        Drive::of_steps(100.0, vec![(2_000_000_000, 300.0), (3_000_000_000, 100.0)]).unwrap()
    }

    #[test]
    fn energy_and_power_hold_beyond_the_knots() {
        let drive = steps();
        let mut hint = 0;
        let at = |ns: i64| drive.seconds(ns);
        assert!((drive.power(at(0), &mut hint) - 100.0).abs() < 1e-12);
        assert!((drive.power(at(2_500_000_000), &mut hint) - 300.0).abs() < 1e-12);
        assert!((drive.power(at(9_000_000_000), &mut hint) - 100.0).abs() < 1e-12);
        let energy = drive.energy(at(4_000_000_000), &mut hint) - drive.energy(at(0), &mut hint);
        assert!((energy - 600.0).abs() < 1e-9, "{energy}");
    }

    #[test]
    fn a_wave_has_a_period_and_random_dwells_have_none() {
        let dwells = |dwell: &dyn Fn(i64) -> i64| {
            let mut t = 0;
            let steps = (0..60).map(|k| {
                t += dwell(k) * 1_000_000;
                (t, if k % 2 == 0 { 1.0 } else { 0.0 })
            });
            Drive::of_steps(0.0, steps.collect()).unwrap()
        };
        // On for 40 ms, off for 60, told with a jitter of 1 ms.
        let wave = dwells(&|k| if k % 2 == 0 { 60 + k % 3 - 1 } else { 40 - k % 3 + 1 }).period_s();
        assert!((wave.unwrap() - 0.1).abs() < 2e-3, "{wave:?}");
        assert_eq!(dwells(&|k| 20 + k * 37 % 71).period_s(), None);
        assert_eq!(dwells(&|k| if k < 30 { 67 } else { 80 }).period_s(), None);
    }

    #[test]
    fn queries_may_go_back() {
        let drive =
            Drive::of_steps(0.0, (0..1000_i32).map(|k| (i64::from(k) * 1_000_000, f64::from(k))).collect());
        let drive = drive.unwrap();
        let mut hint = 0;
        for k in [900_i32, 3, 500, 499, 998, 0] {
            let time = drive.seconds(i64::from(k) * 1_000_000 + 500_000);
            assert!((drive.power(time, &mut hint) - f64::from(k)).abs() < 1e-12);
        }
    }

    #[test]
    fn coarsening_keeps_energy() {
        let drive = Drive::of_steps(
            0.0,
            (0..1000_i32).map(|k| (i64::from(k) * 1_000_000, f64::from(k % 7))).collect(),
        );
        let drive = drive.unwrap();
        let coarse = drive.coarsened(0.01);
        assert!(coarse.len() < 110);
        let mut hint = 0;
        let end = coarse.times[coarse.len() - 1];
        assert!((coarse.energy(end, &mut 0) - drive.energy(end, &mut hint)).abs() < 1e-9);
    }
}
