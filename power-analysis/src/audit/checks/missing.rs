//! Records without figures.

use crate::audit::context::{Context, Item};
use crate::audit::finding::{Certainty, Check, Finding, Outcome, Severity, Worst};
use crate::audit::limits::BLIND_S;
use crate::audit::words::{as_f64, percent, seconds};

pub(super) fn check(context: &Context<'_>) -> Outcome {
    let of = context.items().count();
    let empty = |item: &Item<'_>| item.record.power_w.or(item.record.energy_j).is_none();
    let missing: Vec<Item<'_>> = context.items().filter(empty).collect();
    if of == 0 || missing.len() == of {
        return Outcome::open("no record has an energy or a power");
    }
    let length = |item: &Item<'_>| item.seconds().unwrap_or(f64::INFINITY);
    // The shortest ones are the blind start's.
    let others: Vec<&Item<'_>> = missing.iter().filter(|item| length(item) > 2.0 * BLIND_S).collect();
    let Some(longest) = others.iter().max_by(|a, b| length(a).total_cmp(&length(b))) else {
        return Outcome::clear(format!("{} of {of} records have figures", of - missing.len()));
    };
    Finding {
        check: Check::MissingFigures,
        severity: Severity::Note,
        certainty: Certainty::Certain,
        what: "Some records have neither an energy nor a power.".into(),
        evidence: format!(
            "{} of {of} records ({}).",
            others.len(),
            percent(as_f64(others.len()) / as_f64(of))
        ),
        affected: others.len(),
        of,
        units: "records",
        worst: Some(Worst {
            at: longest.at(),
            figure: longest
                .seconds()
                .map_or_else(|| "length unknown".into(), |s| format!("{} long", seconds(s))),
        }),
        consequence: "They are in no sum here. Whoever takes them for 0 gets totals that are too low.".into(),
        mend: None,
    }
    .into()
}
