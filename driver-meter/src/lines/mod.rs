//! Instruments that speak in lines of text.

pub mod watts_up;
mod watts_up_source;

pub use watts_up_source::open as open_watts_up;

use std::time::Instant;

use power_core::{Error, ErrorKind, Result};

use crate::link::Link;

/// Bytes asked of the link at once.
const CHUNK: usize = 4096;

/// Cuts what a link receives into lines. Allocates nothing after it has been made.
#[derive(Debug)]
pub(crate) struct Lines {
    terminator: u8,
    longest: usize,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Lines {
    /// Lines that end in `terminator` and have at most `longest` bytes.
    pub(crate) fn new(terminator: u8, longest: usize) -> Self {
        Self { terminator, longest, buffer: vec![0; longest + CHUNK], start: 0, end: 0 }
    }

    /// Forgets what has been received and not taken.
    pub(crate) fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
    }

    /// Whether bytes have been received that no line has taken.
    pub(crate) fn has_rest(&self) -> bool {
        self.start < self.end
    }

    /// The next line that has been received already, without its terminator and white space around it.
    pub(crate) fn ready(&mut self) -> Option<&[u8]> {
        let line = self.find(self.start)?;
        Some(self.take(line))
    }

    /// The next line. Blocks until it has come, at most until `deadline`.
    ///
    /// # Errors
    ///
    /// - those of the link
    /// - [`ErrorKind::Protocol`] for a line without end
    pub(crate) fn next(&mut self, link: &mut dyn Link, deadline: Instant) -> Result<&[u8]> {
        let mut searched = self.start;
        loop {
            if let Some(line) = self.find(searched) {
                return Ok(self.take(line));
            }
            if self.end - self.start > self.longest {
                self.clear();
                let message = "the meter sends a line without end; is this the right meter and rate?";
                return Err(Error::new(ErrorKind::Protocol, message));
            }
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            searched = self.end;
            // A stream that never pauses and never ends a line is cut off by the length, one that drips by this.
            if searched > 0 && Instant::now() >= deadline {
                return Err(Error::new(ErrorKind::Timeout, "the meter began an answer and did not end it"));
            }
            self.end += link.receive(&mut self.buffer[self.end..], deadline)?;
        }
    }

    fn find(&self, from: usize) -> Option<usize> {
        let at = self.buffer[from..self.end].iter().position(|byte| *byte == self.terminator)?;
        Some(from + at)
    }

    fn take(&mut self, terminator: usize) -> &[u8] {
        let line = self.start..terminator;
        self.start = terminator + 1;
        self.buffer[line].trim_ascii()
    }
}

/// What a meter said, for a message: the beginning, with what cannot be printed escaped.
pub(crate) fn show(bytes: &[u8]) -> String {
    const MOST: usize = 80;
    let shown = bytes[..bytes.len().min(MOST)].escape_ascii().to_string();
    if bytes.len() > MOST { format!("{shown}…") } else { shown }
}

/// The error of an answer that makes no sense.
pub(crate) fn nonsense(what: &'static str, said: &[u8]) -> Error {
    Error::new(ErrorKind::Protocol, what).with_context("it said", show(said))
}
