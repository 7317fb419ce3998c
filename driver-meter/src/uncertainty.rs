//! From a meter's limits of error to an uncertainty.
//!
//! *Guide to the Expression of Uncertainty in Measurement* (JCGM 100:2008): limits of error ±a with nothing known about
//! the distribution within them are a rectangular distribution (§4.3.7), whose standard uncertainty is a/√3; the
//! expanded uncertainty with k = 2 covers about 95 % (§6.3.3, for a combination close to a normal distribution).
//!
//! A data sheet's limits are an error that stays the same over a run: it does not shrink with the number of
//! readings, and channels of one meter share it, so that theirs add up linearly.

use power_core::{Accuracy, Channel};

/// Coverage factor of the expanded uncertainty.
pub const COVERAGE_FACTOR: f64 = 2.0;

/// An uncertainty in the unit of what was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Uncertainty {
    /// Standard uncertainty u.
    pub standard: f64,
}

impl Uncertainty {
    /// Of limits of error ±`limit` without a known distribution: `limit`/√3.
    pub fn rectangular(limit: f64) -> Self {
        Self { standard: limit.abs() / 3.0_f64.sqrt() }
    }

    /// Of an expanded uncertainty and its coverage factor, as a calibration certificate states it; `None` for a
    /// factor that is not above 0.
    pub fn from_certificate(expanded: f64, factor: f64) -> Option<Self> {
        (factor > 0.0 && expanded.is_finite()).then(|| Self { standard: expanded.abs() / factor })
    }

    /// Expanded uncertainty U = k u with [`COVERAGE_FACTOR`].
    pub fn expanded(self) -> f64 {
        COVERAGE_FACTOR * self.standard
    }

    /// With another, independent uncertainty: the root of the sum of squares (GUM §5.1.2).
    #[must_use]
    pub fn and_independent(self, other: Self) -> Self {
        Self { standard: self.standard.hypot(other.standard) }
    }

    /// With another one of the same origin, such as a second channel of one meter: the sum (GUM §5.2.2, r = 1).
    #[must_use]
    pub fn and_correlated(self, other: Self) -> Self {
        Self { standard: self.standard + other.standard }
    }
}

/// Limits of error ±a at a reading, in its unit; `None` if they depend on a range that is not known, or a number is
/// not finite.
///
/// ```
/// use driver_meter::uncertainty::limit_of_error;
/// use power_core::Accuracy;
/// // ZES LMG at 1.5 kW on a 3 kW range.
/// let lmg = Accuracy { percent_of_reading: 0.07, percent_of_range: 0.04, source: "data sheet".into() };
/// let limit = limit_of_error(&lmg, Some(3000.0), 1500.0).expect("a range");
/// assert!((limit - 2.25).abs() < 1e-12);
/// ```
pub fn limit_of_error(accuracy: &Accuracy, range_high: Option<f64>, reading: f64) -> Option<f64> {
    let of_range = match range_high {
        Some(high) => accuracy.percent_of_range * high.abs(),
        None if accuracy.percent_of_range == 0.0 => 0.0,
        None => return None,
    };
    let limit = (accuracy.percent_of_reading * reading.abs() + of_range) / 100.0;
    limit.is_finite().then_some(limit)
}

/// The uncertainty of one reading of a channel by its data sheet; `None` where the channel states no accuracy.
///
/// ```
/// use driver_meter::uncertainty::of_reading;
/// use power_core::{Accuracy, Channel, Quantity};
/// let accuracy = Accuracy { percent_of_reading: 0.07, percent_of_range: 0.04, source: "data sheet".into() };
/// let channel = Channel::new("power", Quantity::power()).with_range(0.0, 3000.0).with_accuracy(accuracy);
/// let uncertainty = of_reading(&channel, 1500.0).expect("an accuracy");
/// assert!((uncertainty.standard - 1.3).abs() < 0.01 && (uncertainty.expanded() - 2.6).abs() < 0.01);
/// assert_eq!(of_reading(&Channel::new("power", Quantity::power()), 1500.0), None);
/// ```
pub fn of_reading(channel: &Channel, reading: f64) -> Option<Uncertainty> {
    let range_high = channel.range.map(|range| range.high);
    limit_of_error(channel.accuracy.as_ref()?, range_high, reading).map(Uncertainty::rectangular)
}

/// The uncertainty of the energy over `seconds` at a mean power of `mean_w`, in joules.
///
/// The mean power's limits hold for every reading alike, so the energy's is theirs times the time: it is not divided
/// by the root of the number of readings.
pub fn of_energy(channel: &Channel, mean_w: f64, seconds: f64) -> Option<Uncertainty> {
    let of_power = of_reading(channel, mean_w)?;
    Some(Uncertainty { standard: of_power.standard * seconds.abs() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use power_core::Quantity;
    use proptest::prelude::*;

    fn accuracy(reading: f64, range: f64) -> Accuracy {
        Accuracy { percent_of_reading: reading, percent_of_range: range, source: "test".into() }
    }

    /// Worked by hand: 1 % of 230 W is 2.3 W; over √3 is 1.3279 W.
    #[test]
    fn a_class_1_meter_at_230_w() {
        let channel = Channel::new("power", Quantity::power()).with_accuracy(accuracy(1.0, 0.0));
        let standard = of_reading(&channel, 230.0).map(|uncertainty| uncertainty.standard);
        assert!(standard.is_some_and(|standard| (standard - 1.327_905).abs() < 1e-6), "{standard:?}");
        let negative = of_reading(&channel, -230.0).map(|uncertainty| uncertainty.standard);
        assert_eq!(standard, negative);
    }

    #[test]
    fn a_part_of_an_unknown_range_is_unknown() {
        assert_eq!(limit_of_error(&accuracy(0.1, 0.05), None, 100.0), None);
        assert_eq!(limit_of_error(&accuracy(0.1, 0.0), None, f64::NAN), None);
    }

    #[test]
    fn energy_of_a_run_keeps_the_relative_uncertainty_of_its_power() {
        let channel = Channel::new("power", Quantity::power()).with_accuracy(accuracy(0.5, 0.0));
        let energy =
            of_energy(&channel, 400.0, 3600.0).map(|uncertainty| uncertainty.standard / (400.0 * 3600.0));
        assert!(energy.is_some_and(|relative| (relative - 0.005 / 3.0_f64.sqrt()).abs() < 1e-12));
    }

    #[test]
    fn a_certificate_is_divided_by_its_factor() {
        let stated = Uncertainty::from_certificate(0.3, 2.0);
        assert!(stated.is_some_and(|stated| (stated.standard - 0.15).abs() < 1e-15));
        assert_eq!(Uncertainty::from_certificate(0.3, 0.0), None);
    }

    proptest! {
        #[test]
        fn correlated_parts_are_never_less_than_independent_ones(a in 0.0..1e6_f64, b in 0.0..1e6_f64) {
            let (a, b) = (Uncertainty { standard: a }, Uncertainty { standard: b });
            let (sum, root) = (a.and_correlated(b).standard, a.and_independent(b).standard);
            prop_assert!(root <= sum * (1.0 + 1e-12) && root >= a.standard.max(b.standard) * (1.0 - 1e-12));
        }

        /// Monte Carlo's answer in closed form: the variance of a uniform error in ±a is a²/3.
        #[test]
        fn the_standard_uncertainty_is_that_of_a_uniform_error(limit in 0.0..1e4_f64) {
            let standard = Uncertainty::rectangular(limit).standard;
            prop_assert!((standard * standard - limit * limit / 3.0).abs() <= 1e-9 * limit * limit);
        }
    }
}
