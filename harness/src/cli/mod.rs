//! The command line: one file a command. Results go to stdout, messages to stderr.

mod calibrate;
mod compare;
mod duration;
mod energy;
mod estimate;
mod export;
mod import;
mod output;
mod report;
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
    Calibrate(calibrate::Arguments),
    Estimate(estimate::Arguments),
    Export(export::Arguments),
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
        Command::Calibrate(arguments) => calibrate::run(&arguments),
        Command::Estimate(arguments) => estimate::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Export(arguments) => export::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
    }
}

/// Parses a finite number of at least 0.
fn number_at_least_0(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number >= 0.0 => Ok(number),
        _ => Err(format!("{text} is no number of at least 0")),
    }
}

/// Parses a share, 0 to 1.
fn share(text: &str) -> Result<f64, String> {
    match number_at_least_0(text) {
        Ok(number) if number <= 1.0 => Ok(number),
        _ => Err(format!("{text} is no share from 0 to 1")),
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
