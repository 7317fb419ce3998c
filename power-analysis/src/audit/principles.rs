//! What the figures allow to be concluded on the three principles of a good energy-aware benchmark.

use std::collections::BTreeMap;

use serde::Serialize;

use super::benchmark::Part;
use super::checks::{is_assumed, scatter};
use super::context::Context;
use super::finding::{Check, Finding, Severity};
use super::limits::WIDE_RANGE;
use super::robust::{median, quantile};
use super::words::{percent, watts};

/// Whether a principle is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PrincipleVerdict {
    /// It is.
    Met,
    /// It is not.
    NotMet,
    /// The data does not say.
    CannotBeTold,
}

impl PrincipleVerdict {
    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::NotMet => "not met",
            Self::CannotBeTold => "cannot be told",
        }
    }
}

/// The verdict on a principle.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Principle {
    /// Which one.
    pub name: &'static str,
    /// The verdict.
    pub verdict: PrincipleVerdict,
    /// Why, in a sentence.
    pub why: String,
    /// What can be concluded from the data.
    pub can: Vec<String>,
    /// What cannot.
    pub cannot: Vec<String>,
}

/// The three principles in their order.
pub(super) fn judge(context: &Context<'_>, findings: &[Finding]) -> Vec<Principle> {
    vec![reliable(context, findings), range(context, findings), holistic(context, findings)]
}

fn found(findings: &[Finding], check: Check) -> Option<&Finding> {
    findings.iter().find(|finding| finding.check == check)
}

/// Faults of measuring, in contrast to those of accounting.
const MEASURING: [Check; 9] = [
    Check::EnergyUnit,
    Check::EnergyMismatch,
    Check::GpuSums,
    Check::ZeroPower,
    Check::Imputed,
    Check::FewSamples,
    Check::BlindStart,
    Check::LateReading,
    Check::PlainMean,
];

fn reliable(context: &Context<'_>, findings: &[Finding]) -> Principle {
    let faults: Vec<&Finding> = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Fault && MEASURING.contains(&finding.check))
        .collect();
    let mut can = Vec::new();
    let mut cannot = Vec::new();
    if let Some(period) = &context.period {
        can.push(format!("The tool took a reading each {}.", period.words()));
    }
    let scatters: Vec<f64> = scatter(context).into_iter().map(|(cv, _)| cv).collect();
    match median(&scatters) {
        Some(cv) => can.push(format!("Energies of repeats vary by {} (median).", percent(cv))),
        None => cannot.push("Whether a measurement repeats: nothing was measured twice.".into()),
    }
    if let Some(unit) = found(findings, Check::EnergyUnit) {
        if unit.mend.is_some() {
            can.push(
                "The order of architectures by energy, and absolute energies once the unit is mended.".into(),
            );
        }
    } else if context.items().any(|item| item.record.energy_j.is_some()) {
        can.push("The order of architectures by energy, as far as the faults found are alike in all.".into());
    }
    let metered = context.part(Part::Node).any(|(_, component)| component.energy_j.is_some());
    if !metered {
        cannot.push("How far the energies are from the truth: no meter stands beside them.".into());
    }
    if found(findings, Check::FewSamples).is_some() {
        cannot.push("The energy of single short epochs.".into());
    }
    let (verdict, why) = match (&faults[..], metered) {
        ([], true) => {
            (PrincipleVerdict::Met, "no fault was found, and a meter stands beside the sensors".to_owned())
        }
        ([], false) => (
            PrincipleVerdict::CannotBeTold,
            "no fault was found, but no meter stands beside the sensors".into(),
        ),
        (faults, _) => {
            let names: Vec<&str> = faults.iter().map(|finding| finding.check.name()).collect();
            (PrincipleVerdict::NotMet, format!("found: {}", names.join(", ")))
        }
    };
    Principle { name: "reliable measurements", verdict, why, can, cannot }
}

/// Mean powers of GPUs: of records, or of whole evaluations where records have none.
fn gpu_powers(context: &Context<'_>) -> Vec<f64> {
    let of_gpus = context.benchmark.records_of == Part::Gpu;
    let records: Vec<f64> = context
        .items()
        .filter(|_| of_gpus)
        .filter_map(|item| item.record.power_w)
        .filter(|power| *power > 0.0)
        .collect();
    if !records.is_empty() {
        return records;
    }
    let of_components = context.part(Part::Gpu).flat_map(|(evaluation, component)| {
        let by_energy = component.energy_j.zip(evaluation.total_s).map(|(energy, seconds)| energy / seconds);
        if component.power_w.is_empty() { by_energy.into_iter().collect() } else { component.power_w.clone() }
    });
    of_components.filter(|power| *power > 0.0 && power.is_finite()).collect()
}

/// The 5th and the 95th percentile.
fn span(mut values: Vec<f64>) -> Option<(f64, f64)> {
    values.sort_by(f64::total_cmp);
    Some((quantile(&values, 0.05)?, quantile(&values, 0.95)?))
}

fn range(context: &Context<'_>, findings: &[Finding]) -> Principle {
    let name = "range of GPU usage";
    let mut can = Vec::new();
    let mut cannot = Vec::new();
    let utilisation = span(context.items().filter_map(|item| item.record.gpu_percent).collect());
    match utilisation {
        Some((low, high)) => {
            can.push(format!("Mean GPU utilisation is {low:.0} to {high:.0} % (5th to 95th percentile)."));
        }
        None => cannot.push("How busy the GPUs were: no utilisation is given.".into()),
    }
    let powers = span(gpu_powers(context));
    if let Some((low, high)) = powers {
        can.push(format!("Mean GPU power is {} to {} (5th to 95th percentile).", watts(low), watts(high)));
    }
    let sums = found(findings, Check::GpuSums).is_some();
    if sums {
        cannot.push("The power of one GPU: the figures are sums over several.".into());
    }
    let limit = context
        .hardware
        .gpu_limit_w
        .map(|limit| limit * if sums { f64::from(context.hardware.gpus.unwrap_or(1)) } else { 1.0 });
    let Some(((low, high), limit)) = powers.zip(limit).filter(|_| !sums || context.hardware.gpus.is_some())
    else {
        let why = match powers {
            None => "no power of GPUs is given",
            Some(_) if sums => "powers are sums over an unknown number of GPUs: state --gpus",
            Some(_) => "the GPU's limit is unknown: state --gpu-limit-w",
        };
        cannot.push("What share of the feasible range of power was used.".into());
        return Principle { name, verdict: PrincipleVerdict::CannotBeTold, why: why.into(), can, cannot };
    };
    let idle = context.hardware.gpu_idle_w;
    if idle.is_none() {
        cannot.push("Where the range begins: the idle power is unknown (--gpu-idle-w).".into());
    }
    // An idle power that is unknown makes the share of the whole limit the least that it can be.
    let share = (high - low) / idle.map_or(limit, |idle| limit - idle);
    let (verdict, word) = match idle {
        _ if share >= WIDE_RANGE => (PrincipleVerdict::Met, "wide"),
        Some(_) => (PrincipleVerdict::NotMet, "narrow"),
        None => (PrincipleVerdict::CannotBeTold, "narrow or not by the idle power"),
    };
    let why = format!(
        "mean powers span {} of {} to limit ({}), which is {word}; the highest reaches {} of the limit",
        percent(share),
        if idle.is_some() { "idle" } else { "0 W" },
        watts(limit),
        percent(high / limit)
    );
    cannot.push("How predictors do at powers that no architecture reached.".into());
    Principle { name, verdict, why, can, cannot }
}

fn holistic(context: &Context<'_>, findings: &[Finding]) -> Principle {
    let name = "holistic cost";
    // `None` where the energy of a part is not known everywhere: then nothing is a share of the sum.
    let mut energies: BTreeMap<Part, Option<f64>> = BTreeMap::new();
    for (_, component) in context.components() {
        let sum = energies.entry(component.part).or_insert(Some(0.0));
        *sum = sum.zip(component.energy_j).map(|(sum, energy)| sum + energy);
    }
    let of = context.benchmark.records_of;
    if energies.is_empty()
        && of != Part::Sum
        && context.items().any(|item| item.record.power_w.or(item.record.energy_j).is_some())
    {
        energies.insert(of, None);
    }
    let mut can = Vec::new();
    let mut cannot = Vec::new();
    let mut lacking = Vec::new();
    let all = energies.values().copied().sum::<Option<f64>>().filter(|all| *all > 0.0);
    for part in [Part::Gpu, Part::Cpu, Part::Memory] {
        match energies.get(&part) {
            None => lacking.push(format!("{} missing", part.words())),
            Some(_) if part != Part::Gpu && is_assumed(findings, part) => {
                lacking.push(format!("{} assumed", part.words()));
            }
            Some(energy) => can.push(match energy.zip(all) {
                Some((energy, all)) => {
                    format!("{}: {} of what is stated.", part.words(), percent(energy / all))
                }
                None => format!("{}: stated.", part.words()),
            }),
        }
    }
    let metered = energies.contains_key(&Part::Node);
    if !metered {
        cannot.push("Board, fans, network and the loss of the power supply: nothing measures them.".into());
    }
    if let Some(pue) = found(findings, Check::PueInside) {
        lacking.push("a power usage effectiveness inside".into());
        if pue.mend.as_ref().is_some_and(|mend| mend.divide_by.is_some()) {
            can.push("The machine's own energy, once the effectiveness is taken out.".into());
        }
    }
    if found(findings, Check::LongWindow).is_some() {
        cannot.push("The cost of the training alone: its energy is of a longer window.".into());
    }
    let (verdict, why) = if metered && found(findings, Check::PueInside).is_none() {
        (PrincipleVerdict::Met, "a meter measures the whole node".to_owned())
    } else if energies.is_empty() {
        (PrincipleVerdict::CannotBeTold, "the data does not say what its energies are of".into())
    } else {
        lacking.push("rest of the node missing".into());
        (PrincipleVerdict::NotMet, lacking.join(", "))
    };
    if !lacking.is_empty() && !metered {
        cannot.push("The whole cost of a training, nor a bound of how far it is missed.".into());
    }
    Principle { name, verdict, why, can, cannot }
}
