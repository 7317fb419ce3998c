//! Bytes to and from a client, with the faults of the line in between.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::instrument::Instrument;
use crate::description::FaultKind;

/// How often a thread that waits looks whether it is to end, or whether its line is to be cut.
const LOOK: Duration = Duration::from_millis(50);

/// A line to one client.
pub(super) trait Line: Send {
    /// Waits for bytes for a time and gives how many came: 0 if none did.
    ///
    /// # Errors
    ///
    /// If the client is gone.
    fn receive(&mut self, buffer: &mut [u8], timeout: Duration) -> io::Result<usize>;

    /// Sends all bytes.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()>;
}

impl Line for TcpStream {
    fn receive(&mut self, buffer: &mut [u8], timeout: Duration) -> io::Result<usize> {
        self.set_read_timeout(Some(timeout.max(Duration::from_micros(100))))?;
        match self.read(buffer) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                Ok(0)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            other => other,
        }
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }
}

/// Why a session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Over;

/// A line to one client of a meter, while both are there.
pub(super) struct Wire<'a> {
    line: &'a mut dyn Line,
    pub(super) meter: &'a Instrument,
    stop: &'a Arc<AtomicBool>,
    /// What came and was not taken yet.
    buffer: Vec<u8>,
}

/// Longest line that is kept; what is longer is no request.
const LONGEST: usize = 4_096;

impl<'a> Wire<'a> {
    pub(super) fn new(line: &'a mut dyn Line, meter: &'a Instrument, stop: &'a Arc<AtomicBool>) -> Self {
        Self { line, meter, stop, buffer: Vec::new() }
    }

    /// Waits for bytes until `deadline`; whether some came.
    fn fill(&mut self, deadline: Option<Instant>) -> Result<bool, Over> {
        loop {
            if self.stop.load(Ordering::Acquire) || self.meter.faults().has(FaultKind::Disconnect) {
                return Err(Over);
            }
            let left = deadline.map_or(LOOK, |deadline| deadline.saturating_duration_since(Instant::now()));
            let mut bytes = [0; 512];
            let count = self.line.receive(&mut bytes, left.min(LOOK)).map_err(|_| Over)?;
            if count > 0 {
                if self.meter.faults().has(FaultKind::Silent) {
                    continue;
                }
                self.buffer.extend_from_slice(&bytes[..count]);
                return Ok(true);
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Ok(false);
            }
        }
    }

    /// The next line, without its end; none if none came within `patience`, for ever where that is none.
    pub(super) fn line(&mut self, patience: Option<Duration>) -> Result<Option<String>, Over> {
        let deadline = patience.map(|patience| Instant::now() + patience);
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n' || *byte == b'\r') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line[..end]).trim().to_owned();
                if line.is_empty() {
                    continue;
                }
                return Ok(Some(line));
            }
            if self.buffer.len() > LONGEST {
                self.buffer.clear();
            }
            if !self.fill(deadline)? {
                return Ok(None);
            }
        }
    }

    /// What came up to the next semicolon; none if none came within `patience`, for ever where that is none.
    pub(super) fn until_semicolon(&mut self, patience: Option<Duration>) -> Result<Option<String>, Over> {
        let deadline = patience.map(|patience| Instant::now() + patience);
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b';') {
                let text: Vec<u8> = self.buffer.drain(..=end).collect();
                return Ok(Some(String::from_utf8_lossy(&text[..end]).trim().to_owned()));
            }
            if self.buffer.len() > LONGEST {
                self.buffer.clear();
            }
            if !self.fill(deadline)? {
                return Ok(None);
            }
        }
    }

    /// Has `take` look at what came until it takes something: how many bytes, and what it made of them. It waits
    /// for more where `take` gives none; after `pause` without a byte what came is thrown away.
    pub(super) fn frame<T>(
        &mut self,
        pause: Duration,
        take: impl Fn(&[u8]) -> Option<(usize, T)>,
    ) -> Result<T, Over> {
        loop {
            if let Some((length, taken)) = take(&self.buffer) {
                self.buffer.drain(..length.min(self.buffer.len()));
                return Ok(taken);
            }
            let deadline = (!self.buffer.is_empty()).then(|| Instant::now() + pause);
            if !self.fill(deadline)? {
                self.buffer.clear();
            }
        }
    }

    /// Sends a reply as the meter's faults have it. `mangled` is the byte that a corrupt reply has wrong.
    pub(super) fn reply(&mut self, bytes: &[u8], mangled: usize) -> Result<(), Over> {
        let faults = self.meter.faults();
        if faults.has(FaultKind::Silent) {
            return Ok(());
        }
        self.wait(faults.late())?;
        let mut bytes = bytes.to_vec();
        if faults.has(FaultKind::Corrupt)
            && let Some(byte) = bytes.get_mut(mangled)
        {
            *byte ^= 0x80;
        }
        if faults.has(FaultKind::Truncated) {
            bytes.truncate(bytes.len() / 2);
        }
        if faults.has(FaultKind::Garbage) {
            self.line.send(&[0xFF, 0x00, 0x7E, 0x81, 0xA5]).map_err(|_| Over)?;
        }
        self.line.send(&bytes).map_err(|_| Over)
    }

    /// Sends a line of text.
    pub(super) fn reply_text(&mut self, text: &str, end: &str) -> Result<(), Over> {
        self.reply(format!("{text}{end}").as_bytes(), text.len() / 2)
    }

    /// Waits, and looks whether to end.
    fn wait(&self, time: Duration) -> Result<(), Over> {
        let deadline = Instant::now() + time;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            if self.stop.load(Ordering::Acquire) {
                return Err(Over);
            }
            std::thread::sleep(left.min(LOOK));
        }
    }
}
