//! Number conversions, sums and quantiles that the other files share.

use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// Degrees of freedom from which Student's quantile is taken from its expansion around the normal one: there
/// the expansion errs by less than 1e-8, while inverting the distribution function loses digits.
const EXPAND_FROM: f64 = 1e3;

/// A count as a floating-point number.
#[expect(clippy::cast_precision_loss, reason = "exact below 2^53 items, more than memory holds")]
pub(crate) const fn count(n: usize) -> f64 {
    n as f64
}

/// The largest whole number that is not above `x`; 0 for negative numbers and NaN.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, which is what callers want; they clip the result to a length"
)]
pub(crate) const fn whole(x: f64) -> usize {
    x as usize
}

/// Adds up with Neumaier's compensation (1974): the error does not grow with the number of terms.
pub(super) fn sum(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut total = 0.0_f64;
    let mut lost = 0.0_f64;
    for value in values {
        let next = total + value;
        lost += if total.abs() >= value.abs() { (total - next) + value } else { (value - next) + total };
        total = next;
    }
    // After an overflow the compensation is NaN and would hide the infinity.
    if total.is_finite() { total + lost } else { total }
}

/// `Some` for a finite number: an overflow counts as no answer.
pub(super) fn finite(x: f64) -> Option<f64> {
    x.is_finite().then_some(x)
}

/// Stops a debug build when a value is not finite.
pub(super) fn assert_finite(values: &[f64]) {
    debug_assert!(values.iter().all(|v| v.is_finite()), "values must be finite");
}

/// Whether this is a level of confidence: above 0 and below 1.
pub(super) fn is_level(confidence: f64) -> bool {
    confidence > 0.0 && confidence < 1.0
}

/// The generator of all random numbers in this module.
pub(super) fn generator(seed: u64) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(seed)
}

/// Half width of the central interval of a standard normal, such as 1.96 for 0.95.
pub(super) fn normal_two_sided(confidence: f64) -> f64 {
    Normal::standard().inverse_cdf(f64::midpoint(1.0, confidence))
}

/// Half width of the central interval of Student's t; below one degree of freedom, one is used.
///
/// Expansion: Abramowitz and Stegun (1964), *Handbook of Mathematical Functions*, 26.7.5.
pub(crate) fn student_two_sided(confidence: f64, freedom: f64) -> f64 {
    if freedom >= EXPAND_FROM {
        let z = normal_two_sided(confidence);
        let square = z * z;
        let first = z * (square + 1.0) / 4.0;
        let second = z * ((5.0 * square + 16.0) * square + 3.0) / 96.0;
        return z + (first + second / freedom) / freedom;
    }
    StudentsT::new(0.0, 1.0, freedom.max(1.0))
        .map_or(f64::INFINITY, |t| t.inverse_cdf(f64::midpoint(1.0, confidence)))
}

/// Probability that Student's t is at least as far from 0 as `t`.
pub(crate) fn student_p_value(t: f64, freedom: f64) -> f64 {
    let below =
        StudentsT::new(0.0, 1.0, freedom.clamp(1.0, 1e9)).map_or(0.5, |student| student.cdf(-t.abs()));
    (2.0 * below).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sum_keeps_small_terms() {
        assert!((sum([1.0, 1e100, 1.0, -1e100]) - 2.0).abs() < f64::EPSILON);
        assert!(sum([1e308, 1e308, 1e308]).is_infinite());
    }

    #[test]
    fn quantiles_agree_with_scipy() {
        // scipy.stats.norm.ppf(0.975); scipy.stats.t.ppf(0.975, [1, 9, 9.5, 1e5, 999999]); t.ppf(0.995, 3)
        assert!((normal_two_sided(0.95) - 1.959_963_984_540_054).abs() < 1e-9);
        for (confidence, freedom, expected) in [
            (0.95, 1.0, 12.706_204_736_432_095),
            (0.95, 9.0, 2.262_157_162_740_991_5),
            (0.95, 9.5, 2.244_137_461_5),
            (0.95, 1e5, 1.959_987_707_5),
            (0.95, 999_999.0, 1.959_966_356_8),
            (0.95, 999.0, 1.962_341_461_133_449_3),
            (0.95, 1000.0, 1.962_339_080_826_408_3),
            (0.99, 3.0, 5.840_909_309_733_353),
        ] {
            let got = student_two_sided(confidence, freedom);
            assert!((got - expected).abs() < 1e-8, "t({freedom}): {got} for {expected}");
        }
        assert!((student_two_sided(0.95, 0.2) - 12.706_204_736_432_095).abs() < 1e-6);
    }

    #[test]
    fn p_values_agree_with_scipy() {
        // 2 * scipy.stats.t.sf([0, 2.2281388519649385, 40], [5, 10, 30])
        assert!((student_p_value(0.0, 5.0) - 1.0).abs() < 1e-12);
        assert!((student_p_value(-2.228_138_851_964_938_5, 10.0) - 0.05).abs() < 1e-9);
        assert!(student_p_value(40.0, 30.0) < 1e-25);
        assert!(student_p_value(f64::INFINITY, 30.0) < f64::MIN_POSITIVE);
    }

    #[test]
    fn whole_saturates() {
        assert_eq!(whole(3.99), 3);
        assert_eq!(whole(-1.0), 0);
        assert_eq!(whole(f64::NAN), 0);
        assert_eq!(whole(f64::INFINITY), usize::MAX);
    }
}
