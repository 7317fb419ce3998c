//! How far off the paper's bounds are: the same runs, judged by its method.

use serde::{Deserialize, Serialize};

use super::bounds::{Bounds, bounds};
use super::design::{Row, Rows};
use crate::stats::{count, mean, median};

/// Levels within this share of the range from its ends count as idle and as busy.
const END_SHARE: f64 = 0.1;

/// The error of one method over runs, in per cent of their energy by the meter.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MethodError {
    /// The greatest error, with its sign.
    pub worst_percent: f64,
    /// Median error without its sign.
    pub median_percent: f64,
    /// Mean error: positive where the method says too much.
    pub bias_percent: f64,
}

impl MethodError {
    /// Of errors in per cent; `None` where there are none.
    pub fn of(errors_percent: &[f64]) -> Option<Self> {
        let magnitudes: Vec<f64> = errors_percent.iter().map(|error| error.abs()).collect();
        Some(Self {
            worst_percent: errors_percent.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs()))?,
            median_percent: median(&magnitudes)?,
            bias_percent: mean(errors_percent)?,
        })
    }
}

/// The paper's method on the runs of a calibration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PaperMethod {
    /// Power of what no sensor sees, idle and busy.
    pub bounds: Bounds,
    /// Positions of the components by whose power the load is judged.
    pub loaded_by: Vec<usize>,
    /// Their power at idle, in watts.
    pub idle_load_w: f64,
    /// Their power at the busy level, in watts.
    pub busy_load_w: f64,
    /// Runs that were judged: all that hold more than the idle or the busy level.
    pub runs: usize,
    /// Error of the lower bound, nothing being known of the load.
    pub low: MethodError,
    /// Error of the upper bound, nothing being known of the load.
    pub high: MethodError,
    /// Error with a prior estimate of the load.
    pub with_prior: MethodError,
}

impl PaperMethod {
    /// Load of a node whose components take `components_w` watts, 0 (idle) to 1 (busy): the prior where nobody states
    /// one.
    pub fn load(&self, components_w: &[f64]) -> f64 {
        let watts = of(components_w, &self.loaded_by);
        ((watts - self.idle_load_w) / (self.busy_load_w - self.idle_load_w)).clamp(0.0, 1.0)
    }
}

/// A level of power of the node: what tells its load, the sum of its components and its meter, in watts each.
type Level = (f64, f64, f64);

/// Takes an idle and a busy level from the runs, and judges all other runs by the bounds between them.
///
/// Busy is, as in the paper, the strongest load of CPU and memory with GPUs at rest; the strongest of all where the runs
/// have no such level. `prior` is the load that somebody states for all runs, 0 to 1; by default each run's own mean load.
/// `None` where the levels have no range, or no run is left to judge.
pub fn judge(rows: &Rows, prior: Option<f64>) -> Option<PaperMethod> {
    let (loaded_by, levels) = stressed(rows);
    let loads: Vec<f64> = levels.iter().map(|row| of(&row.components_w, &loaded_by)).collect();
    let (lowest, highest) = extent(&loads)?;
    let margin = END_SHARE * (highest - lowest);
    if margin <= 0.0 {
        return None;
    }
    let sums: Vec<f64> = levels.iter().map(|row| sum(row)).collect();
    let (least, most) = extent(&sums)?;
    let is_idle = |row: &Row| sum(row) <= least + END_SHARE * (most - least);
    let is_busy = |row: &Row| of(&row.components_w, &loaded_by) >= highest - margin && levels.contains(&row);
    let (idle, busy) = (mean_level(&levels, &loaded_by, is_idle)?, mean_level(&levels, &loaded_by, is_busy)?);
    let mut method = PaperMethod {
        bounds: bounds((idle.1, idle.2), (busy.1, busy.2)),
        loaded_by: loaded_by.clone(),
        idle_load_w: idle.0,
        busy_load_w: busy.0,
        runs: 0,
        low: MethodError::of(&[0.0])?,
        high: MethodError::of(&[0.0])?,
        with_prior: MethodError::of(&[0.0])?,
    };
    let (mut low, mut high, mut with_prior) = (Vec::new(), Vec::new(), Vec::new());
    for run in rows.runs() {
        let levels: Vec<&Row> = rows.rows().iter().filter(|row| row.run == run).collect();
        if levels.iter().all(|row| is_idle(row) || is_busy(row)) {
            continue;
        }
        let metered: f64 = levels.iter().map(|row| row.meter_w).sum();
        let own_load =
            levels.iter().map(|row| method.load(&row.components_w)).sum::<f64>() / count(levels.len());
        let error = |power: &dyn Fn(f64) -> f64| {
            100.0 * (levels.iter().map(|row| power(sum(row))).sum::<f64>() / metered - 1.0)
        };
        low.push(error(&|sum| method.bounds.without_prior(sum).0));
        high.push(error(&|sum| method.bounds.without_prior(sum).1));
        with_prior.push(error(&|sum| method.bounds.with_prior(sum, prior.unwrap_or(own_load))));
    }
    method.runs = low.len();
    method.low = MethodError::of(&low)?;
    method.high = MethodError::of(&high)?;
    method.with_prior = MethodError::of(&with_prior)?;
    Some(method)
}

/// The components that tell the load, and the levels among which idle and busy are looked for: those of GPUs at rest, as
/// far as CPU and memory were stressed there.
fn stressed(rows: &Rows) -> (Vec<usize>, Vec<&Row>) {
    let all: Vec<&Row> = rows.rows().iter().collect();
    let (gpus, others): (Vec<usize>, Vec<usize>) =
        (0..rows.names().len()).partition(|&at| rows.names()[at].starts_with("gpu"));
    let range = |levels: &[&Row]| {
        let loads: Vec<f64> = levels.iter().map(|row| of(&row.components_w, &others)).collect();
        extent(&loads).map_or(0.0, |(low, high)| high - low)
    };
    let gpu: Vec<f64> = all.iter().map(|row| of(&row.components_w, &gpus)).collect();
    let Some((least, most)) = extent(&gpu) else { return (others, all) };
    let resting: Vec<&Row> = all
        .iter()
        .zip(&gpu)
        .filter(|(_, watts)| **watts <= least + END_SHARE * (most - least))
        .map(|(row, _)| *row)
        .collect();
    if !others.is_empty() && range(&resting) > 0.5 * range(&all) {
        (others, resting)
    } else {
        ((0..rows.names().len()).collect(), all)
    }
}

fn mean_level(levels: &[&Row], loaded_by: &[usize], holds: impl Fn(&Row) -> bool) -> Option<Level> {
    let chosen: Vec<&Row> = levels.iter().copied().filter(|row| holds(row)).collect();
    let over = |power: &dyn Fn(&Row) -> f64| mean(&chosen.iter().map(|row| power(row)).collect::<Vec<_>>());
    Some((over(&|row| of(&row.components_w, loaded_by))?, over(&sum)?, over(&|row| row.meter_w)?))
}

fn sum(row: &Row) -> f64 {
    row.components_w.iter().sum()
}

/// Sum of the components at these positions; one that is not there counts nothing.
fn of(components_w: &[f64], positions: &[usize]) -> f64 {
    positions.iter().filter_map(|&position| components_w.get(position)).sum()
}

fn extent(values: &[f64]) -> Option<(f64, f64)> {
    let low = values.iter().copied().min_by(f64::total_cmp)?;
    Some((low, values.iter().copied().max_by(f64::total_cmp)?))
}
