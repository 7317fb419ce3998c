//! `wattproof overhead`: what measuring costs on this machine.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;

use super::Outcome;
use super::output::{JsonOption, message, paragraph, table};
use super::page::FiguresOption;
use crate::inventory::Inventory;
use crate::overhead::words::{
    INTERFERENCE, POLLERS, RATES, interference_cells, poller_cells, rate_tables, sentences,
};
use crate::overhead::{Overhead, Plan, measure};
use crate::rig::Rig;
use crate::{Result, report};

/// Measure what measuring costs: rates, threads, other readers, a workload's slowdown, power.
///
/// Takes about ten minutes, and with --quick less than two. Nothing else should run meanwhile. Without --rig, what
/// `wattproof list` finds is read; where that is nothing, the virtual rig.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// File that names the sources, or `virtual` for a node made of software.
    #[arg(long, value_name = "FILE|virtual")]
    rig: Option<PathBuf>,
    /// Less than two minutes: shorter, and so with wider intervals.
    #[arg(long)]
    quick: bool,
    /// Also write a page with the figures.
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
    #[command(flatten)]
    figures: FiguresOption,
    /// Start of all random numbers.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    json: JsonOption,
    /// A command whose slowdown is measured, in place of built-in loads; it is run again and again.
    #[arg(last = true, value_name = "CMD")]
    command: Vec<OsString>,
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome> {
    let plan = Plan { quick: arguments.quick, command: arguments.command.clone(), seed: arguments.seed };
    let mut tell = |what: &str| message(&format!("measuring {what}"));
    let overhead = match &arguments.rig {
        Some(path) if path == Path::new("virtual") => on_virtual_rig(&plan, &mut tell)?,
        Some(path) => measure(&Rig::read(path)?, &plan, &mut tell)?,
        None => {
            let found = Rig::found(&Inventory::discover());
            if found.sources.is_empty() {
                message(
                    "wattproof: nothing can be read here (`wattproof doctor` says why): this is the virtual rig, whose \
                     sensors are made of software",
                );
                on_virtual_rig(&plan, &mut tell)?
            } else {
                measure(&found, &plan, &mut tell)?
            }
        }
    };
    arguments.json.write(&overhead, &text(&overhead))?;
    arguments.figures.write(arguments.report.as_deref(), || Ok(report::overhead_page(&overhead)))?;
    Ok(Outcome::Fine)
}

#[cfg(feature = "virtual")]
fn on_virtual_rig(plan: &Plan, tell: &mut dyn FnMut(&str)) -> Result<Overhead> {
    use crate::rig::virtual_node;
    let node = virtual_node::start(virtual_rig::Description::overhead_node())?;
    let mut overhead = measure(&virtual_node::sources(&node)?, plan, tell)?;
    overhead.notes.push(
        "the sensors are those of the virtual rig: its calls take the time that an H200's take, and its nvidia-smi -q \
         disturbs as an H200's does, since it is told to"
            .to_owned(),
    );
    Ok(overhead)
}

#[cfg(not(feature = "virtual"))]
fn on_virtual_rig(_: &Plan, _: &mut dyn FnMut(&str)) -> Result<Overhead> {
    Err(crate::Error::new("this program was built without the virtual rig")
        .mend("name the sources by --rig FILE"))
}

fn text(overhead: &Overhead) -> String {
    let mut text = String::new();
    let quick = if overhead.quick { ", quick" } else { "" };
    let _ = writeln!(text, "What measuring costs: {}{quick}\n", overhead.device);
    for sentence in sentences(overhead) {
        paragraph(&mut text, 0, &sentence);
    }
    text.push('\n');
    for (head, rows) in rate_tables(overhead) {
        paragraph(&mut text, 0, &format!("{head}:"));
        table(&mut text, &RATES, &rows);
        text.push('\n');
    }
    if !overhead.pollers.is_empty() {
        paragraph(&mut text, 0, "GPUs at 1 kHz, by one thread or one each, and a second reader beside them:");
        table(&mut text, &POLLERS, &overhead.pollers.iter().map(poller_cells).collect::<Vec<_>>());
    }
    for view in overhead.interference.iter().flat_map(|found| &found.views) {
        text.push('\n');
        let looked =
            view.looked_hz.map_or_else(String::new, |hz| format!(", looked at {hz:.0} times a second"));
        paragraph(&mut text, 0, &format!("What others do to {}{looked}:", view.channel));
        table(&mut text, &INTERFERENCE, &interference_cells(view));
    }
    text.push('\n');
    for note in &overhead.notes {
        paragraph(&mut text, 0, &format!("Note: {note}."));
    }
    text
}
