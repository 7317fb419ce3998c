//! Sums over GPUs called means: figures that no single GPU can have.

use crate::audit::benchmark::Part;
use crate::audit::context::{Context, Item};
use crate::audit::finding::{Certainty, Check, Correction, Finding, Outcome, Severity, Worst};
use crate::audit::limits::{MOST_CELSIUS, MOST_PERCENT, OVER_LIMIT};
use crate::audit::words::watts;
use crate::stats::Estimate;

/// How many times more than one GPU can have a record's figures are, and which figure says so.
fn excess(item: &Item<'_>, limit_w: Option<f64>) -> Option<(f64, String)> {
    let record = item.record;
    let percent = |value: Option<f64>, what: &str| {
        value
            .filter(|value| *value > MOST_PERCENT)
            .map(|value| (value / 100.0, format!("{what} of {value:.0} %")))
    };
    let celsius = record.temperature_c.filter(|value| *value > MOST_CELSIUS);
    let power = record.power_w.zip(limit_w).filter(|(power, limit)| *power > limit * OVER_LIMIT);
    [
        percent(record.gpu_percent, "GPU utilisation"),
        percent(record.memory_percent, "memory utilisation"),
        celsius.map(|value| (value / MOST_CELSIUS, format!("temperature of {value:.0} °C"))),
        power.map(|(power, limit)| {
            (power / limit, format!("power of {} on a board of {}", watts(power), watts(limit)))
        }),
    ]
    .into_iter()
    .flatten()
    .max_by(|a, b| a.0.total_cmp(&b.0))
}

pub(super) fn check(context: &Context<'_>) -> Outcome {
    let limit_w = context.hardware.gpu_limit_w.filter(|_| context.benchmark.records_of == Part::Gpu);
    let judged = |item: &Item<'_>| {
        let record = item.record;
        record.gpu_percent.or(record.memory_percent).or(record.temperature_c).is_some()
            || (record.power_w.is_some() && limit_w.is_some())
    };
    let of = context.items().filter(judged).count();
    if of == 0 {
        return Outcome::open(
            "neither utilisation nor temperature is given, and no board limit: state --gpu-limit-w",
        );
    }
    let mut affected = 0;
    let mut worst: Option<(f64, Worst)> = None;
    for item in context.items() {
        let Some((times, figure)) = excess(&item, limit_w) else { continue };
        affected += 1;
        if worst.as_ref().is_none_or(|(most, _)| times > *most) {
            worst = Some((times, Worst { at: item.at(), figure }));
        }
    }
    let Some((times, worst)) = worst else {
        return Outcome::clear(format!("no figure of {of} records is beyond what one GPU can have"));
    };
    let least = times.ceil().max(2.0);
    let stated = context.hardware.gpus.filter(|gpus| *gpus > 1).map(f64::from);
    Finding {
        check: Check::GpuSums,
        severity: Severity::Fault,
        certainty: Certainty::Certain,
        what: "Utilisation, temperature and power are sums over several GPUs, called means.".into(),
        evidence: format!(
            "{affected} of {of} records have figures that one GPU cannot have; the greatest needs at least {least:.0} GPUs."
        ),
        affected,
        of,
        units: "records",
        worst: Some(worst),
        consequence: "No figure is of one GPU; a low sum of busy GPUs and a high figure of one look alike, so that \
                      utilisation and power cannot be set beside other machines."
            .into(),
        mend: Some(match stated {
            Some(gpus) => Correction {
                what: format!("divide utilisations, temperature and power by the {gpus:.0} GPUs for a mean over them"),
                divide_by: Some(Estimate::new(gpus, gpus, gpus, 1.0)),
            },
            None => Correction {
                what: format!("divide by the number of GPUs, at least {least:.0}: state --gpus"),
                divide_by: None,
            },
        }),
    }
    .into()
}
