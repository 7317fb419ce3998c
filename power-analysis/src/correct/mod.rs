//! The energy behind what a sensor shows, phase by phase, by what is known of the sensor.
//!
//! A publication is one number about a stretch of time: the mean over the window that ends a delay before it, the mean
//! since the one before, or what a first-order lag has let through since. The energy of a phase is the integral over
//! another stretch. [`Corrector`] states the best linear estimate of the one from the others (kriging; Matheron 1963,
//! *Principles of geostatistics*), with its error. Where a window is a whole number of update periods and nothing is
//! missing, that is the unrolled running energy E(t) = E(t - W) + W A(t); where publications are missing, it bridges
//! them at the price of a wider interval; for a window that is shorter than the update period it is interpolation.
//!
//! What the load is like is taken from the publications themselves, by maximum likelihood: how much its power changes
//! within a phase and how fast, how much from phase to phase, and by how much it lags behind the marks. Nothing but
//! where power may jump is taken from the marks.

mod corrector;
mod looks;
mod prior;
mod view;

pub use corrector::{CorrectedPhase, Corrector, Refused};
pub use view::{Uncorrectable, View};
