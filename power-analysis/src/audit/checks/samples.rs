//! Windows with one reading at most.

use crate::audit::benchmark::Measure;
use crate::audit::context::{Context, Item};
use crate::audit::finding::{Certainty, Check, Finding, Outcome, Severity, Worst};
use crate::audit::polls;
use crate::audit::words::{as_f64, percent, seconds};

/// How the readings of a record are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Polls,
    Fractions,
    Period,
}

/// Whether a record has one reading at most; `None` if nobody can tell.
fn at_most_one(context: &Context<'_>, item: &Item<'_>) -> Option<(bool, By)> {
    if !item.record.polls.is_empty() {
        return Some((polls::whole(item.record)? <= 1, By::Polls));
    }
    let period = context.period.as_ref().map(|(period, _)| *period);
    let window = item.record.window_s.filter(|window| *window > 0.0);
    let has_fractions =
        context.benchmark.column(Measure::Power).is_some_and(|column| column.reading_step.is_some());
    if has_fractions && item.record.power_w.is_some_and(|power| power > 0.0) {
        // A mean of many may by chance be as round as one reading: not where the time had room for more.
        let room = window.zip(period).is_some_and(|(window, period)| window > 3.0 * period);
        return Some((context.fewest_readings(item.record) == Some(1) && !room, By::Fractions));
    }
    let resolution = context.half_digit(Measure::Window);
    Some((window? <= period? + resolution, By::Period))
}

pub(super) fn check(context: &Context<'_>) -> Outcome {
    let judged: Vec<(Item<'_>, bool, By)> = context
        .items()
        .filter_map(|item| at_most_one(context, &item).map(|(few, by)| (item, few, by)))
        .collect();
    let Some((_, _, by)) = judged.first() else {
        return Outcome::open("how often the tool read is unknown: neither readings nor a period are given");
    };
    let how = match by {
        By::Polls => "whole readings within the window".to_owned(),
        By::Fractions => "the fractions that the means are".to_owned(),
        By::Period => context.period.as_ref().map_or_else(String::new, |(period, how)| {
            format!("the windows and a reading each {} ({how})", seconds(*period))
        }),
    };
    let few: Vec<Item<'_>> = judged.iter().filter(|(_, few, _)| *few).map(|(item, ..)| *item).collect();
    let length = |item: &Item<'_>| item.record.window_s.unwrap_or(0.0);
    let Some(longest) = few.iter().max_by(|a, b| length(a).total_cmp(&length(b))) else {
        return Outcome::clear(format!(
            "each of {} records has two readings or more, by {how}",
            judged.len()
        ));
    };
    Finding {
        check: Check::FewSamples,
        severity: Severity::Fault,
        certainty: match by {
            By::Polls => Certainty::Certain,
            By::Fractions | By::Period => Certainty::Likely,
        },
        what: "Some records rest on one reading of power, or on none.".into(),
        evidence: format!(
            "{} of {} records ({}), by {how}.",
            few.len(),
            judged.len(),
            percent(as_f64(few.len()) / as_f64(judged.len()))
        ),
        affected: few.len(),
        of: judged.len(),
        units: "records",
        worst: Some(Worst { at: longest.at(), figure: format!("{} long", seconds(length(longest))) }),
        consequence: "Their power is that of one moment, or of the time before: no comparison of single epochs holds. Sums \
                      over whole trainings suffer less."
            .into(),
        mend: None,
    }
    .into()
}
