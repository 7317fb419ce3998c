//! What a case found while it looked.

use super::report::{CaseResult, Outcome};

/// How many messages of one case are kept in full.
const MOST_MESSAGES: usize = 5;

/// What a case found while it looked.
#[derive(Debug, Default)]
pub(super) struct Findings {
    checks: usize,
    failures: usize,
    messages: Vec<String>,
    form: &'static str,
}

impl Findings {
    /// Says in which form the source is held that is looked at next.
    pub(super) fn enter(&mut self, form: &'static str) {
        self.form = form;
    }

    pub(super) fn check(&mut self, right: bool, message: impl FnOnce() -> String) {
        if right { self.pass() } else { self.fail(message) }
    }

    pub(super) fn pass(&mut self) {
        self.checks += 1;
    }

    pub(super) fn fail(&mut self, message: impl FnOnce() -> String) {
        self.checks += 1;
        self.failures += 1;
        if self.messages.len() < MOST_MESSAGES {
            let place = if self.form.is_empty() { String::new() } else { format!("{}: ", self.form) };
            self.messages.push(place + &message());
        }
    }

    /// The result of a case that looks at every source.
    pub(super) fn into_result(self, case: &'static str) -> CaseResult {
        self.into_result_or(case, "nothing to look at")
    }

    /// The result of a case; where it had nothing to look at, it did not run because it `needs` something.
    pub(super) fn into_result_or(mut self, case: &'static str, needs: &str) -> CaseResult {
        let more = self.failures - self.messages.len();
        if more > 0 {
            self.messages.push(format!("and {more} more"));
        }
        let outcome = match (self.checks, self.failures) {
            (0, _) => Outcome::NotRun(needs.to_owned()),
            (checks, 0) => Outcome::Passed { checks },
            _ => Outcome::Failed(self.messages),
        };
        CaseResult { case, outcome }
    }
}
