//! Dates in the answers of meters.

/// Days from 1970-01-01 to a date of the Gregorian calendar from 1970 on; `None` for a date that does not exist.
///
/// The day of the year is counted from 1 March, so that the leap day comes last: month lengths from there on are
/// (153 m + 2) / 5 in sum.
pub(crate) fn days_since_1970(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return None,
    };
    if !(1..=length).contains(&day) || !(1970..=9999).contains(&year) {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days_before_year = year * 365 + year / 4 - year / 100 + year / 400;
    // 719 468 days lie between 0000-03-01 and 1970-01-01.
    Some(days_before_year + (153 * month + 2) / 5 + day - 1 - 719_468)
}

#[cfg(test)]
mod tests {
    use super::days_since_1970;

    #[test]
    fn days_are_counted_through_leap_years() {
        assert_eq!(days_since_1970(1970, 1, 1), Some(0));
        assert_eq!(days_since_1970(2000, 2, 29), Some(11_016));
        assert_eq!(days_since_1970(2000, 3, 1), Some(11_017));
        assert_eq!(days_since_1970(2026, 11, 24), Some(20_781));
        assert_eq!(days_since_1970(2100, 3, 1), days_since_1970(2100, 2, 28).map(|day| day + 1));
        assert_eq!(days_since_1970(2023, 2, 29), None);
        assert_eq!(days_since_1970(2023, 13, 1), None);
        assert_eq!(days_since_1970(2023, 4, 31), None);
    }
}
