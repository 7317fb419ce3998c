//! Text and JSON on their way out. A reader that goes away (`| head`) is no error.

use std::fmt::Write as _;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use serde::Serialize;

use crate::{Error, Result};

/// Width of a terminal that says nothing of its own.
const WIDTH: usize = 80;

/// Where a result in JSON goes, beside or instead of the text.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct JsonOption {
    /// Write the result as JSON to FILE; `-` writes it to stdout in place of the text.
    #[arg(long, value_name = "FILE|-")]
    json: Option<std::path::PathBuf>,
}

impl JsonOption {
    /// Writes `result` as JSON where that was asked for, and `text` to stdout unless the JSON went there.
    pub(super) fn write(&self, result: &impl Serialize, text: &str) -> Result<()> {
        let Some(path) = &self.json else { return print(text) };
        let mut json = serde_json::to_string_pretty(result)
            .map_err(|error| Error::new("cannot write the result as JSON").because(error))?;
        json.push('\n');
        if path == Path::new("-") {
            return print(&json);
        }
        std::fs::write(path, json).map_err(|error| Error::io(path, "write", error))?;
        print(text)
    }
}

/// Writes to stdout.
pub(super) fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Error::new("cannot write to standard output").because(error))
        }
        _ => Ok(()),
    }
}

/// Writes a message to stderr; one that nobody can read is lost.
pub(super) fn message(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// A text that is wrapped to the terminal, every line indented by `indent` spaces.
pub(super) fn paragraph(into: &mut String, indent: usize, text: &str) {
    let margin = " ".repeat(indent);
    let options = textwrap::Options::new(WIDTH).initial_indent(&margin).subsequent_indent(&margin);
    for line in textwrap::wrap(text, options) {
        let _ = writeln!(into, "{line}");
    }
}

/// A table: the first column to the left, the others to the right, as wide as their content.
///
/// Where that is too wide for a terminal, the first column of each row stands on a line of its own.
pub(super) fn table(into: &mut String, header: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([header[column].chars().count()]).max().unwrap_or(0)
    };
    let mut widths: Vec<usize> = (0..header.len()).map(width).collect();
    let own_line = widths.iter().sum::<usize>() + 2 * (widths.len() - 1) > WIDTH;
    if own_line {
        widths[0] = header[0].chars().count();
    }
    let mut line = |first: &str, others: &mut dyn Iterator<Item = &str>| {
        let mut text = format!("{first:<0$}", widths[0]);
        for (cell, width) in others.zip(&widths[1..]) {
            let _ = write!(text, "  {cell:>width$}");
        }
        let _ = writeln!(into, "{}", text.trim_end());
    };
    line(header[0], &mut header[1..].iter().copied());
    for row in rows {
        let (first, others) =
            row.split_first().map_or(("", &[][..]), |(first, others)| (first.as_str(), others));
        let mut others = others.iter().map(String::as_str);
        if own_line {
            line(first, &mut std::iter::empty());
            line("", &mut others);
        } else {
            line(first, &mut others);
        }
    }
}
