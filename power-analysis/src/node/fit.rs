//! Robust least squares with coefficients that are at least 0.

use crate::fit::Matrix;
use crate::stats::{count, median};

/// Residuals beyond so many standard deviations weigh less: 95 % efficiency for normal errors (Huber 1964,
/// *Robust estimation of a location parameter*, Annals of Mathematical Statistics 35).
const HUBER: f64 = 1.345;

/// From the median absolute deviation to the standard deviation of normal errors.
const MAD_TO_SD: f64 = 1.4826;

/// A level that weighs less than this speaks against the others.
pub(super) const FALSIFIED: f64 = 0.3;

/// How often weights and coefficients are adjusted to each other at most.
const ROUNDS: usize = 100;

/// A fit.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fit {
    /// One for each regressor, at least 0.
    pub(super) coefficients: Vec<f64>,
    /// Covariance of the coefficients; 0 for those held at 0.
    pub(super) covariance: Matrix,
    /// Weight of each level, 1 where it agrees with the others.
    pub(super) weights: Vec<f64>,
}

/// Fits `y` = coefficients · row with relative errors of one size: of all sensors here, the error grows with power.
///
/// `None` where the rows do not determine any coefficient.
pub(super) fn fit(rows: &[Vec<f64>], y: &[f64]) -> Option<Fit> {
    // A fixed part may have been taken off y: the error is relative to what the regressors explain, or all of it.
    let relative: Vec<f64> = y.iter().map(|y| 1.0 / (y * y).max(f64::MIN_POSITIVE)).collect();
    let mut weights = vec![1.0; y.len()];
    let mut best = solve(rows, y, &combined(&relative, &weights))?;
    for _ in 0..ROUNDS {
        let errors: Vec<f64> =
            rows.iter().zip(y).map(|(row, y)| (y - dot(&best.coefficients, row)) / y).collect();
        let magnitudes: Vec<f64> = errors.iter().map(|error| error.abs()).collect();
        let scale = MAD_TO_SD * median(&magnitudes)?;
        if scale < f64::EPSILON {
            break;
        }
        weights = magnitudes.iter().map(|error| (HUBER * scale / error).min(1.0)).collect();
        let next = solve(rows, y, &combined(&relative, &weights))?;
        let moved = moved(&best.coefficients, &next.coefficients);
        best = next;
        if moved < 1e-10 {
            break;
        }
    }
    let covariance = covariance(rows, y, &best, &combined(&relative, &weights), &weights);
    Some(Fit { coefficients: best.coefficients, covariance, weights })
}

/// Coefficients and which of them are not held at 0.
struct Solution {
    coefficients: Vec<f64>,
    free: Vec<usize>,
    inverse: Matrix,
}

/// Weighted least squares with coefficients of at least 0: the best of all sets of free coefficients in which none
/// is negative. Exact; there are few coefficients, so that all sets can be tried.
fn solve(rows: &[Vec<f64>], y: &[f64], weights: &[f64]) -> Option<Solution> {
    let size = rows.first()?.len();
    let mut squares = Matrix::zero(size);
    let mut products = vec![0.0; size];
    for ((row, y), weight) in rows.iter().zip(y).zip(weights) {
        squares.add_outer(row, *weight);
        for (product, x) in products.iter_mut().zip(row) {
            *product += weight * x * y;
        }
    }
    let mut best: Option<(f64, Solution)> = None;
    for set in 1_u32..1 << size {
        let free: Vec<usize> = (0..size).filter(|i| set >> i & 1 == 1).collect();
        let Some(inverse) = squares.restricted(&free).inverse() else { continue };
        let products: Vec<f64> = free.iter().map(|&i| products[i]).collect();
        let solved = inverse.apply(&products);
        if solved.iter().any(|coefficient| *coefficient < 0.0) {
            continue;
        }
        // By how much this set lowers the sum of squares.
        let gain = dot(&solved, &products);
        if best.as_ref().is_none_or(|(most, _)| gain > *most) {
            let mut coefficients = vec![0.0; size];
            for (&i, coefficient) in free.iter().zip(&solved) {
                coefficients[i] = *coefficient;
            }
            best = Some((gain, Solution { coefficients, free, inverse }));
        }
    }
    best.map(|(_, solution)| solution)
}

fn covariance(rows: &[Vec<f64>], y: &[f64], solution: &Solution, weights: &[f64], huber: &[f64]) -> Matrix {
    let squares: f64 = rows
        .iter()
        .zip(y)
        .zip(weights)
        .map(|((row, y), weight)| weight * (y - dot(&solution.coefficients, row)).powi(2))
        .sum();
    let freedom = huber.iter().sum::<f64>() - count(solution.free.len());
    let variance = if freedom > 0.0 { squares / freedom } else { f64::INFINITY };
    let mut covariance = Matrix::zero(solution.coefficients.len());
    for (a, &i) in solution.free.iter().enumerate() {
        for (b, &j) in solution.free.iter().enumerate() {
            covariance.set(i, j, variance * solution.inverse.get(a, b));
        }
    }
    covariance
}

fn combined(relative: &[f64], weights: &[f64]) -> Vec<f64> {
    relative.iter().zip(weights).map(|(a, b)| a * b).collect()
}

/// By how much coefficients moved, relative to their size.
fn moved(old: &[f64], new: &[f64]) -> f64 {
    let size = |values: &[f64]| values.iter().map(|value| value * value).sum::<f64>();
    let difference: Vec<f64> = old.iter().zip(new).map(|(a, b)| a - b).collect();
    (size(&difference) / size(new).max(f64::MIN_POSITIVE)).sqrt()
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
