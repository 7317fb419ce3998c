//! The host's real clocks: the one place in this crate that calls the operating system.

use crate::{Anchor, Clock, HostTime};

/// The host's own time base.
///
/// On Unix it is `CLOCK_MONOTONIC`, the same in every process of one boot; one call costs some 20 ns where the
/// kernel offers it without a system call. Elsewhere it counts from the first use in this process.
///
/// ```
/// use power_core::{Clock, SystemClock};
/// let before = SystemClock.now();
/// assert!(SystemClock.now() >= before);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> HostTime {
        HostTime::from_nanos(os::monotonic())
    }
}

impl SystemClock {
    /// Reads the host's clocks together. Does not block.
    ///
    /// The time base is read before and after the others and its midpoint kept; `width_ns` is the time between.
    pub fn anchor(&self) -> Anchor {
        let before = os::monotonic();
        let (realtime_ns, boottime_ns, raw_ns) = (os::realtime(), os::boottime(), os::raw());
        let width_ns = os::monotonic() - before;
        Anchor {
            monotonic_ns: before + width_ns / 2,
            realtime_ns,
            boottime_ns,
            raw_ns,
            width_ns: Some(width_ns),
        }
    }
}

/// Clocks by `clock_gettime`, all in nanoseconds.
#[cfg(unix)]
mod os {
    pub(super) fn monotonic() -> i64 {
        read(libc::CLOCK_MONOTONIC)
    }

    pub(super) fn realtime() -> i64 {
        read(libc::CLOCK_REALTIME)
    }

    pub(super) fn boottime() -> Option<i64> {
        BOOTTIME.map(read)
    }

    pub(super) fn raw() -> Option<i64> {
        RAW.map(read)
    }

    // Clocks that not every Unix has.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const BOOTTIME: Option<libc::clockid_t> = Some(libc::CLOCK_BOOTTIME);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    const BOOTTIME: Option<libc::clockid_t> = None;
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    const RAW: Option<libc::clockid_t> = Some(libc::CLOCK_MONOTONIC_RAW);
    #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
    const RAW: Option<libc::clockid_t> = None;

    #[expect(unsafe_code, reason = "std has no way to read CLOCK_MONOTONIC as a number")]
    #[expect(
        clippy::expect_used,
        reason = "clock_gettime fails only for a clock id the kernel does not know"
    )]
    #[cfg_attr(
        target_pointer_width = "64",
        expect(clippy::useless_conversion, reason = "time_t and long are narrower on 32-bit targets")
    )]
    fn read(clock: libc::clockid_t) -> i64 {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `time` is a valid, exclusively borrowed timespec for the length of the call, and clock_gettime
        // writes nothing else.
        let status = unsafe { libc::clock_gettime(clock, &raw mut time) };
        (status == 0)
            .then(|| i64::from(time.tv_sec) * 1_000_000_000 + i64::from(time.tv_nsec))
            .expect("this kernel has the POSIX clocks")
    }
}

/// Clocks by the standard library, all in nanoseconds.
#[cfg(not(unix))]
mod os {
    use std::sync::OnceLock;
    use std::time::{Duration, Instant, SystemTime};

    pub(super) fn monotonic() -> i64 {
        static ORIGIN: OnceLock<Instant> = OnceLock::new();
        nanos(ORIGIN.get_or_init(Instant::now).elapsed())
    }

    pub(super) fn realtime() -> i64 {
        match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => nanos(since),
            Err(before) => -nanos(before.duration()),
        }
    }

    pub(super) fn boottime() -> Option<i64> {
        None
    }

    pub(super) fn raw() -> Option<i64> {
        None
    }

    /// Ends at `i64::MAX`, 292 years.
    fn nanos(duration: Duration) -> i64 {
        i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
    }
}
