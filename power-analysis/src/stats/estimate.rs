//! A number with its interval.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A computed number with the interval that holds the true one with the given confidence.
///
/// Serialises as `{"value":…, "low":…, "high":…, "confidence":0.95}`.
///
/// ```
/// use power_analysis::stats::Estimate;
///
/// let bias = Estimate::new(-12.34, -13.0, -11.7, 0.95);
/// assert!(bias.contains(-12.0));
/// assert_eq!(bias.with_unit("W").to_string(), "-12.34 W [-13.00, -11.70]");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The best single number.
    pub value: f64,
    /// Lower end of the interval, in the unit of the value.
    pub low: f64,
    /// Upper end of the interval, in the unit of the value.
    pub high: f64,
    /// Share of repetitions in which such an interval holds the true number, such as 0.95.
    pub confidence: f64,
}

impl Estimate {
    /// A number with the ends of its interval, in any order.
    pub const fn new(value: f64, low: f64, high: f64, confidence: f64) -> Self {
        Self { value, low: low.min(high), high: low.max(high), confidence }
    }

    /// A number with an interval of equal width to both sides.
    pub const fn symmetric(value: f64, half_width: f64, confidence: f64) -> Self {
        Self::new(value, value - half_width, value + half_width, confidence)
    }

    /// Applies a monotone function to the number and both ends; a falling function swaps the ends.
    #[must_use]
    pub fn map(self, f: impl Fn(f64) -> f64) -> Self {
        Self::new(f(self.value), f(self.low), f(self.high), self.confidence)
    }

    /// Whether the interval, ends included, holds `x`.
    pub fn contains(&self, x: f64) -> bool {
        self.low <= x && x <= self.high
    }

    /// Half the width of the interval, in the unit of the value.
    pub fn half_width(&self) -> f64 {
        0.5 * self.high - 0.5 * self.low
    }

    /// For display: the number, its unit and the interval, to two digits of the half width.
    ///
    /// An empty unit is left out. A precision given by the caller (`{:.1}`) replaces the digits.
    pub const fn with_unit<'a>(&self, unit: &'a str) -> impl fmt::Display + use<'a> {
        WithUnit { estimate: *self, unit }
    }
}

/// An estimate on its way to the reader.
struct WithUnit<'a> {
    estimate: Estimate,
    unit: &'a str,
}

impl fmt::Display for WithUnit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Estimate { value, low, high, .. } = self.estimate;
        let digits = f.precision().unwrap_or_else(|| decimals(self.estimate.half_width()));
        let space = if self.unit.is_empty() { "" } else { " " };
        write!(f, "{value:.digits$}{space}{} [{low:.digits$}, {high:.digits$}]", self.unit)
    }
}

/// Decimals that show two digits of a half width, and three where there is none.
fn decimals(half_width: f64) -> usize {
    if !half_width.is_finite() || half_width <= 0.0 {
        return 3;
    }
    super::numeric::whole((1.0 - half_width.log10().floor()).clamp(0.0, 9.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn map_keeps_the_ends_in_order() {
        let ratio = Estimate::new(0.5, 0.4, 0.8, 0.95);
        let inverse = ratio.map(f64::recip);
        assert_eq!(inverse, Estimate { value: 2.0, low: 1.25, high: 2.5, confidence: 0.95 });
        assert!(inverse.contains(1.25) && inverse.contains(2.5) && !inverse.contains(2.6));
        assert!((inverse.half_width() - 0.625).abs() < 1e-15);
    }

    #[test]
    fn digits_follow_the_half_width() {
        let shown = |half_width| Estimate::symmetric(100.0, half_width, 0.95).with_unit("W").to_string();
        assert_eq!(shown(0.0), "100.000 W [100.000, 100.000]");
        assert_eq!(shown(0.012), "100.000 W [99.988, 100.012]");
        assert_eq!(shown(1.5), "100.0 W [98.5, 101.5]");
        assert_eq!(shown(1500.0), "100 W [-1400, 1600]");
        let estimate = Estimate::symmetric(1.0, 0.5, 0.95);
        assert_eq!(format!("{:.1}", estimate.with_unit("")), "1.0 [0.5, 1.5]");
    }

    #[test]
    fn width_of_huge_ends_is_finite() {
        assert!(Estimate::new(0.0, -f64::MAX, f64::MAX, 0.9).half_width().is_finite());
    }
}
