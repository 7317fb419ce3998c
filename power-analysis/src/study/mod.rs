//! The study of "Guidelines for the Quality Assessment of Energy-Aware NAS Benchmarks" (arXiv 2505.15631): what epochs
//! and trainings, each seen by several tools at once, say of the tools and of the benchmark that rests on them.
//!
//! # The way of one epoch
//!
//! 1. A [`Stretch`] holds an epoch, or a training, as every tool and its reference saw it.
//! 2. [`cell`] compares one tool with its reference over many stretches: Table I of the paper. [`sampling()`] says how
//!    much of them it looked at; `range` how far the powers reach; [`BoxPlot`] how far estimators are off.
//! 3. [`reliability`], [`feasible_range`] and [`holism`] judge the three principles of the paper by [`Thresholds`].

mod boxes;
mod clusters;
mod ks;
mod principles;
mod range;
mod sampling;
mod stretch;
mod table;
mod thresholds;

pub use boxes::BoxPlot;
pub use clusters::{FEWEST_CLUSTERS, IntervalBy, Known};
pub use ks::{KsTest, ks_test};
pub use principles::{
    Component, Criterion, Holism, Principle, Reliability, Standing, Wanted, feasible_range, holism,
    reliability,
};
pub use range::{PowerRange, UtilisationRange, power_range, utilisation_range};
pub use sampling::{Sampling, proportion, sampling};
pub use stretch::{Figure, Seen, Stretch};
pub use table::{Cell, cell, tracer_mean};
pub use thresholds::Thresholds;
