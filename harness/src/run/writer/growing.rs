//! A file of lines of JSON that only grows: marks, anchors.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::run::disk;
use crate::{Error, Result};

/// A file to which lines are added.
#[derive(Debug)]
pub(super) struct GrowingFile {
    path: PathBuf,
    file: File,
    /// Whether the disk may not have all of it. Handing it over costs even where there is nothing new.
    behind: bool,
}

impl GrowingFile {
    /// Opens the file, creating it if need be; what it has already counts as not yet on the disk.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = disk::open_to_append(path)?;
        let behind = file.metadata().map_or(true, |file| file.len() > 0);
        Ok(Self { path: path.to_owned(), file, behind })
    }

    /// The file itself.
    pub(super) const fn file(&self) -> &File {
        &self.file
    }

    /// Appends one line by one write, so that no other writer can come between.
    pub(super) fn append(&mut self, item: &impl Serialize) -> Result<()> {
        let mut line = serde_json::to_vec(item)
            .map_err(|error| Error::file(&self.path, "cannot be written").because(error))?;
        line.push(b'\n');
        self.behind = true;
        self.file.write_all(&line).map_err(|error| Error::io(&self.path, "write", error))
    }

    /// Hands all lines to the disk. Blocks until it has them.
    pub(super) fn sync(&mut self) -> Result<()> {
        if self.behind {
            self.file.sync_data().map_err(|error| Error::io(&self.path, "write", error))?;
            self.behind = false;
        }
        Ok(())
    }
}
