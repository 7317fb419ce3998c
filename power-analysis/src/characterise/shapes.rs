//! The shapes that a sensor's response can have, and the search for their parameters.

use super::transient::TransientClass;
use crate::fit::{Drive, Lag, Minimum, Problem, Signal, blocks, fill_boxcar};
use crate::stats::count;

/// Windows that a search starts from, in seconds.
const WINDOWS: [f64; 15] =
    [0.002, 0.005, 0.010, 0.015, 0.025, 0.035, 0.050, 0.075, 0.100, 0.150, 0.300, 0.700, 1.0, 1.5, 2.0];
/// Delays that a search starts from: lowest, highest and step, in seconds. A negative one is a clock that is ahead.
const DELAYS: (f64, f64, f64) = (-0.100, 0.300, 0.010);
/// Time constants that a search starts from, in seconds.
const RISES: [f64; 10] = [0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024];
/// Longest window, time constant and delay, in seconds.
const LONGEST: f64 = 5.0;
/// Publications that a grid is searched with, at most.
const MOST_IN_GRID: usize = 400;
/// Minima of a grid that are polished.
const POLISHED: usize = 8;
/// Time at the beginning that only fills the windows, at most, in seconds; and its share of the whole.
const WARM_UP: (f64, f64) = (3.0, 0.12);
/// How far a scan for repeats of the drive goes to both sides, in steps, and a step in seconds.
const SCANNED: i32 = 120;
const SCAN_STEP: f64 = 0.005;
/// Share of the whole that is left out at the end, so that the scan sees a drive that is known.
const AHEAD: f64 = 0.03;
/// Two minima nearer than this, in seconds, and in share of the window, are one.
const APART: (f64, f64) = (2e-3, 0.08);

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
    watts: Vec<f64>,
}

impl Points {
    /// The publications whose windows lie where the drive is known.
    pub(super) fn covered(times_ns: &[i64], watts: &[f64], counts: bool, drive: &Drive) -> Self {
        let span = drive.span().seconds();
        let warm = (WARM_UP.1 * span).min(WARM_UP.0);
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

    fn fill_lag(&self, lag: &Lag<'_>, window: f64, delay: f64, out: &mut Vec<f64>) {
        fill_boxcar(lag, self.times.iter().copied(), window, delay, out);
    }
}

/// The best parameters of a shape, and other minima.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) best: Minimum,
    pub(super) others: Vec<Minimum>,
}

/// Searches a grid and polishes its minima.
pub(super) fn fit_shape(shape: Shape, points: &Points, drive: &Drive, gains: (f64, f64)) -> Option<Found> {
    let few = points.pick(&blocks(points.len(), MOST_IN_GRID));
    let starts = grid(shape, &few, drive, gains);
    polish(shape, points, drive, gains, starts)
}

/// A window and a lag in a row, searched from the best window alone and the best lag alone.
pub(super) fn fit_both(
    points: &Points,
    drive: &Drive,
    gains: (f64, f64),
    boxcar: &Minimum,
    lag: Option<&Minimum>,
) -> Option<Found> {
    let shape = Shape::BoxcarLag;
    let fill = |at: &[f64], out: &mut Vec<f64>| points.fill(shape, drive, at, out);
    let problem = shape.problem(points, gains, &fill);
    let [delay, window] = boxcar.at[..] else { return None };
    // What the lag delays by, the window and the delay need not.
    let mut starts: Vec<Vec<f64>> = [0.002, 0.008, 0.032, 0.128]
        .into_iter()
        .flat_map(|rise| [vec![delay - rise, window, rise], vec![delay - 0.5 * rise, 0.7 * window, rise]])
        .collect();
    if let Some([delay, rise]) = lag.map(|lag| &lag.at[..]) {
        starts.extend([0.2, 0.7, 1.5].map(|share| vec![delay - 0.5 * share * rise, share * rise, *rise]));
    }
    let mut x = Vec::new();
    let starts = starts
        .into_iter()
        .map(|at| Minimum { squares: problem.squares(&at, &mut x), at })
        .filter(|start| start.squares.is_finite())
        .collect();
    polish(shape, points, drive, gains, starts)
}

fn polish(
    shape: Shape,
    points: &Points,
    drive: &Drive,
    gains: (f64, f64),
    mut starts: Vec<Minimum>,
) -> Option<Found> {
    let fill = |at: &[f64], out: &mut Vec<f64>| points.fill(shape, drive, at, out);
    let problem = shape.problem(points, gains, &fill);
    let mut minima: Vec<Minimum> = Vec::new();
    starts.sort_by(|a, b| a.squares.total_cmp(&b.squares));
    let most = if shape.has_lag() { 2 } else { POLISHED };
    for start in starts.into_iter().take(most) {
        let mut steps = vec![0.4 * DELAYS.2];
        steps.extend(start.at[1..].iter().map(|&value| (0.2 * value).max(1e-3)));
        let found = problem.polish(&start.at, &steps, 2e-3, 120);
        let known = minima.iter().position(|other| is_near(shape, &other.at, &found.at));
        match known {
            Some(index) if found.squares < minima[index].squares => minima[index] = found,
            Some(_) => {}
            None => minima.push(found),
        }
    }
    minima.sort_by(|a, b| a.squares.total_cmp(&b.squares));
    if minima.is_empty() {
        return None;
    }
    let mut best = minima.remove(0);
    let steps: Vec<f64> = best.at.iter().map(|value| (0.02 * value.abs()).max(5e-4)).collect();
    let polished = problem.polish(&best.at, &steps, 1e-4, 300);
    if polished.squares <= best.squares {
        best = polished;
    }
    minima.retain(|other| other.squares.is_finite() && !is_near(shape, &other.at, &best.at));
    Some(Found { best, others: minima })
}

/// Adds the delays that fit as well because the drive repeats itself: the others of a scan around the best.
pub(super) fn add_repeats(
    shape: Shape,
    points: &Points,
    drive: &Drive,
    gains: (f64, f64),
    found: &mut Found,
) {
    let fill = |at: &[f64], out: &mut Vec<f64>| points.fill(shape, drive, at, out);
    let problem = shape.problem(points, gains, &fill);
    let few = points.pick(&blocks(points.len(), MOST_IN_GRID));
    let lag = shape.rise_axis().map(|axis| {
        let fall = shape.fall_axis().unwrap_or(axis);
        Lag::new(drive, found.best.at[axis], found.best.at[fall])
    });
    let window = shape.window_axis().map_or(0.0, |axis| found.best.at[axis]);
    let mut at = found.best.at.clone();
    let mut x = Vec::new();
    let scan: Vec<(f64, f64)> = (-SCANNED..=SCANNED)
        .map(|step| {
            at[0] = found.best.at[0] + f64::from(step) * SCAN_STEP;
            match &lag {
                Some(lag) => few.fill_lag(lag, window, at[0], &mut x),
                None => {
                    few.fill(shape, drive, &at, &mut x);
                }
            }
            (at[0], crate::fit::affine(&few.watts, &x, gains).squares)
        })
        .collect();
    let mut repeats: Vec<(f64, f64)> = scan
        .windows(3)
        .filter(|three| three[1].1 < three[0].1 && three[1].1 < three[2].1)
        .map(|three| three[1])
        .filter(|(delay, _)| (delay - found.best.at[0]).abs() > 2.0 * SCAN_STEP)
        .collect();
    repeats.sort_by(|a, b| a.1.total_cmp(&b.1));
    for (delay, _) in repeats.into_iter().take(3) {
        at.clone_from(&found.best.at);
        at[0] = delay;
        let steps: Vec<f64> = at.iter().map(|value| (0.05 * value.abs()).clamp(5e-4, SCAN_STEP)).collect();
        let other = problem.polish(&at, &steps, 1e-3, 200);
        let known =
            found.others.iter().chain([&found.best]).any(|known| is_near(shape, &known.at, &other.at));
        if other.squares.is_finite() && !known {
            found.others.push(other);
        }
    }
}

fn is_near(shape: Shape, a: &[f64], b: &[f64]) -> bool {
    let near = |a: f64, b: f64| (a - b).abs() <= APART.0 + APART.1 * a.abs().max(b.abs());
    // Delay and window shift against each other along one valley: what counts is where the window's middle lies.
    let middle = |at: &[f64]| at[0] + shape.window_axis().map_or(0.0, |axis| 0.5 * at[axis]);
    (middle(a) - middle(b)).abs() <= APART.0 + 0.1 * APART.1
        && a[1..].iter().zip(&b[1..]).all(|(a, b)| near(*a, *b))
}

/// The local minima of a grid over the parameters.
fn grid(shape: Shape, points: &Points, drive: &Drive, gains: (f64, f64)) -> Vec<Minimum> {
    let mut delays = Vec::new();
    let mut delay = DELAYS.0;
    while delay <= DELAYS.1 + 1e-9 {
        delays.push(delay);
        delay += DELAYS.2;
    }
    let mut x = Vec::new();
    let squares = |x: &[f64]| crate::fit::affine(&points.watts, x, gains).squares;
    let mut rows: Vec<(Vec<f64>, Vec<f64>)> = Vec::new();
    match shape {
        Shape::Point | Shape::SincePrevious => {
            let row = delays.iter().map(|&delay| {
                points.fill(shape, drive, &[delay], &mut x);
                squares(&x)
            });
            rows.push((vec![], row.collect()));
        }
        Shape::Boxcar => {
            for window in WINDOWS {
                let row = delays.iter().map(|&delay| {
                    points.fill(shape, drive, &[delay, window], &mut x);
                    squares(&x)
                });
                rows.push((vec![window], row.collect()));
            }
        }
        Shape::Lag | Shape::LagApart | Shape::BoxcarLag => {
            for rise in RISES {
                let lag = Lag::new(drive, rise, rise);
                let row = delays.iter().map(|&delay| {
                    points.fill_lag(&lag, 0.0, delay, &mut x);
                    squares(&x)
                });
                let rest = match shape {
                    Shape::BoxcarLag => vec![0.5 * rise, rise],
                    Shape::LagApart => vec![rise, rise],
                    _ => vec![rise],
                };
                rows.push((rest, row.collect()));
            }
        }
    }
    let mut minima = Vec::new();
    for (index, (rest, row)) in rows.iter().enumerate() {
        for (column, &delay) in delays.iter().enumerate() {
            let here = row[column];
            let lower = |row: &[f64], column: usize| row.get(column).is_some_and(|&other| other < here);
            let beside = (column > 0 && lower(row, column - 1)) || lower(row, column + 1);
            // In a grid of two parameters, neighbouring rows count, too.
            let across = !rest.is_empty()
                && (index.checked_sub(1).is_some_and(|index| lower(&rows[index].1, column))
                    || rows.get(index + 1).is_some_and(|(_, row)| lower(row, column)));
            if !beside && !across && here.is_finite() {
                let mut at = vec![delay];
                at.extend(rest);
                minima.push(Minimum { at, squares: here });
            }
        }
    }
    minima
}
