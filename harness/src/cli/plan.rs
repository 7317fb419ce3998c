//! `wattproof plan`: how to measure the energy of a kernel by a sensor, and the error to expect.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use power_analysis::characterise::TransientClass;
use power_analysis::plan::{Attention, Plan, plan};

use super::output::{JsonOption, paragraph};
use super::{Outcome, duration};
use crate::card::SensorCard;
use crate::{Error, Result};

/// Plan how often to run a kernel so that a sensor can tell its energy, and say the error to expect.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Length of one kernel, such as 100ms.
    #[arg(short, long, value_name = "TIME", value_parser = duration::parse)]
    duration: Duration,
    /// The sensor's card, as `characterise --save` writes it.
    #[arg(short, long, value_name = "CARD")]
    sensor: PathBuf,
    #[command(flatten)]
    json: JsonOption,
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome> {
    let bytes =
        std::fs::read(&arguments.sensor).map_err(|error| Error::io(&arguments.sensor, "read", error))?;
    let card =
        SensorCard::parse(&bytes).map_err(|error| Error::file(&arguments.sensor, &error).because(error))?;
    let attention = attention(&card)?;
    let planned = plan(arguments.duration.as_secs_f64(), &attention)
        .ok_or_else(|| Error::new("a kernel of no length has no energy").mend("write --duration 100ms"))?;
    arguments.json.write(&planned, &text(&card, &attention, &planned))?;
    Ok(Outcome::Fine)
}

/// What a plan needs of a card.
fn attention(card: &SensorCard) -> Result<Attention> {
    let found = card.character.transient.as_ref();
    let missing = |what: &str| {
        Error::new(format!("the card of {} has no {what}", card.name))
            .mend("characterise it with a load that changes")
    };
    let found = found.ok_or_else(|| missing("averaging window"))?;
    let period_ms = card.character.update_period.period_ms.ok_or_else(|| missing("update period"))?.value;
    let constant = found.rise_ms.map_or(0.0, |rise| 2.0 * rise.value);
    let window_ms = match found.class {
        TransientClass::SincePrevious => period_ms,
        TransientClass::Exponential => constant,
        _ => found.window_ms.ok_or_else(|| missing("averaging window"))?.value,
    };
    Ok(Attention {
        period_s: period_ms * 1e-3,
        window_s: window_ms.max(0.1) * 1e-3,
        delay_s: found.delay_ms.value * 1e-3,
        settled_s: found.response_ms[2].max(0.0) * 1e-3,
    })
}

fn text(card: &SensorCard, sensor: &Attention, plan: &Plan) -> String {
    let mut text = String::new();
    let ms = |seconds: f64| format!("{:.1} ms", seconds * 1e3);
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    paragraph(
        &mut text,
        0,
        &format!(
            "A kernel of {} seen by {} of {}: it publishes every {}, each time the last {}, so it looks at {:.0} % of \
             the time.",
            ms(plan.kernel_s),
            card.channel.name,
            card.device,
            ms(sensor.period_s),
            ms(sensor.window_s),
            (sensor.window_s / sensor.period_s).min(1.0) * 100.0
        ),
    );
    text.push('\n');
    let each = (plan.repetitions - plan.dropped) / plan.phase_groups;
    let groups = if plan.phase_groups > 1 {
        format!(
            "phase groups: {} of {each} repetitions, with {} of idle between them, varied at random by a fifth",
            plan.phase_groups,
            ms(plan.group_gap_s)
        )
    } else {
        "phase groups: none needed, it looks all the time".to_owned()
    };
    for line in [
        format!("repetitions: {}, of which the first {} are dropped", plan.repetitions, plan.dropped),
        groups,
        format!("trials: {}, each begun after a random delay of up to {}", plan.trials, ms(sensor.period_s)),
        format!("idle before and after each trial: {:.1} s; all in all {:.0} s", plan.guard_s, plan.seconds),
    ] {
        paragraph(&mut text, 2, &line);
    }
    text.push('\n');
    paragraph(
        &mut text,
        0,
        &format!(
            "Expected error of the dynamic energy, for a kernel that draws power in its first half: {} as planned (one \
             standard deviation); {} for one trial without phase groups; up to {} for a single kernel. The sensor's gain \
             is not in it: some 5 % where no calibrated meter told it.",
            percent(plan.expected_error),
            percent(plan.ungrouped_error),
            percent(plan.single_error)
        ),
    );
    if let Some(alias) = plan.alias {
        paragraph(
            &mut text,
            0,
            &format!(
                "Warning: {} × {} last as long as {} update periods, but for {:.3} ms: without phase groups the sensor \
                 sees the same part of the kernel each time, and repeating it does not help.",
                alias.kernels,
                ms(plan.kernel_s),
                alias.updates,
                std::time::Duration::from_nanos(alias.slip_ns.unsigned_abs()).as_secs_f64() * 1e3
            ),
        );
    }
    text
}
