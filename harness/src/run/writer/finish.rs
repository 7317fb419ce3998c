//! The end of writing a run, good or bad.

use super::checks::unpaired_notes;
use super::{Place, RunWriter};
use crate::Result;
use crate::run::{Run, State, disk};

impl RunWriter {
    /// Ends the run: its readings become Parquet, everything is handed to the disk, and the manifest says so.
    ///
    /// # Errors
    ///
    /// - if the alignment names a source that the run has not.
    /// - if something cannot be written, or the run's place was taken meanwhile. A recording then remains as a run
    ///   that is unfinished; a run that was to appear at once leaves nothing behind.
    pub fn finish(mut self) -> Result<Run> {
        self.alignment.check(&self.manifest)?;
        if self.stale {
            self.save_manifest()?;
        }
        self.flush_lanes()?;
        // From here on, dropping this writes nothing more.
        let place = std::mem::replace(&mut self.place, Place::Done);
        if matches!(place, Place::Here) {
            // The streams, which the Parquet files replace.
            self.manifest.files.clear();
        }
        for lane in std::mem::take(&mut self.lanes) {
            self.manifest.files.push(lane.finish()?);
        }
        self.marks_file.sync()?;
        self.anchors_file.sync()?;
        if !self.alignment.0.is_empty() {
            disk::write_whole(&self.dir.join(disk::ALIGNMENT), &self.alignment.to_json()?)?;
        }
        let known = &mut self.manifest.notes;
        let new: Vec<_> =
            unpaired_notes(&self.marks).into_iter().filter(|note| !known.contains(note)).collect();
        known.extend(new);
        self.manifest.state = State::Finished;
        disk::sync_folder(&self.dir.join(disk::READINGS))?;
        disk::write_whole(&self.dir.join(disk::MANIFEST), &self.manifest.to_json()?)?;
        let dir = match place {
            Place::Here => {
                // Only now: until the manifest names the Parquet files, the streams are the readings.
                for file in &self.manifest.files {
                    disk::remove(&self.dir.join(&file.path).with_extension("arrows"))?;
                }
                self.dir.clone()
            }
            Place::New(pending) => pending.place()?,
            Place::Instead(pending) => pending.replace()?,
            Place::Done => self.dir.clone(),
        };
        Run::open(&dir)
    }

    /// Writes the manifest of a recording, which then describes all readings that are on disk.
    pub(super) fn save_manifest(&mut self) -> Result<()> {
        (self.stale, self.untold) = (false, false);
        if !matches!(self.place, Place::Here) {
            return Ok(());
        }
        self.manifest.files = self.lanes.iter().map(crate::run::lane::LaneWriter::recording_file).collect();
        disk::write_whole(&self.dir.join(disk::MANIFEST), &self.manifest.to_json()?)
    }
}

impl Drop for RunWriter {
    fn drop(&mut self) {
        if matches!(self.place, Place::Here) {
            // Best effort: whoever drops a recording has its reasons, and an error of this one would hide them.
            let _ = self.flush();
        }
    }
}
