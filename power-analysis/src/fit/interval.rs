//! Intervals by profile likelihood, calibrated for errors that are neither equal nor independent.

use super::affine::affine;
use super::matrix::Matrix;
use super::problem::{Minimum, Problem};
use crate::stats::{Estimate, count, effective_sample_size, student_two_sided};

/// Most probes for one end of an interval.
const PROBES: usize = 8;

/// How much a fit's parameters can be wrong, to first order.
#[derive(Debug, Clone)]
pub(crate) struct Sensitivity {
    /// Number of independent residuals.
    pub(crate) effective: f64,
    /// Degrees of freedom.
    pub(crate) freedom: f64,
    /// Variance of one residual.
    pub(crate) variance: f64,
    /// Standard errors of the parameters, then of offset and gain.
    pub(crate) errors: Vec<f64>,
    /// By how much the squares must rise per parameter, as a factor of the textbook's.
    calibration: Vec<f64>,
    /// Change of each other parameter per unit of one, by rows: `shifts[i][j]` of j per i.
    shifts: Vec<Vec<f64>>,
}

/// Intervals of everything that was fitted.
#[derive(Debug, Clone)]
pub(crate) struct Intervals {
    pub(crate) parameters: Vec<Estimate>,
    pub(crate) gain: Estimate,
    pub(crate) offset: Estimate,
    /// Squares up to which a parameter set cannot be told from the best one.
    pub(crate) region: f64,
    pub(crate) sensitivity: Sensitivity,
}

impl Sensitivity {
    /// Derivatives by central differences of `steps` around `best`.
    ///
    /// Standard errors are the larger of the textbook's and HC3 (`MacKinnon` and White 1985): a publication next to an
    /// edge of the load errs more than one on a plateau, and it is those that fix window and delay. Both are widened
    /// by the residuals' autocorrelation. `None` where the data do not fix every parameter.
    pub(crate) fn of(problem: &Problem<'_>, best: &[f64], steps: &[f64]) -> Option<Self> {
        let x = problem.response(best)?;
        let line = affine(problem.y(), &x, problem.gains());
        let free_gain = line.gain > problem.gains().0 && line.gain < problem.gains().1;
        let n = problem.y().len();
        let mut columns = Vec::with_capacity(best.len() + 2);
        for (axis, &step) in steps.iter().enumerate() {
            let at = |by: f64| {
                let mut moved = best.to_vec();
                moved[axis] += by;
                problem.response(&moved)
            };
            // At a bound one side is missing.
            let (high, low, span) = match (at(step), at(-step)) {
                (Some(high), Some(low)) => (high, low, 2.0 * step),
                (Some(high), None) => (high, x.clone(), step),
                (None, Some(low)) => (x.clone(), low, step),
                (None, None) => return None,
            };
            columns
                .push(high.iter().zip(&low).map(|(a, b)| line.gain * (a - b) / span).collect::<Vec<f64>>());
        }
        columns.push(vec![1.0; n]);
        if free_gain {
            columns.push(x.clone());
        }
        let size = columns.len();
        let rows: Vec<Vec<f64>> =
            (0..n).map(|point| columns.iter().map(|column| column[point]).collect()).collect();
        let residuals: Vec<f64> =
            x.iter().zip(problem.y()).map(|(x, y)| y - line.offset - line.gain * x).collect();
        let effective = effective_sample_size(&residuals).clamp(1.0, count(n));
        let freedom = count(n) - count(size);
        if freedom < 1.0 {
            return None;
        }
        let variance = line.squares / freedom;
        let mut normal = Matrix::zero(size);
        for row in &rows {
            normal.add_outer(row, 1.0);
        }
        // What is known before: each parameter lies within its bounds (the variance of a uniform one is width² / 12).
        for (axis, (low, high)) in problem.bounds().iter().enumerate() {
            let mut unit = vec![0.0; size];
            unit[axis] = 1.0;
            let known = 12.0 * variance / (high - low).powi(2);
            if known.is_finite() {
                normal.add_outer(&unit, known);
            }
        }
        let inverse = normal.inverse()?;
        let mut meat = Matrix::zero(size);
        for (row, residual) in rows.iter().zip(&residuals) {
            let left = (1.0 - inverse.quadratic(row)).max(0.05);
            meat.add_outer(row, (residual / left).powi(2));
        }
        let robust = inverse.sandwich(&meat);
        let widening = count(n) / effective;
        let mut errors = Vec::with_capacity(size);
        let mut calibration = Vec::with_capacity(size);
        for axis in 0..size {
            let classic = variance * inverse.get(axis, axis);
            let larger = classic.max(robust.get(axis, axis)) * widening;
            errors.push(larger.sqrt());
            calibration.push(if classic > 0.0 { larger / classic } else { 1.0 });
        }
        if !free_gain {
            errors.push(0.0);
            calibration.push(1.0);
        }
        let shifts = (0..best.len())
            .map(|i| (0..best.len()).map(|j| inverse.get(i, j) / inverse.get(i, i)).collect())
            .collect();
        let freedom = (effective - count(size)).max(1.0);
        Some(Self { effective, freedom, variance, errors, calibration, shifts })
    }
}

/// Intervals of a minimum: each parameter's profile, where the squares rise by what `confidence` allows.
///
/// Chandler and Bate (2007), *Inference for clustered data using the independence loglikelihood*, Biometrika 94: the
/// profile's threshold is scaled by the ratio of the robust to the textbook's variance.
pub(crate) fn intervals(
    problem: &Problem<'_>,
    best: &Minimum,
    steps: &[f64],
    confidence: f64,
) -> Option<Intervals> {
    let sensitivity = Sensitivity::of(problem, &best.at, steps)?;
    let line = problem.line(&best.at)?;
    let t = student_two_sided(confidence, sensitivity.freedom);
    let allowed = |axis: usize| sensitivity.variance * t * t * sensitivity.calibration[axis];
    let dimensions = best.at.len();
    let mut parameters = Vec::with_capacity(dimensions);
    for axis in 0..dimensions {
        let end =
            |direction: f64| profile_end(problem, best, &sensitivity, (axis, direction, t), allowed(axis));
        parameters.push(Estimate::new(best.at[axis], end(-1.0), end(1.0), confidence));
    }
    let (offset_error, gain_error) = (sensitivity.errors[dimensions], sensitivity.errors[dimensions + 1]);
    let gain = if gain_error > 0.0 {
        let end = |direction: f64| {
            let target = allowed(dimensions + 1);
            let at = |gain: f64| {
                let held = problem.with_gains((gain, gain));
                let sizes: Vec<f64> = sensitivity.errors[..dimensions].iter().map(|e| e.max(1e-12)).collect();
                held.polish(&best.at, &sizes, 1e-2, 60 * dimensions.max(1)).squares - best.squares
            };
            search_end(line.gain, direction * t * gain_error, target, at)
        };
        Estimate::new(line.gain, end(-1.0), end(1.0), confidence)
    } else {
        Estimate::new(line.gain, problem.gains().0, problem.gains().1, confidence)
    };
    let widest = sensitivity.calibration[..dimensions].iter().copied().fold(1.0, f64::max);
    let region = best.squares + sensitivity.variance * t * t * widest;
    Some(Intervals {
        parameters,
        gain,
        offset: Estimate::symmetric(line.offset, t * offset_error, confidence),
        region,
        sensitivity,
    })
}

/// One end of the interval of parameter `axis`.
fn profile_end(
    problem: &Problem<'_>,
    best: &Minimum,
    sensitivity: &Sensitivity,
    (axis, direction, t): (usize, f64, f64),
    target: f64,
) -> f64 {
    let (low, high) = problem.bounds()[axis];
    let sizes: Vec<f64> = sensitivity.errors[..best.at.len()].iter().map(|error| error.max(1e-12)).collect();
    let at = |value: f64| {
        let moved = value - best.at[axis];
        let start: Vec<f64> = best
            .at
            .iter()
            .zip(&sensitivity.shifts[axis])
            .zip(problem.bounds())
            .map(|((value, shift), (low, high))| (value + shift * moved).clamp(*low, *high))
            .collect();
        problem.profile(axis, value, &start, &sizes).squares - best.squares
    };
    let reach = direction * t * sensitivity.errors[axis];
    search_end(best.at[axis], reach, target, |value| {
        if (low..=high).contains(&value) { at(value) } else { f64::INFINITY }
    })
    .clamp(low, high)
}

/// Where a profile's rise reaches `target`, first guessed at `reach` from `best`: its square root is nearly linear.
fn search_end(best: f64, reach: f64, target: f64, mut rise: impl FnMut(f64) -> f64) -> f64 {
    if target <= 0.0 || reach == 0.0 {
        return best + reach;
    }
    let (mut inside, mut outside) = (0.0, None::<f64>);
    let mut factor = 1.0;
    for _ in 0..PROBES {
        let risen = rise(best + factor * reach);
        let ratio = (risen.max(0.0) / target).sqrt();
        if (ratio - 1.0).abs() < 0.03 {
            return best + factor * reach;
        }
        if ratio < 1.0 {
            inside = factor;
        } else {
            outside = Some(factor);
        }
        let next = if ratio.is_finite() && ratio > 0.05 { factor / ratio } else { 0.5 * factor };
        factor = match outside {
            None => next.clamp(1.2 * factor, 3.0 * factor),
            Some(outside) if next > inside && next < outside => next,
            Some(outside) => f64::midpoint(inside, outside),
        };
    }
    best + outside.unwrap_or(factor) * reach
}
