//! The two-sample Kolmogorov-Smirnov test as the paper applies it: every epoch counts as independent.

use serde::{Deserialize, Serialize};

use super::Known;
use crate::stats::{Ecdf, count, kolmogorov_smirnov};

/// A two-sample Kolmogorov-Smirnov test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct KsTest {
    /// Largest distance of the two distribution functions, a share in [0, 1].
    pub statistic: Known,
    /// Probability of such a distance if both came from one distribution and all values were independent.
    pub p_value: f64,
}

/// Tests whether two samples have one distribution; `None` where either is empty.
///
/// The p-value is the asymptotic one with the correction for small samples of Stephens (1970), *Use of the
/// Kolmogorov-Smirnov, Cramér-von Mises and related statistics without extensive tables*, JRSS B 32(1).
pub fn ks_test(a: &[f64], b: &[f64]) -> Option<KsTest> {
    let statistic = distance(a, b)?;
    let (n, m) = (count(a.len()), count(b.len()));
    let root = (n * m / (n + m)).sqrt();
    let lambda = (root + 0.12 + 0.11 / root) * statistic;
    Some(KsTest { statistic: Known::alone(statistic), p_value: kolmogorov_tail(lambda) })
}

/// Largest distance of two samples' distribution functions.
pub(super) fn distance(a: &[f64], b: &[f64]) -> Option<f64> {
    let (a, b) = (Ecdf::unweighted(a.to_vec())?, Ecdf::unweighted(b.to_vec())?);
    Some(kolmogorov_smirnov(&a, &b).statistic)
}

/// P(K > λ) of Kolmogorov's distribution: 2 Σ (-1)^(k-1) exp(-2 k² λ²).
fn kolmogorov_tail(lambda: f64) -> f64 {
    // Below this the sum converges slowly, and the probability is 1 to twelve digits.
    if lambda < 0.18 {
        return 1.0;
    }
    let mut sum = 0.0;
    let mut sign = 1.0;
    for k in 1..=100_u32 {
        let term = (-2.0 * (f64::from(k) * lambda).powi(2)).exp();
        sum += sign * term;
        sign = -sign;
        if term < 1e-12 {
            break;
        }
    }
    (2.0 * sum).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_that_of_the_tables() {
        // Smirnov (1948): 5 % at 1.358, 1 % at 1.628.
        assert!((kolmogorov_tail(1.358) - 0.05).abs() < 2e-4, "{}", kolmogorov_tail(1.358));
        assert!((kolmogorov_tail(1.628) - 0.01).abs() < 1e-4);
        assert!(kolmogorov_tail(0.05) > 0.999_999);
    }

    #[test]
    fn equal_samples_pass_and_shifted_ones_fail() {
        let a: Vec<f64> = (0..100).map(f64::from).collect();
        let shifted: Vec<f64> = a.iter().map(|x| x + 30.0).collect();
        let same = ks_test(&a, &a).unwrap();
        assert!(same.statistic.value == 0.0 && same.p_value > 0.99);
        assert!(ks_test(&a, &shifted).unwrap().p_value < 0.001);
        assert!(ks_test(&[], &a).is_none());
    }
}
