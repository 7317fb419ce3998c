//! Power analysers that are asked in text: SCPI, and what came before it.

mod accuracy;
pub mod number;
pub mod yokogawa;
pub mod zes;

use std::time::Instant;

use power_core::{Error, ErrorKind, Result};

use crate::lines::{Lines, nonsense, show};
use crate::link::Link;

pub(crate) use accuracy::of_yokogawa as yokogawa_accuracy;

/// Longest answer: 255 items of 12 characters, as a WT300 can give.
const LONGEST: usize = 8192;

/// One question at a time over a link.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) lines: Lines,
    /// What ends a command.
    terminator: &'static [u8],
    /// A command with its terminator, so that it leaves in one piece: USBTMC makes one message of each write.
    command: Vec<u8>,
}

impl Exchange {
    pub(crate) fn new(terminator: &'static [u8]) -> Self {
        Self { lines: Lines::new(b'\n', LONGEST), terminator, command: Vec::with_capacity(256) }
    }

    /// Forgets what came earlier.
    pub(crate) fn restart(&mut self, link: &mut dyn Link) -> Result<()> {
        self.lines.clear();
        link.discard_input()
    }

    /// Sends a command that has no answer.
    pub(crate) fn tell(&mut self, link: &mut dyn Link, command: &str, deadline: Instant) -> Result<()> {
        self.command.clear();
        self.command.extend_from_slice(command.as_bytes());
        self.command.extend_from_slice(self.terminator);
        link.send(&self.command, deadline)
    }

    /// Asks a question and gives the one line that answers it.
    ///
    /// Anything more than that line is [`ErrorKind::Protocol`]: it would be taken for the next answer.
    pub(crate) fn ask(&mut self, link: &mut dyn Link, question: &str, deadline: Instant) -> Result<&[u8]> {
        if self.lines.has_rest() {
            return Err(Error::new(ErrorKind::Protocol, "the meter said more than it was asked"));
        }
        self.tell(link, question, deadline)?;
        self.lines.next(link, deadline)
    }

    /// The same as text.
    pub(crate) fn ask_text(
        &mut self,
        link: &mut dyn Link,
        question: &str,
        deadline: Instant,
    ) -> Result<String> {
        let answer = self.ask(link, question, deadline)?;
        let text = str::from_utf8(answer).map_err(|_| nonsense("an answer is no text", answer))?;
        Ok(text.to_owned())
    }

    /// The same as a number.
    pub(crate) fn ask_number(
        &mut self,
        link: &mut dyn Link,
        question: &str,
        deadline: Instant,
    ) -> Result<f64> {
        let answer = self.ask(link, question, deadline)?;
        match number::parse(answer) {
            Some(number::Scalar::Number(number)) => Ok(number),
            _ => {
                Err(nonsense("an answer is no number", answer).with_context("question", question.to_owned()))
            }
        }
    }
}

/// The error of an instrument that refuses what it was told.
pub(crate) fn refused(said: &str) -> Error {
    Error::new(ErrorKind::InvalidConfig, "the meter refuses an option")
        .with_context("it said", show(said.as_bytes()))
}
