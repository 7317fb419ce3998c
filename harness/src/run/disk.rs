//! Files and folders that are whole or not there: temporary names, renames and fsync.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// The manifest's name within a run.
pub(crate) const MANIFEST: &str = "manifest.json";
/// The folder of readings within a run.
pub(super) const READINGS: &str = "readings";
/// The name of the file of marks within a run.
pub(super) const MARKS: &str = "marks.jsonl";
/// The name of the file of anchors within a run.
pub(super) const ANCHORS: &str = "anchors.jsonl";
/// The alignment's name within a run.
pub(super) const ALIGNMENT: &str = "alignment.json";

/// Writes `bytes` to `path` such that after a crash either the old content or the new one stands there.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    let temporary = path.with_file_name(name);
    let write = || -> io::Result<()> {
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(|error| {
        // The temporary file is of no use; that it cannot be removed either adds nothing.
        let _ = fs::remove_file(&temporary);
        Error::io(path, "write", error)
    })?;
    sync_folder(path.parent().unwrap_or(Path::new(".")))
}

/// Makes names within `folder` durable, where the system can.
pub(super) fn sync_folder(folder: &Path) -> Result<()> {
    if cfg!(unix) {
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|error| Error::io(folder, "write", error))?;
    }
    Ok(())
}

/// Reads a whole file; `None` where there is none.
pub(super) fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io(path, "read", error)),
    }
}

/// Opens a file that only grows, creating it if need be.
pub(super) fn open_to_append(path: &Path) -> Result<File> {
    OpenOptions::new().create(true).append(true).open(path).map_err(|error| Error::io(path, "write", error))
}

/// Fails if a run cannot be put at `folder` because something is there.
pub(super) fn refuse_occupied(folder: &Path) -> Result<()> {
    let occupied = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => true,
        Err(error) => return Err(Error::io(folder, "read", error)),
    };
    if occupied {
        return Err(Error::file(folder, "there is something already")
            .mend("name another folder for the run, or remove that one"));
    }
    Ok(())
}

/// Removes a file that is of no more use.
pub(super) fn remove(path: &Path) -> Result<()> {
    fs::remove_file(path).map_err(|error| Error::io(path, "remove", error))
}

/// Creates the folder `folder` with those above it.
pub(super) fn create_folder(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|error| Error::io(folder, "create", error))
}

/// A folder that is made under a hidden name beside its place, and appears there whole or not at all.
#[derive(Debug)]
pub(super) struct Pending {
    hidden: PathBuf,
    place: PathBuf,
    placed: bool,
}

impl Pending {
    /// Makes the hidden folder beside `place`.
    pub(super) fn beside(place: &Path) -> Result<Self> {
        let place = std::path::absolute(place).map_err(|error| Error::io(place, "find", error))?;
        let parent = place.parent().ok_or_else(|| nameless(&place))?;
        create_folder(parent)?;
        let hidden = hidden_sibling(&place, "partial", |path| fs::create_dir(path))?;
        Ok(Self { hidden, place, placed: false })
    }

    /// Where the content is put until then.
    pub(super) fn folder(&self) -> &Path {
        &self.hidden
    }

    /// Moves the folder to its place, where nothing or an empty folder may be.
    pub(super) fn place(mut self) -> Result<PathBuf> {
        refuse_occupied(&self.place)?;
        self.move_in()?;
        Ok(self.place.clone())
    }

    /// Moves the folder to its place instead of what is there, which is removed.
    pub(super) fn replace(mut self) -> Result<PathBuf> {
        let aside = hidden_sibling(&self.place, "old", |path| fs::rename(&self.place, path))?;
        if let Err(error) = self.move_in() {
            // Put back what was there: the caller learns of the first failure.
            let _ = fs::rename(&aside, &self.place);
            return Err(error);
        }
        fs::remove_dir_all(&aside).map_err(|error| Error::io(&aside, "remove", error))?;
        Ok(self.place.clone())
    }

    fn move_in(&mut self) -> Result<()> {
        sync_folder(&self.hidden)?;
        fs::rename(&self.hidden, &self.place).map_err(|error| Error::io(&self.place, "create", error))?;
        self.placed = true;
        sync_folder(self.place.parent().unwrap_or(Path::new(".")))
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.placed {
            // Nobody can be told here, and a hidden folder harms nobody.
            let _ = fs::remove_dir_all(&self.hidden);
        }
    }
}

/// A free name `.NAME.KIND-PID` beside `place` at which `make` succeeds.
fn hidden_sibling(place: &Path, kind: &str, make: impl Fn(&Path) -> io::Result<()>) -> Result<PathBuf> {
    let name = place.file_name().ok_or_else(|| nameless(place))?;
    let mut attempt = 0_u32;
    loop {
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{kind}-{}", std::process::id()));
        if attempt > 0 {
            hidden.push(format!("-{attempt}"));
        }
        let path = place.with_file_name(hidden);
        match make(&path) {
            Ok(()) => return Ok(path),
            Err(error) if taken(&error) && attempt < 1000 => attempt += 1,
            Err(error) => return Err(Error::io(&path, "create", error)),
        }
    }
}

fn taken(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty)
}

fn nameless(place: &Path) -> Error {
    Error::file(place, "is no name for a run").mend("name a folder that is not there yet")
}
