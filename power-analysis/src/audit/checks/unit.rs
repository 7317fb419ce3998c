//! Energy against power × time: a constant factor is a wrong unit, a changing one is something else.

use crate::audit::benchmark::Measure;
use crate::audit::context::{Context, Item};
use crate::audit::finding::{Certainty, Check, Correction, Finding, Outcome, Severity, Worst};
use crate::audit::limits::{GPU_LEAST_W, NEARLY_ALL, NODE_MOST_W, OVER_LIMIT, SAME_ENERGY};
use crate::audit::robust::median;
use crate::audit::words::{as_f64, percent, seconds, watts};
use crate::stats::Estimate;

/// Factors that come of confused units, with what was confused.
const FACTORS: [(f64, &str); 6] = [
    (1e3, "watt-hours labelled kilowatt-hours"),
    (1e-3, "kilowatt-hours labelled watt-hours"),
    (3.6e3, "joules labelled watt-hours"),
    (3.6e6, "joules labelled kilowatt-hours"),
    (1.0 / 3.6e3, "watt-hours labelled joules"),
    (1.0 / 3.6e6, "kilowatt-hours labelled joules"),
];

/// An energy whose rounding alone is more than this share of it tells no factor.
const TOO_ROUNDED: f64 = 0.05;

pub(super) struct Found {
    pub(super) label: Outcome,
    pub(super) mismatch: Outcome,
}

/// A record's energy over power × time, with how far rounding can move it.
struct Ratio<'a> {
    item: Item<'a>,
    value: f64,
    rounding: f64,
}

impl Ratio<'_> {
    fn is(&self, factor: f64) -> bool {
        (self.value / factor - 1.0).abs() <= SAME_ENERGY + self.rounding
    }
}

pub(super) fn check(context: &Context<'_>) -> Found {
    let half = context.half_digit(Measure::Energy) * if is_cumulative(context) { 2.0 } else { 1.0 };
    let ratios: Vec<Ratio<'_>> = context
        .items()
        .filter_map(|item| {
            let (energy, length) = item.step.energy_j.zip(item.seconds())?;
            let power = item.record.power_w.filter(|power| *power > 0.0)?;
            let (value, rounding) = (energy / (power * length), half / energy);
            (energy > 0.0 && rounding < TOO_ROUNDED).then_some(Ratio { item, value, rounding })
        })
        .collect();
    if ratios.is_empty() {
        return without_power(context);
    }
    let share =
        |factor: f64| as_f64(ratios.iter().filter(|ratio| ratio.is(factor)).count()) / as_f64(ratios.len());
    if let Some((factor, words)) = FACTORS.into_iter().find(|(factor, _)| share(*factor) >= NEARLY_ALL) {
        let finding = wrong_label(context, &ratios, factor, words);
        let mismatch = Outcome::clear("energy is power × time by one factor");
        return Found { label: finding.into(), mismatch };
    }
    let off: Vec<&Ratio<'_>> = ratios.iter().filter(|ratio| !ratio.is(1.0)).collect();
    let label = Outcome::clear(format!(
        "{} of {} energies are power × time as labelled",
        ratios.len() - off.len(),
        ratios.len()
    ));
    Found { label, mismatch: mismatch(&ratios, &off) }
}

fn is_cumulative(context: &Context<'_>) -> bool {
    context.energy == crate::audit::Meaning::Cumulative
}

fn wrong_label(context: &Context<'_>, ratios: &[Ratio<'_>], factor: f64, words: &str) -> Finding {
    let values: Vec<f64> = ratios.iter().map(|ratio| ratio.value).collect();
    let affected = ratios.iter().filter(|ratio| ratio.is(factor)).count();
    let implied = |ratio: &Ratio<'_>| ratio.item.step.energy_j.zip(ratio.item.seconds()).map(|(e, s)| e / s);
    let worst = ratios.iter().max_by(|a, b| implied(a).unwrap_or(0.0).total_cmp(&implied(b).unwrap_or(0.0)));
    Finding {
        check: Check::EnergyUnit,
        severity: Severity::Fault,
        certainty: Certainty::Certain,
        what: format!("The energies are {words}."),
        evidence: format!(
            "Energy ({}) is {} times power × time (median {:.1}) in {affected} of {} records that have both.",
            context.label(Measure::Energy),
            round(factor),
            median(&values).unwrap_or(factor),
            ratios.len()
        ),
        affected,
        of: ratios.len(),
        units: "records",
        worst: worst.and_then(|ratio| {
            let power = watts(implied(ratio)?);
            Some(Worst { at: ratio.item.at(), figure: format!("{power} by its label") })
        }),
        consequence: format!(
            "Every absolute energy, cost and carbon figure is off by a factor of {}; ranks are not.",
            round(factor.max(1.0 / factor))
        ),
        mend: Some(Correction {
            what: format!("divide every energy by {}", round(factor)),
            divide_by: Some(Estimate::new(factor, factor, factor, 1.0)),
        }),
    }
}

/// A factor as people write it.
fn round(factor: f64) -> String {
    if factor >= 1.0 { format!("{factor:.0}") } else { format!("1/{:.0}", 1.0 / factor) }
}

fn mismatch(ratios: &[Ratio<'_>], off: &[&Ratio<'_>]) -> Outcome {
    let count = off.len();
    if as_f64(count) <= (1.0 - NEARLY_ALL) * as_f64(ratios.len()) {
        return Outcome::clear(format!(
            "{} of {} energies are power × time within {} and rounding",
            ratios.len() - count,
            ratios.len(),
            percent(SAME_ENERGY)
        ));
    }
    let worst = off.iter().max_by(|a, b| a.value.ln().abs().total_cmp(&b.value.ln().abs()));
    let values: Vec<f64> = off.iter().map(|ratio| ratio.value).collect();
    Finding {
        check: Check::EnergyMismatch,
        severity: Severity::Fault,
        certainty: Certainty::Certain,
        what: "Stated power and stated energy are not of the same interval.".into(),
        evidence: format!(
            "Energy over power × time is not 1 in {count} of {} records (median of these {:.3}), and no factor of units.",
            ratios.len(),
            median(&values).unwrap_or(f64::NAN)
        ),
        affected: count,
        of: ratios.len(),
        units: "records",
        worst: worst.map(|ratio| Worst { at: ratio.item.at(), figure: format!("ratio {:.3}", ratio.value) }),
        consequence: "A power may be that of the last interval alone, or a mean of other readings; one of the two \
                      columns cannot be used."
            .into(),
        mend: Some(Correction { what: "use energy over time in place of power".into(), divide_by: None }),
    }
    .into()
}

/// Without powers: whether the energies give a power that a machine can take.
fn without_power(context: &Context<'_>) -> Found {
    let mismatch = Outcome::open("no record has energy, power and time: give all three");
    let items: Vec<(Item<'_>, f64)> = context
        .items()
        .filter_map(|item| Some((item, item.step.energy_j? / item.seconds()?)))
        .filter(|(_, implied)| *implied > 0.0)
        .collect();
    let values: Vec<f64> = items.iter().map(|(_, implied)| *implied).collect();
    let Some(middle) = median(&values) else {
        return Found { label: without_time(context), mismatch };
    };
    let stated = context.hardware.all_gpus_limit_w().map(|limit| limit * OVER_LIMIT);
    let most = stated.unwrap_or(NODE_MOST_W);
    let factor = FACTORS.into_iter().find(|(factor, _)| {
        (middle > most || middle < GPU_LEAST_W) && (GPU_LEAST_W..=most).contains(&(middle / factor))
    });
    let Some((factor, words)) = factor else {
        let bound = format!("{} to {}", watts(GPU_LEAST_W), watts(most));
        return Found {
            label: if (GPU_LEAST_W..=most).contains(&middle) {
                Outcome::clear(format!("energy over time is {} (median), within {bound}", watts(middle)))
            } else {
                Outcome::open(format!(
                    "energy over time is {} (median): no unit makes it {bound}",
                    watts(middle)
                ))
            },
            mismatch,
        };
    };
    let affected = values.iter().filter(|value| **value > most || **value < GPU_LEAST_W).count();
    let worst = items.iter().max_by(|a, b| a.1.total_cmp(&b.1));
    let finding = Finding {
        check: Check::EnergyUnit,
        severity: Severity::Fault,
        certainty: Certainty::Likely,
        what: format!("The energies can only be {words}."),
        evidence: format!(
            "Energy ({}) over time is {} (median), which {} cannot take; divided by {} it is {}.",
            context.label(Measure::Energy),
            watts(middle),
            if stated.is_some() { "these GPUs" } else { "no machine" },
            round(factor),
            watts(middle / factor)
        ),
        affected,
        of: values.len(),
        units: "records",
        worst: worst.map(|(item, implied)| Worst { at: item.at(), figure: watts(*implied) }),
        consequence: "Every absolute energy, cost and carbon figure is off by this factor; ranks are not."
            .into(),
        mend: Some(Correction {
            what: format!("divide every energy by {}", round(factor)),
            divide_by: Some(Estimate::new(factor, factor, factor, 1.0)),
        }),
    };
    Found { label: finding.into(), mismatch }
}

/// Energies and powers without times: what length they claim.
fn without_time(context: &Context<'_>) -> Outcome {
    let lengths: Vec<f64> =
        context.items().filter_map(|item| Some(item.step.energy_j? / item.record.power_w?)).collect();
    match median(&lengths).filter(|length| length.is_finite()) {
        None => Outcome::open("no energy has a time beside it: give the length of what it is of"),
        Some(length) => Outcome::open(format!(
            "energies have powers and no times: by their label a record took {} (median), were they watt-hours \
             labelled kilowatt-hours {}; give the length of a record",
            seconds(length),
            seconds(length * 1e-3)
        )),
    }
}
