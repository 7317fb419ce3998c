//! Least squares with the line projected out: only what is not linear is searched.

use super::affine::{Affine, affine};
use super::simplex::minimise;

/// The response of a sensor with these parameters at every publication; `false` if they make no sense.
type Fill<'a> = dyn Fn(&[f64], &mut Vec<f64>) -> bool + 'a;

/// Which parameters make `offset + gain × response` come nearest to what was read.
///
/// Golub and Pereyra (1973), *The differentiation of pseudo-inverses and nonlinear least squares problems whose
/// variables separate*: offset and gain are solved for, so that only the others are searched.
pub(crate) struct Problem<'a> {
    y: &'a [f64],
    gains: (f64, f64),
    bounds: Vec<(f64, f64)>,
    fill: &'a Fill<'a>,
}

/// A point of least squares.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Minimum {
    pub(crate) at: Vec<f64>,
    pub(crate) squares: f64,
}

impl<'a> Problem<'a> {
    pub(crate) fn new(y: &'a [f64], gains: (f64, f64), bounds: Vec<(f64, f64)>, fill: &'a Fill<'a>) -> Self {
        Self { y, gains, bounds, fill }
    }

    /// The same with the gain kept within other bounds.
    pub(super) fn with_gains(&self, gains: (f64, f64)) -> Self {
        Self { y: self.y, gains, bounds: self.bounds.clone(), fill: self.fill }
    }

    pub(crate) fn y(&self) -> &[f64] {
        self.y
    }

    pub(crate) fn gains(&self) -> (f64, f64) {
        self.gains
    }

    pub(crate) fn bounds(&self) -> &[(f64, f64)] {
        &self.bounds
    }

    /// The response; `None` outside the bounds.
    pub(crate) fn response(&self, at: &[f64]) -> Option<Vec<f64>> {
        let mut x = Vec::with_capacity(self.y.len());
        (self.holds(at) && (self.fill)(at, &mut x)).then_some(x)
    }

    /// The best line at these parameters.
    pub(crate) fn line(&self, at: &[f64]) -> Option<Affine> {
        self.response(at).map(|x| affine(self.y, &x, self.gains))
    }

    /// Sum of squared residuals; infinite outside the bounds.
    pub(crate) fn squares(&self, at: &[f64], x: &mut Vec<f64>) -> f64 {
        if self.holds(at) && (self.fill)(at, x) {
            affine(self.y, x, self.gains).squares
        } else {
            f64::INFINITY
        }
    }

    fn holds(&self, at: &[f64]) -> bool {
        at.iter().zip(&self.bounds).all(|(value, (low, high))| (low..=high).contains(&value))
    }

    /// The nearest minimum to `start`, to `tolerance` of the first `steps`.
    pub(crate) fn polish(&self, start: &[f64], steps: &[f64], tolerance: f64, most: usize) -> Minimum {
        let mut x = Vec::with_capacity(self.y.len());
        let (at, squares) = minimise(|at| self.squares(at, &mut x), start, steps, tolerance, most);
        Minimum { at, squares }
    }

    /// The least squares with parameter `fixed` held at `value`, from `start` in the others.
    pub(super) fn profile(&self, fixed: usize, value: f64, start: &[f64], steps: &[f64]) -> Minimum {
        let insert = |free: &[f64]| -> Vec<f64> {
            let mut at = free.to_vec();
            at.insert(fixed, value);
            at
        };
        let without = |all: &[f64]| -> Vec<f64> {
            all.iter().enumerate().filter(|(axis, _)| *axis != fixed).map(|(_, value)| *value).collect()
        };
        let mut x = Vec::with_capacity(self.y.len());
        let (free, squares) = minimise(
            |free| self.squares(&insert(free), &mut x),
            &without(start),
            &without(steps),
            1e-2,
            60 * start.len(),
        );
        Minimum { at: insert(&free), squares }
    }
}
