//! A pseudo-terminal as a serial line.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

use crate::meter::wire::Line;

/// One end of a serial line; clients have the other by its path. When dropped, the line hangs up.
#[derive(Debug)]
pub(super) struct Terminal {
    own: File,
    /// Kept open, so that the line stays when a client leaves, and keeps its settings.
    _other: File,
    path: PathBuf,
}

impl Terminal {
    /// A line that clients find at `path`.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let own: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        grantpt(&own)?;
        unlockpt(&own)?;
        let name = ptsname(&own, Vec::new())?;
        let other_path = Path::new(std::ffi::OsStr::from_bytes(name.to_bytes()));
        let no_tty = i32::try_from(rustix::fs::OFlags::NOCTTY.bits()).map_err(io::Error::other)?;
        let other = OpenOptions::new().read(true).write(true).custom_flags(no_tty).open(other_path)?;
        let mut settings = tcgetattr(&other)?;
        settings.make_raw();
        tcsetattr(&other, OptionalActions::Now, &settings)?;
        rustix::io::ioctl_fionbio(&own, true)?;
        let _ = fs::remove_file(path);
        symlink(other_path, path)?;
        Ok(Self { own: File::from(own), _other: other, path: path.to_owned() })
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Where it cannot be removed, it leads nowhere.
        let _ = fs::remove_file(&self.path);
    }
}

impl Line for Terminal {
    fn receive(&mut self, buffer: &mut [u8], timeout: Duration) -> io::Result<usize> {
        let timeout = Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(timeout.subsec_nanos()),
        };
        let mut ready = [PollFd::new(&self.own, PollFlags::IN)];
        match poll(&mut ready, Some(&timeout)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(0),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        match self.own.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            other => other,
        }
    }

    /// Sends bytes; those for which there is no room are lost, as on a line that nobody reads.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.own.write(rest) {
                Ok(count) => rest = &rest[count..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
