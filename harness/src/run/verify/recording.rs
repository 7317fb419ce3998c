//! The check of how a recording went: what it asked for and did not get.

use super::Check;
use crate::run::{Manifest, Recording, SourceRecord, State, disk};

/// Fewer reads done than this, of those asked for, are told.
const ENOUGH: f64 = 0.999;

impl Check<'_> {
    /// Checks what the recorder says of itself.
    pub(super) fn recording(&mut self, manifest: &Manifest) {
        if let Some(at) = &manifest.recovered_at {
            let what = format!("its recorder died; what it had written was recovered at {at}");
            self.remark(disk::MANIFEST, what, "the last second before its end may be missing");
        }
        let Some(recording) = &manifest.recording else { return };
        for source in &recording.sources {
            self.source(source);
        }
        for interruption in &recording.interruptions {
            let times = match (interruption.from_ns, interruption.to_ns) {
                (Some(from), Some(to)) => format!("from {from} ns to {to} ns"),
                (Some(from), None) => format!("from {from} ns to the end"),
                (None, Some(to)) => format!("from the start to {to} ns"),
                (None, None) => "all the time".to_owned(),
            };
            let what = format!("was away {times}: {}", interruption.why);
            self.remark(&interruption.source, what, "leave out what is around it");
        }
        if manifest.state == State::Finished && manifest.recovered_at.is_none() {
            self.all_written(recording);
        }
    }

    fn source(&mut self, source: &SourceRecord) {
        if source.readings_dropped > 0 {
            let what = format!(
                "lost {} of {} readings, since they could not be written fast enough",
                source.readings_dropped, source.readings
            );
            self.fault(&source.id, what, "record to a faster disk, or less often");
        }
        let Some(ratio) = source.sample_ratio().filter(|ratio| *ratio < ENOUGH) else { return };
        let what = format!(
            "its sample ratio is {ratio:.4}: of {} reads {} were missed, {} failed, and it was away for {}",
            source.reads_asked, source.reads_missed, source.reads_failed, source.reads_away
        );
        self.remark(&source.id, what, "read it less often, or record on a quieter machine");
    }

    /// What the samplers gave has to be on disk, but for what is counted as dropped.
    fn all_written(&mut self, recording: &Recording) {
        let given: u64 = recording.sources.iter().map(|source| source.readings).sum();
        let dropped: u64 = recording.sources.iter().map(|source| source.readings_dropped).sum();
        let written = recording.writer.readings;
        if recording.writer.failed.is_none() && given != dropped + written {
            let what = format!("{given} readings were made, {written} written and {dropped} dropped");
            self.fault(disk::READINGS, what, "report this as a fault of wattproof");
        }
    }
}
