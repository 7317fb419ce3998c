//! Software estimators: what tools assume where they do not measure, exact to their published formulas.
//!
//! They are here to be judged beside sensors, not to be believed.

mod carbontracker;
mod code_carbon;

pub use carbontracker::{CARBONTRACKER_PUE, carbontracker_energy_j};
pub use code_carbon::{CodeCarbon, CpuMode, FALLBACK_TDP_W, Processor, dimms};
