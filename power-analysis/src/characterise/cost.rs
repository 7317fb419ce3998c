//! What one read costs.

use serde::{Deserialize, Serialize};

use crate::readings::Readings;
use crate::time::seconds;

/// Time that a read takes, in microseconds: the width of the readings' brackets.
///
/// Where one transaction reads several channels, it is that of all of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CallCost {
    /// Shortest.
    pub least_us: f64,
    /// Median.
    pub median_us: f64,
    /// 99th percentile.
    pub p99_us: f64,
    /// Longest.
    pub most_us: f64,
}

/// The cost of reading; `None` where the readings' times are single points.
pub fn call_cost(readings: &Readings) -> Option<CallCost> {
    let mut widths: Vec<i64> = (0..readings.len()).map(|index| readings.bracket(index).length_ns()).collect();
    widths.sort_unstable();
    let last = widths.len().checked_sub(1)?;
    let at = |per_cent: usize| seconds(widths[last * per_cent / 100]) * 1e6;
    (widths[last] > 0).then(|| CallCost {
        least_us: at(0),
        median_us: at(50),
        p99_us: at(99),
        most_us: at(100),
    })
}
