//! The two calls of the kernel's `usbtmc` driver that a file alone does not offer.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

/// `USBTMC_IOCTL_CLEAR`, `_IO(91, 2)` in `include/uapi/linux/usb/tmc.h`.
const CLEAR: libc::Ioctl = 0x5b02;
/// `USBTMC_IOCTL_SET_TIMEOUT`, `_IOW(91, 10, __u32)`: milliseconds.
const SET_TIMEOUT: libc::Ioctl = 0x4004_5b0a;
/// Shortest timeout that the driver takes, `USBTMC_MIN_TIMEOUT` in `drivers/usb/class/usbtmc.c`.
const SHORTEST: Duration = Duration::from_millis(100);

/// Sets how long reads and writes of this file wait, 100 ms at least.
pub(super) fn set_timeout(file: BorrowedFd<'_>, timeout: Duration) -> io::Result<()> {
    let milliseconds = u32::try_from(timeout.max(SHORTEST).as_millis()).unwrap_or(u32::MAX);
    #[expect(unsafe_code, reason = "the standard library has no ioctl")]
    // SAFETY: the descriptor is open for the length of the call. The driver reads four bytes from the pointer, which
    // points to a u32 that lives as long; a file that is no usbtmc device refuses the number with ENOTTY.
    let status = unsafe { libc::ioctl(file.as_raw_fd(), SET_TIMEOUT, &raw const milliseconds) };
    if status < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Throws away what the instrument had to say and was not asked for, and ends what it is in the middle of.
pub(super) fn clear(file: BorrowedFd<'_>) -> io::Result<()> {
    #[expect(unsafe_code, reason = "the standard library has no ioctl")]
    // SAFETY: the descriptor is open for the length of the call, and this request passes no pointer.
    let status = unsafe { libc::ioctl(file.as_raw_fd(), CLEAR) };
    if status < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn a_file_that_is_no_instrument_refuses() {
        let file = File::open("/dev/null").unwrap();
        assert!(set_timeout(file.as_fd(), Duration::ZERO).is_err());
        assert!(clear(file.as_fd()).is_err());
    }
}
