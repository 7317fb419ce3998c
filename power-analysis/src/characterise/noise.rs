//! The smallest step that a sensor shows, and how much it scatters on a load that does not change.

use serde::{Deserialize, Serialize};

use crate::stats::{count, mad, median};

/// Values that a step is searched in, at most.
const MOST_VALUES: usize = 2_000;
/// Share of the values, as the length of their mean turn, that must lie on whole steps.
const ON_STEPS: f64 = 0.9;
/// Steps that makers use, in watts per decade: 1, 2, 2.5 and 5.
const ROUND: [f64; 4] = [1.0, 2.0, 2.5, 5.0];
/// The smallest step that a sensor shows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quantum {
    /// The step of which all values are whole multiples, in watts; `None` where there is none above 1 mW.
    pub step_w: Option<f64>,
    /// Median distance of two neighbouring values that were shown, in watts: larger than the step where the converter
    /// behind it is coarser than what is printed.
    pub effective_w: f64,
    /// Different values that were shown.
    pub values: usize,
}

/// Finds the smallest step in what was shown; `None` below ten different values.
pub fn quantum(watts: &[f64]) -> Option<Quantum> {
    let mut values: Vec<f64> = watts.to_vec();
    values.sort_unstable_by(f64::total_cmp);
    values.dedup();
    let found = values.len();
    if found < 10 {
        return None;
    }
    let gaps: Vec<f64> = values.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let effective_w = median(&gaps)?;
    values.truncate(MOST_VALUES);
    let smallest = gaps.iter().copied().fold(f64::INFINITY, f64::min);
    let mut candidates: Vec<f64> = (-3..=0)
        .flat_map(|decade| ROUND.map(|step| step * 10_f64.powi(decade)))
        .chain([smallest, effective_w, lattice_step(&values, effective_w)])
        .filter(|step| *step >= 0.000_9 && *step <= 5.0 && *step <= 1.5 * effective_w)
        .collect();
    candidates.sort_unstable_by(|a, b| b.total_cmp(a));
    let step_w = candidates.into_iter().find(|&step| on_steps(&values, step) > ON_STEPS);
    Some(Quantum { step_w, effective_w, values: found })
}

/// Length of the mean turn of the values about a circle of one step: 1 if all are whole multiples and one offset.
fn on_steps(values: &[f64], step: f64) -> f64 {
    let turn = std::f64::consts::TAU / step;
    let (mut cosines, mut sines) = (0.0, 0.0);
    for value in values {
        let (sine, cosine) = (turn * value).sin_cos();
        cosines += cosine;
        sines += sine;
    }
    (cosines / count(values.len())).hypot(sines / count(values.len()))
}

/// The step near `guess` of which the values' distances are multiples: the slope of value over number of steps.
fn lattice_step(values: &[f64], guess: f64) -> f64 {
    let mut step = guess;
    for _ in 0..5 {
        let (mut numbers, mut products) = (0.0, 0.0);
        let mut number = 0.0;
        for pair in values.windows(2) {
            number += ((pair[1] - pair[0]) / step).round();
            numbers += number * number;
            products += number * (pair[1] - values[0]);
        }
        if numbers <= 0.0 {
            return guess;
        }
        step = products / numbers;
    }
    step
}

/// Standard deviation of a publication on a load that does not change, in watts: from the differences of neighbours
/// at which `steady` holds. `None` below ten.
pub fn noise_w(watts: &[f64], steady: impl Fn(usize) -> bool) -> Option<f64> {
    let differences: Vec<f64> = (1..watts.len())
        .filter(|&index| steady(index))
        .map(|index| watts[index] - watts[index - 1])
        .collect();
    (differences.len() >= 10).then(|| mad(&differences).map(|mad| mad / 2.0_f64.sqrt())).flatten()
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};

    use super::*;

    fn values(step: f64) -> Vec<f64> {
        (0..3_000_u32).map(|k| 80.0 + step * f64::from((k * 7_919) % 1_373)).collect()
    }

    #[test]
    fn the_step_of_what_is_printed_and_of_an_odd_converter() {
        for step in [0.01, 0.1, 1.0, 0.32, 0.0417] {
            let found = quantum(&values(step)).unwrap();
            assert!((found.step_w.unwrap() / step - 1.0).abs() < 1e-3, "{step}: {found:?}");
        }
    }

    #[test]
    fn a_coarse_converter_behind_a_fine_print_has_an_effective_step() {
        // Steps of about 0.3 W that are not even, printed to 0.01 W.
        let mut at = 50.0;
        let watts: Vec<f64> = (0..400_u32)
            .map(|k| {
                at += [0.32, 0.22, 0.45, 0.29][usize::try_from(k % 4).unwrap()];
                (at * 100.0_f64).round() / 100.0
            })
            .collect();
        let found = quantum(&watts).unwrap();
        assert!((found.effective_w - 0.305).abs() < 0.02, "{found:?}");
        assert!((found.step_w.unwrap() - 0.01).abs() < 1e-6, "{found:?}");
    }

    #[test]
    fn noise_is_that_of_steady_neighbours() {
        let mut random = rand_xoshiro::Xoshiro256PlusPlus::seed_from_u64(1);
        let watts: Vec<f64> = (0..2_000_u32)
            .map(|k| if (k / 20).is_multiple_of(2) { 80.0 } else { 300.0 } + random.random_range(0.0..1.0))
            .collect();
        let noise = noise_w(&watts, |index| index % 20 != 0).unwrap();
        assert!((noise - 0.29).abs() < 0.05, "{noise}");
        assert_eq!(noise_w(&watts, |_| false), None);
    }
}
