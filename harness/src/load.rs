//! What drove the sensors of a run: a load as commanded, or the power that other channels measured.

use power_analysis::{Between, Drive, Readings, Trace};
use power_core::Delivery;
use serde::{Deserialize, Serialize};

use crate::run::Run;
use crate::traces::{self, Role};
use crate::{Error, Result};

/// Where the load is known from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Load {
    /// The phases whose first word is this: on within them, off outside.
    Phases {
        /// The first word of their names.
        group: String,
    },
    /// The sum of these channels.
    Channels {
        /// `source/channel`.
        channels: Vec<String>,
    },
}

/// The group of phases that a recorder's pulses for aligning clocks have.
pub const SYNC_PHASES: &str = "sync";

/// A load that is ready to be fitted to.
#[derive(Debug)]
pub struct Loaded {
    /// Its power, or 0 and 1.
    pub drive: Drive,
    /// Its trace, where it was measured.
    pub trace: Option<Trace>,
    /// By how much its times can be wrong as a whole.
    pub uncertainty_ns: i64,
    /// What a reader has to know.
    pub notes: Vec<String>,
}

impl Load {
    /// The load in words.
    pub fn words(&self) -> String {
        match self {
            Self::Phases { group } => format!("the load as commanded by the phases {group}"),
            Self::Channels { channels } => channels.join(" + "),
        }
    }

    /// Whether it is known from what was commanded.
    pub fn is_commanded(&self) -> bool {
        matches!(self, Self::Phases { .. })
    }

    /// Reads the load from a run.
    ///
    /// # Errors
    ///
    /// - if the run has no such phases or channels, or they never overlap.
    pub fn read(&self, run: &Run) -> Result<Loaded> {
        match self {
            Self::Phases { group } => {
                let steps = steps(run, group)?;
                let drive = Drive::of_steps(0.0, steps).ok_or_else(|| {
                    Error::new(format!("{} has no phases {group}", run.name()))
                        .mend("record with pulses that are marked, or name the load's channel")
                })?;
                Ok(Loaded { drive, trace: None, uncertainty_ns: 0, notes: Vec::new() })
            }
            Self::Channels { channels } => of_channels(run, channels),
        }
    }
}

/// Times at which the number of phases of `group` that are on changes from or to none.
fn steps(run: &Run, group: &str) -> Result<Vec<(i64, f64)>> {
    let mut changes: Vec<(i64, i32)> = Vec::new();
    for phase in run.phases()? {
        if phase.name.split_whitespace().next() == Some(group) && phase.end_ns > phase.begin_ns {
            changes.push((phase.begin_ns, 1));
            changes.push((phase.end_ns, -1));
        }
    }
    changes.sort_unstable_by_key(|&(time, change)| (time, -change));
    let mut on = 0;
    let mut steps: Vec<(i64, f64)> = Vec::new();
    for (time, change) in changes {
        let before = on;
        on += change;
        if (before > 0) != (on > 0) {
            steps.push((time, f64::from(u8::from(on > 0))));
        }
    }
    Ok(steps)
}

fn of_channels(run: &Run, channels: &[String]) -> Result<Loaded> {
    let mut loaded = Vec::new();
    for name in channels {
        loaded.push((name, traces::load_as(run, name, Role::Power)?));
    }
    let notes = loaded.iter().filter_map(|(_, loaded)| loaded.remark.clone()).collect();
    let uncertainty_ns = loaded.iter().map(|(_, loaded)| loaded.uncertainty_ns).max().unwrap_or(0);
    let mut traces = Vec::new();
    for (name, loaded) in &loaded {
        traces.push(Trace::naive(&loaded.readings).ok_or_else(|| {
            Error::new(format!("{name} has {} readings with a value", loaded.readings.len()))
                .mend("name another channel")
        })?);
    }
    let (drive, trace) = if let ([_], [(_, one)]) = (&traces[..], &loaded[..]) {
        let trace = traces.swap_remove(0);
        (contiguous(&one.readings).unwrap_or_else(|| Drive::of_trace(&trace)), trace)
    } else {
        let sum = sum(&traces).ok_or_else(|| {
            Error::new(format!("{} were never recorded together", channels.join(", ")))
                .mend("name channels of the same time")
        })?;
        (Drive::of_trace(&sum), sum)
    };
    Ok(Loaded { drive, trace: Some(trace), uncertainty_ns, notes })
}

/// The exact power of a meter whose window is its update period: every value is the mean since the one before.
fn contiguous(readings: &Readings) -> Option<Drive> {
    let channel = readings.channel();
    let (window, period) = (channel.window()?, channel.update_period?);
    let power_analysis::Values::Power(watts) = readings.values() else { return None };
    if channel.delivery != Delivery::Streamed || window != period {
        return None;
    }
    // In this role the readings stand in the middle of their windows.
    let half = i64::try_from(window.as_nanos()).ok()? / 2;
    let ends: Vec<i64> = (0..readings.len()).map(|index| readings.time(index).saturating_add(half)).collect();
    Drive::of_means(&ends, watts)
}

/// The sum of traces over the time that all cover.
fn sum(traces: &[Trace]) -> Option<Trace> {
    let mut spans = traces.iter().map(Trace::span);
    let first = spans.next()?;
    let common = spans.try_fold(first, power_analysis::Interval::intersect)?;
    let mut times: Vec<i64> = traces
        .iter()
        .flat_map(|trace| trace.times_ns().iter().copied())
        .filter(|time| (common.begin_ns..=common.end_ns).contains(time))
        .collect();
    times.sort_unstable();
    times.dedup();
    let mut cursors: Vec<_> = traces.iter().map(Trace::cursor).collect();
    let watts: Option<Vec<f64>> = times
        .iter()
        .map(|&time| cursors.iter_mut().map(|cursor| cursor.power_w(time)).sum::<Option<f64>>())
        .collect();
    Trace::new(times, watts?, Between::Line)
}
