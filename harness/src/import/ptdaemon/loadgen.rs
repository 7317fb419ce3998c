//! MLPerf's `mlperf_log_detail.txt`: the phases that bound what counts.

use serde::Deserialize;

use super::LogTime;
use crate::run::{Mark, MarkEvent};

#[derive(Deserialize)]
struct Entry {
    key: String,
    value: serde_json::Value,
}

/// The phases in a log: pairs of keys `…_begin` and `…_end` whose values are times. Takes any bytes.
pub fn parse(bytes: &[u8], time: &LogTime) -> Vec<Mark> {
    let lines = bytes.split(|byte| *byte == b'\n');
    lines.filter_map(|line| mark(line.trim_ascii().strip_prefix(b":::MLLOG ")?, time)).collect()
}

fn mark(json: &[u8], time: &LogTime) -> Option<Mark> {
    // Most lines are long and none of ours: look before parsing.
    let head = &json[..json.len().min(200)];
    let has = |words: &[u8]| head.windows(words.len()).any(|window| window == words);
    if !has(b"_begin\"") && !has(b"_end\"") {
        return None;
    }
    let entry: Entry = serde_json::from_slice(json).ok()?;
    let t_ns = time.parse(entry.value.as_str()?.as_bytes())?;
    let (name, event) = match entry.key.strip_suffix("_begin") {
        Some(name) => (name, MarkEvent::Begin),
        None => (entry.key.strip_suffix("_end")?, MarkEvent::End),
    };
    Some(Mark { t_ns, event, name: name.to_owned() })
}
