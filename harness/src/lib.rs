//! The library behind `wattproof`: runs on disk, importers, comparison, report and command line.

pub mod alignment;
pub mod card;
mod character_words;
pub mod characterise;
pub mod cli;
pub mod clock_map;
pub mod comparison;
pub mod energy;
mod error;
pub mod export;
pub mod import;
pub mod load;
pub mod report;
pub mod run;
pub mod sync;
pub mod traces;
pub mod words;

pub use error::{Error, Result};
