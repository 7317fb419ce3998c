//! Samples of SPEC PTDaemon (`spl.txt`), as MLPerf Power submissions hold them, with what the logs beside them say.

pub mod client_log;
pub mod loadgen;
pub mod ptd_log;
mod reader;
pub mod spl;

use std::io::Read;
use std::path::{Path, PathBuf};

use jiff::tz::Offset;

use self::client_log::ClientLog;
use self::ptd_log::PtdLog;
use super::cell::show;
use super::input::{file_name, read_small, source_id_of};
use super::sink::RowSink;
use super::time::TextTime;
use crate::run::Mark;
use crate::{Error, Result};

/// Logs longer than this are none of a measurement of some hours.
const LONGEST_LOG: u64 = 256 << 20;

/// How PTDaemon and MLPerf write times: month, day, year, in the zone of their host.
#[derive(Debug, Clone)]
pub struct LogTime(TextTime);

impl LogTime {
    /// Times in the zone `offset`.
    ///
    /// # Errors
    ///
    /// - none for an offset that exists
    pub fn new(offset: Offset) -> Result<Self> {
        TextTime::new("%m-%d-%Y %H:%M:%S%.f", Some(offset)).map(Self)
    }

    /// The Unix time in nanoseconds; `None` if the text is no such time.
    pub fn parse(&self, text: &[u8]) -> Option<i64> {
        self.0.parse(text).ok()
    }
}

/// What the logs beside the samples say.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// Id of the source; the file's stem by default.
    pub source: Option<String>,
    /// PTDaemon's own log.
    pub ptd: Option<PtdLog>,
    /// The log of the power client.
    pub client: Option<ClientLog>,
    /// Phases.
    pub marks: Vec<Mark>,
}

/// Reads samples into `sink`, line by line; `path` is for messages and for the name of the source.
///
/// # Errors
///
/// - a line is faulty; the message names it
/// - those of the sink
pub fn read(
    input: impl Read,
    path: &Path,
    time: &LogTime,
    context: &Context,
    sink: &mut dyn RowSink,
) -> Result<()> {
    reader::read(input, path, time, context, sink)
}

/// One file of samples with the logs that belong to it.
#[derive(Debug)]
pub(crate) struct Recording {
    pub(crate) samples: PathBuf,
    pub(crate) loadgen: Option<PathBuf>,
    pub(crate) ptd: Option<PathBuf>,
    pub(crate) client: Option<PathBuf>,
}

/// Sorts the named files by what they are, and finds the logs that lie beside samples.
pub(crate) fn find_files(paths: &[PathBuf]) -> Result<Vec<Recording>> {
    let (mut samples, mut loadgen, mut ptd, mut client) = (Vec::new(), None, None, None);
    for path in paths {
        let name = file_name(path);
        if path.is_dir() {
            let inside = path.join("spl.txt");
            if !inside.is_file() {
                return Err(Error::file(path, "has no spl.txt").mend("name the file of PTDaemon's samples"));
            }
            samples.push(inside);
        } else if name.starts_with("mlperf_log_detail") {
            loadgen = Some(path.clone());
        } else if name.starts_with("ptd_log") {
            ptd = Some(path.clone());
        } else if name.starts_with("client") {
            client = Some(path.clone());
        } else {
            samples.push(path.clone());
        }
    }
    if samples.is_empty() {
        return Err(
            Error::new("none of the files holds samples of PTDaemon").mend("name the file spl.txt too")
        );
    }
    let recordings = samples.into_iter().map(|samples| {
        let folder = samples.parent().map(Path::to_owned).unwrap_or_default();
        let beside = |named: &Option<PathBuf>, places: &[&str]| {
            let found = places.iter().map(|place| folder.join(place)).find(|path| path.is_file());
            named.clone().or(found)
        };
        Recording {
            loadgen: beside(&loadgen, &["mlperf_log_detail.txt"]),
            ptd: beside(&ptd, &["ptd_logs.txt", "power/ptd_logs.txt", "../power/ptd_logs.txt"]),
            client: beside(&client, &["client.log", "power/client.log", "../power/client.log"]),
            samples,
        }
    });
    Ok(recordings.collect())
}

impl Recording {
    /// The files of the recording.
    pub(crate) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        [Some(&self.samples), self.loadgen.as_ref(), self.ptd.as_ref(), self.client.as_ref()]
            .into_iter()
            .flatten()
    }

    /// Reads the recording into `sink`.
    pub(crate) fn read(&self, time: &LogTime, source: Option<String>, sink: &mut dyn RowSink) -> Result<()> {
        let log =
            |path: &Option<PathBuf>| path.as_deref().map(|path| read_small(path, LONGEST_LOG)).transpose();
        let context = Context {
            source,
            ptd: log(&self.ptd)?.map(|bytes| PtdLog::parse(&bytes, time)),
            client: log(&self.client)?.map(|bytes| ClientLog::parse(&bytes)),
            marks: log(&self.loadgen)?.map(|bytes| loadgen::parse(&bytes, time)).unwrap_or_default(),
        };
        read(super::input::open(&self.samples)?, &self.samples, time, &context, sink)?;
        let name = file_name(&self.samples);
        if self.loadgen.is_none() {
            sink.note(format!("{name}: no mlperf_log_detail.txt beside it, so no phase says what counts"))?;
        }
        if self.ptd.is_none() {
            sink.note(format!(
                "{name}: no ptd_logs.txt beside it, so meter, ranges and uncertainty are unknown"
            ))?;
        }
        Ok(())
    }

    /// The id of its source where several recordings are imported: the name of its folder.
    pub(crate) fn folder_id(&self) -> String {
        let folder = self.samples.parent().map(file_name).filter(|name| !name.is_empty());
        folder.unwrap_or_else(|| source_id_of(&self.samples))
    }
}
