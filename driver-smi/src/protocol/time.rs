//! Times as `nvidia-smi` prints them: local time without its zone.

use power_core::DeviceTime;

/// A local time without zone, as printed. What it means is known to whoever knows the zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalTime {
    nanos: i64,
}

impl LocalTime {
    /// The time in nanoseconds since 1970 (`CLOCK_REALTIME`), for a zone that many seconds east of UTC.
    ///
    /// ```
    /// use driver_smi::protocol::parse_csv_time;
    /// let time = parse_csv_time("2026/11/24 11:21:53.866").ok_or("no time")?;
    /// assert_eq!(time.in_zone(0).nanos(), 1_795_519_313_866_000_000);
    /// assert_eq!(time.in_zone(3_600).nanos(), 1_795_515_713_866_000_000);
    /// # Ok::<(), &str>(())
    /// ```
    pub const fn in_zone(self, seconds_east: i32) -> DeviceTime {
        // Years are bounded when parsed, so this stays within i64 for any zone that an i32 can hold.
        DeviceTime::from_nanos(self.nanos - seconds_east as i64 * 1_000_000_000)
    }
}

/// Reads the `timestamp` of a query, `2026/11/24 11:21:53.866`; `None` if it is not of that form.
pub fn parse_csv_time(text: &str) -> Option<LocalTime> {
    let (date, time) = text.trim().split_once(' ')?;
    let mut parts = date.split('/');
    let (year, month, day) =
        (number(parts.next()?, 4)?, number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let (clock, part) = time.split_once('.')?;
    let millis = number(part, 3)?;
    if parts.next().is_some() {
        return None;
    }
    local(year, month, day, clock, millis)
}

/// Reads the time of a `-q` or `-q -x` log, `Tue Nov 24 11:21:53 2026`, in whole seconds.
pub fn parse_log_time(text: &str) -> Option<LocalTime> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.split_whitespace();
    let (_weekday, month, day) = (words.next()?, words.next()?, words.next()?);
    let (clock, year) = (words.next()?, words.next()?);
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    // The day is padded with a space, not with a 0.
    let day = number(day, day.len().clamp(1, 2))?;
    if words.next().is_some() {
        return None;
    }
    local(number(year, 4)?, i64::try_from(month).ok()?, day, clock, 0)
}

/// Reads the two columns of `dmon -o DT`, `20261124` and `11:21:53`, in whole seconds.
pub fn parse_date_and_time(date: &str, clock: &str) -> Option<LocalTime> {
    if !date.is_ascii() || date.len() != 8 {
        return None;
    }
    local(number(&date[..4], 4)?, number(&date[4..6], 2)?, number(&date[6..], 2)?, clock, 0)
}

/// A number of exactly that many digits.
fn number(text: &str, digits: usize) -> Option<i64> {
    let right = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    right.then(|| text.parse().ok())?
}

fn local(year: i64, month: i64, day: i64, clock: &str, millis: i64) -> Option<LocalTime> {
    let mut parts = clock.split(':');
    let (hour, minute) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let second = number(parts.next()?, 2)?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    // A leap second is printed as 60. Nanoseconds leave i64 in 2262, 68 years before that for the widest i32 of a zone.
    let right = (1970..2190).contains(&year)
        && (1..=days).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60
        && parts.next().is_none();
    right.then(|| {
        let seconds = ((days_since_1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
        LocalTime { nanos: (seconds * 1_000 + millis) * 1_000_000 }
    })
}

/// Days from 1970-01-01 in the Gregorian calendar, counting years from March so that leap days come last.
const fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    // 153 days in five months from March on; 719 468 days from 0000-03-01 to 1970-01-01.
    year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_all_three_forms_are_the_seconds_that_date_gives() {
        // date -u -d '2026-11-24 11:21:53' +%s
        let expected = 1_795_519_313_000_000_000;
        assert_eq!(parse_log_time("Tue Nov 24 11:21:53 2026").unwrap().in_zone(0).nanos(), expected);
        assert_eq!(parse_date_and_time("20261124", "11:21:53").unwrap().in_zone(0).nanos(), expected);
        assert_eq!(parse_csv_time("2026/11/24 11:21:53.000").unwrap().in_zone(0).nanos(), expected);
        // date -u -d '2024-02-29 23:59:59' +%s; date -u -d '2000-03-01' +%s
        let leap = parse_csv_time("2024/02/29 23:59:59.001").unwrap().in_zone(0).nanos();
        assert_eq!(leap, 1_709_251_199_001_000_000);
        assert_eq!(parse_date_and_time("20000301", "00:00:00").unwrap().nanos, 951_868_800_000_000_000);
        assert_eq!(parse_log_time("Thu Jan  1 00:00:00 1970").unwrap().nanos, 0);
    }

    #[test]
    fn the_last_time_that_is_read_fits_any_zone() {
        let last = parse_csv_time("2189/12/31 23:59:60.999").unwrap();
        assert!(last.in_zone(i32::MIN) > last.in_zone(i32::MAX));
        assert!(parse_csv_time("1970/01/01 00:00:00.000").unwrap().in_zone(i32::MAX).nanos() < 0);
        assert_eq!(parse_csv_time("2190/01/01 00:00:00.000"), None);
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "2026/11/24",
            "2026/13/24 11:21:53.866",
            "2026/02/30 11:21:53.866",
            "2026/11/24 24:00:00.000",
            "2026/11/24 11:21:53",
            "2026/11/24 11:21:53.8",
            "+026/11/24 11:21:53.866",
            "2026/11/24/1 11:21:53.866",
            "9999/11/24 11:21:53.866",
        ] {
            assert_eq!(parse_csv_time(text), None, "{text}");
        }
        assert_eq!(parse_log_time("Tue Nov 24 11:21:53"), None);
        assert_eq!(parse_log_time("Tue Foo 24 11:21:53 2026"), None);
        assert_eq!(parse_date_and_time("2026112é", "11:21:53"), None);
    }
}
