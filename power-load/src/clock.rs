//! The clock that schedules go by.

use std::time::Duration;

/// `CLOCK_MONOTONIC` in ns, the clock of the stamps of a recording; elsewhere than on Unix, time since the first call.
pub(crate) fn now_ns() -> i64 {
    #[cfg(unix)]
    {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        now.tv_sec.saturating_mul(1_000_000_000).saturating_add(now.tv_nsec)
    }
    #[cfg(not(unix))]
    {
        static BEGAN: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        let began = BEGAN.get_or_init(std::time::Instant::now);
        i64::try_from(began.elapsed().as_nanos()).unwrap_or(i64::MAX)
    }
}

/// The time from now until `due_ns`; none if that has passed.
pub(crate) fn left(due_ns: i64) -> Option<Duration> {
    u64::try_from(due_ns.saturating_sub(now_ns())).ok().filter(|left| *left > 0).map(Duration::from_nanos)
}

/// Lets the calling thread wake up as precisely as the kernel can: else up to 50 µs late (prctl(2), `PR_SET_TIMERSLACK`).
pub(crate) fn precise_timers() {
    #[cfg(target_os = "linux")]
    {
        // A kernel that refuses leaves the thread as precise as it was.
        let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
    }
}

/// Seconds in ns.
#[expect(clippy::cast_possible_truncation, reason = "a float cast saturates")]
pub(crate) fn nanos(seconds: f64) -> i64 {
    (seconds * 1e9).round() as i64
}
