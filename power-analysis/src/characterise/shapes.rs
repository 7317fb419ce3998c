//! The shapes that a sensor's response can have, and the publications that they are fitted to.

use super::transient::TransientClass;
use crate::fit::{Drive, Lag, Problem, Signal, fill_boxcar};
use crate::stats::count;

/// Delays that a search starts from: lowest, highest and step, in seconds. A negative one is a clock that is ahead.
pub(super) const DELAYS: (f64, f64, f64) = (-0.100, 0.300, 0.010);
/// Longest window, time constant and delay, in seconds.
const LONGEST: f64 = 5.0;
/// Time at the beginning that only fills the windows, at most, in seconds; and its share of the whole.
const WARM_UP: (f64, f64) = (3.0, 0.12);
/// How far a scan for repeats of the drive goes to both sides, in steps, and a step in seconds.
pub(super) const SCANNED: i32 = 120;
pub(super) const SCAN_STEP: f64 = 0.005;
/// Share of the whole that is left out at the end, so that the scan sees a drive that is known.
const AHEAD: f64 = 0.03;

/// A shape of the response; its first parameter is always the delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Delay alone.
    Point,
    /// Delay, window.
    Boxcar,
    /// Delay, time constant.
    Lag,
    /// Delay, window, time constant.
    BoxcarLag,
    /// Delay, time constant of the rise, time constant of the fall.
    LagApart,
    /// Delay; the window is the time since the publication before.
    SincePrevious,
}

impl Shape {
    pub(super) fn class(self) -> TransientClass {
        match self {
            Self::Point => TransientClass::None,
            Self::Boxcar => TransientClass::Boxcar,
            Self::Lag | Self::LagApart => TransientClass::Exponential,
            Self::BoxcarLag => TransientClass::BoxcarExponential,
            Self::SincePrevious => TransientClass::SincePrevious,
        }
    }

    pub(super) fn has_lag(self) -> bool {
        matches!(self, Self::Lag | Self::LagApart | Self::BoxcarLag)
    }

    /// Parameters with offset and gain.
    pub(super) fn parameters(self) -> f64 {
        2.0 + count(self.dimensions())
    }

    fn dimensions(self) -> usize {
        match self {
            Self::Point | Self::SincePrevious => 1,
            Self::Boxcar | Self::Lag => 2,
            Self::BoxcarLag | Self::LagApart => 3,
        }
    }

    /// Whether it is `other` with a parameter at 0, or two of them equal.
    pub(super) fn is_case_of(self, other: Self) -> bool {
        match self {
            Self::Point => matches!(other, Self::Boxcar | Self::Lag | Self::BoxcarLag | Self::LagApart),
            Self::Boxcar => other == Self::BoxcarLag,
            Self::Lag => matches!(other, Self::BoxcarLag | Self::LagApart),
            Self::BoxcarLag | Self::LagApart | Self::SincePrevious => false,
        }
    }

    pub(super) fn window_axis(self) -> Option<usize> {
        matches!(self, Self::Boxcar | Self::BoxcarLag).then_some(1)
    }

    pub(super) fn rise_axis(self) -> Option<usize> {
        match self {
            Self::Lag | Self::LagApart => Some(1),
            Self::BoxcarLag => Some(2),
            Self::Point | Self::Boxcar | Self::SincePrevious => None,
        }
    }

    pub(super) fn fall_axis(self) -> Option<usize> {
        (self == Self::LagApart).then_some(2)
    }

    fn bounds(self) -> Vec<(f64, f64)> {
        let mut bounds = vec![(-LONGEST, LONGEST)];
        bounds.extend(vec![(0.0, LONGEST); self.dimensions() - 1]);
        bounds
    }

    pub(super) fn problem<'a>(
        self,
        points: &'a Points,
        gains: (f64, f64),
        fill: &'a dyn Fn(&[f64], &mut Vec<f64>) -> bool,
    ) -> Problem<'a> {
        Problem::new(&points.watts, gains, self.bounds(), fill)
    }

    /// The time that it looks back with these parameters, with what the ends of their intervals may add, in seconds.
    pub(super) fn memory_of(self, at: &[f64]) -> f64 {
        // A point has no window yet.
        let of = |axis: Option<usize>| axis.and_then(|axis| at.get(axis)).copied().unwrap_or(0.0);
        let (window, rise, fall) = (of(self.window_axis()), of(self.rise_axis()), of(self.fall_axis()));
        at[0].abs() + 1.5 * window + 8.0 * rise.max(fall) + SCAN_STEP
    }

    /// When the response to a step reaches 10, 50 and 90 %, in milliseconds.
    pub(super) fn response_ms(self, at: &[f64]) -> [f64; 3] {
        let window = self.window_axis().map_or(0.0, |axis| at[axis]);
        let rise = self.rise_axis().map_or(0.0, |axis| at[axis]);
        let reached = |t: f64| -> f64 {
            // The integral of 1 - exp(-t / τ), over the window.
            let area = |t: f64| {
                if t <= 0.0 {
                    0.0
                } else if rise > 0.0 {
                    t - rise * (1.0 - (-t / rise).exp())
                } else {
                    t
                }
            };
            if window > 1e-9 {
                (area(t) - area(t - window)) / window
            } else if rise > 0.0 {
                1.0 - (-t.max(0.0) / rise).exp()
            } else {
                f64::from(u8::from(t > 0.0))
            }
        };
        [0.1, 0.5, 0.9].map(|share| {
            let (mut low, mut high) = (0.0, window + 5.0 * rise + 1e-6);
            for _ in 0..60 {
                let middle = f64::midpoint(low, high);
                if reached(middle) < share { low = middle } else { high = middle }
            }
            (at[0] + high) * 1e3
        })
    }
}

/// Publications on the seconds of a drive.
#[derive(Debug, Clone)]
pub(super) struct Points {
    times: Vec<f64>,
    /// The publication before each, for a counter.
    before: Option<Vec<f64>>,
    pub(super) watts: Vec<f64>,
}

impl Points {
    /// Median time between two publications in milliseconds.
    pub(super) fn typical_gap_ms(&self) -> Option<f64> {
        let gaps: Vec<f64> = self.times.windows(2).map(|pair| (pair[1] - pair[0]) * 1e3).collect();
        crate::stats::median(&gaps)
    }

    /// The publications whose windows lie where the drive is known; while windows are searched, `memory` is `None`, and a
    /// part of the whole only fills them. The time that a sensor is known to look back leaves more.
    pub(super) fn covered(
        times_ns: &[i64],
        watts: &[f64],
        counts: bool,
        drive: &Drive,
        memory: Option<f64>,
    ) -> Self {
        let span = drive.span().seconds();
        let searched = (WARM_UP.1 * span).min(WARM_UP.0);
        let warm = memory.map_or(searched, |memory| memory.min(searched));
        let ahead = (AHEAD * span).clamp(-DELAYS.0, f64::from(SCANNED) * SCAN_STEP);
        let mut points = Self { times: vec![], before: counts.then(Vec::new), watts: vec![] };
        for index in 1..times_ns.len() {
            let (time, before) = (drive.seconds(times_ns[index]), drive.seconds(times_ns[index - 1]));
            let from = if counts { before - DELAYS.1 } else { time - warm };
            if !drive.covers(from, time + ahead) {
                continue;
            }
            points.times.push(time);
            points.watts.push(watts[index]);
            if let Some(starts) = &mut points.before {
                starts.push(before);
            }
        }
        points
    }

    pub(super) fn len(&self) -> usize {
        self.times.len()
    }

    pub(super) fn pick(&self, indices: &[usize]) -> Self {
        let of = |values: &[f64]| indices.iter().map(|&index| values[index]).collect();
        Self { times: of(&self.times), before: self.before.as_deref().map(of), watts: of(&self.watts) }
    }

    pub(super) fn total_squares(&self) -> f64 {
        let mean = self.watts.iter().sum::<f64>() / count(self.len());
        self.watts.iter().map(|watts| (watts - mean).powi(2)).sum()
    }

    /// A stretch of the drive with no more than `pieces` knots and of the points with no more than `most`: the one
    /// with the most edges; the drive itself where it is short enough.
    pub(super) fn stretch(&self, drive: &Drive, pieces: usize, most: usize) -> (Option<Drive>, Self) {
        if drive.len() <= pieces && self.len() <= most {
            return (None, self.clone());
        }
        let first = self.times[0];
        let length = self.times[self.len() - 1] - first;
        let parts = (drive.len() / pieces).max(self.len() / most) + 1;
        let part = length / count(parts);
        let moved = |range: std::ops::Range<usize>| -> f64 {
            self.watts[range].windows(2).map(|pair| (pair[1] - pair[0]).abs()).sum()
        };
        let ranges = (0..parts).map(|index| {
            let from = first + part * count(index);
            let start = self.times.partition_point(|&time| time < from);
            start..self.times.partition_point(|&time| time < from + part)
        });
        let best =
            ranges.max_by(|a, b| moved(a.clone()).total_cmp(&moved(b.clone()))).unwrap_or(0..self.len());
        let own = self.pick(&best.collect::<Vec<_>>());
        let (from, to) = (own.times.first().copied(), own.times.last().copied());
        let cut = from.zip(to).map(|(from, to)| drive.cut(from - LONGEST, to + 1.0));
        (cut, own)
    }

    /// The response at these parameters; `false` where they make no sense.
    pub(super) fn fill(&self, shape: Shape, drive: &Drive, at: &[f64], out: &mut Vec<f64>) -> bool {
        let times = || self.times.iter().copied();
        match shape {
            Shape::Point => fill_boxcar(drive, times(), 0.0, at[0], out),
            Shape::Boxcar => fill_boxcar(drive, times(), at[1], at[0], out),
            Shape::Lag => fill_boxcar(&Lag::new(drive, at[1], at[1]), times(), 0.0, at[0], out),
            Shape::LagApart => fill_boxcar(&Lag::new(drive, at[1], at[2]), times(), 0.0, at[0], out),
            Shape::BoxcarLag => fill_boxcar(&Lag::new(drive, at[2], at[2]), times(), at[1], at[0], out),
            Shape::SincePrevious => {
                let Some(before) = &self.before else { return false };
                let (mut early, mut late) = (0, 0);
                out.clear();
                out.extend(before.iter().zip(&self.times).map(|(begin, end)| {
                    let length = (end - begin).max(1e-9);
                    let energy =
                        drive.energy(end - at[0], &mut late) - drive.energy(begin - at[0], &mut early);
                    energy / length
                }));
            }
        }
        true
    }

    pub(super) fn fill_lag(&self, lag: &Lag<'_>, window: f64, delay: f64, out: &mut Vec<f64>) {
        fill_boxcar(lag, self.times.iter().copied(), window, delay, out);
    }
}
