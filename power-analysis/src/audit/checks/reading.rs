//! When the readings of each window were taken, and how they were averaged.

use crate::audit::benchmark::Measure;
use crate::audit::context::{Context, Item};
use crate::audit::finding::{Certainty, Check, Correction, Finding, Outcome, Severity, Worst};
use crate::audit::limits::{BLIND_S, CHANCE, IRREGULAR, MOVED};
use crate::audit::polls::{Used, used};
use crate::audit::robust::{mean, median, variance};
use crate::audit::words::{as_f64, percent, seconds};

/// Shorter windows than this, in seconds, may have no reading by a blind start alone: the sleep and one process.
const SHORTEST_S: f64 = 2.0 * BLIND_S;

pub(super) struct Found {
    pub(super) blind: Outcome,
    pub(super) late: Outcome,
    pub(super) plain: Outcome,
}

/// A record whose readings are known.
struct Known<'a> {
    item: Item<'a>,
    used: Used,
    span: (f64, f64),
}

pub(super) fn check(context: &Context<'_>) -> Found {
    let half = context.half_digit(Measure::Power);
    let known: Vec<Known<'_>> = context
        .items()
        .filter_map(|item| Some(Known { used: used(item.record, half)?, span: item.record.span_s?, item }))
        .collect();
    let with_polls = context.items().filter(|item| !item.record.polls.is_empty()).count();
    if known.is_empty() {
        let why = if with_polls == 0 {
            "the readings with their times are not given: add them as --polls and --epochs"
        } else {
            "no stated power is the mean of any run of the given readings"
        };
        let blind = by_missing(context).unwrap_or_else(|| Outcome::open(why));
        return Found { blind, late: Outcome::open(why), plain: Outcome::open(why) };
    }
    Found { blind: blind(context, &known), late: late(&known), plain: plain(&known) }
}

/// Time between the beginnings of readings, in seconds: median and coefficient of variation.
fn spacing(known: &[Known<'_>]) -> Option<(f64, f64)> {
    let steps: Vec<f64> = known
        .iter()
        .flat_map(|known| known.item.record.polls.windows(2).map(|pair| pair[1].begin_s - pair[0].begin_s))
        .collect();
    let spread = variance(&steps)?.sqrt() / mean(&steps)?;
    Some((median(&steps)?, spread))
}

fn blind(context: &Context<'_>, known: &[Known<'_>]) -> Outcome {
    let delay = |known: &Known<'_>| known.item.record.polls[known.used.first].begin_s - known.span.0;
    let delays: Vec<f64> = known.iter().map(delay).collect();
    let (Some((period, _)), Some(middle)) = (spacing(known), median(&delays)) else {
        return Outcome::open("too few readings");
    };
    let least = delays.iter().copied().fold(f64::INFINITY, f64::min);
    // Readings that know nothing of the windows begin within the first 0.1 s of some.
    let chance = (1.0 - BLIND_S / period).max(0.0).powf(as_f64(delays.len()));
    if least < BLIND_S - 1e-3 || chance > CHANCE {
        return Outcome::clear(format!(
            "first readings begin {} after their windows (median), the earliest {}",
            seconds(middle),
            seconds(least)
        ));
    }
    let worst = known.iter().max_by(|a, b| delay(a).total_cmp(&delay(b)));
    let none = context.items().filter(|item| item.record.power_w.is_none()).count();
    blind_finding(
        format!(
            "In all {} windows whose readings are known, the first one begins {} or more after the window, {} in the median; \
             by chance that has a probability of {chance:.0e}. {none} windows have no figures at all.",
            known.len(),
            seconds(least),
            seconds(middle)
        ),
        (known.len(), known.len()),
        worst.map(|known| Worst { at: known.item.at(), figure: format!("{} unseen", seconds(delay(known))) }),
        Certainty::Certain,
    )
    .into()
}

fn blind_finding(
    evidence: String,
    (affected, of): (usize, usize),
    worst: Option<Worst>,
    certainty: Certainty,
) -> Finding {
    Finding {
        check: Check::BlindStart,
        severity: Severity::Fault,
        certainty,
        what: "Nothing is read in the first 0.1 s of each window.".into(),
        evidence,
        affected,
        of,
        units: "windows",
        worst,
        consequence:
            "The rise of power at the beginning is not in the mean, and what is shorter than the wait has no \
                      energy at all."
                .into(),
        mend: None,
    }
}

/// Without readings: windows without figures that are all shorter than those with figures.
fn by_missing(context: &Context<'_>) -> Option<Outcome> {
    let (mut missing, mut given) = (Vec::new(), f64::INFINITY);
    for item in context.items() {
        let length = item.seconds()?;
        match item.record.power_w.or(item.record.energy_j) {
            None => missing.push((length, item)),
            Some(_) => given = given.min(length),
        }
    }
    let (longest, at) = missing.iter().max_by(|a, b| a.0.total_cmp(&b.0))?;
    (*longest <= SHORTEST_S && *longest <= given).then(|| {
        blind_finding(
            format!(
                "{} windows have no figures, and they are the shortest: {} at most, where the shortest with figures has {}.",
                missing.len(),
                seconds(*longest),
                seconds(given)
            ),
            (missing.len(), context.items().count()),
            Some(Worst { at: at.at(), figure: seconds(*longest) }),
            Certainty::Likely,
        )
        .into()
    })
}

fn late(known: &[Known<'_>]) -> Outcome {
    let after = |known: &Known<'_>| known.item.record.polls[known.used.last].end_s - known.span.1;
    let late: Vec<&Known<'_>> = known.iter().filter(|known| after(known) > 1e-9).collect();
    let Some(worst) =
        late.iter().max_by(|a, b| after(a).total_cmp(&after(b))).filter(|_| 2 * late.len() > known.len())
    else {
        return Outcome::clear(format!(
            "the last reading is within its window in {} of {} windows",
            known.len() - late.len(),
            known.len()
        ));
    };
    let delays: Vec<f64> = late.iter().map(|known| after(known)).collect();
    let shares: Vec<f64> =
        late.iter().map(|known| 1.0 / as_f64(known.used.last + 1 - known.used.first)).collect();
    Finding {
        check: Check::LateReading,
        severity: Severity::Fault,
        certainty: Certainty::Certain,
        what: "The last reading of a window came after its end.".into(),
        evidence: format!(
            "In {} of {} windows the mean holds a reading that was there {} after the end (median); it is {} of the readings.",
            late.len(),
            known.len(),
            seconds(median(&delays).unwrap_or(0.0)),
            percent(median(&shares).unwrap_or(0.0))
        ),
        affected: late.len(),
        of: known.len(),
        units: "windows",
        worst: Some(Worst {
            at: worst.item.at(),
            figure: format!("{} after the end", seconds(after(worst))),
        }),
        consequence: "A reading of the pause, or of the next epoch, is in the mean; in short windows it weighs most.".into(),
        mend: Some(Correction { what: "average the readings within the window again".into(), divide_by: None }),
    }
    .into()
}

fn plain(known: &[Known<'_>]) -> Outcome {
    let irregular = spacing(known).map_or(0.0, |(_, spread)| spread);
    let plain: Vec<&Known<'_>> = known.iter().filter(|known| known.used.plain).collect();
    let several = known.iter().filter(|known| known.used.last > known.used.first).count();
    if irregular <= IRREGULAR {
        return Outcome::clear(format!(
            "readings come at even times ({} variation): the plain mean is right",
            percent(irregular)
        ));
    }
    if plain.is_empty() || 2 * plain.len() <= several {
        return Outcome::clear(format!(
            "{} of {several} means weigh readings by time",
            several - plain.len()
        ));
    }
    let error = |known: &Known<'_>| Some(known.item.record.power_w? - known.used.by_time_w?);
    let share = |known: &Known<'_>| Some((error(known)? / known.used.by_time_w?).abs());
    let worst = plain
        .iter()
        .filter_map(|known| Some((error(known)?, known)))
        .max_by(|a, b| a.0.abs().total_cmp(&b.0.abs()));
    let shares: Vec<f64> = plain.iter().filter_map(|known| share(known)).collect();
    let moved = median(&shares);
    Finding {
        check: Check::PlainMean,
        severity: if moved.is_some_and(|moved| moved < MOVED) { Severity::Note } else { Severity::Fault },
        certainty: Certainty::Certain,
        what: "Readings at irregular times were averaged as if they were regular.".into(),
        evidence: format!(
            "{} of {several} stated powers are the plain mean of their readings, whose spacing varies by {}; the mean of the \
             same readings by time is {} away (median).",
            plain.len(),
            percent(irregular),
            moved.map_or_else(|| "an unknown share".into(), percent)
        ),
        affected: plain.len(),
        of: several,
        units: "windows with several readings",
        worst: worst.map(|(error, known)| Worst { at: known.item.at(), figure: format!("{error:+.1} W") }),
        consequence: "Times of slow readings, which are those of high load, count too little.".into(),
        mend: Some(Correction { what: "weigh each reading by the time that it holds".into(), divide_by: None }),
    }
    .into()
}
