//! `overhead`: what measuring costs on this machine, found by recording it with the recorder itself.
//!
//! Every experiment is one or more short recordings: `slot` makes one, with the threads, the ring, the writer and the
//! disk of a real one, and what comes back is what `record` counts of itself. `target` says what there is to be read.
//!
//! 1. `rates`: one source at 1 Hz to 10 kHz, and each source of a GPU at its usual rate.
//! 2. `pollers`: one thread for all GPUs against one thread a GPU.
//! 3. `interference`: what one way of reading does to the publications, and to the calls, of another reader.
//! 4. `slowdown`: the work that is done with and without a recording, in turns; `power`: the watts likewise.
//!
//! Intervals are from this project's bootstrap of paired or neighbouring data, not from criterion: that times calls in a
//! closed loop, which these are not, since a sampler sleeps until a reading is due. What calls cost is measured by
//! criterion in `benches/`.

mod interference;
mod pollers;
mod power;
mod rates;
mod slot;
mod slowdown;
mod target;
pub(crate) mod words;
mod work;

use std::collections::BTreeMap;
use std::ffi::OsString;

use serde::Serialize;

pub use interference::{Beside, Interference, View};
pub use pollers::PollerRow;
pub use power::PowerAdded;
pub use rates::RateRow;
pub use slowdown::Slowdown;
pub use target::Target;

use crate::Result;
use crate::rig::Rig;

/// How thoroughly costs are measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Whether all is to be done within two minutes.
    pub quick: bool,
    /// The user's command, whose slowdown is measured in place of that of built-in loads.
    pub command: Vec<OsString>,
    /// Start of all random numbers.
    pub seed: u64,
}

/// How long each part of the experiments is, in s.
#[derive(Debug, Clone, Copy)]
struct Lengths {
    /// One recording at one rate.
    rate_s: f64,
    /// One recording of several GPUs.
    pollers_s: f64,
    /// One view beside one other reader.
    view_s: f64,
    /// One window with or without a recording.
    window_s: f64,
    /// Pairs of windows.
    pairs: usize,
}

impl Plan {
    const fn lengths(&self) -> Lengths {
        if self.quick {
            Lengths { rate_s: 2.0, pollers_s: 1.5, view_s: 3.4, window_s: 0.5, pairs: 10 }
        } else {
            Lengths { rate_s: 10.0, pollers_s: 5.0, view_s: 10.0, window_s: 2.0, pairs: 20 }
        }
    }
}

/// What measuring costs on one machine.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Overhead {
    /// Version of this structure.
    pub schema_version: u32,
    /// Program and version.
    pub written_by: String,
    /// When it was measured, in seconds since 1970.
    pub unix_time_s: i64,
    /// The machine.
    pub host: BTreeMap<String, String>,
    /// The first GPU, or what was read in its place.
    pub device: String,
    /// Whether this was the quick way.
    pub quick: bool,
    /// Number of GPUs.
    pub gpus: usize,
    /// One source at several rates.
    pub rates: Vec<RateRow>,
    /// Each source of a GPU at its usual rate.
    pub sources: Vec<RateRow>,
    /// One thread for all GPUs, or one each.
    pub pollers: Vec<PollerRow>,
    /// What readers do to each other; `None` without a GPU.
    pub interference: Option<Interference>,
    /// What recording costs a workload.
    pub slowdown: Vec<Slowdown>,
    /// What recording adds to the power; `None` where there is nothing to measure it by.
    pub power_added: Option<PowerAdded>,
    /// What could not be measured and why, and what a reader has to know.
    pub notes: Vec<String>,
}

/// Measures what recording the sources of `rig` costs. Blocks for two minutes if quick, else for about ten.
/// `tell` is told what is being done.
///
/// # Errors
///
/// - if there is nothing to read, a recording fails, or a signal ends it.
pub fn measure(rig: &Rig, plan: &Plan, tell: &mut dyn FnMut(&str)) -> Result<Overhead> {
    let target = Target::new(rig)?;
    let lengths = plan.lengths();
    let mut notes = Vec::new();
    // First of all, since a command that does not work should not be found out after minutes.
    let mut slowdown = Vec::new();
    for mut work in work::all(plan, &target, &mut notes)? {
        tell(&format!("slowdown: {}", work.name()));
        slowdown.push(slowdown::measure(&target, &mut *work, lengths, plan)?);
    }
    tell("rates");
    let (rates, device) = rates::rates(&target, lengths)?;
    let sources = rates::sources(&target, lengths)?;
    tell("one thread for all GPUs, or one each");
    let pollers = pollers::pollers(&target, lengths)?;
    let interference = if target.gpus.is_empty() {
        notes.push("there is no GPU to be read: what readers do to each other was not measured".to_owned());
        None
    } else {
        Some(interference::measure(&target, plan, lengths, tell, &mut notes)?)
    };
    tell("power added");
    let power_added = power::measure(&target, lengths, plan, &mut notes)?;
    Ok(Overhead {
        schema_version: 1,
        written_by: concat!("wattproof ", env!("CARGO_PKG_VERSION")).into(),
        unix_time_s: jiff::Timestamp::now().as_second(),
        host: crate::record::host::facts(),
        device,
        quick: plan.quick,
        gpus: target.gpus.len(),
        rates,
        sources,
        pollers,
        interference,
        slowdown,
        power_added,
        notes,
    })
}
