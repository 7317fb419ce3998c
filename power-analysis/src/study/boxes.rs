//! The figures of a box plot.

use serde::{Deserialize, Serialize};

use crate::stats::quantile;

/// Whiskers reach to the outermost value within this many lengths of the box (Tukey 1977).
const WHISKER: f64 = 1.5;

/// Quartiles, whiskers and what lies beyond.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BoxPlot {
    /// Number of values.
    pub values: usize,
    /// Lowest value within 1.5 box lengths of the box.
    pub low: f64,
    /// First quartile.
    pub q1: f64,
    /// Median.
    pub median: f64,
    /// Third quartile.
    pub q3: f64,
    /// Highest value within 1.5 box lengths of the box.
    pub high: f64,
    /// Values beyond the whiskers.
    pub outliers: Vec<f64>,
}

impl BoxPlot {
    /// Of values in any order; `None` without any. Values have to be finite.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (q1, q3) = (quantile(&sorted, 0.25)?, quantile(&sorted, 0.75)?);
        let reach = WHISKER * (q3 - q1);
        let inside = |value: &f64| (q1 - reach..=q3 + reach).contains(value);
        let (within, outliers): (Vec<f64>, Vec<f64>) = sorted.iter().copied().partition(inside);
        Some(Self {
            values: sorted.len(),
            low: within.first().copied().unwrap_or(q1),
            q1,
            median: quantile(&sorted, 0.5)?,
            q3,
            high: within.last().copied().unwrap_or(q3),
            outliers,
        })
    }
}
