//! Energies of longer windows than the trainings beside them.

use crate::audit::benchmark::Measure;
use crate::audit::context::{Context, Item};
use crate::audit::finding::{Certainty, Check, Correction, Finding, Outcome, Severity, Worst};
use crate::audit::limits::{LONG_WINDOW, NEARLY_ALL};
use crate::audit::robust::median;
use crate::audit::words::{as_f64, percent, seconds};

pub(super) fn check(context: &Context<'_>) -> Outcome {
    // Begin and end are each off by half a step of their stamps at most.
    let resolution = 2.0 * context.half_digit(Measure::Window);
    let pairs: Vec<(Item<'_>, f64, f64)> = context
        .items()
        .filter_map(|item| {
            let (window, training) = item.record.window_s.zip(item.step.training_s)?;
            (window > 0.0 && training > 0.0).then_some((item, window, training))
        })
        .collect();
    if pairs.is_empty() {
        return Outcome::open(
            "no record has both the length of its energy's window and that of the training",
        );
    }
    let long: Vec<&(Item<'_>, f64, f64)> = pairs
        .iter()
        .filter(|(_, window, training)| window - resolution > training * (1.0 + LONG_WINDOW))
        .collect();
    let Some((item, window, training)) = long
        .iter()
        .max_by(|a, b| (a.1 / a.2).total_cmp(&(b.1 / b.2)))
        .filter(|_| as_f64(long.len()) > (1.0 - NEARLY_ALL) * as_f64(pairs.len()))
    else {
        return Outcome::clear(format!(
            "windows of energy and trainings are equally long in {} of {} records",
            pairs.len() - long.len(),
            pairs.len()
        ));
    };
    let ratios: Vec<f64> = pairs.iter().map(|(_, window, training)| window / training).collect();
    let middle = median(&ratios).unwrap_or(1.0);
    Finding {
        check: Check::LongWindow,
        severity: Severity::Fault,
        certainty: Certainty::Certain,
        what: "Energies are of longer windows than the training times beside them.".into(),
        evidence: format!(
            "{} of {} windows are longer than their training by more than {} and the resolution of their stamps; the \
             median is {middle:.2} times as long.",
            long.len(),
            pairs.len(),
            percent(LONG_WINDOW)
        ),
        affected: long.len(),
        of: pairs.len(),
        units: "records",
        worst: Some(Worst {
            at: item.at(),
            figure: format!("{} of energy for {} of training", seconds(*window), seconds(*training)),
        }),
        consequence: format!(
            "Energy over training time overstates power by {} (median); loading, evaluation and waiting are in the \
             energy of the training.",
            percent(middle - 1.0)
        ),
        mend: Some(Correction {
            what: "divide by the window's length for power; the training's own energy cannot be had".into(),
            divide_by: None,
        }),
    }
    .into()
}
