//! Intervals of what is computed from epochs, which come in trainings.

use serde::{Deserialize, Serialize};

use crate::CONFIDENCE;
use crate::energy::REPLICATES;
use crate::stats::{Estimate, circular_block_bootstrap, quantile};

/// Fewest trainings that are drawn from: below, the quantiles of so few draws are no interval.
pub const FEWEST_CLUSTERS: usize = 8;

/// How an interval was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntervalBy {
    /// Whole trainings drawn with replacement.
    Trainings,
    /// Fisher's z with as many pairs as there are trainings, where these are too few to draw from.
    Fisher,
    /// There is none: too few trainings.
    None,
}

/// A figure with its interval, where the data give one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Known {
    /// The figure.
    pub value: f64,
    /// Lower end of the 95 % interval.
    pub low: Option<f64>,
    /// Upper end of the 95 % interval.
    pub high: Option<f64>,
    /// Confidence of the interval.
    pub confidence: f64,
    /// How it was made.
    pub by: IntervalBy,
}

impl Known {
    /// A figure without an interval.
    pub const fn alone(value: f64) -> Self {
        Self { value, low: None, high: None, confidence: CONFIDENCE, by: IntervalBy::None }
    }

    /// A figure with an interval.
    pub const fn with(estimate: Estimate, by: IntervalBy) -> Self {
        let Estimate { value, low, high, confidence } = estimate;
        Self { value, low: Some(low), high: Some(high), confidence, by }
    }
}

/// The ends of the 95 % interval of a statistic of all items, whose cluster is in `clusters`: quantiles of the statistic
/// over draws of whole clusters with replacement. The statistic gets the positions of the drawn items.
///
/// `None` below [`FEWEST_CLUSTERS`], or where the statistic exists for less than nine of ten draws.
pub(super) fn interval(
    clusters: &[usize],
    seed: u64,
    mut statistic: impl FnMut(&[usize]) -> Option<f64>,
) -> Option<(f64, f64)> {
    let mut members: std::collections::BTreeMap<usize, Vec<usize>> = std::collections::BTreeMap::new();
    for (position, cluster) in clusters.iter().enumerate() {
        members.entry(*cluster).or_default().push(position);
    }
    let members: Vec<Vec<usize>> = members.into_values().collect();
    if members.len() < FEWEST_CLUSTERS {
        return None;
    }
    let mut items = Vec::new();
    let mut found = circular_block_bootstrap(members.len(), 1, REPLICATES, seed, |drawn| {
        items.clear();
        items.extend(drawn.iter().flat_map(|cluster| &members[*cluster]).copied());
        statistic(&items)
    });
    if found.len() < REPLICATES / 10 * 9 {
        return None;
    }
    found.sort_by(f64::total_cmp);
    let tail = (1.0 - CONFIDENCE) / 2.0;
    quantile(&found, tail).zip(quantile(&found, 1.0 - tail))
}

/// How many clusters there are.
pub(super) fn number(clusters: &[usize]) -> usize {
    clusters.iter().collect::<std::collections::BTreeSet<_>>().len()
}
