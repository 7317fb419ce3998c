//! `wattproof mark`: a mark into the running recording.

use std::path::PathBuf;

use clap::Args;

use super::Outcome;
use crate::Result;
use crate::record::marks;
use crate::run::MarkEvent;

/// Mark a moment, or the beginning or end of a phase, in the running recording.
///
/// Any program can do the same by a datagram `begin NAME`, `end NAME` or `point NAME` to the socket that
/// `WATTPROOF_MARKS` names, or by a line `__begin NAME__` on its stdout. Phases nest.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Name of the moment or of the phase.
    name: String,
    /// A phase of this name begins.
    #[arg(long, conflicts_with = "end")]
    begin: bool,
    /// The phase of this name that began last ends.
    #[arg(long)]
    end: bool,
    /// Folder of the run, for a recording that this is not a part of.
    #[arg(long, value_name = "RUN")]
    run: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome> {
    let event = match (arguments.begin, arguments.end) {
        (true, _) => MarkEvent::Begin,
        (_, true) => MarkEvent::End,
        _ => MarkEvent::Point,
    };
    marks::send(&marks::find_socket(arguments.run.as_deref())?, event, &arguments.name)?;
    Ok(Outcome::Fine)
}
