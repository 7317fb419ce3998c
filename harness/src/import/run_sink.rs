//! The sink that is a run on disk.

use std::path::{Path, PathBuf};

use power_core::{Anchor, Descriptor};

use super::sink::{RowSink, SourceHandle, other_time_base};
use crate::alignment::AlignedClock;
use crate::run::{Input, Mark, NewRun, Origin, Row, Run, RunWriter, SourceIndex, TimeBase};
use crate::{Error, Result};

/// A run that comes into being when the first input says what its times count, and appears when it is finished.
#[derive(Debug)]
pub(crate) struct RunSink {
    dir: PathBuf,
    add: bool,
    writer: Option<(RunWriter, TimeBase)>,
    sources: Vec<SourceIndex>,
}

impl RunSink {
    /// A sink for the run in `dir`; `add` extends the run that is there.
    pub(crate) fn new(dir: &Path, add: bool) -> Self {
        Self { dir: dir.to_owned(), add, writer: None, sources: Vec::new() }
    }

    fn writer(&mut self) -> Result<&mut RunWriter> {
        match &mut self.writer {
            Some((writer, _)) => Ok(writer),
            None => Err(Error::new("the importer wrote before it said what its times count")),
        }
    }

    fn index(&self, source: SourceHandle) -> Result<SourceIndex> {
        self.sources.get(source.0).copied().ok_or_else(|| Error::new(format!("no source {}", source.0)))
    }

    /// Makes the run appear.
    pub(crate) fn finish(mut self, inputs: Vec<Input>, reference: Option<&str>) -> Result<Run> {
        let writer = self.writer()?;
        if let Some(channel) = reference {
            writer.set_reference(channel)?;
        }
        for input in inputs {
            writer.add_input(input);
        }
        match self.writer {
            Some((writer, _)) => writer.finish(),
            None => Err(Error::new("nothing was imported")),
        }
    }
}

impl RowSink for RunSink {
    fn begin(&mut self, time_base: TimeBase) -> Result<()> {
        match &self.writer {
            Some((_, base)) if *base != time_base => Err(other_time_base(*base, time_base)),
            Some(_) => Ok(()),
            None => {
                let writer = if self.add {
                    RunWriter::extend(&self.dir, time_base)?
                } else {
                    let origin = Origin::Imported { inputs: Vec::new() };
                    RunWriter::create_atomic(&self.dir, NewRun::new(time_base, origin))?
                };
                self.writer = Some((writer, time_base));
                Ok(())
            }
        }
    }

    fn add_source(&mut self, id: &str, descriptor: Descriptor) -> Result<SourceHandle> {
        let index = self.writer()?.add_source(id, descriptor)?;
        self.sources.push(index);
        Ok(SourceHandle(self.sources.len() - 1))
    }

    fn asked_period(&mut self, source: SourceHandle, period_ns: u64) -> Result<()> {
        let index = self.index(source)?;
        self.writer()?.set_asked_period(index, period_ns);
        Ok(())
    }

    fn describe(&mut self, source: SourceHandle, change: &mut dyn FnMut(&mut Descriptor)) -> Result<()> {
        let index = self.index(source)?;
        self.writer()?.describe(index, change)
    }

    fn push(&mut self, source: SourceHandle, row: Row) -> Result<()> {
        let index = self.index(source)?;
        self.writer()?.push(index, row)
    }

    fn mark(&mut self, mark: Mark) -> Result<()> {
        self.writer()?.mark(mark)
    }

    fn anchor(&mut self, anchor: Anchor) -> Result<()> {
        self.writer()?.anchor(anchor)
    }

    fn align(&mut self, source_id: &str, clock: AlignedClock) -> Result<()> {
        let writer = self.writer()?;
        let mut alignment = writer.alignment().clone();
        alignment.0.insert(source_id.to_owned(), clock);
        writer.set_alignment(alignment);
        Ok(())
    }

    fn note(&mut self, note: String) -> Result<()> {
        self.writer()?.note(note);
        Ok(())
    }
}
