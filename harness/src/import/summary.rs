//! What came in.

use std::path::PathBuf;

use serde::Serialize;

use super::sink::Tally;
use crate::run::TimeBase;

/// What an import brought.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The run.
    pub run: PathBuf,
    /// The import format.
    pub format: String,
    /// What the times count.
    pub time_base: Option<TimeBase>,
    /// The sources that came in, not those that the run had before.
    pub sources: Vec<SourceSummary>,
    /// Channels of these sources.
    pub channels: usize,
    /// Readings.
    pub rows: u64,
    /// Readings without a value.
    pub missing: u64,
    /// First start and last end of a reading; `None` where there are none.
    pub span_ns: Option<(i64, i64)>,
    /// Marks.
    pub marks: u64,
    /// Clock anchors.
    pub anchors: u64,
    /// What a reader of the run has to know.
    pub notes: Vec<String>,
}

/// What came in of one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceSummary {
    /// Its id.
    pub id: String,
    /// Its channels.
    pub channels: usize,
    /// Its readings.
    pub rows: u64,
    /// Its readings without a value.
    pub missing: u64,
}

impl Summary {
    pub(crate) fn new(run: PathBuf, format: &str, tally: Tally<'_>) -> Self {
        Self {
            run,
            format: format.to_owned(),
            time_base: tally.time_base,
            channels: tally.counts.iter().map(|count| count.channels).sum(),
            rows: tally.rows(),
            missing: tally.counts.iter().map(|count| count.missing).sum(),
            span_ns: tally.span(),
            marks: tally.marks,
            anchors: tally.anchors,
            sources: tally
                .counts
                .into_iter()
                .map(|count| SourceSummary {
                    id: count.id,
                    channels: count.channels,
                    rows: count.rows,
                    missing: count.missing,
                })
                .collect(),
            notes: tally.notes,
        }
    }
}
