//! The energy of a node from its sensors: a model is fitted where a meter is, and used where none is.

mod calibration;
mod code_carbon_config;
mod components;
mod estimation;
mod estimators;
pub mod experiments;
mod host;
mod levels;
mod methods;
mod model_file;
mod phases;
#[cfg(all(unix, feature = "virtual"))]
mod sensitivity;
mod series;

pub use calibration::{Calibration, CalibrationRequest, HoldOut, RunLevels, calibrate};
pub use code_carbon_config::code_carbon_config;
pub use components::{ComponentChannels, choose};
pub use estimation::{AgainstMeter, EstimateRequest, RunEstimate, estimate};
pub use estimators::{Assumed, Assumptions, Estimator};
pub(crate) use host::memory_gib;
pub use levels::Cut;
pub use methods::{JudgedMethod, MethodTable, MethodsRequest, PAPER_PERCENT, compare_methods};
pub use model_file::{ModelFile, read_model, write_model};
pub use phases::PhaseEstimate;
#[cfg(all(unix, feature = "virtual"))]
pub use sensitivity::{Sensitivity, SensitivityRow, sensitivity};
pub use series::{MethodErrors, NodeLevel, method_errors, node_levels};
