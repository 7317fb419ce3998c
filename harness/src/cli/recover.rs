//! `wattproof recover`: completes a run whose recorder died.

use std::path::PathBuf;

use clap::Args;

use super::Outcome;
use super::output::JsonOption;
use crate::Result;
use crate::run::recover;

/// Complete a run whose recorder died: everything that was written up to its last second is kept.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folder of the run.
    run: PathBuf,
    #[command(flatten)]
    json: JsonOption,
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome> {
    let recovery = recover(&arguments.run)?;
    let text = format!(
        "{} readings are complete; {} bytes and {} lines that were cut off are left out\n",
        recovery.readings, recovery.lost_bytes, recovery.lost_lines
    );
    arguments.json.write(&recovery, &text)?;
    Ok(Outcome::Fine)
}
