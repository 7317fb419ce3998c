//! Cumulative energies, and cumulative ones summed again.

use crate::audit::benchmark::{Evaluation, Measure};
use crate::audit::context::{Context, nearly_all};
use crate::audit::finding::{Certainty, Check, Correction, Finding, Outcome, Severity, Worst};
use crate::audit::meaning::Meaning;
use crate::audit::words::joules;

/// Sums agree within this share: they are printed with few digits.
const SAME_SUM: f64 = 0.005;

/// What was made of the cumulative energies of one evaluation: their sum over the last one.
fn summed_again(evaluation: &Evaluation) -> Option<f64> {
    let energies: Option<Vec<f64>> = evaluation.records.iter().map(|record| record.energy_j).collect();
    let energies = energies?;
    let (last, sum) = (*energies.last()?, energies.iter().sum::<f64>());
    let running = evaluation.records.last()?.running_j;
    let is_sum = |stated: f64| (stated / sum - 1.0).abs() < SAME_SUM;
    (energies.len() > 1 && last > 0.0 && [running, evaluation.total_j].into_iter().flatten().any(is_sum))
        .then_some(sum / last)
}

pub(super) fn check(context: &Context<'_>) -> Outcome {
    let (says, of) = context.energy_votes;
    if context.energy == Meaning::PerRecord {
        return if of == 0 {
            Outcome::open("too few records in each evaluation to tell energies of each from cumulative ones")
        } else {
            Outcome::clear(format!("energies are of each record alone in {} of {of} evaluations", of - says))
        };
    }
    let evaluations = &context.benchmark.evaluations;
    let again: Vec<(f64, &Evaluation)> =
        evaluations.iter().filter_map(|evaluation| Some((summed_again(evaluation)?, evaluation))).collect();
    let Some((most, at)) =
        again.iter().max_by(|a, b| a.0.total_cmp(&b.0)).filter(|_| nearly_all(again.len(), of))
    else {
        return only_cumulative(context, says, of).into();
    };
    Finding {
        check: Check::CumulativeEnergy,
        severity: Severity::Fault,
        certainty: Certainty::Certain,
        what: "Energies that are cumulative already were summed again.".into(),
        evidence: format!(
            "In {says} of {of} evaluations the energies ({}) grow with the records, and in {} the stated total is the sum \
             of them.",
            context.label(Measure::Energy),
            again.len()
        ),
        affected: again.len(),
        of,
        units: "evaluations",
        worst: Some(Worst { at: at.at.clone(), figure: format!("total {most:.1} times too high") }),
        consequence: "Totals are too high by about half the number of records, so that long trainings look worse than \
                      they are."
            .into(),
        mend: Some(Correction {
            what: "take the last cumulative energy as the total, and differences for single records".into(),
            divide_by: None,
        }),
    }
    .into()
}

fn only_cumulative(context: &Context<'_>, says: usize, of: usize) -> Finding {
    let most = context.benchmark.evaluations.iter().filter_map(|evaluation| {
        let sum: f64 = evaluation.records.iter().filter_map(|record| record.energy_j).sum();
        let last = evaluation.records.last()?.energy_j.filter(|last| *last > 0.0)?;
        Some((sum / last, sum, evaluation))
    });
    Finding {
        check: Check::CumulativeEnergy,
        severity: Severity::Note,
        certainty: Certainty::Certain,
        what: "The energy of each record is cumulative: it is that of all records up to it.".into(),
        evidence: format!(
            "In {says} of {of} evaluations the energies ({}) never fall, and only the last one fits into the total or the \
             time.",
            context.label(Measure::Energy)
        ),
        affected: says,
        of,
        units: "evaluations",
        worst: most.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, sum, evaluation)| Worst {
            at: evaluation.at.clone(),
            figure: format!("sum {} by the label", joules(sum)),
        }),
        consequence: "Whoever sums them counts twice. Here differences were taken.".into(),
        mend: Some(Correction { what: "take differences".into(), divide_by: None }),
    }
}
