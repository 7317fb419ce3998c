//! Dates of Unix times, in UTC.

/// A date and a time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Date {
    pub(super) year: i64,
    pub(super) month: i64,
    pub(super) day: i64,
    pub(super) hour: i64,
    pub(super) minute: i64,
    pub(super) second: i64,
    pub(super) nanos: i64,
}

impl Date {
    /// The date of a Unix time in ns, after H. Hinnant's algorithm for the Gregorian calendar (`days_from_civil`).
    pub(super) fn of(unix_ns: i64) -> Self {
        let seconds = unix_ns.div_euclid(1_000_000_000);
        let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * of_year + 2) / 153;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        Self {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month,
            day: of_year - (153 * month_from_march + 2) / 5 + 1,
            hour: of_day / 3_600,
            minute: of_day / 60 % 60,
            second: of_day % 60,
            nanos: unix_ns.rem_euclid(1_000_000_000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_known_times() {
        let date = |seconds: i64| {
            let date = Date::of(seconds * 1_000_000_000 + 7);
            assert_eq!(date.nanos, 7);
            [date.year, date.month, date.day, date.hour, date.minute, date.second]
        };
        assert_eq!(date(0), [1970, 1, 1, 0, 0, 0]);
        assert_eq!(date(1_421_860_855), [2015, 1, 21, 17, 20, 55]);
        assert_eq!(date(951_827_696), [2000, 2, 29, 12, 34, 56]);
        assert_eq!(date(-1), [1969, 12, 31, 23, 59, 59]);
    }
}
