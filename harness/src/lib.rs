//! The library behind `wattproof`: runs on disk, importers, comparison, report and command line.

pub mod alignment;
pub mod audit;
pub mod card;
mod character_words;
pub mod characterise;
pub mod cli;
pub mod clock_map;
pub mod comparison;
pub mod correction;
#[cfg(unix)]
pub mod doctor;
pub mod drivers;
pub mod energy;
mod error;
#[cfg(unix)]
pub mod estimate_source;
pub mod export;
mod extent;
pub mod import;
pub mod inventory;
mod lattices;
pub mod load;
pub mod node;
#[cfg(unix)]
pub mod overhead;
pub mod priors;
#[cfg(unix)]
pub mod record;
pub mod report;
pub mod rig;
pub mod run;
#[cfg(unix)]
pub mod study;
pub mod sync;
pub mod timekeeping;
pub mod traces;
pub mod words;

pub use error::{Error, Result};

/// Counts allocations in this crate's own tests: a sampler makes none.
#[cfg(test)]
#[global_allocator]
static ALLOCATOR: power_testkit::alloc::CountingAllocator = power_testkit::alloc::CountingAllocator;
