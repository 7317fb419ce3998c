//! Which form: the simplest whose error on unseen runs is not told from the least.

use serde::{Deserialize, Serialize};

use super::design::{Component, Rows};
use super::form::Form;
use super::held_out::{HeldOut, falsified, held_out};
use crate::stats::count;

/// A form that was tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The form.
    pub form: Form,
    /// Number of its coefficients.
    pub parameters: usize,
    /// Its error on unseen runs.
    pub held_out: HeldOut,
}

/// All forms that the levels can bear, the simplest first.
pub(super) fn candidates(components: &[Component], rows: &Rows) -> Vec<Candidate> {
    let falsified_runs = falsified(components, rows);
    let mut tried: Vec<Candidate> = Form::ALL
        .into_iter()
        .filter_map(|form| {
            let held_out = held_out(form, components, rows, &falsified_runs)?;
            Some(Candidate { form, parameters: form.parameters(components.len()), held_out })
        })
        .collect();
    tried.sort_by_key(|candidate| candidate.parameters);
    tried
}

/// The simplest whose greatest error is within one standard error of the least.
///
/// Of n errors, their scale is known to about 1/√(2n) of itself (the standard error of a standard deviation of normal
/// errors); the rule is that of Breiman, Friedman, Olshen and Stone 1984, *Classification and Regression Trees*.
pub(super) fn choice(tried: &[Candidate]) -> Option<&Candidate> {
    let least = tried.iter().min_by(|a, b| a.held_out.max_percent.total_cmp(&b.held_out.max_percent))?;
    let within = least.held_out.max_percent * (1.0 + (2.0 * count(least.held_out.runs)).sqrt().recip());
    tried.iter().find(|candidate| candidate.held_out.max_percent <= within)
}
