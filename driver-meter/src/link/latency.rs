//! The latency timer of FTDI adapters.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// How long an FTDI adapter holds back an unfinished packet of received bytes, in milliseconds.
///
/// The kernel's driver sets 16 ms (`ftdi_sio.c`); it stands in the way of every short answer. Only root may set it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LatencyTimer {
    milliseconds: u32,
    file: PathBuf,
}

impl LatencyTimer {
    /// The timer of the serial device at `path`; `None` where it has none.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        Self::of_in(Path::new("/sys"), path)
    }

    /// The same, under another root of sysfs.
    pub(crate) fn of_in(sys: &Path, path: &Path) -> Option<Self> {
        let device = path.canonicalize().ok()?;
        let file = sys.join("class/tty").join(device.file_name()?).join("device/latency_timer");
        let milliseconds = fs::read_to_string(&file).ok()?.trim().parse().ok()?;
        Some(Self { milliseconds, file })
    }
}

impl fmt::Display for LatencyTimer {
    /// Writes the time, and what shortens it where it is long.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.milliseconds)?;
        if self.milliseconds > 1 {
            write!(f, "; answers come faster after: echo 1 | sudo tee {}", self.file.display())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_timer_says_what_shortens_it() {
        let sys = tempfile::tempdir().unwrap();
        let device = sys.path().join("class/tty/null/device");
        fs::create_dir_all(&device).unwrap();
        // A device file that every machine has stands in for the serial one.
        let path = Path::new("/dev/null");
        assert_eq!(LatencyTimer::of_in(sys.path(), path), None);
        for (text, words) in
            [("16\n", Some("16 ms; answers come faster after: echo 1")), ("1\n", Some("1 ms")), ("x", None)]
        {
            fs::write(device.join("latency_timer"), text).unwrap();
            let shown = LatencyTimer::of_in(sys.path(), path).map(|timer| timer.to_string());
            assert_eq!(shown.is_some(), words.is_some(), "{shown:?}");
            assert!(words.is_none_or(|words| shown.unwrap().starts_with(words)));
        }
    }
}
