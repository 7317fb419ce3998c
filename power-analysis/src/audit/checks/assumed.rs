//! Powers that a rule gave, not a sensor.

use crate::audit::benchmark::{Component, Evaluation, Part};
use crate::audit::context::Context;
use crate::audit::finding::{Certainty, Check, Correction, Finding, Outcome, Severity, Worst};
use crate::audit::limits::RULE_MET;
use crate::audit::words::{as_f64, percent, watts};
use crate::estimators::{CodeCarbon, FALLBACK_TDP_W, Processor};

/// A measured power varies by more than this share of it.
const CONSTANT: f64 = 1e-4;

/// So many equal figures are no chance.
const SEVERAL: usize = 3;

/// Powers of a part with the evaluations that they are of.
fn powers<'a>(context: &'a Context<'_>, part: Part) -> Vec<(f64, &'a Evaluation)> {
    let of = |evaluation: &Evaluation, component: &Component| {
        let by_energy = component.energy_j.zip(evaluation.total_s.filter(|seconds| *seconds > 0.0));
        match &component.power_w[..] {
            [] => by_energy.map(|(energy, seconds)| vec![energy / seconds]).unwrap_or_default(),
            powers => powers.to_vec(),
        }
    };
    context
        .part(part)
        .flat_map(|(evaluation, component)| {
            of(evaluation, component).into_iter().map(move |power| (power, evaluation))
        })
        .filter(|(power, _)| *power > 0.0)
        .collect()
}

fn is_constant(powers: &[(f64, &Evaluation)]) -> bool {
    let (low, high) = powers.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (power, _)| {
        (low.min(*power), high.max(*power))
    });
    powers.len() >= SEVERAL && high - low <= CONSTANT * high
}

/// The part's share of all energy that its evaluations state.
fn share(context: &Context<'_>, part: Part) -> Option<f64> {
    let energy =
        |part: Part| -> f64 { context.part(part).filter_map(|(_, component)| component.energy_j).sum() };
    let all: f64 = [Part::Gpu, Part::Cpu, Part::Memory].into_iter().map(energy).sum();
    (all > 0.0).then(|| energy(part) / all)
}

/// Which of Code Carbon's rules gives this power for this memory.
fn rule(power: f64, memory_gib: f64) -> Option<String> {
    let met = |watts: f64| (power / watts - 1.0).abs() <= RULE_MET;
    if met(CodeCarbon::V2.ram_power_w(memory_gib, Processor::X86)) {
        return Some(format!("3/8 W a GB of {memory_gib:.1} GB"));
    }
    let modules = crate::estimators::dimms(memory_gib);
    [Processor::X86, Processor::Arm]
        .into_iter()
        .any(|kind| met(CodeCarbon::V3.ram_power_w(memory_gib, kind)))
        .then(|| format!("{modules} memory modules guessed from {memory_gib:.1} GiB"))
}

pub(super) fn memory(context: &Context<'_>) -> Outcome {
    let powers = powers(context, Part::Memory);
    if powers.is_empty() {
        return Outcome::clear("no power of memory is stated");
    }
    let by_rule: Vec<(f64, String, &Evaluation)> = powers
        .iter()
        .filter_map(|(power, evaluation)| {
            let memory = evaluation.memory_gib.or(context.hardware.memory_gib)?;
            Some((*power, rule(*power, memory)?, *evaluation))
        })
        .collect();
    let evidence = match by_rule.first() {
        Some((power, rule, _)) if 2 * by_rule.len() > powers.len() => format!(
            "{} of {} memory powers are what the rule gives: {} is {rule}.",
            by_rule.len(),
            powers.len(),
            watts(*power)
        ),
        _ if is_constant(&powers) => {
            format!("All {} memory powers are {}, whatever ran.", powers.len(), watts(powers[0].0))
        }
        _ if powers.len() >= SEVERAL => {
            return Outcome::clear("memory power varies and follows no known rule");
        }
        _ => {
            return Outcome::open(
                "too few memory powers, and the size of the memory is unknown: state --ram-gb",
            );
        }
    };
    let certain = by_rule.len() == powers.len();
    finding(context, Part::Memory, &powers, &evidence, certain).into()
}

pub(super) fn cpu(context: &Context<'_>) -> Outcome {
    let powers = powers(context, Part::Cpu);
    let Some((power, _)) = powers.first() else { return Outcome::clear("no power of CPUs is stated") };
    let tdp = context.hardware.cpu_tdp_w.unwrap_or(FALLBACK_TDP_W);
    let half_tdp = |power: f64| (power / (0.5 * tdp) - 1.0).abs() <= RULE_MET;
    // A socket of two has a series of its own; each is constant by itself.
    let evidence = if is_constant(&powers) {
        format!("All {} CPU powers are {}, whatever ran.", powers.len(), watts(*power))
    } else if powers.iter().all(|(power, _)| half_tdp(*power)) {
        format!("{} is half the rated {} of the CPU, a constant of Code Carbon.", watts(*power), watts(tdp))
    } else if powers.len() >= SEVERAL {
        return Outcome::clear(format!("{} CPU powers vary", powers.len()));
    } else {
        return Outcome::open("too few CPU powers to tell a constant: state --cpu-tdp-w");
    };
    finding(context, Part::Cpu, &powers, &evidence, powers.len() >= SEVERAL).into()
}

fn finding(
    context: &Context<'_>,
    part: Part,
    powers: &[(f64, &Evaluation)],
    evidence: &str,
    certain: bool,
) -> Finding {
    let (check, what) = match part {
        Part::Memory => {
            (Check::AssumedMemory, "Memory power is an assumption by its size, not a measurement.")
        }
        _ => (Check::ConstantCpu, "CPU power is an assumed constant, not a measurement."),
    };
    let worst = powers.iter().max_by(|a, b| a.0.total_cmp(&b.0));
    let share = share(context, part).map_or_else(String::new, |share| {
        format!(" It is {} of the energy that these parts state together.", percent(share))
    });
    Finding {
        check,
        severity: Severity::Fault,
        certainty: if certain { Certainty::Certain } else { Certainty::Likely },
        what: what.into(),
        evidence: format!("{evidence}{share}"),
        affected: powers.len(),
        of: powers.len(),
        units: "powers",
        worst: worst.map(|(power, evaluation)| Worst { at: evaluation.at.clone(), figure: watts(*power) }),
        consequence: "It cannot tell architectures apart, and it is proportional to time alone.".into(),
        mend: Some(Correction {
            what: format!("leave the {} out, or measure it (RAPL, a meter)", part.words()),
            divide_by: None,
        }),
    }
}

/// Whether most powers of memory are an assumption, for the verdict on holistic cost.
pub(in crate::audit) fn is_assumed(findings: &[Finding], part: Part) -> bool {
    let check = if part == Part::Memory { Check::AssumedMemory } else { Check::ConstantCpu };
    findings.iter().any(|found| found.check == check && as_f64(found.affected) > 0.0)
}
