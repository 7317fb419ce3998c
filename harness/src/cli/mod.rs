//! The command line: one file a command. Results go to stdout, messages to stderr.

mod audit;
mod calibrate;
mod characterise;
mod compare;
#[cfg(unix)]
mod doctor;
mod duration;
mod energy;
mod estimate;
#[cfg(unix)]
mod excite;
#[cfg(unix)]
mod experiments;
mod export;
mod import;
mod list;
#[cfg(unix)]
mod loads;
#[cfg(unix)]
mod mark;
#[cfg(feature = "meter")]
mod meter;
mod methods;
#[cfg(all(unix, feature = "virtual"))]
mod methods_virtual;
mod output;
#[cfg(unix)]
mod overhead;
mod page;
mod plan;
#[cfg(unix)]
mod progress;
#[cfg(unix)]
mod record;
mod recover;
mod report;
#[cfg(all(unix, feature = "virtual"))]
mod rig;
#[cfg(all(unix, feature = "meter"))]
mod serve_meter;
#[cfg(unix)]
mod study;
mod sync;
#[cfg(unix)]
mod until;
mod verify;
#[cfg(unix)]
mod watch;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::Result;

/// How a command that worked ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// All is well: exit code 0.
    Fine,
    /// It was done, and the verdict is a failure: exit code 1.
    Failed,
    /// It could not be done as a whole, which has been said: exit code 2.
    #[cfg(unix)]
    Unable,
    /// The exit code of a command that ran within.
    #[cfg(unix)]
    Code(u8),
}

/// Reads every power sensor of a computer on one time base, compares each with a reference, says how wrong it is,
/// why, and how sure that is.
#[derive(Debug, Parser)]
#[command(name = "wattproof", version, max_term_width = 100)]
struct Cli {
    /// What to do; the quick study where nothing is said.
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[cfg(unix)]
    Doctor(doctor::Arguments),
    List(list::Arguments),
    #[cfg(unix)]
    Record(record::Arguments),
    #[cfg(unix)]
    Excite(excite::Arguments),
    #[cfg(unix)]
    Mark(mark::Arguments),
    Recover(recover::Arguments),
    #[cfg(unix)]
    Watch(watch::Arguments),
    Import(import::Arguments),
    Energy(energy::Arguments),
    Compare(compare::Arguments),
    #[cfg(unix)]
    Overhead(overhead::Arguments),
    Report(report::Arguments),
    Audit(audit::Arguments),
    #[cfg(unix)]
    Study(study::Arguments),
    Calibrate(calibrate::Arguments),
    Estimate(estimate::Arguments),
    Methods(methods::Arguments),
    Export(export::Arguments),
    Sync(sync::Arguments),
    Characterise(characterise::Arguments),
    Plan(plan::Arguments),
    Verify(verify::Arguments),
    #[cfg(feature = "meter")]
    Meter(meter::Arguments),
    #[cfg(all(unix, feature = "meter"))]
    ServeMeter(serve_meter::Arguments),
    #[cfg(all(unix, feature = "virtual"))]
    Rig(rig::Arguments),
}

/// Runs the command line of this process.
///
/// Exit codes: 0 fine; 1 done, and the verdict is a failure; 2 it could not be done.
pub fn main() -> ExitCode {
    // Reading the maps takes longer than all else of the command line: only where `import` is asked for.
    let import = |import: clap::Command| import.defer(|import| import.after_help(import::shipped_maps()));
    let words = Cli::command().mut_subcommand("import", import).get_matches();
    // clap exits with 2 on a usage error, 0 after help.
    match run(Cli::from_arg_matches(&words).unwrap_or_else(|error| error.exit())) {
        Ok(Outcome::Fine) => ExitCode::SUCCESS,
        Ok(Outcome::Failed) => ExitCode::from(1),
        #[cfg(unix)]
        Ok(Outcome::Unable) => ExitCode::from(2),
        #[cfg(unix)]
        Ok(Outcome::Code(code)) => ExitCode::from(code),
        Err(error) => {
            output::message(&format!("wattproof: {}", error.in_full()));
            ExitCode::from(2)
        }
    }
}

fn run(cli: Cli) -> Result<Outcome> {
    let Some(command) = cli.command else { return first() };
    match command {
        #[cfg(unix)]
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::List(arguments) => list::run(&arguments),
        #[cfg(unix)]
        Command::Record(arguments) => record::run(&arguments),
        #[cfg(unix)]
        Command::Excite(arguments) => excite::run(&arguments),
        #[cfg(unix)]
        Command::Mark(arguments) => mark::run(&arguments),
        Command::Recover(arguments) => recover::run(&arguments),
        #[cfg(unix)]
        Command::Watch(arguments) => watch::run(&arguments),
        Command::Import(arguments) => import::run(&arguments),
        Command::Energy(arguments) => energy::run(&arguments),
        Command::Compare(arguments) => compare::run(&arguments),
        #[cfg(unix)]
        Command::Overhead(arguments) => overhead::run(&arguments),
        #[cfg(unix)]
        Command::Study(arguments) => study::run(&arguments),
        Command::Calibrate(arguments) => calibrate::run(&arguments),
        Command::Estimate(arguments) => estimate::run(&arguments),
        Command::Methods(arguments) => methods::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Audit(arguments) => audit::run(&arguments),
        Command::Export(arguments) => export::run(&arguments),
        Command::Sync(arguments) => sync::run(&arguments),
        Command::Characterise(arguments) => characterise::run(&arguments),
        Command::Plan(arguments) => plan::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        #[cfg(feature = "meter")]
        Command::Meter(arguments) => meter::run(&arguments),
        #[cfg(all(unix, feature = "meter"))]
        Command::ServeMeter(arguments) => serve_meter::run(&arguments),
        #[cfg(all(unix, feature = "virtual"))]
        Command::Rig(arguments) => rig::run(&arguments),
    }
}

/// What is done where nothing is said: the quick study.
#[cfg(unix)]
fn first() -> Result<Outcome> {
    match Cli::parse_from(["wattproof", "study"]).command {
        Some(command) => run(Cli { command: Some(command) }),
        None => Ok(Outcome::Fine),
    }
}

/// What is done where nothing is said: nothing but to say what can be done.
#[cfg(not(unix))]
fn first() -> Result<Outcome> {
    Err(crate::Error::new("no command is given").mend("`wattproof --help` lists them"))
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
