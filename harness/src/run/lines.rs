//! Files of one JSON object a line, such as `marks.jsonl`.

use serde::de::DeserializeOwned;

/// What stands in a file of one JSON object a line.
#[derive(Debug, Clone, PartialEq)]
pub struct Lines<T> {
    /// The objects of the good lines, in order.
    pub items: Vec<T>,
    /// The lines that are no such object, in order.
    pub bad: Vec<BadLine>,
    /// Whether the last line lacks its end, as the recorder leaves it when it dies while writing.
    pub unterminated: bool,
}

/// A line that is no such object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    /// The line's number, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: String,
}

impl<T: DeserializeOwned> Lines<T> {
    /// Reads all lines of `bytes`; empty lines are passed over, bad ones are kept apart. Takes any bytes.
    pub fn parse(bytes: &[u8]) -> Self {
        let unterminated = bytes.last().is_some_and(|&last| last != b'\n');
        let mut lines = Self { items: Vec::new(), bad: Vec::new(), unterminated };
        for (index, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            match serde_json::from_slice(line) {
                Ok(item) => lines.items.push(item),
                Err(error) => lines.bad.push(BadLine { line: index + 1, why: plain(&error) }),
            }
        }
        lines
    }
}

/// The message of a JSON error of one line: only the column of its position means anything.
fn plain(error: &serde_json::Error) -> String {
    let message = error.to_string();
    match message.rsplit_once(" at line ") {
        Some((what, _)) => format!("{what} at column {}", error.column()),
        None => message,
    }
}
