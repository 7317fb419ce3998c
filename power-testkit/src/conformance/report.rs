//! The suite's result.

use std::fmt;

use super::transcript::Transcript;

/// What became of one case.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It looked at something, and all was right.
    Passed {
        /// Number of things that it looked at.
        checks: usize,
    },
    /// Something was wrong: what, a line each.
    Failed(Vec<String>),
    /// It had nothing to look at: what it would have needed.
    NotRun(String),
}

/// One case and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CaseResult {
    /// What the case demands, in words.
    pub case: &'static str,
    /// What became of it.
    pub outcome: Outcome,
}

/// The suite's result: every case is in it, those that did not run too.
///
/// `Display` gives a line of numbers, then the cases that failed and those that did not run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Driver and device.
    pub subject: String,
    /// Every case in order.
    pub cases: Vec<CaseResult>,
    /// Number of reads that the suite made; the counting of allocations not included.
    pub reads: usize,
    /// Number of readings that it got.
    pub readings: usize,
}

impl Report {
    pub(super) fn new(subject: &str, cases: Vec<CaseResult>, transcripts: &[Transcript]) -> Self {
        Self {
            subject: subject.to_owned(),
            cases,
            reads: transcripts.iter().map(|transcript| transcript.calls.len()).sum(),
            readings: transcripts.iter().map(|transcript| transcript.readings.len()).sum(),
        }
    }

    /// Names of the cases that ran and found nothing wrong.
    pub fn passed(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.named(|outcome| matches!(outcome, Outcome::Passed { .. }))
    }

    /// Names of the cases that failed.
    pub fn failed(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.named(|outcome| matches!(outcome, Outcome::Failed(_)))
    }

    /// Names of the cases that had nothing to look at.
    pub fn not_run(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.named(|outcome| matches!(outcome, Outcome::NotRun(_)))
    }

    /// Number of cases that ran, whether they passed or not.
    pub fn ran(&self) -> usize {
        self.cases.len() - self.not_run().count()
    }

    fn named(&self, wanted: fn(&Outcome) -> bool) -> impl Iterator<Item = &'static str> + '_ {
        self.cases.iter().filter(move |result| wanted(&result.outcome)).map(|result| result.case)
    }

    #[expect(
        clippy::print_stdout,
        reason = "a test's output is where the suite says what it ran and what it did not"
    )]
    pub(super) fn print_and_assert(self) -> Self {
        println!("{self}");
        assert!(self.failed().next().is_none(), "{self}");
        self
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "conformance of {}: {} cases ran, {} failed, {} not run ({} reads, {} readings)",
            self.subject,
            self.ran(),
            self.failed().count(),
            self.not_run().count(),
            self.reads,
            self.readings
        )?;
        for CaseResult { case, outcome } in &self.cases {
            match outcome {
                Outcome::Passed { .. } => {}
                Outcome::Failed(messages) => {
                    write!(f, "\n  FAILED   {case}")?;
                    for message in messages {
                        write!(f, "\n             {message}")?;
                    }
                }
                Outcome::NotRun(needs) => write!(f, "\n  not run  {case}: needs {needs}")?,
            }
        }
        Ok(())
    }
}
