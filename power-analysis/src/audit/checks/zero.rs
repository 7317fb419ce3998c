//! Powers of exactly 0: a reading that failed, taken for a number.

use crate::audit::benchmark::Measure;
use crate::audit::context::{Context, Item};
use crate::audit::finding::{Certainty, Check, Finding, Outcome, Severity, Worst};
use crate::audit::limits::GPU_LEAST_W;
use crate::audit::words::{as_f64, percent, seconds};

/// Whether the record's power is 0, or its energy is where rounding cannot have made it so.
fn is_zero(item: &Item<'_>, half_digit_j: f64) -> bool {
    let Some(length) = item.seconds() else { return item.record.power_w == Some(0.0) };
    match item.record.power_w {
        Some(power) => power == 0.0,
        None => item.record.energy_j == Some(0.0) && GPU_LEAST_W * length > half_digit_j,
    }
}

pub(super) fn check(context: &Context<'_>) -> Outcome {
    let half = context.half_digit(Measure::Energy);
    let of = context.items().filter(|item| item.record.power_w.or(item.record.energy_j).is_some()).count();
    if of == 0 {
        return Outcome::open("no record has an energy or a power");
    }
    let zeros: Vec<Item<'_>> = context.items().filter(|item| is_zero(item, half)).collect();
    let Some(longest) =
        zeros.iter().max_by(|a, b| a.seconds().unwrap_or(0.0).total_cmp(&b.seconds().unwrap_or(0.0)))
    else {
        return Outcome::clear(format!("none of {of} records states a power of 0"));
    };
    let busy =
        zeros.iter().filter(|item| item.record.gpu_percent.is_some_and(|percent| percent > 0.0)).count();
    Finding {
        check: Check::ZeroPower,
        severity: Severity::Fault,
        certainty: Certainty::Certain,
        what: "Failed readings stand as a power of 0: no GPU that runs takes 0 W.".into(),
        evidence: format!(
            "{} of {of} records ({}) state exactly 0 over a time that is not 0; {busy} of them state a utilisation \
             above 0.",
            zeros.len(),
            percent(as_f64(zeros.len()) / as_f64(of))
        ),
        affected: zeros.len(),
        of,
        units: "records",
        worst: Some(Worst {
            at: longest.at(),
            figure: longest.seconds().map_or_else(|| "0 W".into(), |length| format!("0 W for {}", seconds(length))),
        }),
        consequence: "These records have no energy, and every sum or mean with them in it is too low. Drivers since 535 \
                      call `power_readings` otherwise; a tracer that looks for the old key stops without a word."
            .into(),
        mend: None,
    }
    .into()
}
