//! `wattproof rig`: the virtual rig by hand.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use virtual_rig::Description;

use super::{Outcome, until};
use crate::{Error, Result};

/// The virtual rig: a node made of software whose true power is known.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Start the virtual rig, say how other shells use it, and keep it until Ctrl-C.
    ///
    /// What it says are lines of shell: the environment by which programs find its NVML library and nvidia-smi, the file
    /// with its sources, and where its energy counters and meters are. Its directory is gone when it ends.
    Up {
        /// Description of the node, a TOML file; the paper's node without it.
        #[arg(long, value_name = "FILE")]
        rig: Option<PathBuf>,
        /// End after so many seconds.
        #[arg(long, value_name = "NUMBER", value_parser = super::number_at_least_0)]
        seconds: Option<f64>,
    },
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome> {
    let Action::Up { rig, seconds } = &arguments.action;
    let description = match rig {
        None => Description::paper_node(),
        Some(path) => Description::from_file(path)
            .map_err(|error| Error::file(path, "is no virtual rig").because(error))?,
    };
    let stop = Arc::new(AtomicBool::new(false));
    until::signalled(&stop)?;
    // What is longer than time can count is for ever.
    let over = seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .and_then(|time| Instant::now().checked_add(time));
    let over = || stop.load(Ordering::Relaxed) || over.is_some_and(|over| Instant::now() >= over);
    virtual_rig::serve(description, &mut std::io::stdout(), &over).map_err(|error| {
        Error::new("the virtual rig cannot be used")
            .mend("build on Linux with cargo at hand, and let the folder of temporary files hold programs")
            .because(error)
    })?;
    Ok(Outcome::Fine)
}
