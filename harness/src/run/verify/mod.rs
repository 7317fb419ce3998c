//! Checks the integrity of a run, and says what is missing and what to do about it.

mod channel;
mod readings;
mod recording;
mod texts;

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::open::{name_of, no_run};
use super::{Manifest, State, disk};
use crate::{Error, Result};

/// What the check of a run found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verification {
    /// Version of this structure.
    pub schema_version: u32,
    /// Name of the run's folder.
    pub run: String,
    /// Whether the run was ended properly; `None` if its manifest cannot be read.
    pub state: Option<State>,
    /// What there is.
    pub counts: Counts,
    /// What is wrong or remarkable, in the order of the check.
    pub findings: Vec<Finding>,
}

/// What there is in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Sources in the manifest.
    pub sources: u64,
    /// Channels in the manifest.
    pub channels: u64,
    /// Files of readings that could be read to their end.
    pub files: u64,
    /// Readings.
    pub rows: u64,
    /// Readings without a value.
    pub missing: u64,
    /// Readings whose value is not a number (NaN).
    pub nan: u64,
    /// Marks.
    pub marks: u64,
    /// Phases that have a beginning and an end.
    pub phases: u64,
    /// Clock anchors.
    pub anchors: u64,
}

/// One thing that is wrong or remarkable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The file or the channel.
    #[serde(rename = "where")]
    pub place: String,
    /// What is wrong, without a full stop.
    pub what: String,
    /// What to do about it.
    pub mend: String,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Something is missing, damaged or contradicts itself: results from this run can be wrong.
    Fault,
    /// Something to know; results stand.
    Remark,
}

impl Verification {
    /// Whether there is no fault.
    pub fn ok(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity == Severity::Remark)
    }
}

/// Advice where a file is not as it was written.
const COPY_AGAIN: &str = "copy the run again from where it was recorded";

/// Checks the run in the folder `dir`. All files are read once, so that it takes as long as reading the run does.
///
/// # Errors
///
/// - if there is no run, or a newer program wrote it. All else is a finding.
pub fn verify(dir: &Path) -> Result<Verification> {
    let path = dir.join(disk::MANIFEST);
    let Some(bytes) = disk::read_if_there(&path)? else { return Err(no_run(dir)) };
    Manifest::refuse_other_format(&bytes).map_err(|error| Error::file(dir, error))?;
    let mut check = Check { dir, findings: Vec::new(), counts: Counts::default() };
    let state = match Manifest::parse(&bytes) {
        Ok(manifest) => {
            check.manifest(&manifest);
            let span = check.readings(&manifest);
            check.marks(manifest.state, span);
            check.anchors(&manifest);
            check.alignment(&manifest);
            check.recording(&manifest);
            Some(manifest.state)
        }
        Err(error) => {
            check.fault(disk::MANIFEST, error.what(), COPY_AGAIN);
            None
        }
    };
    let Check { findings, counts, .. } = check;
    Ok(Verification { schema_version: 1, run: name_of(dir), state, counts, findings })
}

/// A check that goes on.
struct Check<'a> {
    dir: &'a Path,
    findings: Vec<Finding>,
    counts: Counts,
}

impl Check<'_> {
    fn fault(&mut self, place: impl Into<String>, what: impl Into<String>, mend: impl Into<String>) {
        self.find(Severity::Fault, place, what, mend);
    }

    fn remark(&mut self, place: impl Into<String>, what: impl Into<String>, mend: impl Into<String>) {
        self.find(Severity::Remark, place, what, mend);
    }

    fn find(
        &mut self,
        severity: Severity,
        place: impl Into<String>,
        what: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.findings.push(Finding { severity, place: place.into(), what: what.into(), mend: mend.into() });
    }

    fn manifest(&mut self, manifest: &Manifest) {
        self.counts.sources = count(manifest.sources.len());
        self.counts.channels =
            manifest.sources.iter().map(|source| count(source.descriptor.channels.len())).sum();
        for what in manifest.contradictions() {
            self.fault(disk::MANIFEST, what, COPY_AGAIN);
        }
    }
}

/// A length as a count.
fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
