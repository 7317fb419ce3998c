//! `wattproof doctor`: what can be read here, what cannot, and the line that mends it.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;

use super::Outcome;
use super::output::{JsonOption, paragraph};
use crate::Result;
use crate::doctor::{Examination, Level, examine};
use crate::inventory::Inventory;

/// Say what can be read here, what cannot, and the exact line that mends it.
///
/// Exit code 0: nothing need be mended. 1: something here can be read only after mending, or spoils measurements.
/// 2: nothing can be read.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Examine the sources of this rig file instead of what is found here, meters of other hosts among them.
    #[arg(long, value_name = "FILE")]
    rig: Option<PathBuf>,
    #[command(flatten)]
    json: JsonOption,
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome> {
    let found = examine(Inventory::of(arguments.rig.as_deref())?);
    arguments.json.write(&found, &text(&found))?;
    Ok(match (found.ready, found.ok()) {
        (0, _) => Outcome::Unable,
        (_, true) => Outcome::Fine,
        (_, false) => Outcome::Failed,
    })
}

fn text(found: &Examination) -> String {
    let mut text = String::new();
    for finding in &found.findings {
        let level = match finding.level {
            Level::Fine => "ok",
            Level::Note => "note",
            Level::Problem => "PROBLEM",
        };
        paragraph(&mut text, 0, &format!("{level}: {}: {}", finding.about, finding.what));
        if let Some(mend) = &finding.mend {
            // Not wrapped: it is to be copied.
            let _ = writeln!(text, "    {mend}");
        }
    }
    let problems = found.findings.iter().filter(|finding| finding.level == Level::Problem).count();
    let _ = match found.ready {
        0 => {
            writeln!(text, "nothing can be read here; `wattproof record --rig virtual` tries everything out")
        }
        ready => writeln!(text, "{ready} sources can be read, {problems} problems"),
    };
    text
}
