//! The writing thread: it empties the rings of all lanes into the run, and hands it to the disk once a second.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use power_core::{Anchor, Descriptor};
use rtrb::Consumer;

use super::lane::share;
use super::live::Live;
use super::os;
use super::polled::Sample;
use super::session::Event;
use crate::run::{Interruption, Mark, RunWriter, SourceIndex, WriterRecord};
use crate::{Error, Result};

/// Time between two looks into the rings where somebody watches.
const WATCHED_LOOK: Duration = Duration::from_millis(250);

/// Time between two looks where nobody does, as long as between flushes: the rings hold seconds, each look is a wake-up,
/// and 50 a second would be most of what recording one sensor at 10 Hz costs.
const LOOK: Duration = FLUSH;

/// Readings that are taken of a ring at once, 1 MiB: after a disk that was slow the rings hold seconds, and what takes them
/// in one piece keeps their memory for good.
const BATCH: usize = 1 << 14;

/// Time between handing readings to the system, after which they outlive this program.
const FLUSH: Duration = Duration::from_millis(500);

/// Time between handing them to the disk, after which they outlive a power cut; and between anchors.
const SYNC: Duration = Duration::from_secs(1);

/// What the writing thread is told.
#[derive(Debug)]
pub(super) enum Order {
    /// A lane has begun.
    Lane(Consumer<Sample>),
    /// A source has opened.
    Source { number: u16, id: String, descriptor: Box<Descriptor>, period: Duration },
    /// A mark was made.
    Mark(Mark),
    /// These are the interruptions so far.
    Interruptions(Vec<Interruption>),
    /// All lanes have ended: empty the rings once more, and end.
    Finish,
}

/// Gives simultaneous times of the host's clocks.
pub type Anchors = Box<dyn FnMut() -> Anchor + Send>;

/// What the writing thread has.
pub(super) struct Drain {
    /// The run; `None` where nothing is recorded, or once it cannot be written any more.
    pub(super) writer: Option<RunWriter>,
    /// By number: the position of each source in the run.
    pub(super) sources: Vec<Option<SourceIndex>>,
    pub(super) anchors: Anchors,
    /// The channel that the others are compared with, whose source may open late.
    pub(super) reference: Option<String>,
    pub(super) live: Live,
    pub(super) orders: Receiver<Order>,
    pub(super) events: Sender<Event>,
}

/// What the writing thread leaves.
#[derive(Debug)]
pub(super) struct Drained {
    /// The run; after a failure nothing more can be written to it.
    pub(super) writer: Option<RunWriter>,
    pub(super) record: WriterRecord,
    /// By number: the position of the source in the run.
    pub(super) sources: Vec<Option<SourceIndex>>,
}

impl std::fmt::Debug for Drain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Drain").field("writer", &self.writer).finish_non_exhaustive()
    }
}

impl Drain {
    /// Writes until it is told to finish. After a failed write it goes on emptying the rings and counts.
    pub(super) fn run(mut self) -> Drained {
        let (began, cpu_before) = (Instant::now(), os::thread_cpu());
        let mut rings: Vec<Consumer<Sample>> = Vec::new();
        let mut left = Drained {
            writer: None,
            record: WriterRecord::default(),
            sources: std::mem::take(&mut self.sources),
        };
        let mut batch: Vec<Sample> = Vec::new();
        let (mut flushed, mut synced) = (Instant::now(), None::<Instant>);
        let (mut finish, mut more) = (false, false);
        while !finish {
            let look = if self.live.is_watched() { WATCHED_LOOK } else { LOOK };
            let wait = if more { Duration::ZERO } else { look };
            finish = self.obey(wait, &mut rings, &mut left);
            more = take_all(&mut rings, &mut batch);
            // A source is made known before its first reading is in a ring: what is in the batch is known after this.
            finish |= self.obey(Duration::ZERO, &mut rings, &mut left);
            if !batch.is_empty() {
                self.live.see(batch.iter().map(|sample| (sample.source, &sample.row)));
                self.write(&batch, &mut left);
                batch.clear();
            }
            while finish && take_all(&mut rings, &mut batch) | !batch.is_empty() {
                self.write(&batch, &mut left);
                batch.clear();
            }
            if synced.is_none_or(|synced| synced.elapsed() >= SYNC) || finish {
                let before = Instant::now();
                let anchor = (self.anchors)();
                self.attempt(&mut left, |writer| writer.anchor(anchor).and_then(|()| writer.sync()));
                let millis = before.elapsed().as_secs_f64() * 1e3;
                left.record.slowest_sync_ms = left.record.slowest_sync_ms.max(millis);
                (flushed, synced) = (Instant::now(), Some(Instant::now()));
            } else if flushed.elapsed() >= FLUSH {
                self.attempt(&mut left, RunWriter::flush);
                flushed = Instant::now();
            }
            // Lanes that have ended and given all are let go.
            rings.retain(|ring| !(ring.is_abandoned() && ring.is_empty()));
        }
        left.record.cpu_s = os::thread_cpu().saturating_sub(cpu_before).as_secs_f64();
        left.record.cpu_share = share(os::thread_cpu().saturating_sub(cpu_before), began.elapsed());
        left.writer = self.writer.take();
        left
    }

    /// Obeys what has been ordered and what is within `time`; gives whether to finish.
    fn obey(&mut self, time: Duration, rings: &mut Vec<Consumer<Sample>>, left: &mut Drained) -> bool {
        let until = Instant::now() + time;
        loop {
            let wait = until.saturating_duration_since(Instant::now());
            match self.orders.recv_timeout(wait) {
                Ok(Order::Lane(ring)) => rings.push(ring),
                Ok(Order::Source { number, id, descriptor, period }) => {
                    self.live.describe(number, &descriptor);
                    let added = self.attempt(left, |writer| {
                        writer.add_source(&id, *descriptor).inspect(|source| {
                            let nanos = u64::try_from(period.as_nanos()).unwrap_or(u64::MAX);
                            writer.set_asked_period(*source, nanos);
                        })
                    });
                    if let Some(source) = added {
                        remember(&mut left.sources, number, source);
                    }
                    if let (Some(writer), Some(reference)) = (&mut self.writer, &self.reference)
                        && reference.starts_with(&format!("{id}/"))
                    {
                        // A channel that it has not got is no reference: `compare` asks for one then.
                        let _ = writer.set_reference(reference);
                    }
                }
                Ok(Order::Mark(mark)) => {
                    self.attempt(left, |writer| writer.mark(mark));
                }
                Ok(Order::Interruptions(interruptions)) => {
                    self.attempt(left, |writer| {
                        writer.set_interruptions(interruptions);
                        Ok(())
                    });
                }
                Ok(Order::Finish) | Err(RecvTimeoutError::Disconnected) => return true,
                Err(RecvTimeoutError::Timeout) => return false,
            }
        }
    }

    fn write(&mut self, batch: &[Sample], left: &mut Drained) {
        let sources = &left.sources;
        let mut written = 0_u64;
        let Some(writer) = &mut self.writer else { return };
        let result = batch.iter().try_for_each(|sample| {
            let source = sources.get(usize::from(sample.source)).copied().flatten();
            let source = source.ok_or_else(|| {
                Error::new(format!("a reading of source number {}, which is none", sample.source))
                    .mend("report this as a fault of wattproof")
            })?;
            writer.push(source, sample.row)?;
            written += 1;
            Ok(())
        });
        left.record.readings += written;
        if let Err(error) = result {
            self.fail(error, left);
        }
    }

    /// Does something with the run; after a failure there is no run to be written any more.
    fn attempt<T>(
        &mut self,
        left: &mut Drained,
        what: impl FnOnce(&mut RunWriter) -> Result<T>,
    ) -> Option<T> {
        match what(self.writer.as_mut()?) {
            Ok(value) => Some(value),
            Err(error) => {
                self.fail(error, left);
                None
            }
        }
    }

    fn fail(&mut self, error: Error, left: &mut Drained) {
        left.record.failed = Some(error.in_full());
        // What other lanes still hold is written when the run is let go, as far as that is possible.
        self.writer = None;
        // The recording learns of it; if that has ended, nobody need.
        let _ = self.events.send(Event::CannotWrite(error));
    }
}

fn remember(sources: &mut Vec<Option<SourceIndex>>, number: u16, source: SourceIndex) {
    let number = usize::from(number);
    if sources.len() <= number {
        sources.resize(number + 1, None);
    }
    sources[number] = Some(source);
}

/// Takes what waits in the rings, up to [`BATCH`] of each; gives whether more waits.
fn take_all(rings: &mut [Consumer<Sample>], into: &mut Vec<Sample>) -> bool {
    let mut more = false;
    for ring in rings {
        let waiting = ring.slots();
        more |= waiting > BATCH;
        if let Ok(chunk) = ring.read_chunk(waiting.min(BATCH)) {
            let (first, second) = chunk.as_slices();
            into.extend_from_slice(first);
            into.extend_from_slice(second);
            chunk.commit_all();
        }
    }
    more
}
