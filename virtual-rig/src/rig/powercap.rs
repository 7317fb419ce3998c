//! A powercap tree of plain files that a thread keeps up to date.
//!
//! Laid out as below `/sys/class/powercap`: zones lie within each other in `intel-rapl`, and each has a link at the
//! root. A real tree works its energies out when they are read; plain files cannot, so a thread writes them, by
//! default each ms, which is how often a real counter changes.
//!
//! A reader may read while the thread writes. Numbers are written in place, with zeros in front to 16 digits, so
//! that the last 8 digits, all that changes in 100 J, are copied as one word: what is read is the number of before
//! or of after.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::periodic::Periodic;
use crate::description::{Description, FaultKind, RAPL, RaplDescription};
use crate::node::{RaplCounter, Shared, now_ns};
use crate::num::nanos_of_ms;
use crate::{Error, Result};

/// A running tree.
#[derive(Debug)]
pub(super) struct Powercap {
    _thread: Periodic,
    root: PathBuf,
    /// The tree in memory, where there is such a place.
    _memory: Option<Memory>,
}

/// A directory in memory, removed when dropped.
#[derive(Debug)]
struct Memory(PathBuf);

impl Drop for Memory {
    fn drop(&mut self) {
        // Nothing to be done about a failure; it is a place of temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Powercap {
    /// Writes the tree into `directory`, or into memory with a link to it there, and keeps it up to date.
    pub(super) fn start(
        directory: &Path,
        description: &Description,
        rapl: &RaplDescription,
        shared: Arc<Shared>,
    ) -> Result<Self> {
        let root = directory.join("powercap");
        let memory = in_memory(directory, &root);
        let failed = |error| Error::because(format!("cannot write {}", root.display()), error);
        let counters = RaplCounter::all(rapl, description.node.packages, description.seed);
        let files = counters
            .into_iter()
            .map(|counter| write_zone(&root, &counter).map(|file| (counter, file)))
            .collect::<io::Result<Vec<_>>>()
            .map_err(failed)?;
        let update = move || {
            let now = now_ns();
            let silent = shared.faults(RAPL, now).iter().any(|fault| fault.kind == FaultKind::Silent);
            if silent {
                return;
            }
            let truth = shared.truth();
            for (counter, file) in &files {
                // Nobody can be told; a tree that cannot be written stands still, which a reader sees.
                let _ = file.write_all_at(&digits(counter.shown_uj(&truth, now)), 0);
            }
        };
        update();
        let period = Duration::from_nanos(nanos_of_ms(rapl.period_ms).unsigned_abs());
        Ok(Self { _thread: Periodic::start("rapl", period, update)?, root, _memory: memory })
    }

    /// What stands for `/sys/class/powercap`.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }
}

/// Makes `root`: a link to a directory in memory if there can be one, so that no disk is written a thousand times a
/// second; else a directory.
fn in_memory(directory: &Path, root: &Path) -> Option<Memory> {
    let name = directory.file_name()?;
    let path = Path::new("/dev/shm").join(name);
    fs::create_dir(&path).ok()?;
    let memory = Memory(path);
    symlink(&memory.0, root).ok()?;
    Some(memory)
}

/// Writes a zone's files; the one of its energy.
fn write_zone(root: &Path, counter: &RaplCounter) -> io::Result<File> {
    let (package, domain) = counter.zone;
    let mut inner = PathBuf::from("intel-rapl").join(format!("intel-rapl:{package}"));
    if domain.is_some() {
        inner.push(counter.directory());
    }
    let path = root.join(&inner);
    fs::create_dir_all(&path)?;
    symlink(&inner, root.join(counter.directory()))?;
    fs::write(path.join("name"), format!("{}\n", counter.name))?;
    fs::write(path.join("enabled"), "1\n")?;
    fs::write(path.join("max_energy_range_uj"), format!("{}\n", counter.range_uj()))?;
    fs::write(root.join("intel-rapl").join("enabled"), "1\n")?;
    OpenOptions::new().write(true).create_new(true).open(path.join("energy_uj"))
}

/// A number as 16 digits and the end of a line.
fn digits(mut number: u64) -> [u8; 17] {
    let mut text = [b'0'; 17];
    text[16] = b'\n';
    for digit in text[..16].iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_16_digits() {
        assert_eq!(&digits(262_143_328_850), b"0000262143328850\n");
        assert_eq!(&digits(0), b"0000000000000000\n");
    }
}
