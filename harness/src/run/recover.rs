//! Completes a run whose recorder died.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::Path;

use power_core::Anchor;
use serde::de::DeserializeOwned;

use super::lane::compact;
use super::writer::unpaired_notes;
use super::{Lines, Manifest, Mark, ReadingsFile, Run, State, disk, stream};
use crate::{Error, Result};

/// What there was to be completed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Recovery {
    /// Readings that were saved.
    pub readings: u64,
    /// Bytes behind the last whole batch, which cannot be read.
    pub lost_bytes: u64,
    /// Lines of marks and anchors that were cut off.
    pub lost_lines: u64,
}

/// Completes the run in the folder `dir`: its streams become Parquet, cut-off lines are removed, and its manifest says
/// that it was recovered. Whatever happens, nothing that can be read is lost.
///
/// # Errors
///
/// - if it is complete already, or being recorded now.
/// - if it cannot be read or written; it then stays as it was.
pub fn recover(dir: &Path) -> Result<Recovery> {
    let mut manifest = Run::open(dir)?.manifest().clone();
    if manifest.state == State::Finished {
        return Err(Error::file(dir, "is complete").mend("there is nothing to recover"));
    }
    let marks = dir.join(disk::MARKS);
    let lock = OpenOptions::new().create(true).append(true).open(&marks);
    let lock = lock.map_err(|error| Error::io(&marks, "write", error))?;
    hold(&lock, dir)?;
    let mut recovery = Recovery { readings: 0, lost_bytes: 0, lost_lines: 0 };
    let mut files = Vec::new();
    for file in &manifest.files {
        files.push(complete(dir, file, &mut recovery)?);
    }
    recovery.lost_lines += u64::from(cut::<Mark>(&marks)?);
    recovery.lost_lines += u64::from(cut::<Anchor>(&dir.join(disk::ANCHORS))?);
    let streams: Vec<_> = manifest.files.iter().map(|file| dir.join(&file.path)).collect();
    manifest.files = files;
    manifest.state = State::Finished;
    manifest.recovered_at = Some(jiff::Timestamp::now().to_string());
    let bytes = fs::read(&marks).map_err(|error| Error::io(&marks, "read", error))?;
    let known = &mut manifest.notes;
    known.extend(unpaired_notes(&Mark::parse_all(&bytes).items));
    disk::sync_folder(&dir.join(disk::READINGS))?;
    disk::write_whole(&dir.join(disk::MANIFEST), &manifest.to_json()?)?;
    // Only now: until the manifest names the Parquet files, the streams are the readings.
    for stream in streams.iter().filter(|stream| stream.extension().is_some_and(|end| end == "arrows")) {
        disk::remove(stream)?;
    }
    let socket = dir.join("marks.sock");
    if fs::symlink_metadata(&socket).is_ok() {
        disk::remove(&socket)?;
    }
    Ok(recovery)
}

/// Takes the lock that a recorder holds as long as it lives.
pub(super) fn hold(marks: &File, dir: &Path) -> Result<()> {
    match marks.try_lock() {
        Err(TryLockError::WouldBlock) => {
            Err(Error::file(dir, "is being recorded now").mend("wait for its recorder to end"))
        }
        // A file system without locks has no way to tell.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}

/// Makes Parquet of one stream.
fn complete(dir: &Path, file: &ReadingsFile, recovery: &mut Recovery) -> Result<ReadingsFile> {
    let stream = dir.join(&file.path);
    if stream.extension().is_none_or(|end| end != "arrows") {
        return Ok(file.clone());
    }
    let opened = File::open(&stream).map_err(|error| Error::io(&stream, "read", error))?;
    let whole = stream::whole_part(&opened).map_err(|error| Error::io(&stream, "read", error))?;
    recovery.lost_bytes += whole.rest;
    let parquet = stream.with_extension("parquet");
    let (rows, sha256) = compact(&stream, &parquet)?;
    recovery.readings += rows;
    let path = Path::new(&file.path).with_extension("parquet").to_string_lossy().into_owned();
    Ok(ReadingsFile { lane: file.lane.clone(), path, rows: Some(rows), sha256: Some(sha256) })
}

/// Removes a last line that was cut off; gives whether there was one.
fn cut<T: DeserializeOwned>(path: &Path) -> Result<bool> {
    let Some(bytes) = disk::read_if_there(path)? else { return Ok(false) };
    if !Lines::<T>::parse(&bytes).unterminated {
        return Ok(false);
    }
    let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
    disk::write_whole(path, &bytes[..whole])?;
    Ok(true)
}

impl Manifest {
    /// Whether the run was completed after its recorder had died.
    pub const fn is_recovered(&self) -> bool {
        self.recovered_at.is_some()
    }
}
