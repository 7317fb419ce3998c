//! `wattproof audit`: others' published benchmarks, read as they were published and judged by their own figures.
//!
//! [`request`] finds the files and their formats; one module a format reads bytes into a [`Benchmark`] and mends
//! nothing; [`power_analysis::audit`] judges it.

pub mod code_carbon;
pub mod ea_has;
pub mod ec_nas;
mod figures;
mod find;
mod format;
pub mod hw_gpt;
pub mod polls;
mod request;
#[cfg(feature = "smi")]
pub mod smi_xml;
pub mod sweep;
pub mod table;

pub use format::AuditFormat;
pub use request::{AuditRequest, BenchmarkAudit, audit};
pub use table::Role;

use power_analysis::audit::{Benchmark, Column, Oddity};

/// What was read of some files, with what a reader of the audit has to know.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Gathered {
    /// The benchmark so far.
    pub benchmark: Benchmark,
    /// Notes.
    pub notes: Vec<String>,
}

impl Gathered {
    /// Adds a kind of figure; one that is there keeps its name, and takes the coarser digit of both.
    pub(crate) fn column(&mut self, column: Column) {
        match self.benchmark.columns.iter_mut().find(|known| known.measure == column.measure) {
            Some(known) => known.half_digit = known.half_digit.max(column.half_digit),
            None => self.benchmark.columns.push(column),
        }
    }

    /// Counts something odd in one more evaluation.
    pub(crate) fn odd(&mut self, what: &str) {
        match self.benchmark.oddities.iter_mut().find(|oddity| oddity.what == what) {
            Some(oddity) => oddity.affected += 1,
            None => self.benchmark.oddities.push(Oddity { what: what.to_owned(), affected: 1 }),
        }
    }
}
