//! Results in sentences: the same words in the terminal, in JSON and in the report.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use power_analysis::faults::{FaultKind, Following};
use power_analysis::{Comparison, Explained, Incomparable, Interval, PhaseGroup, RelativeError, plan, stats};

use crate::comparison::Subject;
use crate::correction::Correction;

/// A measured error within this of what sampling explains counts as explained, as a fraction of the energy.
const EXPLAINED_WITHIN: f64 = 0.02;

/// Steps from phase to phase that a pace needs, and by how much of it each may be off.
const FEWEST_STEPS: usize = 8;
const STEADY: f64 = 0.05;

/// Whether a comparison's verdict is a failure: the reference is not the same power.
pub fn is_failure(comparison: &Comparison) -> bool {
    matches!(comparison.following, Following::No { .. })
}

/// The verdict on a sensor, the most important sentence first.
///
/// Where a card corrected the phases, that is told in place of what was shown, and beside it if `raw`.
pub fn verdict(
    sensor: &Subject,
    comparison: &Comparison,
    corrected: Option<&Correction>,
    raw: bool,
) -> Vec<String> {
    let mut said = Vec::new();
    match &comparison.following {
        Following::Yes => {}
        Following::No { reason } => {
            said.push(format!(
                "The reference does not follow this sensor: {reason}. They measure different things, or their clocks \
                 do not agree; no error below means anything."
            ));
            return said;
        }
        Following::Unknown { reason } => {
            said.push(format!("Whether the reference follows this sensor cannot be told: {reason}."));
        }
    }
    said.extend(whole_run(comparison));
    said.extend(corrected.into_iter().flat_map(Correction::verdict));
    let shown = raw || corrected.is_none_or(|corrected| corrected.refused.is_some());
    for group in comparison.groups.iter().filter(|_| shown) {
        let uncorrected = if corrected.is_some() { "Uncorrected: " } else { "" };
        said.push(format!("{uncorrected}{}", group_sentence(group)));
        said.extend(
            comparison.explained.iter().find(|explained| explained.of == group.group).map(explanation),
        );
    }
    if comparison.groups.is_empty() {
        said.extend(comparison.explained.first().map(explanation));
    }
    said.extend(aliases(comparison));
    said.extend(line(comparison));
    said.extend(sampling(sensor, comparison));
    said.extend(faults(comparison));
    said
}

/// Why two channels cannot be compared.
pub fn incomparable(reason: &Incomparable) -> String {
    match reason {
        Incomparable::TooFewReadings => {
            "It has fewer than two readings with a value: nothing can be compared.".into()
        }
        Incomparable::NoOverlap { sensor, reference } => format!(
            "It was never recorded together with the reference: it ran from {} to {} ns, the reference from {} to {} \
             ns. If both were, their clocks differ: check --utc-offset at import.",
            sensor.begin_ns, sensor.end_ns, reference.begin_ns, reference.end_ns
        ),
    }
}

fn whole_run(comparison: &Comparison) -> Option<String> {
    let Some(energies) = &comparison.energies else {
        return comparison.energy_refused.as_ref().map(|reason| format!("No energy is stated: {reason}."));
    };
    let naive = &energies.naive;
    let mut sentence = format!(
        "Over the {:.1} s that both recorded, its energy is {} by the naive rule, the reference's {}: {}.",
        comparison.overlap.seconds(),
        joules(naive.sensor_j),
        joules(naive.reference_j),
        error(&naive.error)
    );
    if let Some(guarded) = &energies.guard_banded {
        let _ = write!(sentence, " Guard-banded around the load: {}.", error(&guarded.error));
    }
    Some(sentence)
}

fn group_sentence(group: &PhaseGroup) -> String {
    let name = if group.group.is_empty() { "unnamed" } else { &group.group };
    let verdicts: Vec<String> =
        group.verdicts.iter().map(|(verdict, count)| format!("{count} {}", verdict.words())).collect();
    let error = group.error.as_ref().map_or_else(|| "no energy by both".to_owned(), error);
    let missing = match group.without_reading {
        0 => String::new(),
        count => format!(" {count} of {} have no whole reading in them.", group.phases),
    };
    match group.phases {
        1 => format!("Phase {name}: {error}; {}.{missing}", verdicts.join(", ")),
        phases => format!("Phases {name} ({phases}): {error} in total; {}.{missing}", verdicts.join(", ")),
    }
}

/// What a perfect sensor would have shown, and what remains.
fn explanation(explained: &Explained) -> String {
    let Explained { low, high, measured, assumption, .. } = explained;
    let expected =
        if high - low < 5e-4 { percent(*low) } else { format!("{} to {}", percent(*low), percent(*high)) };
    let rest = if measured < low { measured - low } else { (measured - high).max(0.0) };
    let conclusion = if rest.abs() <= EXPLAINED_WITHIN {
        "when it publishes and what it averages explain the error".to_owned()
    } else {
        format!("{} are not explained by that: gain, offset, delay or clock", points(rest))
    };
    format!(
        "Why: a perfect sensor that publishes and is read at the same times ({assumption}) would be off by {expected}; \
         {conclusion}."
    )
}

/// Phases that come at a steady pace that the sensor's own keeps step with, where it does not look all the time.
fn aliases(comparison: &Comparison) -> Vec<String> {
    let sampling = &comparison.sampling;
    let period_ms = sampling.update_period.map(|period| period.nominal_ms.unwrap_or(period.median_ms));
    let Some(period_ms) = period_ms.filter(|_| sampling.attention.is_none_or(|share| share < 1.0)) else {
        return Vec::new();
    };
    comparison
        .groups
        .iter()
        .filter_map(|group| {
            let rows = comparison.phases.iter().filter(|row| row.phase.group() == group.group);
            let begins: Vec<f64> =
                rows.map(|row| Interval::new(0, row.phase.interval.begin_ns).seconds()).collect();
            let steps: Vec<f64> = begins.windows(2).map(|pair| pair[1] - pair[0]).collect();
            let step = stats::median(&steps).filter(|_| steps.len() >= FEWEST_STEPS)?;
            let steady = steps.iter().all(|own| (own - step).abs() < STEADY * step);
            let alias = plan::alias(step, period_ms * 1e-3, steps.len()).filter(|_| steady)?;
            Some(format!(
                "Phases {} come every {:.1} ms, and {} of them last as long as {} of its update periods: it looks at the \
                 same part of each, and more of them do not help. `wattproof plan` says what does.",
                group.group,
                step * 1e3,
                alias.kernels,
                alias.updates
            ))
        })
        .collect()
}

/// The reference as a line of the sensor.
pub(crate) fn line(comparison: &Comparison) -> Option<String> {
    let agreement = comparison.agreement.as_ref()?;
    let line = agreement.line.as_ref()?;
    Some(format!(
        "Reference = {:.3} [{:.3}, {:.3}] × sensor {} {:.1} [{:.1}, {:.1}] W over {} pairs{}.",
        line.slope.value,
        line.slope.low,
        line.slope.high,
        if line.intercept.value < 0.0 { "-" } else { "+" },
        line.intercept.value.abs(),
        line.intercept.low,
        line.intercept.high,
        agreement.pairs,
        agreement
            .pearson
            .map_or_else(String::new, |r| format!(", r = {:.3} [{:.3}, {:.3}]", r.value, r.low, r.high)),
    ))
}

/// How often it published and was read.
pub(crate) fn sampling(sensor: &Subject, comparison: &Comparison) -> Option<String> {
    let sampling = &comparison.sampling;
    let period = sampling.update_period?;
    let mut sentence = format!(
        "Its value changed every {:.0} ms (5th to 95th percentile {:.0} to {:.0} ms)",
        period.median_ms, period.p5_ms, period.p95_ms
    );
    if let Some(nominal) = period.nominal_ms
        && period.median_ms > 1.5 * nominal
    {
        let _ = write!(sentence, ", nominally every {nominal:.0} ms");
    }
    if let Some(polls) = sampling.poll_period_ms
        && polls > 0.5 * period.median_ms
        && sensor.channel.delivery == power_core::Delivery::Polled
    {
        let _ = write!(sentence, "; it was read only every {polls:.0} ms, so publications may be missed");
    }
    if let Some(ratio) = sampling.sample_ratio
        && ratio < 0.95
    {
        let _ = write!(sentence, "; {:.0} % of the readings asked for were taken", ratio * 100.0);
    }
    if sampling.missing > 0 {
        let _ = write!(sentence, "; {} readings have no value", sampling.missing);
    }
    if sampling.reordered > 0 {
        let _ = write!(sentence, "; {} readings stood out of order and were sorted", sampling.reordered);
    }
    sentence.push('.');
    Some(sentence)
}

fn faults(comparison: &Comparison) -> Option<String> {
    let mut kinds: BTreeMap<FaultKind, usize> = BTreeMap::new();
    for fault in &comparison.faults {
        *kinds.entry(fault.kind).or_insert(0) += 1;
    }
    let named: Vec<String> =
        kinds.iter().map(|(kind, count)| format!("{count} × {}", kind.words())).collect();
    (!named.is_empty()).then(|| format!("Faults: {}.", named.join(", ")))
}

/// The accuracy of a channel by its data sheet.
pub fn accuracy(channel: &power_core::Channel) -> String {
    channel
        .accuracy
        .as_ref()
        .map_or_else(|| "accuracy unknown".to_owned(), |accuracy| format!("accuracy {accuracy}"))
}

/// A relative error with its interval, such as `-6.1 % [-7.0, -5.2]`.
pub fn error(error: &RelativeError) -> String {
    match error.low.zip(error.high) {
        Some((low, high)) => format!("{} [{:+.1}, {:+.1}]", percent(error.value), low * 100.0, high * 100.0),
        None => format!("{} (no interval: {})", percent(error.value), error.method),
    }
}

/// A fraction as a signed percentage.
pub fn percent(fraction: f64) -> String {
    format!("{:+.1} %", fraction * 100.0)
}

fn points(fraction: f64) -> String {
    format!("{:+.1} points", fraction * 100.0)
}

/// An energy with a prefix that leaves three digits or more.
pub fn joules(joules: f64) -> String {
    match joules.abs() {
        size if size >= 1e7 => format!("{:.2} MJ", joules * 1e-6),
        size if size >= 1e4 => format!("{:.2} kJ", joules * 1e-3),
        size if size >= 10.0 => format!("{joules:.1} J"),
        _ => format!("{joules:.3} J"),
    }
}
