//! The library behind `wattproof`: runs on disk, importers, comparison, report and command line.

pub mod alignment;
pub mod cli;
pub mod clock_map;
pub mod comparison;
pub mod energy;
mod error;
pub mod export;
pub mod import;
pub mod node;
pub mod report;
pub mod run;
pub mod traces;
pub mod words;

pub use error::{Error, Result};
