//! Seams with a script: they check what a driver asks and answer what a device answered.

mod expect;
mod replay;

pub use expect::Expect;
pub use replay::ReplayPort;
