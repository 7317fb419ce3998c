//! PTDaemon's samples: lines `Time,08-07-2021 09:51:52.783,Watts,366.9,Volts,206.4,Amps,1.9,PF,0.93,Mark,NAME`.
//!
//! Meters of several channels add `Ch1,Watts,…`.

use super::LogTime;

/// One line of samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Line<'a> {
    /// Unix time in nanoseconds.
    pub t_ns: i64,
    /// The channel prefix (`Ch1`, empty for the sum), the key (`Watts`) and the value of each sample.
    pub samples: Vec<(&'a str, &'a str, &'a str)>,
    /// The mark.
    pub mark: &'a str,
}

/// Reads one line. Takes any text.
///
/// # Errors
///
/// - what is wrong with the line, in a few words
pub fn parse_line<'a>(line: &'a str, time: &LogTime) -> Result<Line<'a>, String> {
    let mut words = line.split(',').map(str::trim);
    if words.next() != Some("Time") {
        return Err("does not begin with `Time,`".into());
    }
    let stamp = words.next().unwrap_or_default();
    let t_ns = time.parse(stamp.as_bytes()).ok_or_else(|| {
        format!("`{}` is no time like 08-07-2021 09:51:52.783", super::show(stamp.as_bytes()))
    })?;
    let mut parsed = Line { t_ns, samples: Vec::with_capacity(4), mark: "" };
    let mut prefix = "";
    while let Some(key) = words.next() {
        let digits = key.strip_prefix("Ch").filter(|rest| !rest.is_empty());
        if digits.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit())) {
            prefix = key;
            continue;
        }
        let Some(value) = words.next() else {
            if key.is_empty() {
                break;
            }
            return Err(format!("`{}` has no value", super::show(key.as_bytes())));
        };
        if key == "Mark" {
            parsed.mark = value;
        } else {
            parsed.samples.push((prefix, key, value));
        }
    }
    if parsed.samples.is_empty() {
        return Err("has no samples".into());
    }
    Ok(parsed)
}
