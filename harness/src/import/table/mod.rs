//! Any CSV or Parquet table, by a column map.

mod alias;
mod detect;
mod group;
mod header;
mod map;
mod marks;
mod plan;
mod reader;
mod rows;
mod template;
mod times;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use jiff::tz::Offset;
use power_core::Anchor;

pub use map::{
    ChannelMap, ClockWord, DeviceTimeMap, LongMap, Map, MarksMap, MarksMode, OneOrMany, TableMap,
    TimeBaseWord, TimeColumn, TimeMap,
};

use self::rows::{Batches, Rows};
use super::delimited::Delimited;
use super::input::{file_name, files_in};
use super::sink::RowSink;
use crate::run::TimeBase;
use crate::{Error, Result};

/// How a table is to be read, besides its map.
#[derive(Debug, Clone, Default)]
pub struct TableOptions {
    /// Id of the source, or its prefix where a table holds several devices.
    pub source: Option<String>,
    /// Zone of times that do not say theirs.
    pub utc_offset: Option<Offset>,
    /// What the times count, over what the map says.
    pub time_base: Option<TimeBase>,
    /// The names of the columns of a file without a header line, over what the map says.
    pub columns: Option<Vec<String>>,
    /// Anchors of the host's clocks, to find the clock of device times.
    pub anchors: Vec<Anchor>,
}

/// Reads delimited text into `sink`, row by row; `path` is for messages and for the name of the source.
///
/// # Errors
///
/// - the table does not fit the map, or a row of it is faulty; the message names the line
/// - those of the sink
pub fn read_text(
    input: impl Read,
    path: &Path,
    map: &TableMap,
    options: &TableOptions,
    sink: &mut dyn RowSink,
) -> Result<()> {
    let delimiter = u8::try_from(map.delimiter.unwrap_or(','))
        .map_err(|_| Error::new("the map's delimiter is not ASCII").mend("write one of , ; | or \\t"))?;
    let columns = options.columns.as_deref().or(map.columns.as_deref());
    let rows = Rows::Text(Box::new(Delimited::open(input, path, delimiter, columns)?));
    reader::read_rows(rows, path, map, options, sink)
}

/// Reads a Parquet file into `sink`, batch by batch.
///
/// # Errors
///
/// - the file is damaged, or does not fit the map
/// - those of the sink
pub fn read_parquet(
    file: File,
    path: &Path,
    map: &TableMap,
    options: &TableOptions,
    sink: &mut dyn RowSink,
) -> Result<()> {
    let rows = Rows::<File>::Batches(Box::new(Batches::open(file, path)?));
    reader::read_rows(rows, path, map, options, sink)
}

/// One file with the table of a map that describes it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Matched<'a> {
    pub(crate) table: &'a TableMap,
    /// Place in the list of files.
    pub(crate) file: usize,
}

/// The files that a map finds in what the user named, and what it left out.
#[derive(Debug)]
pub(crate) struct Found<'a> {
    pub(crate) files: Vec<PathBuf>,
    pub(crate) tables: Vec<Matched<'a>>,
    pub(crate) anchors: Option<PathBuf>,
    pub(crate) notes: Vec<String>,
}

/// Finds the files of each table of a map, in folders and among named files.
pub(crate) fn find_files<'a>(map: &'a Map, map_name: &str, paths: &[PathBuf]) -> Result<Found<'a>> {
    let mut found = Found { files: Vec::new(), tables: Vec::new(), anchors: None, notes: Vec::new() };
    for path in paths {
        if !path.is_dir() {
            let name = file_name(path);
            let table = table_for(map, &name).ok_or_else(|| {
                let patterns: Vec<_> = map.tables.iter().map(|table| table.files.list()).collect();
                Error::file(path, format!("is no file of the map {map_name}"))
                    .mend(format!("it describes `{}`", patterns.join("`, `")))
            })?;
            found.add(path.clone(), table);
            if let (None, Some(anchors), Some(folder)) = (&found.anchors, &map.anchors, path.parent()) {
                found.anchors = Some(folder.join(anchors)).filter(|path| path.is_file());
            }
            continue;
        }
        if map.tables.iter().all(|table| table.files.0.is_empty()) {
            return Err(
                Error::file(path, "is a folder").mend(format!("name the files that map {map_name} is for"))
            );
        }
        let mut files = files_in(path)?;
        let is_anchors = |file: &Path| map.anchors.as_deref() == Some(file_name(file).as_str());
        if let Some(anchors) = files.iter().find(|file| is_anchors(file)) {
            found.anchors = Some(anchors.clone());
        }
        files.retain(|file| !is_anchors(file));
        // In the order of the map, so that the sources of a run stand in that order too.
        for table in &map.tables {
            let (own, others) =
                files.into_iter().partition(|file| table.files.capture(&file_name(file)).is_some());
            files = others;
            let own: Vec<PathBuf> = own;
            if own.is_empty() {
                return Err(Error::file(path, format!("has no file `{}`", table.files.list()))
                    .mend(format!("name the files that are there, or take another map than {map_name}")));
            }
            for file in own {
                found.add(file, table);
            }
        }
        if !files.is_empty() {
            let names: Vec<_> = files.iter().map(|file| file_name(file)).collect();
            found.notes.push(format!("files left out: {}", names.join(", ")));
        }
    }
    Ok(found)
}

impl<'a> Found<'a> {
    fn add(&mut self, file: PathBuf, table: &'a TableMap) {
        self.files.push(file);
        self.tables.push(Matched { table, file: self.files.len() - 1 });
    }
}

/// The table that describes a file of this name.
fn table_for<'a>(map: &'a Map, name: &str) -> Option<&'a TableMap> {
    let named = map.tables.iter().find(|table| table.files.capture(name).is_some());
    named.or_else(|| map.tables.iter().find(|table| table.files.0.is_empty())).or(
        match map.tables.as_slice() {
            [only] => Some(only),
            _ => None,
        },
    )
}

/// Reads one file of a map into `sink`.
pub(crate) fn read_file(
    path: &Path,
    map: &TableMap,
    options: &TableOptions,
    sink: &mut dyn RowSink,
) -> Result<()> {
    let mut file = File::open(path).map_err(|error| Error::io(path, "open", error))?;
    if is_parquet(&mut file).map_err(|error| Error::io(path, "read", error))? {
        read_parquet(file, path, map, options, sink)
    } else if path.extension().is_some_and(|extension| extension == "parquet") {
        Err(Error::file(path, "is no Parquet file, whatever its name says").mend("copy it again"))
    } else {
        read_text(file, path, map, options, sink)
    }
}

/// Whether a file begins as Parquet does; it is rewound.
fn is_parquet(file: &mut File) -> std::io::Result<bool> {
    let mut magic = Vec::with_capacity(4);
    Read::take(&mut *file, 4).read_to_end(&mut magic)?;
    std::io::Seek::rewind(file)?;
    Ok(magic == b"PAR1")
}
