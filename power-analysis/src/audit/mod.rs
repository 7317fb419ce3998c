//! Judges a published energy-aware benchmark by what its own figures give away.
//!
//! [`Benchmark`] holds what was published, as it was published: unknown stays unknown, and no unit is mended on the way
//! in. Every [`Check`] looks for the traces of one known fault, never for the name of a benchmark; it finds it, rules it
//! out, or says what it would need to tell. From these and from what is given follow the verdicts on the three
//! principles of "Guidelines for the Quality Assessment of Energy-Aware NAS Benchmarks" (arXiv 2505.15631).
//!
//! The limits of all checks stand in [`limits`].

mod benchmark;
mod checks;
mod context;
mod finding;
mod grid;
mod hardware;
pub mod limits;
mod meaning;
mod polls;
mod principles;
mod robust;
mod words;

pub use benchmark::{
    Basis, Benchmark, Column, Component, Evaluation, Measure, Oddity, Part, Poll, Record, Sampling,
};
pub use context::ImpliedPower;
pub use finding::{Certainty, Check, Correction, Finding, Open, Ruled, Severity, Worst};
pub use grid::fewest_readings;
pub use hardware::Hardware;
pub use meaning::Meaning;
pub use polls::{held_mean_w, is_mean_of_polls};
pub use principles::{Principle, PrincipleVerdict};

use serde::Serialize;

use context::Context;
use finding::Outcome;

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Audit {
    /// Name of the benchmark.
    pub benchmark: String,
    /// What was read.
    pub source: String,
    /// Evaluations, such as trainings of one architecture.
    pub evaluations: usize,
    /// Epochs or phases in all of them.
    pub records: usize,
    /// What the machine is known to be.
    pub hardware: Hardware,
    /// Where each kind of figure comes from.
    pub columns: Vec<Column>,
    /// What was found, faults first.
    pub findings: Vec<Finding>,
    /// What was looked for and is not there.
    pub ruled_out: Vec<Ruled>,
    /// What could not be told, and why.
    pub open: Vec<Open>,
    /// The three principles.
    pub principles: Vec<Principle>,
    /// What the page draws; too long for the result in JSON.
    #[serde(skip)]
    pub implied: Vec<ImpliedPower>,
}

impl Audit {
    /// How many of the findings are faults.
    pub fn faults(&self) -> usize {
        self.findings.iter().filter(|finding| finding.severity == Severity::Fault).count()
    }
}

/// Judges `benchmark`; `hardware` adds to what the data says of the machine.
///
/// Linear in the number of records, apart from sorting.
pub fn audit(benchmark: &Benchmark, hardware: &Hardware) -> Audit {
    let context = Context::new(benchmark, hardware);
    let (mut findings, mut ruled_out, mut open) = (Vec::new(), Vec::new(), Vec::new());
    for (check, outcome) in checks::all(&context) {
        match outcome {
            Outcome::Found(finding) => findings.push(*finding),
            Outcome::Clear(evidence) => ruled_out.push(Ruled { check, evidence }),
            Outcome::CannotTell(reason) => open.push(Open { check, reason }),
        }
    }
    findings.sort_by_key(|finding| finding.severity);
    let principles = principles::judge(&context, &findings);
    Audit {
        benchmark: benchmark.name.clone(),
        source: benchmark.source.clone(),
        evaluations: benchmark.evaluations.len(),
        records: benchmark.evaluations.iter().map(|evaluation| evaluation.records.len()).sum(),
        hardware: context.hardware.clone(),
        columns: benchmark.columns.clone(),
        findings,
        ruled_out,
        open,
        principles,
        implied: context.implied(),
    }
}
