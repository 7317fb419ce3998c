//! The files that are imported.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::run::Input;
use crate::{Error, Result};

/// A file's name without its folder.
pub(crate) fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// The id of the source of a file that names none: the file's name without its extension.
pub(crate) fn source_id_of(path: &Path) -> String {
    let stem =
        path.file_stem().map(|stem| stem.to_string_lossy().replace('/', "-")).filter(|stem| !stem.is_empty());
    stem.unwrap_or_else(|| "imported".into()).chars().filter(|c| !c.is_control()).collect()
}

/// Opens a file that has to be a file.
pub(crate) fn open(path: &Path) -> Result<File> {
    let file = File::open(path).map_err(|error| Error::io(path, "open", error))?;
    let kind = file.metadata().map_err(|error| Error::io(path, "open", error))?;
    if kind.is_dir() {
        return Err(Error::file(path, "is a folder").mend("name the file in it"));
    }
    Ok(file)
}

/// Reads a file of at most `most` bytes.
pub(crate) fn read_small(path: &Path, most: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let count =
        open(path)?.take(most + 1).read_to_end(&mut bytes).map_err(|error| Error::io(path, "read", error))?;
    if u64::try_from(count).is_ok_and(|count| count > most) {
        return Err(Error::file(path, format!("is longer than {most} bytes")).mend("is it the right file?"));
    }
    Ok(bytes)
}

/// The files of a folder by name, without its folders and its hidden files.
pub(crate) fn files_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let fault = |error| Error::io(folder, "list", error);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(fault)? {
        let path = entry.map_err(fault)?.path();
        if path.is_file() && !file_name(&path).starts_with('.') {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Size and hash of an imported file, for the manifest.
pub(crate) fn describe(path: &Path, format: &str) -> Result<Input> {
    let mut file = open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    let mut bytes = 0;
    loop {
        let count = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Error::io(path, "read", error)),
        };
        hash.update(&buffer[..count]);
        bytes += u64::try_from(count).unwrap_or(0);
    }
    let sha256 = hex(&hash.finalize());
    Ok(Input { format: format.to_owned(), name: file_name(path), bytes, sha256 })
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
