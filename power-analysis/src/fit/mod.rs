//! Fits that several estimators share: power as straight pieces, least squares with the line projected out,
//! minimisation without derivatives, and intervals by calibrated profile likelihood.

mod affine;
mod blocks;
mod cholesky;
mod drive;
mod interval;
mod lag;
mod matrix;
mod problem;
mod simplex;

pub(crate) use affine::affine;
pub(crate) use blocks::blocks;
pub(crate) use cholesky::{Cholesky, dot};
pub use drive::Drive;
pub(crate) use drive::{KNOWN_NEXT_TO_EDGE_S, Signal, fill_boxcar};
pub(crate) use interval::{Intervals, Sensitivity, intervals};
pub(crate) use lag::Lag;
pub(crate) use matrix::Matrix;
pub(crate) use problem::{Minimum, Problem};
pub(crate) use simplex::minimise;
