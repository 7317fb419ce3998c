//! Writes the readings of one lane: buffered rows, Arrow IPC while recording, Parquet in the end.

use std::fmt;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use arrow_ipc::writer::StreamWriter;

use super::parquet::{ParquetWriter, cannot_write};
use super::reader::{Columns, LaneReader};
use super::rows::Rows;
use super::{ReadingsFile, Row, disk, schema};
use crate::{Error, Result};

/// Bytes of a stream below which its Parquet is not compressed: setting up a compressor for each column then takes longer
/// than writing the file.
const SMALL_STREAM: u64 = 64 * 1024;

/// Writes the readings of one lane.
#[derive(Debug)]
pub(super) struct LaneWriter {
    lane: String,
    folder: PathBuf,
    stem: String,
    rows: Rows,
    sink: Sink,
}

enum Sink {
    /// Recording: each batch stands in the file as soon as it is flushed.
    Stream(Box<StreamWriter<BufWriter<File>>>),
    /// Importing: nobody reads the file before it is whole.
    Parquet(Box<ParquetWriter>),
    /// A write failed; what follows the last whole batch cannot be read, so that nothing may follow.
    Failed,
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stream(_) => "Stream",
            Self::Parquet(_) => "Parquet",
            Self::Failed => "Failed",
        })
    }
}

impl LaneWriter {
    /// A lane whose batches are appended to an Arrow IPC stream.
    pub(super) fn streaming(lane: &str, folder: &Path, stem: String) -> Result<Self> {
        let path = folder.join(format!("{stem}.arrows"));
        let file = File::create_new(&path).map_err(|error| Error::io(&path, "create", error))?;
        let mut writer = StreamWriter::try_new_buffered(file, &schema::readings())
            .map_err(|error| cannot_write(&path, error))?;
        writer.flush().map_err(|error| cannot_write(&path, error))?;
        Ok(Self::new(lane, folder, stem, Sink::Stream(Box::new(writer))))
    }

    /// A lane that is written as Parquet at once.
    pub(super) fn direct(lane: &str, folder: &Path, stem: String) -> Result<Self> {
        let writer = ParquetWriter::create(&folder.join(format!("{stem}.parquet")))?;
        Ok(Self::new(lane, folder, stem, Sink::Parquet(Box::new(writer))))
    }

    fn new(lane: &str, folder: &Path, stem: String, sink: Sink) -> Self {
        Self { lane: lane.to_owned(), folder: folder.to_owned(), stem, rows: Rows::default(), sink }
    }

    /// The lane's name.
    pub(super) fn name(&self) -> &str {
        &self.lane
    }

    /// Makes a channel known by its name `source/channel`; rows name it by the number returned.
    pub(super) fn add_channel(&mut self, name: String) -> Result<i32> {
        self.rows.add_channel(name).ok_or_else(|| {
            Error::new(format!("the lane {} has too many channels", self.lane)).mend("part it into several")
        })
    }

    /// Adds one row, and writes the buffer out if it is full.
    pub(super) fn push(&mut self, key: i32, row: &Row) -> Result<()> {
        self.rows.push(key, row);
        if self.rows.is_full() { self.flush() } else { Ok(()) }
    }

    /// Writes out the rows in the buffer.
    pub(super) fn flush(&mut self) -> Result<()> {
        if matches!(self.sink, Sink::Failed) {
            return Err(Error::new(format!("an earlier write to the lane {} failed", self.lane))
                .mend("make room on the disk and record again"));
        }
        if self.rows.is_empty() {
            return Ok(());
        }
        let path = self.path();
        let outcome = self.rows.take().and_then(|batch| match &mut self.sink {
            Sink::Stream(writer) => {
                writer.write(&batch).and_then(|()| writer.flush()).map_err(|error| cannot_write(&path, error))
            }
            Sink::Parquet(writer) => writer.write(&batch),
            Sink::Failed => Ok(()),
        });
        if outcome.is_err() {
            self.sink = Sink::Failed;
        }
        outcome
    }

    /// Makes what was flushed durable.
    pub(super) fn sync(&self) -> Result<()> {
        match &self.sink {
            Sink::Stream(writer) => writer
                .get_ref()
                .get_ref()
                .sync_data()
                .map_err(|error| Error::io(&self.path(), "write", error)),
            Sink::Parquet(_) | Sink::Failed => Ok(()),
        }
    }

    /// Bytes of the lane's file that the system has; 0 where it cannot tell.
    pub(super) fn bytes(&self) -> u64 {
        std::fs::metadata(self.path()).map_or(0, |file| file.len())
    }

    /// The file as it stands in a manifest while recording.
    pub(super) fn recording_file(&self) -> ReadingsFile {
        ReadingsFile { lane: self.lane.clone(), path: in_run(&self.path()), rows: None, sha256: None }
    }

    /// Ends the lane's file as Parquet; of a lane that was streamed, the stream remains beside it.
    pub(super) fn finish(mut self) -> Result<ReadingsFile> {
        self.flush()?;
        let path = self.folder.join(format!("{}.parquet", self.stem));
        let (rows, sha256) = match self.sink {
            Sink::Failed => (0, String::new()),
            Sink::Parquet(writer) => writer.finish()?,
            Sink::Stream(mut writer) => {
                let stream = self.folder.join(format!("{}.arrows", self.stem));
                writer.finish().map_err(|error| cannot_write(&stream, error))?;
                drop(writer);
                compact(&stream, &path)?
            }
        };
        Ok(ReadingsFile { lane: self.lane, path: in_run(&path), rows: Some(rows), sha256: Some(sha256) })
    }

    fn path(&self) -> PathBuf {
        let extension = if matches!(self.sink, Sink::Parquet(_)) { "parquet" } else { "arrows" };
        self.folder.join(format!("{}.{extension}", self.stem))
    }
}

/// The path of a file of readings as a manifest has it.
fn in_run(path: &Path) -> String {
    format!("{}/{}", disk::READINGS, path.file_name().unwrap_or_default().to_string_lossy())
}

/// Turns the stream of a lane into Parquet; gives rows and SHA-256. What an error leaves half-written is removed.
pub(super) fn compact(stream: &Path, path: &Path) -> Result<(u64, String)> {
    let copy = || {
        let mut reader = LaneReader::open(stream, Columns::ALL)?;
        let small = std::fs::metadata(stream).is_ok_and(|file| file.len() < SMALL_STREAM);
        let create = if small { ParquetWriter::create_small } else { ParquetWriter::create };
        let mut writer = create(path)?;
        while let Some(batch) = reader.next_record_batch()? {
            writer.write(&batch)?;
        }
        writer.finish()
    };
    copy().inspect_err(|_| {
        // The first error is the one to tell.
        let _ = std::fs::remove_file(path);
    })
}
