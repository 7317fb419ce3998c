//! What a sensor's character rests on, as points and surfaces to look at.

use super::shapes::{Points, Shape};
use super::{Change, Published, Transient, TransientClass, UpdatePeriod};
use crate::fit::{Drive, affine, blocks};
use crate::stats::count;
use crate::time::seconds;

/// Publications that a surface is made from, at most, and its rows and columns.
const MOST_IN_SURFACE: usize = 400;
const CELLS: usize = 32;
/// Longest part of a step's response that is shown, in seconds, as a multiple of the time to 90 %.
const SHOWN: (f64, f64) = (2.5, 3.0);
/// Shortest part that is shown, in seconds.
const SHORTEST_S: f64 = 0.06;
/// Points of a picture, at most.
const MOST_POINTS: usize = 3_000;

/// Pictures of one sensor's character; empty where there is nothing to see.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pictures {
    /// Time in seconds, and by how much a change of value was seen off the lattice, in milliseconds.
    pub lattice: Vec<(f64, f64)>,
    /// Time since a lone step of the load in milliseconds, and the share of the step that was shown.
    pub steps: Vec<(f64, f64)>,
    /// How well windows and delays fit.
    pub surface: Option<Surface>,
}

/// How well every pair of parameters fits: what is left over the least that is left.
#[derive(Debug, Clone, PartialEq)]
pub struct Surface {
    /// Delays in milliseconds, ascending.
    pub delays_ms: Vec<f64>,
    /// Windows, or time constants, in milliseconds, ascending.
    pub seconds_ms: Vec<f64>,
    /// Whether the second axis is a time constant.
    pub is_lag: bool,
    /// Root mean square of what is left over the least, row by row of the second axis.
    pub ratios: Vec<Vec<f64>>,
}

/// Draws what `found` and `period` rest on.
pub fn pictures(
    changes: &[Change],
    published: &Published,
    period: &UpdatePeriod,
    driven: Option<(&Drive, &Transient)>,
) -> Pictures {
    let watts: Vec<f64> = changes.iter().map(|change| change.watts).collect();
    Pictures {
        lattice: period.period_ms.map_or_else(Vec::new, |ms| lattice(changes, ms.value * 1e-3)),
        steps: driven.map_or_else(Vec::new, |(drive, found)| steps(published, &watts, drive, found)),
        surface: driven.and_then(|(drive, found)| surface(published, &watts, drive, found)),
    }
}

/// Changes against the nearest point of a lattice through the median of their neighbours: a slow drift is taken along.
fn lattice(changes: &[Change], period: f64) -> Vec<(f64, f64)> {
    let Some(first) = changes.first() else { return Vec::new() };
    let mut phase = 0.0;
    let all = changes.iter().map(|change| {
        let time = seconds(change.middle_ns.saturating_sub(first.middle_ns));
        let off = time - phase - ((time - phase) / period).round() * period;
        phase += 0.02 * off;
        (time, off * 1e3)
    });
    thinned(all.collect())
}

fn thinned(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let every = points.len().div_ceil(MOST_POINTS).max(1);
    points.into_iter().step_by(every).collect()
}

/// Publications after steps that nothing follows for a while: every lattice meets them at another time, so that many make
/// a finer picture than one.
fn steps(published: &Published, watts: &[f64], drive: &Drive, found: &Transient) -> Vec<(f64, f64)> {
    let reach = (found.response_ms[2] * 1e-3 * SHOWN.0).clamp(SHORTEST_S, SHOWN.1);
    let swings = drive.swings();
    let mut points = Vec::new();
    for (index, &(time, from, to)) in swings.iter().enumerate() {
        let alone_before = index.checked_sub(1).is_none_or(|before| time - swings[before].0 > reach);
        let alone_after = swings.get(index + 1).is_none_or(|next| next.0 - time > reach);
        if !alone_before || !alone_after {
            continue;
        }
        let shown = |power: f64| found.offset_w.value + found.gain.value * power;
        let (low, high) = (shown(from), shown(to));
        let begin = published.times_ns.partition_point(|&at| drive.seconds(at) < time - 0.2 * reach);
        for (&at, &value) in published.times_ns.iter().zip(watts).skip(begin) {
            let since = drive.seconds(at) - time;
            if since > reach {
                break;
            }
            points.push((since * 1e3, (value - low) / (high - low)));
        }
    }
    thinned(points)
}

fn surface(published: &Published, watts: &[f64], drive: &Drive, found: &Transient) -> Option<Surface> {
    let delay = found.delay_ms.value * 1e-3;
    let (shape, middle) = match found.class {
        TransientClass::SincePrevious => return None,
        TransientClass::Exponential => (Shape::Lag, found.rise_ms?.value * 1e-3),
        TransientClass::None | TransientClass::Boxcar | TransientClass::BoxcarExponential => {
            (Shape::Boxcar, found.window_ms?.value * 1e-3)
        }
    };
    let all = Points::covered(&published.times_ns, watts, false, drive, None);
    // A lag costs every piece of the drive.
    let (part, all) = all.stretch(drive, 20_000, MOST_IN_SURFACE * 4);
    let drive = part.as_ref().unwrap_or(drive);
    let points = all.pick(&blocks(all.len(), MOST_IN_SURFACE));
    let (beside, reach) = ((0.15 * middle).max(0.015), (1.6 * middle).max(0.03));
    let axis = |low: f64, high: f64| -> Vec<f64> {
        (0..CELLS).map(|cell| low + (high - low) * count(cell) / count(CELLS - 1)).collect()
    };
    let delays = axis(delay - beside, delay + beside);
    let lengths = axis(1e-4, reach);
    let mut x = Vec::new();
    let mut rows: Vec<Vec<f64>> = lengths
        .iter()
        .map(|&length| {
            delays
                .iter()
                .map(|&delay| {
                    points.fill(shape, drive, &[delay, length], &mut x);
                    affine(&points.watts, &x, (0.0, f64::INFINITY)).squares.sqrt()
                })
                .collect()
        })
        .collect();
    let least = rows.iter().flatten().copied().fold(f64::INFINITY, f64::min);
    if !least.is_finite() || least <= 0.0 {
        return None;
    }
    rows.iter_mut().flatten().for_each(|value| *value /= least);
    let ms = |values: Vec<f64>| values.into_iter().map(|value| value * 1e3).collect();
    Some(Surface {
        delays_ms: ms(delays),
        seconds_ms: ms(lengths),
        is_lag: shape == Shape::Lag,
        ratios: rows,
    })
}
