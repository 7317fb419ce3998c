//! Minimisation without derivatives.

/// Reflection, expansion, contraction and shrinkage of Nelder and Mead (1965), *A simplex method for function
/// minimization*, The Computer Journal 7.
const REFLECT: f64 = 1.0;
const EXPAND: f64 = 2.0;
const CONTRACT: f64 = 0.5;
const SHRINK: f64 = 0.5;

/// Minimises `f` from `start` by the simplex of Nelder and Mead, whose first edges are `steps`.
///
/// Ends when the simplex is smaller than `tolerance` times the steps in every direction, or after `most` evaluations.
/// Gives the best point and its value. Infinite values of `f` are points that must not be taken.
pub(crate) fn minimise(
    mut f: impl FnMut(&[f64]) -> f64,
    start: &[f64],
    steps: &[f64],
    tolerance: f64,
    most: usize,
) -> (Vec<f64>, f64) {
    let dimensions = start.len();
    let mut corners: Vec<(Vec<f64>, f64)> = Vec::with_capacity(dimensions + 1);
    corners.push((start.to_vec(), f(start)));
    if dimensions == 0 {
        return corners.swap_remove(0);
    }
    for (axis, &step) in steps.iter().enumerate() {
        let mut corner = start.to_vec();
        corner[axis] += step;
        let value = f(&corner);
        corners.push((corner, value));
    }
    let mut evaluations = dimensions + 1;
    while evaluations < most {
        corners.sort_by(|a, b| a.1.total_cmp(&b.1));
        if is_small(&corners, steps, tolerance) {
            break;
        }
        let worst = corners.len() - 1;
        let centre: Vec<f64> = (0..dimensions)
            .map(|axis| {
                corners[..worst].iter().map(|(corner, _)| corner[axis]).sum::<f64>()
                    / crate::stats::count(dimensions)
            })
            .collect();
        let along = |factor: f64| -> Vec<f64> {
            centre.iter().zip(&corners[worst].0).map(|(c, w)| c + factor * (c - w)).collect()
        };
        let reflected = along(REFLECT);
        let value = f(&reflected);
        evaluations += 1;
        let replacement = if value < corners[0].1 {
            let expanded = along(EXPAND);
            let further = f(&expanded);
            evaluations += 1;
            Some(if further < value { (expanded, further) } else { (reflected, value) })
        } else if value < corners[worst - 1].1 {
            Some((reflected, value))
        } else {
            let contracted = along(if value < corners[worst].1 { CONTRACT } else { -CONTRACT });
            let nearer = f(&contracted);
            evaluations += 1;
            (nearer < value.min(corners[worst].1)).then_some((contracted, nearer))
        };
        if let Some(replacement) = replacement {
            corners[worst] = replacement;
        } else {
            let best = corners[0].0.clone();
            for (corner, value) in &mut corners[1..] {
                for (coordinate, towards) in corner.iter_mut().zip(&best) {
                    *coordinate = towards + SHRINK * (*coordinate - towards);
                }
                *value = f(corner);
            }
            evaluations += dimensions;
        }
    }
    corners.sort_by(|a, b| a.1.total_cmp(&b.1));
    corners.swap_remove(0)
}

fn is_small(corners: &[(Vec<f64>, f64)], steps: &[f64], tolerance: f64) -> bool {
    let best = &corners[0].0;
    corners[1..].iter().all(|(corner, _)| {
        corner.iter().zip(best).zip(steps).all(|((a, b), step)| (a - b).abs() <= tolerance * step.abs())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_minimum_of_rosenbrock() {
        let rosenbrock = |x: &[f64]| (1.0 - x[0]).powi(2) + 100.0 * (x[1] - x[0] * x[0]).powi(2);
        let (at, value) = minimise(rosenbrock, &[-1.2, 1.0], &[0.5, 0.5], 1e-8, 2000);
        assert!((at[0] - 1.0).abs() < 1e-5 && (at[1] - 1.0).abs() < 1e-5 && value < 1e-9, "{at:?}");
    }

    #[test]
    fn one_dimension_and_walls() {
        let walled = |x: &[f64]| if x[0] < 2.0 { f64::INFINITY } else { x[0] };
        let (at, _) = minimise(walled, &[5.0], &[1.0], 1e-6, 200);
        assert!((at[0] - 2.0).abs() < 1e-4, "{at:?}");
        assert_eq!(minimise(|_| 3.0, &[], &[], 1e-6, 10), (vec![], 3.0));
    }
}
