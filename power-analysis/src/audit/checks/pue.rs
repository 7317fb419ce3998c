//! A power usage effectiveness in every energy: total over parts is one constant that is not 1.

use crate::audit::context::Context;
use crate::audit::finding::{Certainty, Check, Correction, Finding, Outcome, Severity, Worst};
use crate::audit::limits::{CONSTANT_RATIO, PUE_LEAST};
use crate::audit::robust::{mean, variance};
use crate::audit::words::as_f64;
use crate::stats::{Estimate, student_two_sided};

/// Confidence of the interval.
const CONFIDENCE: f64 = 0.95;

pub(super) fn check(context: &Context<'_>) -> Outcome {
    if let Some(finding) = stated(context) {
        return finding.into();
    }
    let ratios: Vec<(f64, &str)> = context
        .benchmark
        .evaluations
        .iter()
        .filter_map(|evaluation| {
            let parts: Option<Vec<f64>> =
                evaluation.components.iter().map(|component| component.energy_j).collect();
            let sum: f64 = parts?.iter().sum();
            (sum > 0.0).then_some((evaluation.total_j? / sum, evaluation.at.as_str()))
        })
        .filter(|(ratio, _)| ratio.is_finite())
        .collect();
    let values: Vec<f64> = ratios.iter().map(|(ratio, _)| *ratio).collect();
    let (Some(middle), Some(spread)) = (mean(&values), variance(&values).map(f64::sqrt)) else {
        return Outcome::open(
            "fewer than two evaluations have both a total energy and the energies of its parts",
        );
    };
    if (middle - 1.0).abs() <= PUE_LEAST {
        return Outcome::clear(format!("totals are {middle:.4} times the sums of their parts"));
    }
    if spread > CONSTANT_RATIO * middle || middle < 1.0 {
        return Outcome::open(format!(
            "totals are {middle:.3} times the sums of their parts on average, and not by one constant: parts are missing, \
             or the total is of something else"
        ));
    }
    let estimate = interval(middle, spread, values.len());
    let worst = ratios.iter().max_by(|a, b| (a.0 - middle).abs().total_cmp(&(b.0 - middle).abs()));
    let (low, high) =
        values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(*x), high.max(*x)));
    Finding {
        check: Check::PueInside,
        severity: Severity::Fault,
        certainty: Certainty::Certain,
        what: format!("A power usage effectiveness of {middle:.4} is in every energy."),
        evidence: format!(
            "Total energy over the sum of its parts is {low:.5} to {high:.5} in all {} evaluations, whatever they ran: a \
             multiplied constant, not a measured rest.",
            values.len()
        ),
        affected: values.len(),
        of: values.len(),
        units: "evaluations",
        worst: worst.map(|(ratio, at)| Worst { at: (*at).to_owned(), figure: format!("{ratio:.5}") }),
        consequence: format!(
            "{:.0} % of every stated energy is an assumption on a building, not the machine's; beside benchmarks without \
             it, this one looks {middle:.2} times as costly.",
            100.0 * (1.0 - 1.0 / middle)
        ),
        mend: Some(Correction { what: "divide every energy by it".into(), divide_by: Some(estimate) }),
    }
    .into()
}

/// The mean's interval by Student's t.
fn interval(middle: f64, spread: f64, count: usize) -> Estimate {
    let t = student_two_sided(CONFIDENCE, as_f64(count - 1));
    Estimate::symmetric(middle, t * spread / as_f64(count).sqrt(), CONFIDENCE)
}

/// A power usage effectiveness that the data itself states.
fn stated(context: &Context<'_>) -> Option<Finding> {
    let of = context.benchmark.evaluations.iter().filter(|evaluation| evaluation.pue.is_some()).count();
    let with: Vec<(f64, &str)> = context
        .benchmark
        .evaluations
        .iter()
        .filter_map(|evaluation| Some((evaluation.pue?, evaluation.at.as_str())))
        .filter(|(pue, _)| (pue - 1.0).abs() > PUE_LEAST)
        .collect();
    let (most, at) = with.iter().max_by(|a, b| a.0.total_cmp(&b.0))?;
    let one = with.iter().all(|(pue, _)| (pue - most).abs() < 1e-9);
    Some(Finding {
        check: Check::PueInside,
        severity: Severity::Fault,
        certainty: Certainty::Certain,
        what: format!("A power usage effectiveness of up to {most} is in the energies, as they state."),
        evidence: format!("{} of {of} evaluations state one that is not 1.", with.len()),
        affected: with.len(),
        of,
        units: "evaluations",
        worst: Some(Worst { at: (*at).to_owned(), figure: format!("{most}") }),
        consequence: "These energies are not the machine's alone.".into(),
        mend: Some(Correction {
            what: "divide each energy by its stated effectiveness".into(),
            divide_by: one.then(|| Estimate::new(*most, *most, *most, 1.0)),
        }),
    })
}
