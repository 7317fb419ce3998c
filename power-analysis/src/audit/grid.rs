//! How many readings a mean is of, by the fraction that it is.
//!
//! A mean of n readings that each are a whole number of steps is a whole number of n-ths of a step. Where it is printed
//! with more digits than a reading has, the smallest n that fits is a lower bound of the number of readings.

/// More readings than this are not told apart.
const MOST: u32 = 2_000;

/// A fit says nothing once chance alone gives it this often.
const CHANCE: f64 = 0.02;

/// The smallest number of readings whose mean all of `means` can be; each is (mean, half of its last digit, step of one
/// reading).
///
/// `None` where no number fits before chance would: it is then larger than the digits can tell.
pub fn fewest_readings(means: &[(f64, f64, f64)]) -> Option<u32> {
    let usable: Vec<_> = means
        .iter()
        .filter(|(mean, half, step)| mean.is_finite() && *half > 0.0 && *step > 2.0 * half)
        .collect();
    if usable.is_empty() {
        return None;
    }
    for n in 1..=MOST {
        let count = f64::from(n);
        let mut chance = 1.0;
        let mut fits = true;
        for (mean, half, step) in &usable {
            let steps = mean * count / step;
            // The mean was rounded, and the product has errors in its last digits.
            let slack = half * count / step * (1.0 + 1e-6) + 1e-9 * steps.abs();
            chance *= (2.0 * slack).min(1.0);
            fits &= (steps - steps.round()).abs() <= slack;
        }
        if chance > CHANCE {
            return None;
        }
        if fits {
            return Some(n);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_means_of_carbontracker() {
        // By hand: 191.35172727 W is 2104.869 / 11, 156.50036842 is 2973.507 / 19.
        assert_eq!(fewest_readings(&[(191.351_727_27, 5e-9, 1e-3)]), Some(11));
        assert_eq!(fewest_readings(&[(156.500_368_42, 5e-9, 1e-3)]), Some(19));
    }

    #[test]
    fn a_single_reading_and_too_few_digits() {
        assert_eq!(fewest_readings(&[(124.61, 5e-5, 0.01), (0.0, 5e-5, 1.0)]), Some(1));
        assert_eq!(fewest_readings(&[(66.6667, 5e-5, 1.0)]), Some(3));
        assert_eq!(fewest_readings(&[(124.61, 5e-3, 0.01)]), None);
        assert_eq!(fewest_readings(&[]), None);
        assert_eq!(fewest_readings(&[(f64::NAN, 5e-5, 1.0)]), None);
    }

    #[test]
    fn never_more_than_there_were() {
        for n in 1..60_u32 {
            let readings = (0..n).map(|at| f64::from(at * 37 % 101));
            let mean = readings.sum::<f64>() / f64::from(n);
            let printed = (mean * 1e4).round() / 1e4;
            if let Some(found) = fewest_readings(&[(printed, 5e-5, 1.0)]) {
                assert!(found <= n, "{n}: {found}");
            }
        }
    }
}
