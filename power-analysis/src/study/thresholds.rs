//! What decides the three principles: one table, changeable.

use serde::{Deserialize, Serialize};

/// From where on a benchmark meets a principle.
///
/// The paper states principles, not limits: these are this project's, each with its reason. A study prints those that it
/// used.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// (i) Readings taken over readings asked for, on average at least: below half, most of what was asked for is
    /// missing (the rule for publications of `sensors.md` §5.7).
    pub sample_ratio: f64,
    /// (i) Fewest readings of an epoch that is not under-sampled: below three there is no spread to see (`sensors.md`
    /// §5.7).
    pub fewest_readings: usize,
    /// (i) Greatest share of under-sampled epochs. The paper found 39 % too many.
    pub under_sampled: f64,
    /// (i) Least Pearson correlation of the epochs' energies with the reference. The paper calls 0.99 reliable and 0.64
    /// not.
    pub pearson: f64,
    /// (i) Significance of the Kolmogorov-Smirnov test, as in the paper.
    pub ks_alpha: f64,
    /// (i) Greatest uncertainty of the clocks over the length of a median epoch: it bounds the error at the edges.
    pub clock_share: f64,
    /// (ii) Least span of the epochs' powers over the span from rest to the GPU's limit. The paper finds 146 to 305 W of
    /// 75 to 800 W, a share of 0.22, narrow; half of what is feasible is wide.
    pub power_span: f64,
    /// (ii) Least span of GPU utilisation.
    pub utilisation_span: f64,
    /// (ii) Least span of memory utilisation.
    pub memory_span: f64,
    /// (iii) Greatest inaccuracy of the whole cost, as a share. The paper's base figure, 10.3 %, is what it improves on.
    pub inaccuracy: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            sample_ratio: 0.5,
            fewest_readings: 3,
            under_sampled: 0.05,
            pearson: 0.95,
            ks_alpha: 0.05,
            clock_share: 0.05,
            power_span: 0.5,
            utilisation_span: 0.5,
            memory_span: 0.3,
            inaccuracy: 0.05,
        }
    }
}
