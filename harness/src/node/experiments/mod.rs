//! The experiments of a calibration: planned, carried out on real parts or on the virtual rig, each one run.

#[cfg(unix)]
mod carry_out;
mod plan;
#[cfg(unix)]
mod primes;
mod settling;
#[cfg(unix)]
mod thermal;
#[cfg(all(unix, feature = "virtual"))]
mod virtual_node;

#[cfg(unix)]
pub use carry_out::{Bench, Make, Open, carry_out, reusable};
pub use plan::{Experiment, Parts, Plan, PlanRequest};
#[cfg(unix)]
pub use primes::PrimeLoad;
pub use settling::{Settling, settling};
#[cfg(unix)]
pub use thermal::{Thermometer, Warmth};
#[cfg(all(unix, feature = "virtual"))]
pub(in crate::node) use virtual_node::training_load;
#[cfg(all(unix, feature = "virtual"))]
pub use virtual_node::{live, simulated, trainings, virtual_paper_node};

/// The name of the experiment by which the paper's method gets its prior load: a calculation of prime numbers.
pub const PRIME: &str = "prime";

/// Whether an experiment or a phase of this name is a calculation of prime numbers, whatever its repeat.
pub fn is_prime(name: &str) -> bool {
    name == PRIME || name.strip_prefix(PRIME).is_some_and(|rest| rest.starts_with('-'))
}
