//! What `characterise` found, in sentences.

use std::fmt::Write as _;

use power_analysis::characterise::{
    Character, CounterRatio, PeriodVerdict, PlateauFit, Transient, TransientClass, TransientRefusal,
    UpdatePeriod,
};
use power_analysis::stats::Estimate;
use power_core::Channel;

use crate::load::Load;

/// Share of a nominal value by which a measured one may differ without a word.
const AS_NOMINAL: f64 = 0.05;

/// What to do where the load could not tell.
const EXCITE: &str = "Use a load with random dwells, as `wattproof excite` makes.";

/// Whether the load, and not the sensor, is why window and delay are not known: it repeats itself.
pub(crate) fn load_cannot_tell(character: &Character) -> bool {
    let ambiguous = character.transient.as_ref().is_some_and(|found| !found.ambiguous.is_empty());
    ambiguous
        || matches!(
            character.transient_refused,
            Some(TransientRefusal::Flat | TransientRefusal::Periodic { .. })
        )
}

/// All that was found of one sensor, the most important first.
pub(crate) fn verdict(channel: &Channel, character: &Character, reference: Option<&Load>) -> Vec<String> {
    let mut said = vec![period(channel, &character.update_period)];
    match (&character.transient, &character.transient_refused) {
        (Some(found), _) => said.extend(transient(channel, found, character, reference)),
        (None, Some(refused)) => said.push(refusal(refused)),
        (None, None) => said.push(
            "Window, delay and gain need something that drove it: name a --reference channel, or the phases of a \
             commanded load with --pulses."
                .to_owned(),
        ),
    }
    said.extend(character.plateaus.as_ref().map(plateaus));
    said.extend(shown(character));
    said.extend(character.counter.iter().map(counter));
    said.extend(character.call_cost.map(|cost| {
        format!(
            "One read takes {:.2} us in the median, {:.2} at the 99th percentile, {:.0} at most.",
            cost.median_us, cost.p99_us, cost.most_us
        )
    }));
    said
}

fn period(channel: &Channel, period: &UpdatePeriod) -> String {
    let typical = period.interval_ms.map_or_else(String::new, |[p5, median, p95, longest]| {
        format!(
            "changes come after {median:.0} ms in the median ({p5:.0} to {p95:.0} from the 5th to the 95th \
                 percentile, at most {longest:.0})"
        )
    });
    let nominal = channel.update_period.map(|period| period.as_secs_f64() * 1e3);
    match period.verdict {
        PeriodVerdict::Lattice | PeriodVerdict::Sparse => {
            let found = period.period_ms.map_or_else(String::new, |ms| ms.with_unit("ms").to_string());
            let mut text = format!("It publishes on a lattice of {found}");
            if let (Some(nominal), Some(found)) = (nominal, period.period_ms)
                && (found.value - nominal).abs() > AS_NOMINAL * nominal
            {
                let _ = write!(text, ", nominally {nominal:.0} ms");
            }
            let missing = period.missing.unwrap_or(0.0);
            if period.verdict == PeriodVerdict::Sparse {
                let _ = write!(
                    text,
                    ", of which {:.0} % of the points show no new value: {typical}. That is no longer period: something \
                     keeps the sensor from publishing",
                    missing * 100.0
                );
            } else if missing > 0.01 {
                let _ = write!(text, "; {:.1} % of its points show no new value", missing * 100.0);
            }
            match period.stretches {
                0 | 1 => {}
                2 => text.push_str("; the lattice breaks once"),
                more => {
                    let _ = write!(text, "; the lattice breaks {} times", more - 1);
                }
            }
            text.push('.');
            text
        }
        PeriodVerdict::FreeRunning => format!("It publishes on no lattice: {typical}."),
        PeriodVerdict::EveryReading => format!(
            "Its value changed at nearly every reading (every {:.1} ms): it publishes faster than it was read, or when it \
             is asked. Reading it at another rate tells which.",
            period.poll_ms.unwrap_or(0.0)
        ),
        PeriodVerdict::TooFewChanges => {
            format!("Its value changed {} times: too seldom to tell its update period.", period.changes)
        }
    }
}

fn transient(
    channel: &Channel,
    found: &Transient,
    character: &Character,
    reference: Option<&Load>,
) -> Vec<String> {
    let mut said = Vec::new();
    let commanded = reference.is_some_and(Load::is_commanded);
    let by = reference.map_or_else(|| "its reference".to_owned(), Load::words);
    let ms = |estimate: &Estimate| estimate.with_unit("ms").to_string();
    let shape = match found.class {
        TransientClass::None => format!(
            "It shows points: its averaging window is at most {:.1} ms",
            found.window_ms.map_or(0.0, |window| window.high)
        ),
        TransientClass::Boxcar => {
            format!("It shows the mean over {}", found.window_ms.as_ref().map_or_else(String::new, ms))
        }
        TransientClass::Exponential => match (&found.rise_ms, &found.fall_ms) {
            (Some(rise), Some(fall)) => {
                format!("It rises with a time constant of {} and falls with {}", ms(rise), ms(fall))
            }
            (Some(rise), None) => {
                let hidden = found.window_ms.map_or_else(String::new, |window| {
                    format!(", in which a window of up to {:.1} ms can hide", window.high)
                });
                let load = if commanded { ", the load's own rise included" } else { "" };
                format!("It follows with a time constant of {}{load}{hidden}", ms(rise))
            }
            (None, _) => "It follows with a lag".to_owned(),
        },
        TransientClass::BoxcarExponential => format!(
            "It shows the mean over {} of a power that follows with a time constant of {}",
            found.window_ms.as_ref().map_or_else(String::new, ms),
            found.rise_ms.as_ref().map_or_else(String::new, ms)
        ),
        TransientClass::SincePrevious => "It counts all energy".to_owned(),
    };
    let lag = if commanded { "from command to reading" } else { "late" };
    let attention = character
        .attention
        .map_or_else(String::new, |share| format!("; it looks at {:.0} % of the time", share * 100.0));
    said.push(format!("{shape}, {} {lag}{attention}.", ms(&found.delay_ms)));
    if let Some(nominal) = channel.window().map(|window| window.as_secs_f64() * 1e3)
        && let Some(window) = found.window_ms.filter(|_| !found.ambiguous.is_empty() || found.decided)
        && (window.value - nominal).abs() > AS_NOMINAL * nominal
        && !window.contains(nominal)
    {
        said.push(format!("Its driver says that the window is {nominal:.0} ms."));
    }
    if !found.ambiguous.is_empty() {
        let others: Vec<String> = found
            .ambiguous
            .iter()
            .map(|other| {
                format!(
                    "window {:.1} ms with delay {:+.1} ms and gain {:.3}",
                    other.window_ms, other.delay_ms, other.gain
                )
            })
            .collect();
        said.push(format!(
            "Ambiguous: window and delay cannot be told by this load, which repeats itself: {} fit{} as well. \
             {EXCITE}",
            others.join(", or "),
            if others.len() == 1 { "s" } else { "" }
        ));
    }
    if let Some((other, margin)) = found.runner_up.filter(|_| !found.decided) {
        said.push(format!(
            "That is not decided: {} is worse by {margin:.1} only (BIC; 10 decides).",
            class_words(other)
        ));
    }
    said.push(format!(
        "{} = {} × {by} {} {:.2} [{:.2}, {:.2}] W; {:.2} % of its variance explained, {:.2} W left, over {} \
         publications and {} edges.",
        if commanded { "It shows" } else { "Reading" },
        found.gain.with_unit(if commanded { "W" } else { "" }),
        if found.offset_w.value < 0.0 { "-" } else { "+" },
        found.offset_w.value.abs(),
        found.offset_w.low,
        found.offset_w.high,
        found.explained * 100.0,
        found.residual_w,
        found.publications,
        found.edges
    ));
    said
}

const fn class_words(class: TransientClass) -> &'static str {
    match class {
        TransientClass::None => "no window",
        TransientClass::Boxcar => "a window",
        TransientClass::Exponential => "a lag",
        TransientClass::BoxcarExponential => "a lag and a window",
        TransientClass::SincePrevious => "a counter",
    }
}

fn refusal(refused: &TransientRefusal) -> String {
    match refused {
        TransientRefusal::TooFew { publications } => format!(
            "Window, delay and gain cannot be told: {publications} publications lie where the load is known."
        ),
        TransientRefusal::NoEdges { edges } => format!(
            "Window, delay and gain cannot be told: the load has {edges} edges. Record with one that changes."
        ),
        TransientRefusal::NotSeen { explained } => format!(
            "Window, delay and gain cannot be told: the load explains {:.0} % of what it shows. They measure different \
             things, or their clocks do not agree.",
            explained * 100.0
        ),
        TransientRefusal::Flat => {
            format!(
                "Window, delay and gain cannot be told: its response to this load is flat, as of one whose period is \
                 the window. {EXCITE}"
            )
        }
        TransientRefusal::Periodic { period_ms } => format!(
            "Window, delay and gain cannot be told by this load, which repeats itself every {period_ms:.1} ms: a window \
             shows as the rest of a cycle, and a delay as one that is longer by a cycle. {EXCITE}"
        ),
        TransientRefusal::NotFixed => {
            format!("Window, delay and gain cannot be told: the load does not fix them. {EXCITE}")
        }
    }
}

fn plateaus(fit: &PlateauFit) -> String {
    let mut text = format!(
        "On {} plateaus: gain {}, offset {}",
        fit.plateaus.len(),
        fit.gain.with_unit(""),
        fit.offset_w.with_unit("W")
    );
    let _ = write!(
        text,
        "; by Huber's weights {:.4} and {:+.2} W; at most {:.2} W ({:.2} %) off the line",
        fit.huber.slope,
        fit.huber.intercept,
        fit.worst_w,
        fit.worst_relative * 100.0
    );
    if let Some(robust) = &fit.theil_sen {
        let _ = write!(text, "; by medians {:.4} and {:+.2} W", robust.slope, robust.intercept);
    }
    match fit.bend_p {
        Some(p) if p < 0.01 => {
            let _ = write!(text, "; it is not linear (p = {p:.2e})");
        }
        _ => {}
    }
    if let Some(hysteresis) = fit.hysteresis_w.filter(|found| !found.contains(0.0)) {
        let _ = write!(text, "; reached from above it shows {} more", hysteresis.with_unit("W"));
    }
    if let Some(drift) = fit.drift_w_per_min.filter(|found| !found.contains(0.0)) {
        let _ = write!(text, "; it drifts by {}", drift.with_unit("W a minute"));
    }
    text.push('.');
    text
}

fn shown(character: &Character) -> Option<String> {
    let mut parts = Vec::new();
    if let Some(quantum) = &character.quantum {
        match quantum.step_w {
            Some(step) => parts.push(format!("it shows whole multiples of {step:.3} W")),
            None => {
                parts
                    .push(format!("it shows no whole multiples of 1 mW or more ({} values)", quantum.values));
            }
        }
        let coarser = quantum.step_w.is_none_or(|step| quantum.effective_w > 3.0 * step);
        if coarser && quantum.values > 100 {
            parts.push(format!("its values lie {:.3} W apart in the median", quantum.effective_w));
        }
    }
    parts.extend(character.noise_w.map(|noise| format!("on a steady load it scatters by {noise:.2} W")));
    let mut text = parts.join("; ");
    let first = text.get(..1)?.to_uppercase();
    text.replace_range(..1, &first);
    text.push('.');
    Some(text)
}

fn counter(ratio: &CounterRatio) -> String {
    format!(
        "Read every {:.1} ms, it counts {} of the reference's energy, over {:.0} s.",
        ratio.poll_ms,
        ratio.ratio.with_unit(""),
        ratio.seconds
    )
}
