//! What an estimator asks the operating system: the size of the memory, and how busy the CPUs are.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};

use power_core::{Error, ErrorKind, Result};

const MEMORY: &str = "/proc/meminfo";
const LOAD: &str = "/proc/stat";

/// Memory in GiB.
pub(super) fn memory_gib() -> Result<f64> {
    let unknown = |message: String| {
        Error::new(ErrorKind::Unavailable, format!("{message}; pass the option memory_gib"))
    };
    let text = std::fs::read_to_string(MEMORY).map_err(|error| unknown(format!("{MEMORY}: {error}")))?;
    let kib = text.lines().find_map(|line| {
        line.strip_prefix("MemTotal:")?.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()
    });
    kib.map(|kib| kib / 1024.0 / 1024.0).ok_or_else(|| unknown(format!("{MEMORY} has no MemTotal")))
}

/// The share of time in which the CPUs were busy.
#[derive(Debug)]
pub(super) struct Load {
    file: File,
    last: Option<(u64, u64)>,
}

impl Load {
    pub(super) fn open() -> Result<Self> {
        let file = File::open(LOAD).map_err(|error| {
            Error::new(ErrorKind::Unavailable, format!("{LOAD}: {error}; set the option cpu"))
        })?;
        Ok(Self { file, last: None })
    }

    /// Since the call before, 0 to 1; `None` at the first call, or where no tick has passed.
    pub(super) fn share(&mut self) -> Option<f64> {
        let mut bytes = [0; 256];
        self.file.seek(SeekFrom::Start(0)).ok()?;
        let length = self.file.read(&mut bytes).ok()?;
        let now = times(std::str::from_utf8(bytes.get(..length)?).ok()?)?;
        let before = self.last.replace(now)?;
        let (idle, all) = (now.0.checked_sub(before.0)?, now.1.checked_sub(before.1)?);
        let (idle, all) = (f64::from(u32::try_from(idle).ok()?), f64::from(u32::try_from(all).ok()?));
        (all > 0.0).then(|| (1.0 - idle / all).clamp(0.0, 1.0))
    }
}

/// Ticks of all CPUs in which they idled or waited for a disk, and all ticks: `cpu user nice system idle iowait …`, of which
/// what guests took stands in `user` already (`proc_stat(5)`).
fn times(text: &str) -> Option<(u64, u64)> {
    let line = text.lines().next()?.strip_prefix("cpu ")?;
    let (mut idle, mut all) = (0_u64, 0_u64);
    for (at, word) in line.split_whitespace().take(8).enumerate() {
        let ticks: u64 = word.parse().ok()?;
        all = all.checked_add(ticks)?;
        if matches!(at, 3 | 4) {
            idle = idle.checked_add(ticks)?;
        }
    }
    (all > 0).then_some((idle, all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guests_are_not_counted_twice() {
        assert_eq!(times("cpu  10 1 5 80 4 0 0 0 3 0\ncpu0 1"), Some((84, 100)));
        for bad in ["", "cpu", "cpu  x", "cpu0 1 2 3 4"] {
            assert_eq!(times(bad), None, "{bad}");
        }
    }
}
