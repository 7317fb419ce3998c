//! How far repeats differ, and what is odd about names.

use std::collections::BTreeMap;

use crate::audit::benchmark::Evaluation;
use crate::audit::context::Context;
use crate::audit::finding::{Certainty, Check, Finding, Outcome, Severity, Worst};
use crate::audit::limits::REPEATS_SCATTER;
use crate::audit::meaning::Step;
use crate::audit::robust::{mean, median, variance};
use crate::audit::words::percent;

/// The energy of a whole evaluation: its total, or the sum of its records.
fn energy(evaluation: &Evaluation, steps: &[Step]) -> Option<f64> {
    evaluation.total_j.or_else(|| steps.iter().map(|step| step.energy_j).sum())
}

/// Coefficients of variation of the energies of repeats, by architecture.
pub(in crate::audit) fn scatter<'a>(context: &Context<'a>) -> Vec<(f64, &'a str)> {
    let mut groups: BTreeMap<&str, Vec<Option<f64>>> = BTreeMap::new();
    for (evaluation, steps) in context.evaluations() {
        groups.entry(evaluation.architecture.as_str()).or_default().push(energy(evaluation, steps));
    }
    let cv = |(name, repeats): (&'a str, Vec<Option<f64>>)| {
        let energies: Vec<f64> = repeats.into_iter().collect::<Option<_>>()?;
        let middle = mean(&energies).filter(|middle| *middle > 0.0)?;
        Some((variance(&energies)?.sqrt() / middle, name))
    };
    groups.into_iter().filter_map(cv).collect()
}

pub(super) fn check(context: &Context<'_>) -> Outcome {
    let scatter = scatter(context);
    let values: Vec<f64> = scatter.iter().map(|(cv, _)| *cv).collect();
    let (Some(middle), Some((most, at))) =
        (median(&values), scatter.iter().max_by(|a, b| a.0.total_cmp(&b.0)))
    else {
        return Outcome::open("no architecture was measured twice");
    };
    if middle <= REPEATS_SCATTER {
        return Outcome::clear(format!(
            "the energy of repeats varies by {} (median of {} architectures), {} at most",
            percent(middle),
            values.len(),
            percent(*most)
        ));
    }
    let affected = values.iter().filter(|cv| **cv > REPEATS_SCATTER).count();
    Finding {
        check: Check::RepeatsScatter,
        severity: Severity::Note,
        certainty: Certainty::Certain,
        what: "The energies of repeats differ.".into(),
        evidence: format!(
            "The coefficient of variation is {} in the median of {} repeated architectures.",
            percent(middle),
            values.len()
        ),
        affected,
        of: values.len(),
        units: "architectures",
        worst: Some(Worst { at: (*at).to_owned(), figure: percent(*most) }),
        // Two single measurements differ by 1.96 √2 standard deviations in one of twenty cases.
        consequence: format!(
            "Two architectures that were measured once each differ only where their energies do by more than {}.",
            percent(1.96 * std::f64::consts::SQRT_2 * middle)
        ),
        mend: None,
    }
    .into()
}

pub(super) fn spelling(context: &Context<'_>) -> Outcome {
    let oddities = &context.benchmark.oddities;
    let Some(most) = oddities.iter().max_by_key(|oddity| oddity.affected) else {
        return Outcome::clear("keys and names are spelled in one way");
    };
    let words: Vec<&str> = oddities.iter().map(|oddity| oddity.what.as_str()).collect();
    Finding {
        check: Check::Spelling,
        severity: Severity::Note,
        certainty: Certainty::Certain,
        what: "Keys or names are spelled oddly, or in several ways.".into(),
        evidence: format!("{}.", words.join("; ")),
        affected: most.affected,
        of: context.benchmark.evaluations.len(),
        units: "evaluations",
        worst: None,
        consequence:
            "A reader that looks for one spelling misses the others, and may take what is missing for 0."
                .into(),
        mend: None,
    }
    .into()
}
