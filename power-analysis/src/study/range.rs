//! How far the powers of a benchmark reach over what a GPU can take.

use serde::{Deserialize, Serialize};

/// The span of power over what is feasible.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PowerRange {
    /// Lowest mean power of an epoch in watts.
    pub low_w: f64,
    /// Highest mean power of an epoch in watts.
    pub high_w: f64,
    /// Power of the GPU at rest in watts, where it is known.
    pub idle_w: Option<f64>,
    /// Power limit in watts, where it is known.
    pub limit_w: Option<f64>,
    /// Span of the epochs over the span from rest to limit.
    pub span_share: Option<f64>,
    /// Greatest power over the limit.
    pub top_share: Option<f64>,
}

/// The span of utilisation, both as shares from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct UtilisationRange {
    /// Lowest mean of an epoch.
    pub low: f64,
    /// Highest mean of an epoch.
    pub high: f64,
}

/// The range of the epochs' powers; `None` without any.
pub fn power_range(watts: &[f64], idle_w: Option<f64>, limit_w: Option<f64>) -> Option<PowerRange> {
    let (low_w, high_w) = extent(watts)?;
    let feasible = idle_w.zip(limit_w).map(|(idle, limit)| limit - idle).filter(|span| *span > 0.0);
    Some(PowerRange {
        low_w,
        high_w,
        idle_w,
        limit_w,
        span_share: feasible.map(|span| (high_w - low_w) / span),
        top_share: limit_w.filter(|limit| *limit > 0.0).map(|limit| high_w / limit),
    })
}

/// The range of the epochs' utilisations; `None` without any.
pub fn utilisation_range(shares: &[f64]) -> Option<UtilisationRange> {
    extent(shares).map(|(low, high)| UtilisationRange { low, high })
}

fn extent(values: &[f64]) -> Option<(f64, f64)> {
    let low = values.iter().copied().min_by(f64::total_cmp)?;
    Some((low, values.iter().copied().max_by(f64::total_cmp)?))
}
