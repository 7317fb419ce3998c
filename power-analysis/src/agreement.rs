//! How well two sensors agree: distributions, correlation, difference, regression.

use serde::{Deserialize, Serialize};

use crate::energy::{CONFIDENCE, REPLICATES};
use crate::pairs::{Matching, Pairs};
use crate::stats::{
    self, BlandAltman, Ecdf, Estimate, KolmogorovSmirnov, Line, PermutationTest, RobustLine, Wasserstein,
};

/// Points of a curve that is kept for drawing.
const CURVE_POINTS: usize = 400;

/// Share of a sensor's range over idle that counts as low power (sensors.md §5.7 c).
const LOW_SHARE: f64 = 0.05;

/// Most pairs of points from which a robust line is drawn.
const THEIL_SEN_PAIRS: usize = 100_000;

/// Most pairs on which ranks, intervals and lines are reckoned; beyond it every k-th pair is used.
const MOST_PAIRS: usize = 1_000_000;

/// Agreement of a sensor with the reference over matched pairs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// How the pairs were matched.
    pub matching: Matching,
    /// Number of pairs.
    pub pairs: usize,
    /// Number of independent pairs that hold the same information, from the autocorrelation of the difference.
    pub effective_pairs: f64,
    /// Pearson's correlation; `None` where one of the two does not vary.
    pub pearson: Option<Estimate>,
    /// Spearman's rank correlation.
    pub spearman: Option<Estimate>,
    /// Lin's concordance, which a wrong gain lowers.
    pub concordance: Option<f64>,
    /// Least-squares line: reference = intercept + slope × sensor.
    pub line: Option<Line>,
    /// The same by Theil and Sen, which outliers do not move.
    pub robust_line: Option<RobustLine>,
    /// Difference sensor - reference against their mean.
    pub bland_altman: Option<BlandAltman>,
    /// Distributions of power.
    pub distribution: Option<Distribution>,
}

/// Time-weighted distributions of power by sensor and reference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// Greatest distance of the two distribution functions, and where.
    pub kolmogorov_smirnov: KolmogorovSmirnov,
    /// Whether that distance can be chance; `None` where there are too few blocks.
    pub permutation: Option<PermutationTest>,
    /// Area between the two, split into bias and shape.
    pub wasserstein: Wasserstein,
    /// The sensor's distribution function as (watts, share), thinned.
    pub sensor_curve: Vec<(f64, f64)>,
    /// The reference's, likewise.
    pub reference_curve: Vec<(f64, f64)>,
    /// From the 1st to the 99th percentile of the sensor, in watts.
    pub range_w: f64,
    /// Power that counts as low: the sensor's 1st percentile plus 5 % of that range, in watts.
    pub low_limit_w: f64,
    /// Share of time that the sensor shows low power.
    pub sensor_low_share: f64,
    /// Share of time that the reference shows low power.
    pub reference_low_share: f64,
    /// Half width of the 95 % band around each (Dvoretzky, Kiefer and Wolfowitz, effective number of points).
    pub band_half_width: f64,
}

/// The statistics of matched pairs; `None` for fewer than three.
///
/// `most_dwell_ns` is the longest time that one pair may stand for.
pub fn agreement(pairs: &Pairs, most_dwell_ns: i64, seed: u64) -> Option<Agreement> {
    if pairs.len() < 3 {
        return None;
    }
    let stride = pairs.len().div_ceil(MOST_PAIRS);
    let thin = |values: &[f64]| -> Vec<f64> { values.iter().step_by(stride).copied().collect() };
    let (sensor, reference) = (thin(&pairs.sensor_w), thin(&pairs.reference_w));
    let difference: Vec<f64> = sensor.iter().zip(&reference).map(|(s, r)| s - r).collect();
    // Rows without time have no neighbours to be correlated with.
    let (effective, block) = match pairs.matching {
        Matching::Rows => (stats::count(difference.len()), 1),
        _ => (stats::effective_sample_size(&difference), block_of(&difference, stride)),
    };
    let interval = |r: f64| stats::correlation_interval(r, effective, CONFIDENCE);
    Some(Agreement {
        matching: pairs.matching,
        pairs: pairs.len(),
        effective_pairs: effective,
        pearson: stats::pearson(&sensor, &reference).map(interval),
        spearman: stats::spearman(&sensor, &reference).map(interval),
        concordance: stats::concordance(&sensor, &reference),
        line: stats::ordinary_least_squares(&sensor, &reference, Some(effective), CONFIDENCE),
        robust_line: stats::theil_sen(&sensor, &reference, 0.0, THEIL_SEN_PAIRS, seed),
        bland_altman: stats::bland_altman(&sensor, &reference, effective, CONFIDENCE),
        distribution: distribution(pairs, most_dwell_ns, effective, block, seed),
    })
}

fn distribution(
    pairs: &Pairs,
    most_dwell_ns: i64,
    effective: f64,
    block: usize,
    seed: u64,
) -> Option<Distribution> {
    let weigh = |values: &[f64]| match pairs.matching {
        Matching::Rows => Ecdf::unweighted(values.to_vec()),
        _ => Ecdf::weighted(values.iter().copied().zip(pairs.dwells(most_dwell_ns)).collect()),
    };
    let (sensor, reference) = (weigh(&pairs.sensor_w)?, weigh(&pairs.reference_w)?);
    let (idle, full) = (sensor.quantile(0.01), sensor.quantile(0.99));
    let low_limit_w = idle + LOW_SHARE * (full - idle);
    Some(Distribution {
        range_w: full - idle,
        low_limit_w,
        sensor_low_share: sensor.at(low_limit_w),
        reference_low_share: reference.at(low_limit_w),
        kolmogorov_smirnov: stats::kolmogorov_smirnov(&sensor, &reference),
        permutation: stats::ks_block_permutation(
            &pairs.sensor_w,
            &pairs.reference_w,
            block,
            REPLICATES,
            seed,
        ),
        wasserstein: stats::wasserstein(&sensor, &reference),
        sensor_curve: sensor.curve(CURVE_POINTS),
        reference_curve: reference.curve(CURVE_POINTS),
        band_half_width: stats::dkw_half_width(effective, 1.0 - CONFIDENCE),
    })
}

/// Number of pairs within which the difference, of which every `stride`-th pair is at hand, is correlated.
fn block_of(difference: &[f64], stride: usize) -> usize {
    stats::block_length(difference).clamp(1, difference.len()).saturating_mul(stride)
}
