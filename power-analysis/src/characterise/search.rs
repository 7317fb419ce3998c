//! The search for the parameters of a shape: a grid, its minima polished, and the repeats of the drive.

use super::shapes::{DELAYS, Points, SCAN_STEP, SCANNED, Shape};
use super::transient::TransientSettings;
use crate::fit::{Drive, Lag, Minimum, blocks};

/// Windows that a search starts from, in seconds.
const WINDOWS: [f64; 15] =
    [0.002, 0.005, 0.010, 0.015, 0.025, 0.035, 0.050, 0.075, 0.100, 0.150, 0.300, 0.700, 1.0, 1.5, 2.0];
/// Time constants that a search starts from, in seconds.
const RISES: [f64; 10] = [0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024];
/// Publications that a grid is searched with, at most.
const MOST_IN_GRID: usize = 400;
/// Minima of a grid that are polished.
const POLISHED: usize = 8;
/// Two minima nearer than this, in seconds, and in share of the window, are one.
const APART: (f64, f64) = (2e-3, 0.08);

/// The best parameters of a shape, and other minima.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) best: Minimum,
    pub(super) others: Vec<Minimum>,
}

/// Searches a grid and polishes its minima.
pub(super) fn fit_shape(
    shape: Shape,
    points: &Points,
    drive: &Drive,
    settings: &TransientSettings,
) -> Option<Found> {
    let gains = settings.gains;
    let few = points.pick(&blocks(points.len(), MOST_IN_GRID));
    let starts = grid(shape, &few, drive, settings);
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

/// The best and the other minima again, over other points than those that they were found with.
pub(super) fn repolish(shape: Shape, points: &Points, drive: &Drive, gains: (f64, f64), found: &mut Found) {
    let fill = |at: &[f64], out: &mut Vec<f64>| points.fill(shape, drive, at, out);
    let problem = shape.problem(points, gains, &fill);
    for minimum in found.others.iter_mut().chain([&mut found.best]) {
        let steps: Vec<f64> = minimum.at.iter().map(|value| (0.02 * value.abs()).max(5e-4)).collect();
        *minimum = problem.polish(&minimum.at, &steps, 1e-3, 200);
    }
    found.others.retain(|other| other.squares.is_finite() && !is_near(shape, &other.at, &found.best.at));
    if let Some(better) = found.others.iter_mut().find(|other| other.squares < found.best.squares) {
        std::mem::swap(better, &mut found.best);
    }
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
fn grid(shape: Shape, points: &Points, drive: &Drive, settings: &TransientSettings) -> Vec<Minimum> {
    let gains = settings.gains;
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
            let mut windows: Vec<f64> = WINDOWS.into_iter().chain(settings.window_s).collect();
            windows.sort_unstable_by(f64::total_cmp);
            for window in windows {
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
