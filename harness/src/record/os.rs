//! What a recorder needs of the operating system: precise timers, real-time scheduling, its own cost.
//!
//! The one file of this crate with `unsafe`.

use std::fs;
use std::io;
use std::time::Duration;

use power_core::HostTime;
#[cfg(target_os = "linux")]
use rustix::thread::{ClockId, clock_nanosleep_absolute};
#[cfg(target_os = "linux")]
use rustix::time::Timespec;
use rustix::time::clock_gettime;

/// Number of the capability to read performance counters (capabilities(7)).
pub const CAP_PERFMON: u32 = 38;
/// Number of the capability to administer the system (capabilities(7)).
pub const CAP_SYS_ADMIN: u32 = 21;

const NANOS: i64 = 1_000_000_000;

/// Lets the calling thread, and those that it makes, wake up as precisely as the kernel can.
///
/// Without it the kernel may be late by 50 µs to save power (prctl(2), `PR_SET_TIMERSLACK`).
pub fn precise_timers() {
    #[cfg(target_os = "linux")]
    {
        // A kernel that refuses leaves the thread as precise as it was, which the histogram of wake-ups shows.
        let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
    }
}

/// Sleeps until the host time `due`; returns at once if it has passed. May wake up early for a signal.
pub fn sleep_until(due: HostTime) {
    #[cfg(target_os = "linux")]
    {
        let nanos = due.nanos();
        let due = Timespec { tv_sec: nanos.div_euclid(NANOS), tv_nsec: nanos.rem_euclid(NANOS) };
        // A sleep that a signal cut short is made again by whoever still has to wait.
        let _ = clock_nanosleep_absolute(ClockId::Monotonic, &due);
    }
    #[cfg(not(target_os = "linux"))]
    {
        use power_core::Clock;
        if let Some(left) = due.since(power_core::SystemClock.now()) {
            std::thread::sleep(left);
        }
    }
}

/// CPU time that the calling thread has used.
pub fn thread_cpu() -> Duration {
    cpu(rustix::time::ClockId::ThreadCPUTime)
}

/// CPU time that all threads of this process have used.
pub fn process_cpu() -> Duration {
    cpu(rustix::time::ClockId::ProcessCPUTime)
}

fn cpu(clock: rustix::time::ClockId) -> Duration {
    let time = clock_gettime(clock);
    let nanos = time.tv_sec.saturating_mul(NANOS).saturating_add(time.tv_nsec);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
}

/// A number with its name in `/proc/self/status`; `None` where there is none.
fn status(name: &str) -> Option<String> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(line.trim().to_owned())
}

/// Memory of this process that is in RAM now, in bytes; `None` where the system does not say.
pub fn resident_bytes() -> Option<u64> {
    kib("VmRSS")
}

/// The most that it was since the process started, in bytes; `None` where the system does not say.
pub fn peak_resident_bytes() -> Option<u64> {
    kib("VmHWM")
}

fn kib(name: &str) -> Option<u64> {
    status(name)?.strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Whether this process has the capability of this number.
pub fn has_capability(number: u32) -> bool {
    let effective = status("CapEff").and_then(|hex| u64::from_str_radix(&hex, 16).ok());
    effective.is_some_and(|bits| bits >> number & 1 == 1)
}

/// Whether a thread of this process may be scheduled in real time: found by trying it on a thread of its own.
pub fn may_be_realtime() -> bool {
    std::thread::spawn(|| become_realtime().is_ok()).join().unwrap_or(false)
}

/// What the kernel knows of how this host's wall clock is kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KernelClock {
    /// Whether something keeps it.
    pub synchronised: bool,
    /// The most that it is wrong by, in microseconds.
    pub max_error_us: i64,
    /// What it is likely to be wrong by, in microseconds.
    pub estimated_error_us: i64,
    /// By how much it is made to run faster, in parts per million.
    pub frequency_ppm: f64,
}

/// How this host's wall clock is kept (adjtimex(2)); `None` where the system does not say.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "neither std nor rustix has adjtimex")]
#[cfg_attr(
    target_pointer_width = "64",
    expect(clippy::useless_conversion, reason = "long is narrower on 32-bit targets")
)]
pub fn kernel_clock() -> Option<KernelClock> {
    // SAFETY: all zeros are a timex, a struct of integers; and its `modes` of 0 asks to change nothing.
    let mut state: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: `state` is valid and exclusively borrowed for the length of the call, which writes nothing else.
    let status = unsafe { libc::adjtimex(&raw mut state) };
    #[expect(clippy::cast_precision_loss, reason = "ppm with a 16-bit fraction, at most 500")]
    (status >= 0).then(|| KernelClock {
        synchronised: status != libc::TIME_ERROR && state.status & libc::STA_UNSYNC == 0,
        max_error_us: i64::from(state.maxerror),
        estimated_error_us: i64::from(state.esterror),
        frequency_ppm: i64::from(state.freq) as f64 / f64::from(1 << 16),
    })
}

/// How this host's wall clock is kept, which nobody says here.
#[cfg(not(target_os = "linux"))]
pub fn kernel_clock() -> Option<KernelClock> {
    None
}

/// Keeps what this process has in memory, and will have, from being paged out.
///
/// # Errors
///
/// - if this process may not lock so much memory.
pub fn lock_memory() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::mm::{MlockAllFlags, mlockall};
        // On fault: what is never touched need not be in RAM.
        mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT)?;
        Ok(())
    }
    #[cfg(not(target_os = "linux"))]
    Err(io::ErrorKind::Unsupported.into())
}

/// Locks memory, and says what is not permitted.
pub fn request_realtime(tell: &mut dyn FnMut(&str)) {
    let lines = [
        lock_memory().err().map(|error| format!("memory cannot be locked ({error})")),
        (!may_be_realtime()).then(|| "real-time priority is not permitted".to_owned()),
    ];
    for line in lines.into_iter().flatten() {
        let program = std::env::current_exe().unwrap_or_else(|_| "wattproof".into());
        tell(&format!("{line}: sudo setcap cap_sys_nice,cap_ipc_lock=ep {}", program.display()));
    }
}

/// Gives the calling thread the lowest real-time priority: it runs before all that are not real-time, and behind all
/// that are.
///
/// # Errors
///
/// - if this process may not.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "neither std nor rustix sets a scheduling policy")]
pub fn become_realtime() -> io::Result<()> {
    let parameters = libc::sched_param { sched_priority: 1 };
    // SAFETY: `parameters` is a valid sched_param for the length of the call, which only reads it; 0 names the
    // calling thread, so that no other's scheduling changes.
    let status = unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const parameters) };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Gives the calling thread real-time priority, which is not made here.
///
/// # Errors
///
/// - always.
#[cfg(not(target_os = "linux"))]
pub fn become_realtime() -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use power_core::{Clock, SystemClock};

    #[test]
    fn a_sleep_ends_no_earlier_than_due() {
        let due = SystemClock.now().checked_add(Duration::from_millis(3)).unwrap();
        while SystemClock.now() < due {
            sleep_until(due);
        }
        sleep_until(HostTime::from_nanos(0));
    }

    #[test]
    fn a_thread_that_works_uses_cpu_time() {
        let before = thread_cpu();
        let used = (0..1_000_000_000_u64).any(|step| std::hint::black_box(step) > 0 && thread_cpu() > before);
        assert!(used && process_cpu() >= before);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_has_memory_and_no_capability_that_is_none() {
        // In this order: other tests of this process take memory meanwhile.
        let resident = resident_bytes();
        assert!(resident.unwrap() > 100_000 && peak_resident_bytes() >= resident);
        assert!(!has_capability(63));
    }
}
