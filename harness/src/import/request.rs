//! What to import, and the import itself.

use std::path::{Path, PathBuf};

use jiff::tz::Offset;

use super::format::Format;
use super::input::{self, describe, file_name, read_small};
use super::maps::find_map;
use super::ptdaemon::{self, LogTime};
use super::run_sink::RunSink;
use super::sink::{RowSink, Tally};
use super::summary::Summary;
use super::table::{self, TableOptions};
use super::{anchors, carbontracker, code_carbon, csv, marks, pmd};
use crate::run::TimeBase;
use crate::{Error, Result};

/// A `results.json` has a few kilobytes.
const LONGEST_RESULTS: u64 = 1 << 24;

/// Some ten thousand outputs of `nvidia-smi -q -x`.
#[cfg(feature = "smi")]
const LONGEST_XML: u64 = 1 << 30;

/// A start file holds one number.
const LONGEST_START: u64 = 4_096;

/// What to import, and how.
#[derive(Debug, Clone)]
pub struct ImportRequest {
    /// The format.
    pub format: Format,
    /// The files, or folders where the format has them.
    pub paths: Vec<PathBuf>,
    /// The run that is made.
    pub out: PathBuf,
    /// Whether the sources are added to the run that is there.
    pub add: bool,
    /// Id of the source, or its prefix where a file holds several.
    pub name: Option<String>,
    /// For `table`: a shipped map's name, or a file.
    pub map: Option<String>,
    /// For tables: the names of the columns of files without a header line.
    pub columns: Option<Vec<String>>,
    /// Zone of times that do not say theirs.
    pub utc_offset: Option<Offset>,
    /// What the times count, where the file does not say.
    pub time_base: Option<TimeBase>,
    /// A file of marks: `t_ns,event,name`.
    pub marks: Option<PathBuf>,
    /// A file of clock anchors: lines `mono N real N boot N raw N`.
    pub anchors: Option<PathBuf>,
    /// The channel that the others are to be compared with.
    pub reference: Option<String>,
    /// For `pmd`: whether voltage and current of each rail become channels too.
    pub rails: bool,
}

impl ImportRequest {
    /// A request with no options.
    pub fn new(format: Format, paths: Vec<PathBuf>, out: impl Into<PathBuf>) -> Self {
        Self {
            format,
            paths,
            out: out.into(),
            add: false,
            name: None,
            map: None,
            columns: None,
            utc_offset: None,
            time_base: None,
            marks: None,
            anchors: None,
            reference: None,
            rails: false,
        }
    }

    /// The id of the source of `path`: the given name, made distinct where several files share it.
    fn source(&self, path: &Path, files: usize) -> Option<String> {
        match &self.name {
            Some(name) if files > 1 => Some(format!("{name}-{}", input::source_id_of(path))),
            name => name.clone(),
        }
    }
}

/// Makes a run of others' files. The run appears when all is in; a fault leaves nothing behind.
///
/// # Errors
///
/// - a file is missing, empty, damaged, or not of the format; the message names file, line and what to do
/// - the options do not fit the format
/// - the run cannot be written
pub fn import(request: &ImportRequest) -> Result<Summary> {
    check_options(request)?;
    for path in request.paths.iter().chain(&request.marks).chain(&request.anchors) {
        std::fs::metadata(path).map_err(|error| Error::io(path, "open", error))?;
    }
    let mut run = RunSink::new(&request.out, request.add);
    let mut tally = Tally::new(&mut run);
    let mut files = match request.format {
        Format::Csv => import_csv(request, &mut tally),
        Format::Table => match &request.map {
            Some(map) => import_table(request, map, &mut tally),
            None => Err(Error::new("a table needs a column map").mend("pass --map with a name or a file")),
        },
        Format::NvidiaSmi => {
            import_table(request, request.map.as_deref().unwrap_or("nvidia-smi"), &mut tally)
        }
        Format::SmiXml => import_smi_xml(request, &mut tally),
        Format::Pmd => import_pmd(request, &mut tally),
        Format::Ptdaemon => import_ptdaemon(request, &mut tally),
        Format::CodeCarbon => import_code_carbon(request, &mut tally),
        Format::Carbontracker => import_carbontracker(request, &mut tally),
    }?;
    if let Some(path) = &request.marks {
        marks::read(input::open(path)?, path, &mut tally)?;
        files.push(path.clone());
    }
    tally.check()?;
    let summary = Summary::new(request.out.clone(), request.format.name(), tally);
    let inputs = files.iter().map(|path| describe(path, request.format.name())).collect::<Result<_>>()?;
    run.finish(inputs, request.reference.as_deref())?;
    Ok(summary)
}

/// Refuses options that the format would pass over in silence.
fn check_options(request: &ImportRequest) -> Result<()> {
    use Format::{Carbontracker, CodeCarbon, Csv, NvidiaSmi, Pmd, Ptdaemon, SmiXml, Table};
    let rules: [(&str, bool, &[Format]); 6] = [
        ("--map", request.map.is_some(), &[Table, NvidiaSmi]),
        ("--columns", request.columns.is_some(), &[Table, NvidiaSmi]),
        (
            "--utc-offset",
            request.utc_offset.is_some(),
            &[Table, NvidiaSmi, SmiXml, Ptdaemon, CodeCarbon, Carbontracker],
        ),
        ("--time-base", request.time_base.is_some(), &[Csv, Table]),
        ("--anchors", request.anchors.is_some(), &[Csv, Table, NvidiaSmi]),
        ("--rails", request.rails, &[Pmd]),
    ];
    for (option, given, formats) in rules {
        if given && !formats.contains(&request.format) {
            let names: Vec<_> = formats.iter().map(|format| format.name()).collect();
            return Err(Error::new(format!("{option} has no meaning for the format {}", request.format))
                .mend(format!("leave it out; it is for {}", names.join(", "))));
        }
    }
    if request.paths.is_empty() {
        return Err(Error::new("no file to import").mend("name at least one"));
    }
    Ok(())
}

fn import_csv(request: &ImportRequest, sink: &mut dyn RowSink) -> Result<Vec<PathBuf>> {
    for path in &request.paths {
        let options =
            csv::Options { source: request.source(path, request.paths.len()), time_base: request.time_base };
        csv::read(input::open(path)?, path, &options, sink)?;
    }
    let mut files = request.paths.clone();
    if let Some(path) = &request.anchors {
        add_anchors(path, sink)?;
        files.push(path.clone());
    }
    Ok(files)
}

/// Puts the anchors of a file into the run.
fn add_anchors(path: &Path, sink: &mut dyn RowSink) -> Result<()> {
    let anchors = anchors::read(input::open(path)?, path)?;
    let silent = anchors.iter().filter(|anchor| anchor.width_ns.is_none()).count();
    anchors.into_iter().try_for_each(|anchor| sink.anchor(anchor))?;
    if silent > 0 {
        let name = file_name(path);
        let what =
            "anchors that do not say how long reading the clocks took: how simultaneous they are is unknown";
        sink.note(format!("{name}: {what}: {silent}"))?;
    }
    Ok(())
}

fn import_table(request: &ImportRequest, map_name: &str, sink: &mut dyn RowSink) -> Result<Vec<PathBuf>> {
    let map = find_map(map_name)?;
    let found = table::find_files(&map, map_name, &request.paths)?;
    let anchors_path = request.anchors.as_ref().or(found.anchors.as_ref());
    let known = match anchors_path {
        Some(path) => anchors::read(input::open(path)?, path)?,
        None => Vec::new(),
    };
    let readings = found.tables.iter().filter(|matched| matched.table.marks.is_none()).count();
    for matched in &found.tables {
        let path = &found.files[matched.file];
        let several = readings > 1 && request.name.is_some();
        let prefix = if readings > 1 && !matched.table.group.0.is_empty() {
            Some(input::source_id_of(path))
        } else {
            None
        };
        let options = TableOptions {
            source: if several { request.source(path, readings) } else { request.name.clone().or(prefix) },
            utc_offset: request.utc_offset,
            time_base: request.time_base,
            columns: request.columns.clone(),
            anchors: known.clone(),
        };
        table::read_file(path, matched.table, &options, sink)?;
    }
    let mut files = found.files;
    found.notes.into_iter().try_for_each(|note| sink.note(note))?;
    if let Some(path) = anchors_path {
        add_anchors(path, sink)?;
        files.push(path.clone());
    }
    Ok(files)
}

fn import_pmd(request: &ImportRequest, sink: &mut dyn RowSink) -> Result<Vec<PathBuf>> {
    let (path, start_path) = match request.paths.as_slice() {
        [path] if path.is_dir() => (path.join("PMD_data.bin"), path.join("PMD_start_ts.txt")),
        [path] => (path.clone(), path.with_file_name("PMD_start_ts.txt")),
        [path, start] => (path.clone(), start.clone()),
        _ => {
            return Err(Error::new("a PMD recording is one file and its start file")
                .mend("name PMD_data.bin, and the start file where it is not PMD_start_ts.txt beside it"));
        }
    };
    let options = pmd::Options {
        source: request.name.clone(),
        rails: request.rails,
        start: read_small(&start_path, LONGEST_START)?,
    };
    pmd::read(input::open(&path)?, &path, &start_path, &options, sink)?;
    Ok(vec![path, start_path])
}

fn import_ptdaemon(request: &ImportRequest, sink: &mut dyn RowSink) -> Result<Vec<PathBuf>> {
    let time = LogTime::new(request.utc_offset.unwrap_or(Offset::UTC))?;
    let recordings = ptdaemon::find_files(&request.paths)?;
    let mut files: Vec<PathBuf> = Vec::new();
    for recording in &recordings {
        let source = match (&request.name, recordings.len()) {
            (name, 1) => name.clone(),
            (Some(name), _) => Some(format!("{name}-{}", recording.folder_id())),
            (None, _) => Some(recording.folder_id()),
        };
        recording.read(&time, source, sink)?;
        // Several recordings share the logs of one session.
        files.extend(recording.files().filter(|path| !files.contains(path)).cloned().collect::<Vec<_>>());
    }
    if request.utc_offset.is_none() {
        sink.note(
            "PTDaemon's times do not say their zone; they are taken for UTC, --utc-offset overrides it"
                .into(),
        )?;
    }
    Ok(files)
}

fn import_code_carbon(request: &ImportRequest, sink: &mut dyn RowSink) -> Result<Vec<PathBuf>> {
    for path in &request.paths {
        let options = code_carbon::Options {
            source: request.source(path, request.paths.len()),
            utc_offset: request.utc_offset.unwrap_or(Offset::UTC),
        };
        code_carbon::read(input::open(path)?, path, &options, sink)?;
    }
    note_utc(request, "Code Carbon's", sink)?;
    Ok(request.paths.clone())
}

fn import_carbontracker(request: &ImportRequest, sink: &mut dyn RowSink) -> Result<Vec<PathBuf>> {
    for path in &request.paths {
        // All files are called results.json; their two folders tell them apart: architecture and repeat.
        let source = match (&request.name, request.paths.len()) {
            (Some(name), 1) => name.clone(),
            (None, 1) => String::new(),
            (name, _) => {
                [name.clone().unwrap_or_default(), folders(path)].join("-").trim_matches('-').to_owned()
            }
        };
        let options =
            carbontracker::Options { source, utc_offset: request.utc_offset.unwrap_or(Offset::UTC) };
        carbontracker::read(&read_small(path, LONGEST_RESULTS)?, path, &options, sink)?;
    }
    note_utc(request, "carbontracker's", sink)?;
    Ok(request.paths.clone())
}

#[cfg(feature = "smi")]
fn import_smi_xml(request: &ImportRequest, sink: &mut dyn RowSink) -> Result<Vec<PathBuf>> {
    for path in &request.paths {
        let several = (request.paths.len() > 1).then(|| input::source_id_of(path));
        let options = super::smi_xml::Options {
            source: request.source(path, request.paths.len()).or(several),
            utc_offset: request.utc_offset.unwrap_or(Offset::UTC),
        };
        super::smi_xml::read(&read_small(path, LONGEST_XML)?, path, &options, sink)?;
    }
    note_utc(request, "nvidia-smi's", sink)?;
    Ok(request.paths.clone())
}

#[cfg(not(feature = "smi"))]
fn import_smi_xml(_request: &ImportRequest, _sink: &mut dyn RowSink) -> Result<Vec<PathBuf>> {
    Err(Error::new("outputs of nvidia-smi -q -x need the feature `smi`").mend("build with it"))
}

/// The names of the two folders around a file, joined.
fn folders(path: &Path) -> String {
    let names: Vec<String> = path.ancestors().skip(1).take(2).map(file_name).collect();
    names.into_iter().rev().collect::<Vec<_>>().join("-").replace('/', "-")
}

fn note_utc(request: &ImportRequest, whose: &str, sink: &mut dyn RowSink) -> Result<()> {
    match request.utc_offset {
        Some(_) => Ok(()),
        None => sink.note(format!(
            "{whose} times are local and do not say their zone; they are taken for UTC, --utc-offset overrides it"
        )),
    }
}
