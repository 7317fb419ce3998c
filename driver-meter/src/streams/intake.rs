//! The bytes of a stream between link and decoder.

use std::thread;
use std::time::{Duration, Instant};

use power_core::Result;

use crate::link::Link;

/// Bytes that one read can take: 0.7 s of the fastest stream.
const CAPACITY: usize = 1 << 18;
/// Reads are at least this far apart, so that few system calls move many samples.
const PACE: Duration = Duration::from_millis(5);

/// Received bytes that no record has taken. Allocates nothing after it has been made.
#[derive(Debug)]
pub(crate) struct Intake {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    last: Option<Instant>,
}

impl Intake {
    pub(crate) fn new() -> Self {
        Self { buffer: vec![0; CAPACITY], start: 0, end: 0, last: None }
    }

    /// Forgets what has been received and not taken.
    pub(crate) fn clear(&mut self) {
        (self.start, self.end, self.last) = (0, 0, None);
    }

    /// The bytes that wait.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Marks the first `count` bytes as taken.
    pub(crate) fn take(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
    }

    /// Receives what has come, at least one byte; gives whether nothing more waits.
    ///
    /// Blocks at most until `deadline`.
    pub(crate) fn fill(&mut self, link: &mut dyn Link, deadline: Instant) -> Result<bool> {
        if let Some(last) = self.last {
            thread::sleep((last + PACE).min(deadline).saturating_duration_since(Instant::now()));
        }
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        self.end += link.receive(&mut self.buffer[self.end..], deadline)?;
        // The operating system hands on a part at a time: a terminal at most 4095 bytes a call.
        let mut drained = false;
        while !drained && self.end < self.buffer.len() {
            // What came before the end of the link is worth having; the next read meets the end again.
            let more = link.receive_now(&mut self.buffer[self.end..]).unwrap_or(0);
            self.end += more;
            drained = more == 0;
        }
        self.last = Some(Instant::now());
        Ok(drained)
    }
}
