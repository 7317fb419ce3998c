//! The command line: one file a command. Results go to stdout, messages to stderr.

mod characterise;
mod compare;
mod duration;
mod energy;
mod export;
mod import;
mod output;
mod report;
mod sync;
mod verify;

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{Error, Result};

/// How a command that worked ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// All is well: exit code 0.
    Fine,
    /// It was done, and the verdict is a failure: exit code 1.
    Failed,
}

/// Reads every power sensor of a computer on one time base, compares each with a reference, says how wrong it is,
/// why, and how sure that is.
#[derive(Debug, Parser)]
#[command(name = "wattproof", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Import(import::Arguments),
    Energy(energy::Arguments),
    Compare(compare::Arguments),
    Report(report::Arguments),
    Export(export::Arguments),
    Sync(sync::Arguments),
    Characterise(characterise::Arguments),
    Verify(verify::Arguments),
}

/// Runs the command line of this process.
///
/// Exit codes: 0 fine; 1 done, and the verdict is a failure; 2 it could not be done.
pub fn main() -> ExitCode {
    // clap exits with 2 on a usage error, 0 after help.
    match run(Cli::parse()) {
        Ok(Outcome::Fine) => ExitCode::SUCCESS,
        Ok(Outcome::Failed) => ExitCode::from(1),
        Err(error) => {
            output::message(&format!("wattproof: {}", chain(&error)));
            ExitCode::from(2)
        }
    }
}

fn run(cli: Cli) -> Result<Outcome> {
    match cli.command {
        Command::Import(arguments) => import::run(&arguments),
        Command::Energy(arguments) => energy::run(&arguments),
        Command::Compare(arguments) => compare::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Export(arguments) => export::run(&arguments),
        Command::Sync(arguments) => sync::run(&arguments),
        Command::Characterise(arguments) => characterise::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
    }
}

/// The error and its causes in one line.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        let words = next.to_string();
        if !text.contains(&words) {
            let _ = write!(text, " ({words})");
        }
        cause = next.source();
    }
    text
}
