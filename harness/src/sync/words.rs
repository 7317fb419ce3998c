//! What `sync` found, in sentences.

use power_analysis::clock::{ClockFit, ClockRefusal, ClockShape, StampPosition};
use power_core::{Anchor, ClockDomain};

use crate::load::Load;
use crate::sync::SyncedClock;

/// A change of the host's realtime clock against its monotonic one beyond this is worth a word, in nanoseconds.
const STEP_NS: i64 = 1_000_000;

/// All that was found of one clock.
pub(crate) fn verdict(clock: &SyncedClock, load: Option<&Load>) -> Vec<String> {
    let mut said = Vec::new();
    if clock.channel.is_none() {
        said.push(unaligned(clock));
        return said;
    }
    if let Some(aligned) = &clock.alignment {
        let half =
            aligned.uncertainty_ns.map_or_else(|| "unknown".to_owned(), |nanos| millis(nanos_f(nanos)));
        let drift = match aligned.drift_uncertainty_ppm {
            Some(half) => format!(", drift {:+.2} ± {half:.2} ppm", aligned.drift_ppm),
            None => String::new(),
        };
        said.push(format!(
            "Its times are moved by {} ± {half}{drift}, by {}.",
            offset(aligned.offset_ns),
            aligned.method
        ));
    } else {
        said.push("It could not be aligned: its times stay as they are.".to_owned());
    }
    if let Some(fit) = &clock.edges {
        said.extend(edges(fit, load));
    }
    if let Some(refused) = &clock.edges_refused {
        said.push(refusal(refused, load));
    } else if clock.edges.is_none() {
        said.push(
            "No load with known edges: name a channel with --load, or phases of pulses with --pulses."
                .to_owned(),
        );
    }
    if let Some(fit) = &clock.exchange {
        said.push(exchanges(fit));
    }
    said.extend(clock.stamps.map(|stamps| stamped(stamps).to_owned()));
    said
}

fn unaligned(clock: &SyncedClock) -> String {
    match &clock.clock {
        ClockDomain::HostBracket | ClockDomain::HostMonotonic => {
            "Its times are the host's: nothing to align.".to_owned()
        }
        ClockDomain::HostRealtime | ClockDomain::HostBoottime => {
            format!("Its times are on {}: the run's anchors relate it to the time base.", clock.clock)
        }
        other => format!("Its times are on a {other}, and it has no channel of power to align it by."),
    }
}

fn edges(fit: &ClockFit, load: Option<&Load>) -> Vec<String> {
    let mut said = Vec::new();
    let Some(found) = &fit.edges else { return said };
    said.push(format!(
        "Fitted to {} edges of {}: {:.1} % of its variance explained, {:.2} W left, averaging window {:.1} ms{}.",
        found.edges,
        load.map_or_else(|| "the load".to_owned(), Load::words),
        found.explained * 100.0,
        found.residual_w,
        found.window_ms.value,
        found.rise_ms.map_or_else(String::new, |rise| format!(
            ", rise of the load {:.1} ms [{:.1}, {:.1}]",
            rise.value, rise.low, rise.high
        )),
    ));
    if let Some(Load::Channels { .. }) = load {
        said.push("What the load's own channel is late by is in the offset.".to_owned());
    }
    if !found.ambiguous_ns.is_empty() {
        let others: Vec<String> = found.ambiguous_ns.iter().map(|&nanos| offset(nanos)).collect();
        said.push(format!(
            "Ambiguous: the load repeats itself, and {} fit as well. Record aperiodic pulses at both ends.",
            others.join(", ")
        ));
    }
    said.push(shape(&fit.shape));
    said
}

fn shape(shape: &ClockShape) -> String {
    match shape {
        ClockShape::Linear => "One line describes the clock over the whole run.".to_owned(),
        ClockShape::Untested => {
            "The edges lie too close together to tell whether the clock is linear.".to_owned()
        }
        ClockShape::Stepped { at_ns, by_ms } => format!(
            "Its clock was set by {:+.1} ms [{:+.1}, {:+.1}] at about {at_ns} ns: no single line describes it. Record \
             again without that.",
            by_ms.value, by_ms.low, by_ms.high
        ),
        ClockShape::Curved { worst_ms } => format!(
            "Its clock is not linear: it leaves a line by up to {worst_ms:.1} ms. Record shorter runs."
        ),
    }
}

fn refusal(refused: &ClockRefusal, load: Option<&Load>) -> String {
    let load = load.map_or_else(|| "the load".to_owned(), Load::words);
    match refused {
        ClockRefusal::TooFew { points } => {
            format!("Only {points} of its values lie where {load} is known: too few for a fit.")
        }
        ClockRefusal::NotSeen { explained } => format!(
            "The edges of {load} are not seen in its values ({:.0} % of their variance explained): another power, or an \
             offset beyond --search.",
            explained * 100.0
        ),
        ClockRefusal::NoEdges => format!("{load} has no edges. Record aperiodic pulses at both ends."),
        ClockRefusal::NotFixed => format!("The edges of {load} do not fix offset and drift."),
    }
}

fn exchanges(fit: &ClockFit) -> String {
    let drift = fit
        .drift_ppm
        .map_or_else(String::new, |d| format!(", drift {:+.2} ppm [{:+.2}, {:+.2}]", d.value, d.low, d.high));
    let rejected = match fit.rejected {
        0 => String::new(),
        count => format!("; {count} answers contradict the others and were rejected"),
    };
    let set = if fit.shape == ClockShape::Linear { String::new() } else { shape(&fit.shape) };
    let text = format!(
        "By {} exchanges its stamps are at {} ± {} for certain{drift}{rejected}. {set}",
        fit.points,
        offset(fit.offset_ns),
        millis(nanos_f(fit.uncertainty_ns().unsigned_abs())),
    );
    text.trim_end().to_owned()
}

const fn stamped(position: StampPosition) -> &'static str {
    match position {
        StampPosition::Start => "It stamps the start of its averaging window.",
        StampPosition::Centre => "It stamps the middle of its averaging window.",
        StampPosition::End => "It stamps the end of its averaging window, or later.",
        StampPosition::Undecided => {
            "Which moment of its averaging window it stamps cannot be told; the window's end is what was fitted."
        }
    }
}

/// What the anchors say of the host's own clocks.
pub(crate) fn host_clock(anchors: &[Anchor]) -> Option<String> {
    let difference = |anchor: &Anchor| anchor.realtime_ns.saturating_sub(anchor.monotonic_ns);
    let jumps = anchors.windows(2).filter_map(|pair| {
        let change = difference(&pair[1]).saturating_sub(difference(&pair[0]));
        let span = pair[1].monotonic_ns.saturating_sub(pair[0].monotonic_ns);
        // A clock that is being slewed moves by 500 parts in a million at most.
        (change.abs() > STEP_NS.max(span / 2_000)).then_some((pair[1].monotonic_ns, change))
    });
    let (at, by) = jumps.max_by_key(|(_, change)| change.abs())?;
    Some(format!(
        "The host's realtime clock was set by {} before {at} ns: device times on it are mapped by the anchors on both \
         sides of that.",
        millis(nanos_f(by.unsigned_abs()))
    ))
}

#[expect(clippy::cast_precision_loss, reason = "printed")]
fn nanos_f(nanos: u64) -> f64 {
    nanos as f64
}

fn millis(nanos: f64) -> String {
    format!("{:.3} ms", nanos * 1e-6)
}

/// An offset in milliseconds, to a microsecond however large it is.
fn offset(nanos: i64) -> String {
    let micros = nanos.unsigned_abs() / 1_000;
    format!("{}{}.{:03} ms", if nanos < 0 { "-" } else { "+" }, micros / 1_000, micros % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_keep_their_microseconds() {
        assert_eq!(offset(-1_790_000_000_123_456_789), "-1790000000123.456 ms");
        assert_eq!(offset(5_000_400), "+5.000 ms");
    }

    #[test]
    fn a_host_clock_that_was_set_is_told() {
        let anchor = |monotonic_ns: i64, realtime_ns: i64| Anchor {
            monotonic_ns,
            realtime_ns,
            boottime_ns: None,
            raw_ns: None,
            width_ns: Some(100),
        };
        let second = 1_000_000_000;
        assert_eq!(host_clock(&[anchor(0, 5), anchor(second, second + 400_000)]), None);
        let told = host_clock(&[anchor(0, 0), anchor(second, second + 80_000_000)]).unwrap_or_default();
        assert!(told.contains("80.000 ms"), "{told}");
    }
}
