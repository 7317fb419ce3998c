//! Statistics of figures that others published: such as cannot be reckoned with have none.

use crate::stats;

fn finite(values: &[f64]) -> Option<&[f64]> {
    values.iter().all(|value| value.is_finite()).then_some(values)
}

/// Median; `None` without values, or where one is not finite.
pub(super) fn median(values: &[f64]) -> Option<f64> {
    stats::median(finite(values)?)
}

/// Mean; `None` as for the median.
pub(super) fn mean(values: &[f64]) -> Option<f64> {
    stats::mean(finite(values)?).filter(|mean| mean.is_finite())
}

/// Sample variance; `None` as for the median.
pub(super) fn variance(values: &[f64]) -> Option<f64> {
    stats::variance(finite(values)?).filter(|variance| variance.is_finite())
}

/// Quantile of sorted values; `None` as for the median.
pub(super) fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    stats::quantile(finite(sorted)?, share)
}
