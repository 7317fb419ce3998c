//! `wattproof import`: others' recordings become a run.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use jiff::tz::Offset;

use super::Outcome;
use super::output::{JsonOption, paragraph, table};
use crate::Result;
use crate::import::time::parse_utc_offset;
use crate::import::{Format, ImportRequest, Summary, import, maps};
use crate::run::TimeBase;

/// Make a run of others' recordings; a fault leaves nothing half-written behind.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Format of the files.
    #[arg(value_enum)]
    format: Format,
    /// Files, or folders where the format has them.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Folder of the run to make.
    #[arg(short, long, value_name = "RUN")]
    output: PathBuf,
    /// Add the sources to the run that is there.
    #[arg(long)]
    add: bool,
    /// Name of the source; a prefix where a file holds several.
    #[arg(long)]
    name: Option<String>,
    /// Channel that the others are to be compared with, as `source/channel`.
    #[arg(long, value_name = "CHANNEL")]
    reference: Option<String>,
    /// Column map of a table: a shipped one by name, or a TOML file.
    #[arg(long, value_name = "NAME|FILE")]
    map: Option<String>,
    /// Names of the columns of a table without a header line, in order.
    #[arg(long, value_delimiter = ',', value_name = "COLUMN,…")]
    columns: Option<Vec<String>>,
    /// Zone of times that do not say theirs, such as +01:00.
    #[arg(long, value_name = "±HH:MM", value_parser = parse_utc_offset, allow_hyphen_values = true)]
    utc_offset: Option<Offset>,
    /// What the times count, where the file does not say.
    #[arg(long, value_enum)]
    time_base: Option<Base>,
    /// File of marks: `t_ns,event,name` (event: `begin`, `end`, `point`).
    #[arg(long, value_name = "FILE")]
    marks: Option<PathBuf>,
    /// File of clock anchors: lines `mono N real N boot N raw N`, in nanoseconds.
    #[arg(long, value_name = "FILE")]
    anchors: Option<PathBuf>,
    /// For pmd: voltage and current of each rail as channels, too.
    #[arg(long)]
    rails: bool,
    #[command(flatten)]
    json: JsonOption,
}

/// What times count.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Base {
    /// Nanoseconds since 1970.
    Unix,
    /// `CLOCK_MONOTONIC` of the recording host.
    Monotonic,
    /// Rows are only numbered.
    Ordinal,
}

impl From<Base> for TimeBase {
    fn from(base: Base) -> Self {
        match base {
            Base::Unix => Self::Unix,
            Base::Monotonic => Self::HostMonotonic,
            Base::Ordinal => Self::Ordinal,
        }
    }
}

/// The end of this command's help: the maps that come with the program.
pub(super) fn shipped_maps() -> String {
    let mut text = String::from("Shipped column maps:\n");
    for shipped in maps() {
        let about = shipped.map().map_or_else(|error| error.to_string(), |map| map.about);
        let _ = writeln!(text, "  {:<12} {about}", shipped.name);
    }
    text
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome> {
    let mut request = ImportRequest::new(arguments.format, arguments.paths.clone(), &arguments.output);
    request.add = arguments.add;
    request.name.clone_from(&arguments.name);
    request.reference.clone_from(&arguments.reference);
    request.map.clone_from(&arguments.map);
    request.columns.clone_from(&arguments.columns);
    request.utc_offset = arguments.utc_offset;
    request.time_base = arguments.time_base.map(TimeBase::from);
    request.marks.clone_from(&arguments.marks);
    request.anchors.clone_from(&arguments.anchors);
    request.rails = arguments.rails;
    let summary = import(&request)?;
    arguments.json.write(&summary, &text(&summary))?;
    Ok(Outcome::Fine)
}

fn text(summary: &Summary) -> String {
    let mut text = String::new();
    let rows: Vec<Vec<String>> = summary
        .sources
        .iter()
        .map(|source| {
            let numbers = [source.channels.to_string(), source.rows.to_string(), source.missing.to_string()];
            [source.id.clone()].into_iter().chain(numbers).collect()
        })
        .collect();
    table(&mut text, &["source", "channels", "readings", "without value"], &rows);
    let _ = writeln!(
        text,
        "\n{}: {} marks, {} clock anchors",
        summary.run.display(),
        summary.marks,
        summary.anchors
    );
    for note in &summary.notes {
        paragraph(&mut text, 0, note);
    }
    text
}
