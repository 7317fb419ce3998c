//! The power of a node from that of its components: fitted to a meter, judged on runs that no fit has seen.
//!
//! Sensors see GPUs, CPUs and memory; a meter at the wall also sees fans, board, disks and the loss of the power supply.
//! From runs that have both, a [`NodeModel`] learns what the sensors leave out. Its error is that on runs left out of
//! the fit, one after another, and every prediction carries it.

mod bounds;
mod candidates;
mod design;
mod fit;
mod form;
mod held_out;
mod metered;
mod model;
mod paper;
mod refusal;

pub use bounds::{Bounds, bounds};
pub use candidates::Candidate;
pub use design::{Component, Merge, Row, Rows};
pub use form::Form;
pub use held_out::HeldOut;
pub use metered::metered;
pub use model::{NodeModel, Prediction, calibrate};
pub use paper::{MethodError, PaperMethod, judge};
pub use refusal::Refusal;
