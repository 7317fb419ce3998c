//! `wattproof export`: a run in a format for other programs.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use clap::Args;

use super::Outcome;
use crate::export::{Format, export};
use crate::run::Run;
use crate::{Error, Result};

/// Write a run's readings for other programs, in order of time.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folder of the run.
    run: PathBuf,
    /// Format to write; `csv` is what `import csv` reads.
    #[arg(short, long, value_enum, default_value = "csv")]
    format: Format,
    /// File to write; stdout by default.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome> {
    let run = Run::open(&arguments.run)?;
    let Some(path) = &arguments.output else {
        let mut out = BufWriter::new(std::io::stdout().lock());
        export(&run, arguments.format, &mut out)?;
        out.flush().map_err(|error| Error::new("cannot write to standard output").because(error))?;
        return Ok(Outcome::Fine);
    };
    // A half-written export looks whole to whoever reads it: it gets its name when it is complete.
    let mut partial = path.clone().into_os_string();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let write = || {
        let file = File::create(&partial).map_err(|error| Error::io(&partial, "write", error))?;
        let mut out = BufWriter::new(file);
        export(&run, arguments.format, &mut out)?;
        out.flush().map_err(|error| Error::io(&partial, "write", error))?;
        std::fs::rename(&partial, path).map_err(|error| Error::io(path, "write", error))
    };
    write().inspect_err(|_| {
        // The error is what counts; what cannot be removed is named .partial.
        let _ = std::fs::remove_file(&partial);
    })?;
    Ok(Outcome::Fine)
}
