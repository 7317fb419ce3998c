//! Gain, offset and linearity on plateaus: levels of the reference that last.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, FisherSnedecor};

use crate::stats::{
    Estimate, RobustLine, count, mad, ordinary_least_squares, student_two_sided, theil_sen, variance,
};
use crate::time::{Interval, nanoseconds};
use crate::trace::Trace;

/// Cells in which a plateau is judged, in seconds.
const CELL_S: f64 = 0.25;
/// Share of the reference's range by which a plateau's cells may differ.
const FLAT: f64 = 0.02;
/// Huber's constant: 95 % efficient for normal errors (Huber 1964).
const HUBER: f64 = 1.345;

/// How plateaus are found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlateauSettings {
    /// Shortest plateau, what is discarded included, in seconds.
    pub shortest_s: f64,
    /// Beginning of each plateau that is discarded, in seconds: the sensor and the load settle.
    pub settle_s: f64,
    /// Confidence of the intervals.
    pub confidence: f64,
}

impl Default for PlateauSettings {
    /// Plateaus of 3 s, of which the first is discarded; 95 %.
    fn default() -> Self {
        Self { shortest_s: 3.0, settle_s: 1.0, confidence: 0.95 }
    }
}

/// One level.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Plateau {
    /// When, without what was discarded.
    pub interval: Interval,
    /// Mean of the reference, in watts.
    pub reference_w: f64,
    /// Mean of the sensor, in watts.
    pub sensor_w: f64,
    /// Whether it was reached from below; `None` for the first.
    pub rising: Option<bool>,
}

/// The sensor as a line of the reference, over plateaus.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlateauFit {
    /// The plateaus, in order.
    pub plateaus: Vec<Plateau>,
    /// Watts shown per watt, by ordinary least squares with HC3 errors.
    pub gain: Estimate,
    /// Watts shown at 0 W.
    pub offset_w: Estimate,
    /// The same by medians (Theil and Sen), which a quarter of wrong plateaus does not bend.
    pub theil_sen: Option<RobustLine>,
    /// The same by Huber's weights: intercept and slope.
    pub huber: RobustLine,
    /// Largest distance of a plateau from the line, in watts and as a share of its level.
    pub worst_w: f64,
    /// The same as a share of the level.
    pub worst_relative: f64,
    /// Probability that a bend as strong comes by chance: below 0.05 the sensor is not linear. `None` below 5 levels.
    pub bend_p: Option<f64>,
    /// What plateaus reached from above show more than those reached from below, in watts.
    pub hysteresis_w: Option<Estimate>,
    /// Change of the residual over time, in watts a minute: temperature, as a rule.
    pub drift_w_per_min: Option<Estimate>,
}

/// Finds plateaus of `reference` and fits the sensor's naive trace over them; `None` below three plateaus, or where
/// their levels are the same.
///
/// Levels are means over time. A plateau ends where a cell of a quarter of a second leaves 2 % of the reference's range.
pub fn plateaus(reference: &Trace, sensor: &Trace, settings: &PlateauSettings) -> Option<PlateauFit> {
    let span = reference.span().intersect(sensor.span())?;
    let found = find(reference, sensor, span, settings);
    let x: Vec<f64> = found.iter().map(|plateau| plateau.reference_w).collect();
    let y: Vec<f64> = found.iter().map(|plateau| plateau.sensor_w).collect();
    let range = range(&x)?;
    if found.len() < 3 || range <= 0.0 {
        return None;
    }
    let line = ordinary_least_squares(&x, &y, None, settings.confidence)?;
    let huber = huber(&x, &y, line.intercept.value, line.slope.value)?;
    let residuals: Vec<f64> =
        x.iter().zip(&y).map(|(x, y)| y - line.intercept.value - line.slope.value * x).collect();
    let worst = residuals.iter().zip(&y).max_by(|a, b| a.0.abs().total_cmp(&b.0.abs()))?;
    let minutes: Vec<f64> = found
        .iter()
        .map(|plateau| Interval::new(span.begin_ns, plateau.interval.begin_ns).seconds() / 60.0)
        .collect();
    let drift = ordinary_least_squares(&minutes, &residuals, None, settings.confidence);
    Some(PlateauFit {
        gain: line.slope,
        offset_w: line.intercept,
        theil_sen: theil_sen(&x, &y, 0.05 * range, 1_000_000, 1),
        huber,
        worst_w: worst.0.abs(),
        worst_relative: (worst.0 / worst.1).abs(),
        bend_p: bend(&x, &y, &residuals),
        hysteresis_w: hysteresis(&found, &x, &residuals, settings.confidence),
        drift_w_per_min: drift.map(|line| line.slope),
        plateaus: found,
    })
}

fn find(reference: &Trace, sensor: &Trace, span: Interval, settings: &PlateauSettings) -> Vec<Plateau> {
    let cell = nanoseconds(CELL_S);
    let cells: Vec<f64> = (0..span.length_ns() / cell)
        .map(|k| Interval::new(span.begin_ns + k * cell, span.begin_ns + (k + 1) * cell))
        .filter_map(|cell| reference.mean_w(cell))
        .collect();
    let Some(flat) = range(&cells).map(|range| FLAT * range) else { return Vec::new() };
    let mut found: Vec<Plateau> = Vec::new();
    let mut first = 0;
    for end in 1..=cells.len() {
        let goes_on =
            cells.get(end).is_some() && range(&cells[first..=end]).is_some_and(|range| range <= flat);
        if goes_on {
            continue;
        }
        let at = |index: usize| {
            span.begin_ns.saturating_add(cell.saturating_mul(i64::try_from(index).unwrap_or(i64::MAX)))
        };
        let whole = Interval::new(at(first), at(end));
        let kept = Interval::new(whole.begin_ns.saturating_add(nanoseconds(settings.settle_s)), whole.end_ns);
        if whole.seconds() >= settings.shortest_s
            && let Some((reference_w, sensor_w)) = reference.mean_w(kept).zip(sensor.mean_w(kept))
        {
            let rising = (first > 0).then(|| cells[first] > cells[first - 1]);
            found.push(Plateau { interval: kept, reference_w, sensor_w, rising });
        }
        first = end;
    }
    found
}

fn range(values: &[f64]) -> Option<f64> {
    let high = values.iter().copied().reduce(f64::max)?;
    Some(high - values.iter().copied().reduce(f64::min)?)
}

/// Iterated weights: 1 within Huber's constant times the spread, falling beyond.
fn huber(x: &[f64], y: &[f64], intercept: f64, slope: f64) -> Option<RobustLine> {
    let (mut intercept, mut slope) = (intercept, slope);
    for _ in 0..50 {
        let residuals: Vec<f64> = x.iter().zip(y).map(|(x, y)| y - intercept - slope * x).collect();
        let spread = mad(&residuals)?;
        let weights: Vec<f64> = residuals
            .iter()
            .map(
                |residual| {
                    if spread > 0.0 { (HUBER * spread / residual.abs().max(1e-12)).min(1.0) } else { 1.0 }
                },
            )
            .collect();
        let total: f64 = weights.iter().sum();
        let weighted = |values: &[f64]| values.iter().zip(&weights).map(|(v, w)| v * w).sum::<f64>() / total;
        let (mean_x, mean_y) = (weighted(x), weighted(y));
        let (mut xx, mut xy) = (0.0, 0.0);
        for ((x, y), w) in x.iter().zip(y).zip(&weights) {
            xx += w * (x - mean_x).powi(2);
            xy += w * (x - mean_x) * (y - mean_y);
        }
        if xx <= 0.0 {
            return None;
        }
        let before = slope;
        slope = xy / xx;
        intercept = mean_y - slope * mean_x;
        if (slope - before).abs() < 1e-12 * slope.abs() {
            break;
        }
    }
    Some(RobustLine { intercept, slope })
}

/// What plateaus reached from above show more than those reached from below: the coefficient of that beside the line.
fn hysteresis(found: &[Plateau], x: &[f64], residuals: &[f64], confidence: f64) -> Option<Estimate> {
    let known: Vec<usize> = (0..found.len()).filter(|&index| found[index].rising.is_some()).collect();
    let levels: Vec<f64> = known.iter().map(|&index| x[index]).collect();
    let fell: Vec<f64> =
        known.iter().map(|&index| f64::from(u8::from(found[index].rising == Some(false)))).collect();
    // Made orthogonal to the level: what is reached from above lies lower, as a rule.
    let own = ordinary_least_squares(&levels, &fell, None, 0.95)?;
    let (mut power, mut along, mut total) = (0.0, 0.0, 0.0);
    for ((level, fell), &index) in levels.iter().zip(&fell).zip(&known) {
        let apart = fell - own.intercept.value - own.slope.value * level;
        power += apart * apart;
        along += apart * residuals[index];
        total += residuals[index].powi(2);
    }
    let freedom = count(known.len()) - 3.0;
    if power < 1e-9 || freedom < 1.0 {
        return None;
    }
    let error = ((total - along * along / power).max(0.0) / freedom / power).sqrt();
    Some(Estimate::symmetric(along / power, student_two_sided(confidence, freedom) * error, confidence))
}

/// F test of a quadratic term beside the line.
fn bend(x: &[f64], y: &[f64], residuals: &[f64]) -> Option<f64> {
    let n = x.len();
    if n < 5 {
        return None;
    }
    // The quadratic, made orthogonal to the line, explains part of the line's residuals.
    let squared: Vec<f64> = x.iter().map(|x| x * x).collect();
    let own = ordinary_least_squares(x, &squared, None, 0.95)?;
    let curve: Vec<f64> =
        x.iter().zip(&squared).map(|(x, s)| s - own.intercept.value - own.slope.value * x).collect();
    let power: f64 = curve.iter().map(|c| c * c).sum();
    let along: f64 = curve.iter().zip(residuals).map(|(c, r)| c * r).sum();
    let total: f64 = residuals.iter().map(|r| r * r).sum();
    let explained = if power > 0.0 { along * along / power } else { return None };
    let freedom = count(n) - 3.0;
    // What is exact to rounding is not bent.
    let rest = (total - explained).max(1e-18 * variance(y)?.max(0.0));
    let f = explained / (rest / freedom);
    FisherSnedecor::new(1.0, freedom).ok().map(|law| 1.0 - law.cdf(f))
}
