//! The power that recording adds, by a meter or RAPL.

use std::thread;
use std::time::Duration;

use power_analysis::stats::{self, Estimate, mean_interval};
use power_analysis::{Interval, Trace};
use power_core::{Clock, SystemClock};
use serde::Serialize;

use super::slot::{Recorded, Slot};
use super::slowdown::{longest, pairs, recording};
use super::target::Target;
use super::{Lengths, Plan};
use crate::Result;
use crate::run::Run;
use crate::traces::{Role, load_as, power_channels};

/// How long a meter may take to show a change, as a share of a window: the beginning of each is left out.
const SETTLING: f64 = 0.3;

/// Replicates of the bootstrap.
const REPLICATES: usize = 2_000;

/// The power that recording adds to an idle machine.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PowerAdded {
    /// The channels whose sum tells it.
    pub by: Vec<String>,
    /// Pairs of a window without and one with a recording.
    pub pairs: usize,
    /// Mean power without a recording in watts.
    pub without_w: f64,
    /// What is added in watts; `None` below ten pairs.
    pub added_w: Option<Estimate>,
}

/// Measures it; `None`, with a note, where nothing tells power.
pub(super) fn measure(
    target: &Target,
    lengths: Lengths,
    plan: &Plan,
    notes: &mut Vec<String>,
) -> Result<Option<PowerAdded>> {
    let Some((source, channel)) = &target.meter else {
        notes.push("no meter and no RAPL: the power that recording adds is unknown".to_owned());
        return Ok(None);
    };
    let window = Duration::from_secs_f64(lengths.window_s);
    let meter = Slot::new([source.clone()]).begin()?;
    let windows = pairs(&recording(target), (lengths.pairs, longest(plan)), || {
        let begin = SystemClock.now().nanos();
        thread::sleep(window);
        Ok(Interval::new(begin, SystemClock.now().nanos()))
    });
    let recorded = meter.end()?;
    let windows = windows?;
    let traces = traces(&recorded, channel.as_deref())?;
    let mean_w = |window: Interval| {
        let skip = (window.seconds() * SETTLING * 1e9).round();
        #[expect(clippy::cast_possible_truncation, reason = "a part of a window")]
        let settled = Interval::new(window.begin_ns + skip as i64, window.end_ns);
        // Where a trace does not cover a window there is no sum.
        traces.iter().map(|(_, trace)| trace.mean_w(settled)).sum::<Option<f64>>()
    };
    let powers: Vec<(f64, f64)> =
        windows.iter().filter_map(|(without, with)| Some((mean_w(*without)?, mean_w(*with)?))).collect();
    let without: Vec<f64> = powers.iter().map(|(without, _)| *without).collect();
    let Some(without_w) = stats::mean(&without).filter(|_| !traces.is_empty()) else {
        notes.push(format!("{} gave no power: what recording adds is unknown", source.name));
        return Ok(None);
    };
    let added: Vec<f64> = powers.iter().map(|(without, with)| with - without).collect();
    Ok(Some(PowerAdded {
        by: traces.into_iter().map(|(name, _)| name).collect(),
        pairs: added.len(),
        without_w,
        added_w: mean_interval(&added, REPLICATES, 0.95, plan.seed).map(|found| found.estimate),
    }))
}

/// The named channel, or of all that have energy those that are no part of another.
fn traces(recorded: &Recorded, channel: Option<&str>) -> Result<Vec<(String, Trace)>> {
    let run = &recorded.run;
    let names = match channel {
        Some(channel) => vec![channel.to_owned()],
        None => power_channels(run).into_iter().filter(|name| is_whole(run, name)).collect(),
    };
    let mut traces = Vec::new();
    for name in names {
        if let Some(trace) = Trace::naive(&load_as(run, &name, Role::Power)?.readings) {
            traces.push((name, trace));
        }
    }
    Ok(traces)
}

fn is_whole(run: &Run, name: &str) -> bool {
    run.channel(name).is_ok_and(|channel| run.describe(channel).part_of.is_none())
}
