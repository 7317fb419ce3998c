//! Statistics for autocorrelated, paired power data.
//!
//! Two properties of power traces break the textbook formulas. Neighbouring readings are correlated, so a
//! trace of 1000 readings may hold the information of 50; and sensor and reference see the same load, so they
//! are paired. What is here takes both into account: intervals come from blocks of neighbouring readings, and
//! blocks are drawn for both series at once.
//!
//! All functions are pure. Random numbers come from a seed that the caller gives, so a result can be
//! reproduced. Values must be finite: the caller filters first (checked by `debug_assert`). `None` means that
//! the data cannot answer the question, for instance because there are none.

mod autocorrelation;
mod bland_altman;
mod block_length;
mod bootstrap;
mod correlation;
mod descriptive;
mod distance;
mod ecdf;
mod estimate;
mod numeric;
mod permutation;
mod ratio;
mod regression;
mod theil_sen;

pub(crate) use numeric::{count, student_two_sided, whole};

pub use autocorrelation::{autocovariance, effective_sample_size};
pub use bland_altman::{AgreementScale, BlandAltman, bland_altman};
pub use block_length::block_length;
pub use bootstrap::{
    BootstrapInterval, BootstrapRatio, IntervalMethod, circular_block_bootstrap, mean_interval, ratio_of_sums,
};
pub use correlation::{concordance, correlation_interval, pearson, spearman};
pub use descriptive::{mad, mean, median, quantile, variance, weighted_mean};
pub use distance::{KolmogorovSmirnov, Wasserstein, kolmogorov_smirnov, wasserstein};
pub use ecdf::{Ecdf, dkw_half_width};
pub use estimate::Estimate;
pub use permutation::{PermutationTest, ks_block_permutation};
pub use regression::{Line, ordinary_least_squares};
pub use theil_sen::{RobustLine, theil_sen};
