//! What happened to a rig at run time, and how every process comes to know of it.
//!
//! A journal is a text file that is only appended to, whole lines at a time: by the rig's process, and by an `nvidia-smi`
//! that disturbs the sensors.
//!
//! ```text
//! load T_NS GPU WATTS
//! fault T_NS ID key=value…
//! clear T_NS ID|all
//! hide T_NS NANOS
//! ```
//!
//! An entry is written [`LEAD_NS`] before its time, and a reader looks at the file's length at least every
//! [`LOOK_NS`], so each process knows of an entry before it takes effect: all see the same truth, without locks
//! or shared memory.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::description::Fault;
use crate::{Error, Result};

/// How long before its time an entry is written.
pub(crate) const LEAD_NS: i64 = 1_000_000;

/// How often a reader looks for new entries.
const LOOK_NS: i64 = 100_000;

/// One entry.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Entry {
    Load {
        t_ns: i64,
        gpu: usize,
        power_w: f64,
    },
    Fault {
        t_ns: i64,
        id: u64,
        fault: Fault,
    },
    Clear {
        t_ns: i64,
        id: Option<u64>,
    },
    /// From `t_ns` on, no GPU publishes its power for so many nanoseconds.
    Hide {
        t_ns: i64,
        nanos: i64,
    },
}

impl Entry {
    /// The entry as a line.
    pub(crate) fn line(&self) -> String {
        match self {
            Self::Load { t_ns, gpu, power_w } => format!("load {t_ns} {gpu} {power_w}\n"),
            Self::Fault { t_ns, id, fault } => format!("fault {t_ns} {id} {fault}\n"),
            Self::Clear { t_ns, id: Some(id) } => format!("clear {t_ns} {id}\n"),
            Self::Clear { t_ns, id: None } => format!("clear {t_ns} all\n"),
            Self::Hide { t_ns, nanos } => format!("hide {t_ns} {nanos}\n"),
        }
    }

    /// Reads a line.
    pub(crate) fn parse(line: &str) -> Result<Self> {
        let bad = || Error::new(format!("{line:?} is no entry of a journal"));
        let (word, rest) = line.split_once(' ').ok_or_else(bad)?;
        let (t, rest) = rest.split_once(' ').ok_or_else(bad)?;
        let t_ns: i64 = t.parse().map_err(|_| bad())?;
        match word {
            "load" => {
                let (gpu, power) = rest.split_once(' ').ok_or_else(bad)?;
                let power_w = power.parse().map_err(|_| bad())?;
                Ok(Self::Load { t_ns, gpu: gpu.parse().map_err(|_| bad())?, power_w })
            }
            "fault" => {
                let (id, fault) = rest.split_once(' ').ok_or_else(bad)?;
                Ok(Self::Fault { t_ns, id: id.parse().map_err(|_| bad())?, fault: fault.parse()? })
            }
            "clear" if rest == "all" => Ok(Self::Clear { t_ns, id: None }),
            "clear" => Ok(Self::Clear { t_ns, id: Some(rest.parse().map_err(|_| bad())?) }),
            "hide" => Ok(Self::Hide { t_ns, nanos: rest.parse().map_err(|_| bad())? }),
            _ => Err(bad()),
        }
    }

    /// Adds this to the end of a journal, in one write: lines of two processes do not mix.
    pub(crate) fn append(&self, journal: &Path) -> std::io::Result<()> {
        let mut file = std::fs::OpenOptions::new().append(true).open(journal)?;
        file.write_all(self.line().as_bytes())
    }
}

/// Reads a journal as it grows.
#[derive(Debug)]
pub(crate) struct Reader {
    file: File,
    consumed: u64,
    looked_ns: i64,
}

impl Reader {
    /// Opens a journal.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path)
            .map_err(|error| Error::because(format!("cannot open the journal {}", path.display()), error))?;
        Ok(Self { file, consumed: 0, looked_ns: i64::MIN })
    }

    /// The entries since the last call; looks only if the last look was long enough ago.
    pub(crate) fn new_entries(&mut self, now_ns: i64) -> Vec<Entry> {
        if now_ns.saturating_sub(self.looked_ns) < LOOK_NS {
            return Vec::new();
        }
        self.looked_ns = now_ns;
        match self.file.metadata() {
            Ok(metadata) if metadata.len() > self.consumed => self.read(),
            _ => Vec::new(),
        }
    }

    /// Reads whole lines; a line that is not finished yet is left for the next time.
    fn read(&mut self) -> Vec<Entry> {
        let mut bytes = Vec::new();
        let read =
            self.file.seek(SeekFrom::Start(self.consumed)).and_then(|_| self.file.read_to_end(&mut bytes));
        let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n').filter(|_| read.is_ok()) else {
            return Vec::new();
        };
        self.consumed += u64::try_from(end + 1).unwrap_or(0);
        let text = String::from_utf8_lossy(&bytes[..end]);
        text.lines().filter_map(|line| Entry::parse(line).ok()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_survive_their_line() {
        let entries = [
            Entry::Load { t_ns: 5, gpu: 3, power_w: 312.25 },
            Entry::Fault { t_ns: -1, id: 9, fault: Fault::slow("nvmlDeviceGetSamples", 1.5).on_gpu(0) },
            Entry::Clear { t_ns: 7, id: Some(9) },
            Entry::Clear { t_ns: 8, id: None },
            Entry::Hide { t_ns: 9, nanos: 35_000_000 },
        ];
        for entry in entries {
            assert_eq!(Entry::parse(entry.line().trim_end()).unwrap(), entry);
        }
        for line in ["", "load", "load x 0 1", "load 1 0", "fault 1 1 kind=odd", "clear 1 each", "stop 1 2"] {
            assert!(Entry::parse(line).is_err(), "{line}");
        }
    }
}
