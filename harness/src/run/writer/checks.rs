//! What is checked and composed on the way into a run.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use power_core::Descriptor;

use super::{NewRun, SourceIndex};
use crate::run::manifest::descriptor_problems;
use crate::run::{Manifest, Mark, Pairing, SCHEMA_VERSION, State};
use crate::{Error, Result};

/// The manifest of a run that begins.
pub(super) fn manifest_of(new: NewRun) -> Manifest {
    Manifest {
        schema_version: SCHEMA_VERSION,
        written_by: new.written_by,
        written_at: new.written_at,
        state: State::Recording,
        time_base: new.time_base,
        origin: new.origin,
        host: new.host,
        sources: Vec::new(),
        reference: None,
        files: Vec::new(),
        notes: new.notes,
        recording: None,
        recovered_at: None,
    }
}

/// Fails if a descriptor contradicts itself or would not come back from JSON.
pub(super) fn check_descriptor(id: &str, descriptor: &Descriptor) -> Result<()> {
    if let Some(what) = descriptor_problems(descriptor).into_iter().next() {
        return Err(Error::new(format!("source {id}: {what}")).mend("correct its description"));
    }
    let json = serde_json::to_vec(descriptor);
    match json.and_then(|json| serde_json::from_slice::<Descriptor>(&json)) {
        Ok(read_back) if read_back == *descriptor => Ok(()),
        Ok(_) | Err(_) => {
            Err(Error::new(format!("the description of source {id} has a number that is not finite"))
                .mend("leave out what is not known"))
        }
    }
}

/// One sentence for each mark of a phase that has no other to go with.
pub(in crate::run) fn unpaired_notes(marks: &[Mark]) -> BTreeSet<String> {
    let pairing = Pairing::of(marks);
    let unended = pairing.unended.iter().map(|mark| {
        format!("the phase {} that began at {} ns never ended and is left out", mark.name, mark.t_ns)
    });
    let unbegun = pairing.unbegun.iter().map(|mark| {
        format!("the phase {} that ended at {} ns never began and is left out", mark.name, mark.t_ns)
    });
    unended.chain(unbegun).collect()
}

/// Puts the file `from` at `to`, without copying where the file system can; a file that is not there is none there.
pub(super) fn carry_over(from: &Path, to: &Path) -> Result<()> {
    // A readings file never changes once it is whole, so that two runs can share it. Others grow.
    if from.extension().is_some_and(|extension| extension == "parquet") && fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    match fs::copy(from, to) {
        Ok(_) => Ok(()),
        Err(error)
            if error.kind() == io::ErrorKind::NotFound && from.extension().is_some_and(|e| e == "jsonl") =>
        {
            Ok(())
        }
        Err(error) => Err(Error::io(from, "copy", error)),
    }
}

/// An error of a source index that another writer gave, or whose readings are whole.
pub(super) fn stranger(source: SourceIndex) -> Error {
    Error::new(format!("source {} takes no readings", source.position()))
        .mend("add a source, and use what that returns")
}
