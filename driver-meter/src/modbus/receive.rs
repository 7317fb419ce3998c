//! Bytes received and not used yet.

use std::time::{Duration, Instant};

use power_core::{ErrorKind, Result};

use crate::link::{self, Link};

/// Room for several frames: the longest has 260 bytes.
const ROOM: usize = 1024;

/// Bytes received and not used yet, in one buffer that is never allocated anew.
#[derive(Debug)]
pub(super) struct Received {
    bytes: Box<[u8; ROOM]>,
    filled: usize,
}

impl Default for Received {
    fn default() -> Self {
        Self { bytes: Box::new([0; ROOM]), filled: 0 }
    }
}

impl Received {
    /// What was received.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }

    /// Forgets everything.
    pub(super) const fn clear(&mut self) {
        self.filled = 0;
    }

    /// Forgets the first `count` bytes.
    pub(super) fn take(&mut self, count: usize) {
        let count = count.min(self.filled);
        self.bytes.copy_within(count..self.filled, 0);
        self.filled -= count;
    }

    /// Whether no more fits.
    pub(super) const fn is_full(&self) -> bool {
        self.filled == ROOM
    }

    /// Receives what has come already; gives how many bytes.
    pub(super) fn more_now(&mut self, link: &mut dyn Link) -> Result<usize> {
        let room = &mut self.bytes[self.filled..];
        let length = room.len();
        let count = link.receive_now(room)?.min(length);
        self.filled += count;
        Ok(count)
    }

    /// Receives until nothing has come for `silence`, keeping the last that came; `Ok(false)` if something still came
    /// at `deadline`.
    pub(super) fn until_silence(
        &mut self,
        link: &mut dyn Link,
        silence: Duration,
        deadline: Instant,
    ) -> Result<bool> {
        loop {
            if self.is_full() {
                self.take(ROOM / 2);
            }
            match self.more(link, (Instant::now() + silence).min(deadline)) {
                Ok(()) if link::left(deadline).is_none() => return Ok(false),
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Timeout => return Ok(true),
                Err(error) => return Err(error),
            }
        }
    }

    /// Receives more. Blocks at most until `deadline`.
    pub(super) fn more(&mut self, link: &mut dyn Link, deadline: Instant) -> Result<()> {
        let room = &mut self.bytes[self.filled..];
        let length = room.len();
        self.filled += link.receive(room, deadline)?.min(length);
        Ok(())
    }
}

/// Waits until nothing has come for `silence`; `Ok(false)` if something still came at `deadline`.
pub(super) fn await_silence(link: &mut dyn Link, silence: Duration, deadline: Instant) -> Result<bool> {
    let mut thrown_away = [0; 256];
    loop {
        let quiet = (Instant::now() + silence).min(deadline);
        match link.receive(&mut thrown_away, quiet) {
            Ok(_) if link::left(deadline).is_none() => return Ok(false),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Timeout => return Ok(true),
            Err(error) => return Err(error),
        }
    }
}
