//! `wattproof report`: the comparison as one self-contained page.

use std::path::PathBuf;

use clap::Args;

use super::Outcome;
use super::compare::{Choice, write_report};
use crate::Result;

/// Write the comparison of a run as one HTML page that opens offline.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    choice: Choice,
    /// The page to write.
    #[arg(short, long, value_name = "FILE.html")]
    output: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome> {
    let (run, comparison) = arguments.choice.compare()?;
    write_report(&run, &comparison, &arguments.output)?;
    let failed = comparison.sensors.iter().any(|judged| judged.failed);
    Ok(if failed { Outcome::Failed } else { Outcome::Fine })
}
