//! `wattproof verify`: whether a run is whole, and what is missing.

use std::path::PathBuf;

use clap::Args;

use super::Outcome;
use super::output::{JsonOption, paragraph};
use crate::Result;
use crate::run::{Severity, Verification, verify};

/// Check a run's integrity and say what is missing.
///
/// Exit code 1 says that something is wrong with it.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folder of the run.
    run: PathBuf,
    #[command(flatten)]
    json: JsonOption,
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome> {
    let result = verify(&arguments.run)?;
    arguments.json.write(&result, &text(&result))?;
    Ok(if result.ok() { Outcome::Fine } else { Outcome::Failed })
}

fn text(result: &Verification) -> String {
    let mut text = String::new();
    for finding in &result.findings {
        let severity = match finding.severity {
            Severity::Fault => "fault",
            Severity::Remark => "remark",
        };
        paragraph(
            &mut text,
            0,
            &format!("{severity}: {}: {}: {}", finding.place, finding.what, finding.mend),
        );
    }
    text.push_str(if result.ok() { "whole\n" } else { "not whole\n" });
    text
}
