//! Agreement of two ways to measure the same.

use serde::{Deserialize, Serialize};

use super::descriptive::{mean, variance};
use super::estimate::Estimate;
use super::numeric::{assert_finite, count, is_level, student_two_sided};
use super::regression::ordinary_least_squares;

/// Differences between the limits of agreement and the bias, in standard deviations: 95 % of a normal sample.
const LIMITS: f64 = 1.959_963_984_540_054;

/// A slope of the differences below this p-value asks for ratios.
const SLOPE_LEVEL: f64 = 0.05;

/// A smaller slope is the rounding of numbers that differ by a constant, whatever its p-value.
const ROUNDING: f64 = 1e-9;

/// Whether readings are compared by difference or by ratio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgreementScale {
    /// sensor - reference, in the unit of the readings.
    Difference,
    /// sensor / reference, without unit.
    Ratio,
}

/// Bias and limits of agreement of a sensor with a reference.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BlandAltman {
    /// Mean difference, or geometric mean ratio.
    pub bias: Estimate,
    /// Below it are 2.5 % of the differences or ratios.
    pub lower_limit: Estimate,
    /// Above it are 2.5 % of the differences or ratios.
    pub upper_limit: Estimate,
    /// Change of the difference per unit of the mean of both, on either scale.
    pub slope: Estimate,
    /// Probability of such a slope if the difference did not depend on the level.
    pub slope_p: f64,
    /// What bias and limits are.
    pub scale: AgreementScale,
}

/// Compares paired readings of a sensor and a reference after Bland and Altman.
///
/// Bias b and limits b ± 1.96 s come from the differences sensor - reference. Their standard errors are s /
/// sqrt(`n_eff`) and s sqrt(3 / `n_eff`) (Bland and Altman 1986, *Statistical methods for assessing agreement
/// between two methods of clinical measurement*, Lancet 327; s² × (1 + 1.96²/2) / n, rounded there), and
/// intervals use Student's t with `n_eff` - 1 degrees of freedom. `n_eff` is the effective number of pairs,
/// clipped to [2, n].
///
/// The differences are also regressed on the means. If that slope has p < 0.05 and all readings are positive, a
/// constant difference is the wrong picture, and everything but the slope is computed from logarithms and given
/// back as ratios sensor / reference: bias 0.95 means 5 % too low, limits 0.9 and 1.0 hold 95 % of the ratios
/// (Bland and Altman 1999, *Measuring agreement in method comparison studies*, section 3.1).
///
/// `None` below three pairs, for different lengths, where neither series varies, and for a confidence outside
/// (0, 1).
pub fn bland_altman(sensor: &[f64], reference: &[f64], n_eff: f64, confidence: f64) -> Option<BlandAltman> {
    assert_finite(sensor);
    assert_finite(reference);
    if sensor.len() != reference.len() || sensor.len() < 3 || !is_level(confidence) {
        return None;
    }
    let pairs = || sensor.iter().zip(reference);
    let means: Vec<f64> = pairs().map(|(s, r)| f64::midpoint(*s, *r)).collect();
    let mut differences: Vec<f64> = pairs().map(|(s, r)| s - r).collect();
    if differences.iter().any(|difference| !difference.is_finite()) {
        return None;
    }
    let effective = n_eff.clamp(2.0, count(sensor.len()));
    let line = ordinary_least_squares(&means, &differences, Some(effective), confidence)?;
    drop(means);
    let depends_on_level = line.slope_p < SLOPE_LEVEL && line.slope.value.abs() > ROUNDING;
    let scale = if depends_on_level && pairs().all(|(s, r)| *s > 0.0 && *r > 0.0) {
        differences = pairs().map(|(s, r)| s.ln() - r.ln()).collect();
        AgreementScale::Ratio
    } else {
        AgreementScale::Difference
    };
    let centre = mean(&differences)?;
    let sd = variance(&differences)?.sqrt();
    let half_width = student_two_sided(confidence, effective - 1.0) * sd / effective.sqrt();
    let on_scale = |estimate: Estimate| match scale {
        AgreementScale::Difference => estimate,
        AgreementScale::Ratio => estimate.map(f64::exp),
    };
    let limit = |at: f64| on_scale(Estimate::symmetric(at, half_width * 3.0_f64.sqrt(), confidence));
    Some(BlandAltman {
        bias: on_scale(Estimate::symmetric(centre, half_width, confidence)),
        lower_limit: limit(centre - LIMITS * sd),
        upper_limit: limit(centre + LIMITS * sd),
        slope: line.slope,
        slope_p: line.slope_p,
        scale,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, expected: f64) {
        assert!((got - expected).abs() <= 1e-6 * expected.abs().max(1.0), "{got} for {expected}");
    }

    #[test]
    fn peak_flow_of_bland_and_altman_1986() {
        // Table 1 of the Lancet paper: Wright and mini Wright peak flow meter, first readings, L/min. It gives
        // mean difference -2.1, s = 38.8, limits -79.7 and 75.5 (with 2 s), se 9.4 and 16.3 (17 subjects),
        // intervals -22.1 to 17.8 of the bias, -114.3 to -45.1 and 40.9 to 110.1 of the limits (t = 2.12).
        let large = [
            494.0, 395.0, 516.0, 434.0, 476.0, 557.0, 413.0, 442.0, 650.0, 433.0, 417.0, 656.0, 267.0, 478.0,
            178.0, 423.0, 427.0,
        ];
        let mini = [
            512.0, 430.0, 520.0, 428.0, 500.0, 600.0, 364.0, 380.0, 658.0, 445.0, 432.0, 626.0, 260.0, 477.0,
            259.0, 350.0, 451.0,
        ];
        let got = bland_altman(&large, &mini, 17.0, 0.95).unwrap();
        assert_eq!(got.scale, AgreementScale::Difference);
        assert!((got.bias.value + 2.1).abs() < 0.05, "{got:?}");
        assert!((got.bias.low + 22.1).abs() < 0.1 && (got.bias.high - 17.8).abs() < 0.1, "{got:?}");
        assert!((got.upper_limit.value - (-2.1 + 1.96 * 38.8)).abs() < 0.1, "{got:?}");
        assert!((got.upper_limit.half_width() - 34.6).abs() < 0.1, "{got:?}");
        assert!((got.lower_limit.half_width() - 34.6).abs() < 0.1, "{got:?}");
    }

    #[test]
    fn a_wrong_gain_is_told_as_a_ratio() {
        let reference: Vec<f64> = (0..200_u16).map(|i| 80.0 + f64::from(i * 37 % 220)).collect();
        let sensor: Vec<f64> =
            reference.iter().zip([0.90, 0.91, 0.92].iter().cycle()).map(|(w, gain)| w * gain).collect();
        let got = bland_altman(&sensor, &reference, 200.0, 0.95).unwrap();
        assert_eq!(got.scale, AgreementScale::Ratio);
        assert!((got.bias.value - 0.91).abs() < 0.002, "{got:?}");
        assert!(got.lower_limit.value < 0.9 && got.upper_limit.value > 0.92, "{got:?}");
        assert!(got.slope.high < 0.0 && got.slope_p < 0.05);
    }

    #[test]
    fn an_offset_is_told_as_a_difference() {
        let reference: Vec<f64> = (0..200_u16).map(|i| 80.0 + f64::from(i * 37 % 220)).collect();
        let sensor: Vec<f64> = reference.iter().map(|w| w - 7.3).collect();
        let got = bland_altman(&sensor, &reference, 200.0, 0.95).unwrap();
        assert_eq!(got.scale, AgreementScale::Difference);
        close(got.bias.value, -7.3);
        close(got.upper_limit.value, -7.3);
    }

    #[test]
    fn readings_of_0_keep_the_difference() {
        let reference: Vec<f64> = (0..100_u16).map(f64::from).collect();
        let sensor: Vec<f64> = reference.iter().map(|w| 0.8 * w).collect();
        let got = bland_altman(&sensor, &reference, 100.0, 0.95).unwrap();
        assert_eq!(got.scale, AgreementScale::Difference);
        assert!(got.slope_p < 0.05);
        // diff = -0.2 r, mean = 0.9 r.
        close(got.slope.value, -0.2 / 0.9);
    }

    #[test]
    fn without_an_answer() {
        assert_eq!(bland_altman(&[], &[], 1.0, 0.95), None);
        assert_eq!(bland_altman(&[1.0, 2.0], &[1.0, 2.0], 2.0, 0.95), None);
        assert_eq!(bland_altman(&[1.0; 9], &[2.0; 9], 9.0, 0.95), None);
        assert_eq!(bland_altman(&[1.0, 2.0, 3.0], &[1.0, 2.0], 2.0, 0.95), None);
        assert_eq!(bland_altman(&[f64::MAX, 0.0, 1.0], &[-f64::MAX, 0.0, 1.0], 2.0, 0.95), None);
    }
}
