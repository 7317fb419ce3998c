//! The files of a published benchmark: one, several, or a tree.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::AuditFormat;
use crate::import::file_name;
use crate::{Error, Result};

/// Content that tells a format stands in the first part of a file.
const HEAD: u64 = 1 << 16;

/// Folders nested deeper than any benchmark's.
const DEEPEST: usize = 32;

/// Files that may hold a benchmark, by the ends of their names.
const ENDINGS: [&str; 6] = ["json", "csv", "log", "txt", "out", "xml"];

/// The files under `paths` with the format of each.
///
/// A file that is named is of the given format, or of one by its content, or an error; in a folder, what is of none of
/// them is passed over and counted.
///
/// # Errors
///
/// - a path cannot be read, or a named file has no format
pub(super) fn find(
    paths: &[PathBuf],
    format: Option<AuditFormat>,
) -> Result<(Vec<(PathBuf, AuditFormat)>, usize)> {
    let (mut found, mut passed) = (Vec::new(), 0);
    for path in paths {
        let kind = fs::metadata(path).map_err(|error| Error::io(path, "open", error))?;
        if !kind.is_dir() {
            let known = match format {
                Some(format) => Some(format),
                None => AuditFormat::of_content(&head(path)?),
            };
            let known = known.ok_or_else(|| {
                Error::file(path, "is of no format that is known")
                    .mend("name its format: --format table for any CSV")
            })?;
            found.push((path.clone(), known));
            continue;
        }
        let mut files = Vec::new();
        walk(path, 0, &mut files)?;
        files.sort();
        for file in files {
            let known = match format {
                // A tree of EC-NAS-Bench holds other JSON, too.
                Some(AuditFormat::EcNasBench) => {
                    (file_name(&file) == "results.json").then_some(AuditFormat::EcNasBench)
                }
                Some(format) => Some(format),
                None if file_name(&file) == "results.json" => Some(AuditFormat::EcNasBench),
                None => AuditFormat::of_content(&head(&file)?).filter(|format| *format != AuditFormat::Table),
            };
            match known {
                Some(format) => found.push((file, format)),
                None => passed += 1,
            }
        }
    }
    Ok((found, passed))
}

fn walk(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<()> {
    if depth > DEEPEST {
        return Err(
            Error::file(folder, "is nested too deeply").mend("name the folder that holds the benchmark")
        );
    }
    let fault = |error| Error::io(folder, "list", error);
    for entry in fs::read_dir(folder).map_err(fault)? {
        let entry = entry.map_err(fault)?;
        let path = entry.path();
        let kind = entry.file_type().map_err(fault)?;
        if file_name(&path).starts_with('.') {
            continue;
        }
        if kind.is_dir() {
            walk(&path, depth + 1, files)?;
        } else if path
            .extension()
            .is_some_and(|end| ENDINGS.iter().any(|known| end.eq_ignore_ascii_case(known)))
        {
            files.push(path);
        }
    }
    Ok(())
}

fn head(path: &Path) -> Result<Vec<u8>> {
    let fault = |error| Error::io(path, "read", error);
    let mut bytes = Vec::new();
    File::open(path).map_err(fault)?.take(HEAD).read_to_end(&mut bytes).map_err(fault)?;
    Ok(bytes)
}
