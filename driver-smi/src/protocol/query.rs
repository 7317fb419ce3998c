//! What `-q` prints, whole or in part (`-q -d POWER`), once or in a loop.

use super::cell::is_whole;
use super::report::Form;
use super::{Field, GpuReport, Malformed, Report, parse_log_time};

/// Why a log cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, {path}: {malformed}")]
pub struct QueryError {
    /// Number of the line, from 1.
    pub line: usize,
    /// The headings below the GPU.
    pub path: String,
    /// What the value should have been.
    pub malformed: Malformed,
}

/// One entry of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry<'a> {
    /// A new log begins.
    Log,
    /// A GPU of this bus id begins.
    Gpu(&'a str),
    /// A value under these headings, such as `GPU Power Readings/Average Power Draw`.
    Value(&'a str, &'a str),
}

/// Hands every entry of a log to `visit`, with the number of its line from 1.
///
/// # Errors
///
/// - that of `visit`, unchanged.
pub fn visit<E>(log: &str, mut visit: impl FnMut(usize, Entry<'_>) -> Result<(), E>) -> Result<(), E> {
    let mut path = String::new();
    // Indentation of each heading on the path, and the length of the path before it.
    let mut headings: Vec<(usize, usize)> = Vec::new();
    for (number, line) in log.lines().enumerate() {
        let number = number + 1;
        let text = line.trim();
        if text.is_empty() {
            continue;
        }
        if text.starts_with("====") {
            headings.clear();
            path.clear();
            visit(number, Entry::Log)?;
            continue;
        }
        let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
        while let Some((_, length)) = headings.pop_if(|(heading, _)| *heading >= indent) {
            path.truncate(length);
        }
        let (key, value) = match text.split_once(" :") {
            Some((key, value)) => (key.trim_end(), Some(value.trim())),
            None => (text, None),
        };
        // A GPU's heading is the only one that is not indented and has no value.
        if indent == 0 && value.is_none() {
            if let Some(bus_id) = key.strip_prefix("GPU ") {
                visit(number, Entry::Gpu(bus_id))?;
            }
            continue;
        }
        headings.push((indent, path.len()));
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(key);
        if let Some(value) = value {
            visit(number, Entry::Value(&path, value))?;
        }
    }
    Ok(())
}

/// Reads one log, or several in a row as `-q -l` prints them.
///
/// # Errors
///
/// - [`QueryError`] if a value makes no sense, or may be cut off: it stands at the end of the text, without unit and
///   line feed.
pub fn parse(log: &str) -> Result<Vec<Report>, QueryError> {
    let mut reports: Vec<Report> = Vec::new();
    let mut gpu: Option<GpuReport> = None;
    let unended = if log.ends_with('\n') { 0 } else { log.lines().count() };
    visit(log, |line, entry| {
        if let Entry::Value(path, text) = entry
            && line == unended
            && let Some(field) = Field::ALL.iter().find(|field| field.query_paths().contains(&path))
            && !is_whole(field.kind(), text)
        {
            return Err(QueryError { line, path: path.to_owned(), malformed: Malformed(field.kind()) });
        }
        match (entry, reports.last_mut()) {
            (Entry::Log, last) => {
                if let (Some(report), Some(gpu)) = (last, gpu.take()) {
                    report.gpus.push(gpu.finish());
                }
                reports.push(Report::default());
            }
            (Entry::Gpu(bus_id), Some(report)) => {
                report.gpus.extend(gpu.take().map(GpuReport::finish));
                gpu = Some(GpuReport { bus_id: bus_id.to_owned(), ..GpuReport::default() });
            }
            (Entry::Value(path, text), Some(report)) => match (path, &mut gpu) {
                (_, Some(gpu)) => gpu
                    .take(Form::Query, path, text)
                    .map_err(|(path, malformed)| QueryError { line, path, malformed })?,
                ("Timestamp", None) => report.time = parse_log_time(text),
                ("Driver Version", None) => report.driver_version = Some(text.to_owned()),
                ("Attached GPUs", None) => report.attached = text.parse().ok(),
                _ => {}
            },
            // Before the first log there are only warnings.
            _ => {}
        }
        Ok(())
    })?;
    if let (Some(report), Some(gpu)) = (reports.last_mut(), gpu) {
        report.gpus.push(gpu.finish());
    }
    Ok(reports)
}
