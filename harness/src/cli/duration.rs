//! Durations on the command line: `25ms`, `1.5s`, `100us`.

use std::time::Duration;

/// Parses a duration with its unit.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let seconds_per_unit = match unit {
        "ns" => 1e-9,
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "min" => 60.0,
        "h" => 3600.0,
        "" => return Err(format!("{text} has no unit: write {text}s or {text}ms")),
        _ => return Err(format!("{unit} is no unit of time: use ns, us, ms, s, min or h")),
    };
    let number: f64 = number.trim().parse().map_err(|_| format!("{number} is no number"))?;
    Duration::try_from_secs_f64(number * seconds_per_unit)
        .map_err(|_| format!("{text} is no possible duration"))
}

/// Nanoseconds of a duration, clipped to 292 years.
pub(super) fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_needed_and_known() {
        assert_eq!(parse("25ms"), Ok(Duration::from_millis(25)));
        assert_eq!(parse("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse("0s"), Ok(Duration::ZERO));
        for bad in ["25", "ms", "-1s", "1 parsec", "1e30h", "NaNs", ""] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
