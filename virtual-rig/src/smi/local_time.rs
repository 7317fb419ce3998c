//! Local time, as the C library has it.

use std::ffi::c_int;

/// A time of the day, broken down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LocalTime {
    pub(super) year: c_int,
    /// 0 is January.
    pub(super) month: c_int,
    pub(super) day: c_int,
    /// 0 is Sunday.
    pub(super) weekday: c_int,
    pub(super) hour: c_int,
    pub(super) minute: c_int,
    pub(super) second: c_int,
    pub(super) millisecond: i64,
}

impl LocalTime {
    pub(super) fn now() -> Self {
        Self::at(power_core::SystemClock.anchor().realtime_ns)
    }

    /// As `2026/11/24 11:21:53.866`.
    pub(super) fn stamp(&self) -> String {
        let Self { year, month, day, hour, minute, second, millisecond, .. } = self;
        format!("{year:04}/{:02}/{day:02} {hour:02}:{minute:02}:{second:02}.{millisecond:03}", month + 1)
    }

    /// As `Tue Nov 24 11:21:53 2026`.
    pub(super) fn words(&self) -> String {
        const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let name = |names: &[&'static str], index: c_int| {
            usize::try_from(index).ok().and_then(|index| names.get(index).copied()).unwrap_or("???")
        };
        let Self { year, day, hour, minute, second, .. } = self;
        let (weekday, month) = (name(&DAYS, self.weekday), name(&MONTHS, self.month));
        format!("{weekday} {month} {day:>2} {hour:02}:{minute:02}:{second:02} {year}")
    }

    #[cfg(unix)]
    #[expect(unsafe_code, reason = "std knows no time zones")]
    fn at(realtime_ns: i64) -> Self {
        let seconds = libc::time_t::try_from(realtime_ns.div_euclid(1_000_000_000)).unwrap_or(0);
        // SAFETY: a tm is made of numbers and a pointer, all of which may be 0.
        let mut time: libc::tm = unsafe { std::mem::zeroed() };
        // SAFETY: both are exclusively borrowed for the call, and localtime_r fills in all but on failure, when it
        // leaves the zeros.
        unsafe { libc::localtime_r(&raw const seconds, &raw mut time) };
        Self {
            year: time.tm_year + 1900,
            month: time.tm_mon,
            day: time.tm_mday,
            weekday: time.tm_wday,
            hour: time.tm_hour,
            minute: time.tm_min,
            second: time.tm_sec,
            millisecond: realtime_ns.div_euclid(1_000_000).rem_euclid(1_000),
        }
    }

    /// Elsewhere in UTC, for what this crate is not meant.
    #[cfg(not(unix))]
    fn at(realtime_ns: i64) -> Self {
        let seconds = realtime_ns.div_euclid(1_000_000_000);
        let of_day = |divisor: i64, modulus: i64| c_int::try_from(seconds / divisor % modulus).unwrap_or(0);
        Self {
            year: 1970,
            month: 0,
            day: 1,
            weekday: 4,
            hour: of_day(3600, 24),
            minute: of_day(60, 60),
            second: of_day(1, 60),
            millisecond: realtime_ns.div_euclid(1_000_000).rem_euclid(1_000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_those_that_were_recorded() {
        let time = LocalTime {
            year: 2026,
            month: 10,
            day: 24,
            weekday: 2,
            hour: 11,
            minute: 21,
            second: 53,
            millisecond: 66,
        };
        assert_eq!(time.stamp(), "2026/11/24 11:21:53.066");
        assert_eq!(time.words(), "Tue Nov 24 11:21:53 2026");
        assert_eq!(LocalTime { day: 3, ..time }.words(), "Tue Nov  3 11:21:53 2026");
    }
}
