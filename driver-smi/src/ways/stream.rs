//! A source over a long-lived process that prints one line a GPU, again and again.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use power_core::{Descriptor, ErrorKind, Flags, PowerSource, Recorder, Result, Stamp};

use crate::error::{Gone, SmiError};
use crate::port::{Arrival, Feed};

/// Rounds that may wait before the older ones are dropped. A reader that is late now and then catches up; one that
/// is slower than the loop gets the newest, flagged.
const MOST_WAITING: usize = 8;

/// What a line is.
#[derive(Debug)]
pub(super) enum Look {
    /// A row of this GPU, by position.
    Row(usize),
    /// A row of a GPU that is lost, and so does not even say which it is.
    Nameless,
    /// Headings, or a row of a GPU that was not there at open.
    Other,
    /// A warning or another message.
    Message,
    /// A row that cannot be read.
    Bad(SmiError),
}

/// What the lines mean.
pub(super) trait Table: Send + std::fmt::Debug {
    /// Forgets the headings, for a process started anew.
    fn reset(&mut self);

    /// Whether the headings have come, and have everything that has a channel.
    fn is_ready(&self) -> std::result::Result<bool, SmiError>;

    /// Tells what a line is.
    fn look(&mut self, line: &[u8]) -> Look;

    /// Appends the readings of a row, or none if one of its cells makes no sense. Gives whether the GPU is lost.
    fn push(
        &self,
        line: &[u8],
        gpu: usize,
        taken: (Stamp, Flags),
        recorder: &mut Recorder<'_>,
    ) -> std::result::Result<bool, SmiError>;

    /// Appends a missing value for each channel of a GPU that is lost.
    fn push_lost(&self, gpu: usize, taken: (Stamp, Flags), recorder: &mut Recorder<'_>);
}

/// How the process is started.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) binary: PathBuf,
    pub(super) arguments: Vec<String>,
    pub(super) deadline: Duration,
}

/// A source over a long-lived process.
///
/// A read gives one round, a line of each GPU, or what waits of one. It blocks until a round is complete, `deadline_ms`
/// at most; after that the process is taken to hang, is ended, and the next read starts another.
#[derive(Debug)]
pub(super) struct StreamSource<T> {
    descriptor: Descriptor,
    table: T,
    call: Call,
    feed: Option<Feed>,
    /// GPUs that were in the last round, and those that were in this one so far.
    expected: Vec<bool>,
    seen: Vec<bool>,
    lost: Vec<bool>,
    /// How many rows of others, or of nobody, have come since each GPU's last one.
    rows_since: Vec<usize>,
    /// The last message, kept for the error that may follow.
    message: String,
    gone: Option<Gone>,
}

impl<T: Table> StreamSource<T> {
    pub(super) fn open(descriptor: Descriptor, table: T, call: Call, gpus: usize) -> Result<Self> {
        let mut source = Self {
            descriptor,
            table,
            call,
            feed: None,
            expected: vec![true; gpus],
            seen: vec![false; gpus],
            lost: vec![false; gpus],
            rows_since: vec![0; gpus],
            message: String::with_capacity(256),
            gone: None,
        };
        source.start(Instant::now() + source.call.deadline)?;
        Ok(source)
    }

    /// Starts the process and reads its headings.
    fn start(&mut self, deadline: Instant) -> std::result::Result<(), SmiError> {
        self.table.reset();
        let mut feed = Feed::start(&self.call.binary, &self.call.arguments)?;
        while !self.table.is_ready()? {
            feed.wait(1, deadline, self.call.deadline).map_err(|error| with(error, &self.message))?;
            while !self.table.is_ready()?
                && let Some(line) = feed.lines.peek()
            {
                match self.table.look(line) {
                    Look::Message => keep(&mut self.message, line),
                    Look::Row(_) => return Err(SmiError::nonsense("a row before the headings", "")),
                    Look::Bad(error) => return Err(error),
                    Look::Other | Look::Nameless => {}
                }
                feed.lines.take();
            }
        }
        self.feed = Some(feed);
        Ok(())
    }

    /// Reads one round.
    fn round(&mut self, recorder: &mut Recorder<'_>) -> std::result::Result<(), SmiError> {
        let limit = self.call.deadline;
        let deadline = Instant::now() + limit;
        if self.feed.is_none() {
            self.start(deadline)?;
        }
        self.seen.fill(false);
        let overrun = self.catch_up()?;
        let mut last = None;
        while !self.is_complete() && !self.is_lost() {
            let Some(feed) = &mut self.feed else { break };
            let missing =
                self.expected.iter().zip(&self.seen).filter(|(expected, seen)| **expected && !**seen).count();
            // A GPU that has come back may be the only one.
            let (arrival, stamp) = recorder
                .bracket(|| feed.wait(missing.max(1), deadline, limit))
                .map_err(|error| with(error, &self.message))?;
            // What was there before the bracket began is older than it says: the time in the line is right.
            let late = arrival == Arrival::Before && !self.seen.contains(&true);
            let flags = overrun | if late { Flags::COARSE } else { Flags::NONE };
            last = Some((stamp, flags));
            let ended = self.take_lines((stamp, flags), recorder)?;
            // Waiting for the rest would join these lines with those of the next round.
            if late && !ended && self.seen.contains(&true) {
                return Ok(());
            }
            if ended {
                break;
            }
        }
        let nameless = (0..self.lost.len()).filter(|gpu| self.lost[*gpu] && !self.seen[*gpu]);
        for (gpu, taken) in nameless.filter_map(|gpu| Some((gpu, last?))) {
            self.table.push_lost(gpu, taken, recorder);
        }
        if self.seen.contains(&true) {
            self.expected.copy_from_slice(&self.seen);
        }
        Ok(())
    }

    /// Takes the lines that are there, to the end of the round; gives whether it has come.
    fn take_lines(
        &mut self,
        taken: (Stamp, Flags),
        recorder: &mut Recorder<'_>,
    ) -> std::result::Result<bool, SmiError> {
        let Some(feed) = &mut self.feed else { return Ok(true) };
        while let Some(line) = feed.lines.peek() {
            match self.table.look(line) {
                // The next round has begun: a GPU of this one has not answered.
                Look::Row(gpu) if self.seen[gpu] => return Ok(true),
                Look::Row(gpu) => {
                    let outcome = self.table.push(line, gpu, taken, recorder);
                    feed.lines.take();
                    self.seen[gpu] = true;
                    note(&mut self.rows_since, &mut self.lost, Some(gpu));
                    self.lost[gpu] = outcome?;
                }
                Look::Nameless => {
                    feed.lines.take();
                    note(&mut self.rows_since, &mut self.lost, None);
                    if self.lost.iter().all(|lost| *lost) {
                        return Ok(true);
                    }
                }
                Look::Other => feed.lines.take(),
                Look::Message => {
                    keep(&mut self.message, line);
                    feed.lines.take();
                }
                Look::Bad(error) => {
                    feed.lines.take();
                    // It may be anybody's.
                    self.rows_since.fill(0);
                    return Err(error);
                }
            }
            if self.expected.iter().zip(&self.seen).all(|(expected, seen)| *seen || !*expected) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_complete(&self) -> bool {
        let any = self.seen.contains(&true);
        any && self.expected.iter().zip(&self.seen).all(|(expected, seen)| *seen || !*expected)
    }

    fn is_lost(&self) -> bool {
        self.lost.iter().all(|lost| *lost)
    }

    /// Drops the older rounds where too many wait.
    fn catch_up(&mut self) -> std::result::Result<Flags, SmiError> {
        let Some(feed) = &mut self.feed else { return Ok(Flags::NONE) };
        feed.drain()?;
        let gpus = self.expected.iter().filter(|expected| **expected).count().max(1);
        if feed.lines.waiting() <= MOST_WAITING * gpus {
            return Ok(Flags::NONE);
        }
        while feed.lines.waiting() > gpus {
            feed.lines.take();
        }
        // They may have been anybody's.
        self.rows_since.fill(0);
        Ok(Flags::OVERRUN)
    }

    fn give_up(&mut self, error: SmiError) -> power_core::Error {
        let error = error.while_reading();
        match error.kind() {
            ErrorKind::Disconnected => {
                self.feed = None;
                self.gone = Some(Gone::new(error.to_string()));
                error
            }
            // A process that hangs is ended here; the next read starts another.
            ErrorKind::Timeout => {
                self.feed = None;
                error
            }
            _ => error,
        }
    }
}

impl<T: Table> PowerSource for StreamSource<T> {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn read(&mut self, recorder: &mut Recorder<'_>) -> Result<()> {
        if let Some(gone) = &self.gone {
            return Err(gone.error());
        }
        self.round(recorder).map_err(|error| self.give_up(error))?;
        if self.is_lost() {
            return Err(self.give_up(SmiError::Lost));
        }
        Ok(())
    }
}

/// Counts a row, and finds who must be the nameless one: whoever was not among the last 2 n - 1 rows of n GPUs,
/// since one that answers is in each round, in whatever order they come.
fn note(rows_since: &mut [usize], lost: &mut [bool], gpu: Option<usize>) {
    let enough = (2 * rows_since.len()).saturating_sub(1);
    for (position, (since, lost)) in rows_since.iter_mut().zip(lost).enumerate() {
        *since = if gpu == Some(position) { 0 } else { since.saturating_add(1) };
        *lost |= gpu.is_none() && *since >= enough;
    }
}

/// Keeps a message without growing.
fn keep(message: &mut String, line: &[u8]) {
    let Ok(line) = str::from_utf8(line) else { return };
    let line = line.trim();
    if !line.is_empty() {
        message.clear();
        let room = message.capacity();
        message.extend(line.chars().scan(room, |room, character| {
            *room = room.checked_sub(character.len_utf8())?;
            Some(character)
        }));
    }
}

/// Adds the last message to an end that says nothing itself.
fn with(mut error: SmiError, message: &str) -> SmiError {
    if let SmiError::Exit { said, .. } | SmiError::Signal { said } | SmiError::Hung { said, .. } = &mut error
        && said.trim().is_empty()
    {
        message.clone_into(said);
    }
    error
}
