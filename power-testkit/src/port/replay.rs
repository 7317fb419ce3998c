//! A byte stream that follows a script.

use std::collections::VecDeque;
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::thread;

/// A byte stream with a script: it checks what is written and answers what a device answered.
///
/// The steps are taken in order. It panics, with both sides shown, when a driver writes other bytes than
/// expected, reads where the script has no answer, or drops the port with steps left over.
///
/// ```
/// use power_testkit::ReplayPort;
/// use std::io::{ErrorKind, Read, Write};
///
/// let mut port = ReplayPort::new()
///     .expect(b"READ?\n")
///     .reply_in_parts([b"75.".as_slice(), b"04\n"])
///     .expect(b"READ?\n")
///     .read_error(ErrorKind::TimedOut);
/// port.write_all(b"READ?\n")?;
/// let mut reply = [0; 16];
/// assert_eq!(port.read(&mut reply)?, 3); // the device is slow: a read gets what has come so far
/// assert_eq!(port.read(&mut reply)?, 3);
/// port.write_all(b"READ?\n")?;
/// assert_eq!(port.read(&mut reply).unwrap_err().kind(), ErrorKind::TimedOut);
/// port.done();
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct ReplayPort {
    steps: VecDeque<Step>,
    /// Bytes of the step in front that are done already.
    progress: usize,
    /// Number of steps done.
    taken: usize,
}

#[derive(Debug)]
enum Step {
    Write(Vec<u8>),
    WriteError(ErrorKind),
    Reply(Vec<u8>),
    ReadError(ErrorKind),
}

impl ReplayPort {
    /// A port that expects nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Expects these bytes to be written next, in one call or several; several such steps in a row are
    /// several writes.
    #[must_use]
    pub fn expect(self, bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        if bytes.is_empty() { self } else { self.then(Step::Write(bytes)) }
    }

    /// Answers these bytes: one call of `read` gets as many of them as fit. An empty reply is the end of the
    /// stream.
    #[must_use]
    pub fn reply(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.then(Step::Reply(bytes.into()))
    }

    /// Answers in parts: no call of `read` gets more than one part.
    #[must_use]
    pub fn reply_in_parts<P: Into<Vec<u8>>>(self, parts: impl IntoIterator<Item = P>) -> Self {
        parts.into_iter().fold(self, Self::reply)
    }

    /// Fails the next `read`. [`ErrorKind::TimedOut`] is the silence of a device.
    #[must_use]
    pub fn read_error(self, kind: ErrorKind) -> Self {
        self.then(Step::ReadError(kind))
    }

    /// Fails the next `write`.
    #[must_use]
    pub fn write_error(self, kind: ErrorKind) -> Self {
        self.then(Step::WriteError(kind))
    }

    /// Repeats the script as it stands until it has been run `times` times in all.
    #[must_use]
    pub fn repeated(mut self, times: usize) -> Self {
        let once: Vec<Step> = std::mem::take(&mut self.steps).into_iter().collect();
        for _ in 0..times {
            self.steps.extend(once.iter().map(Step::copy));
        }
        self
    }

    /// Number of steps left.
    pub fn remaining(&self) -> usize {
        self.steps.len()
    }

    /// Checks that the whole script was used.
    ///
    /// # Panics
    ///
    /// Panics if steps are left over.
    pub fn done(self) {
        drop(self);
    }

    fn then(mut self, step: Step) -> Self {
        self.steps.push_back(step);
        self
    }

    fn finish_step(&mut self) {
        self.steps.pop_front();
        self.progress = 0;
        self.taken += 1;
    }

    fn place(&self) -> String {
        format!("step {} of the script", self.taken)
    }
}

impl Step {
    fn copy(&self) -> Self {
        match self {
            Self::Write(bytes) => Self::Write(bytes.clone()),
            Self::WriteError(kind) => Self::WriteError(*kind),
            Self::Reply(bytes) => Self::Reply(bytes.clone()),
            Self::ReadError(kind) => Self::ReadError(*kind),
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Write(bytes) => format!("a write of \"{}\"", bytes.escape_ascii()),
            Self::WriteError(kind) => format!("a write that fails with {kind:?}"),
            Self::Reply(bytes) => format!("a read of \"{}\"", bytes.escape_ascii()),
            Self::ReadError(kind) => format!("a read that fails with {kind:?}"),
        }
    }
}

impl Write for ReplayPort {
    /// Takes as much of `buffer` as the step in front expects.
    ///
    /// # Panics
    ///
    /// Panics if the bytes are not the expected ones.
    fn write(&mut self, buffer: &[u8]) -> Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let place = self.place();
        match self.steps.front() {
            Some(Step::Write(expected)) => {
                let rest = &expected[self.progress..];
                let length = rest.len().min(buffer.len());
                assert!(
                    rest[..length] == buffer[..length],
                    "{place}: expected the bytes \"{}\", got \"{}\"",
                    rest.escape_ascii(),
                    buffer.escape_ascii()
                );
                self.progress += length;
                if length == rest.len() {
                    self.finish_step();
                }
                Ok(length)
            }
            Some(Step::WriteError(kind)) => {
                let kind = *kind;
                self.finish_step();
                Err(Error::from(kind))
            }
            Some(step) => {
                panic!("{place}: expected {}, got a write of \"{}\"", step.describe(), buffer.escape_ascii())
            }
            None => panic!("{place}: expected nothing more, got a write of \"{}\"", buffer.escape_ascii()),
        }
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Read for ReplayPort {
    /// Gives what the step in front answers, as much as fits.
    ///
    /// # Panics
    ///
    /// Panics if the script has no answer here.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let place = self.place();
        match self.steps.front() {
            Some(Step::Reply(reply)) => {
                let rest = &reply[self.progress..];
                let length = rest.len().min(buffer.len());
                buffer[..length].copy_from_slice(&rest[..length]);
                self.progress += length;
                if length == rest.len() {
                    self.finish_step();
                }
                Ok(length)
            }
            Some(Step::ReadError(kind)) => {
                let kind = *kind;
                self.finish_step();
                Err(Error::from(kind))
            }
            Some(step) => panic!("{place}: expected {}, got a read", step.describe()),
            None => panic!("{place}: expected nothing more, got a read"),
        }
    }
}

impl Drop for ReplayPort {
    fn drop(&mut self) {
        let next = self.steps.front().map(Step::describe);
        assert!(
            next.is_none() || thread::panicking(),
            "{} steps of the script were never taken; the next is {}",
            self.steps.len(),
            next.unwrap_or_default()
        );
    }
}
