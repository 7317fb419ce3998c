//! System calls: the only file with `unsafe` code.

use std::fs::File;
use std::io;
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::fs::FileExt;

/// `struct perf_event_attr` as of `PERF_ATTR_SIZE_VER7` (`include/uapi/linux/perf_event.h`), of which only the head is
/// used. Kernels that know less of it take it as long as the rest is 0.
#[repr(C)]
#[derive(Debug, Default)]
struct EventAttr {
    kind: u32,
    size: u32,
    config: u64,
    sample_period: u64,
    sample_type: u64,
    read_format: u64,
    /// `disabled`, `exclude_kernel` and 60 more bits. All 0: RAPL's PMU refuses exclusion
    /// (`PERF_PMU_CAP_NO_EXCLUDE`), and counts from the moment it is opened.
    flags: u64,
    rest: [u64; 10],
}

/// `PERF_FORMAT_GROUP`: a read gives the number of counters, then each of them.
const FORMAT_GROUP: u64 = 1 << 3;
/// `PERF_FLAG_FD_CLOEXEC`.
const CLOEXEC: libc::c_ulong = 1 << 3;

/// Opens a counter of everything that happens on one CPU, alone or in the group of `leader`.
///
/// # Errors
///
/// Those of `perf_event_open(2)`.
pub(crate) fn open_event(kind: u32, config: u64, cpu: u32, leader: Option<&File>) -> io::Result<File> {
    #[expect(clippy::cast_possible_truncation, reason = "128")]
    let size = mem::size_of::<EventAttr>() as u32;
    let attr = EventAttr { kind, size, config, read_format: FORMAT_GROUP, ..EventAttr::default() };
    let cpu = libc::c_int::try_from(cpu).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let group = leader.map_or(-1, AsRawFd::as_raw_fd);
    let every_process: libc::pid_t = -1;
    #[expect(unsafe_code, reason = "neither std nor libc wraps perf_event_open")]
    // SAFETY: `attr` lives through the call, is laid out as the kernel's struct and says its own size; the kernel
    // reads it and keeps no pointer. The other arguments are numbers of the types that the call takes.
    let answer = unsafe {
        libc::syscall(libc::SYS_perf_event_open, &raw const attr, every_process, cpu, group, CLOEXEC)
    };
    let descriptor = libc::c_int::try_from(answer).unwrap_or(-1);
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    #[expect(unsafe_code, reason = "a descriptor from a system call is taken over")]
    // SAFETY: the kernel has just given this descriptor to this call, so nobody else owns it.
    Ok(unsafe { File::from_raw_fd(descriptor) })
}

/// Reads at an offset, without moving the file's own.
///
/// # Errors
///
/// Those of `pread(2)`.
pub(crate) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    file.read_at(buffer, offset)
}

/// How far `CLOCK_BOOTTIME` is ahead of `CLOCK_MONOTONIC`, in nanoseconds: the time that the host has slept since
/// it booted, and the few nanoseconds between the two calls.
pub(crate) fn slept_ns() -> Option<i64> {
    let monotonic = clock_ns(libc::CLOCK_MONOTONIC)?;
    Some(clock_ns(libc::CLOCK_BOOTTIME)? - monotonic)
}

fn clock_ns(clock: libc::clockid_t) -> Option<i64> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    #[expect(unsafe_code, reason = "std has no CLOCK_BOOTTIME")]
    // SAFETY: `time` is a timespec that the call may write, and it keeps no pointer to it.
    let failed = unsafe { libc::clock_gettime(clock, &raw mut time) } != 0;
    if failed {
        return None;
    }
    time.tv_sec.checked_mul(1_000_000_000)?.checked_add(time.tv_nsec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_attribute_is_laid_out_as_the_kernel_has_it() {
        assert_eq!(mem::size_of::<EventAttr>(), 128);
        assert_eq!(mem::offset_of!(EventAttr, config), 8);
        assert_eq!(mem::offset_of!(EventAttr, read_format), 32);
        assert_eq!(mem::offset_of!(EventAttr, flags), 40);
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri has no CLOCK_BOOTTIME")]
    fn a_host_has_slept_no_negative_time() {
        let slept = slept_ns().unwrap();
        // The second clock is read a little later than the first.
        assert!(slept >= 0, "{slept}");
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri has no perf_event_open")]
    fn an_event_of_no_pmu_is_refused() {
        assert!(open_event(u32::MAX, 0, 0, None).is_err());
        assert!(open_event(1, 0, u32::MAX, None).is_err());
    }
}
