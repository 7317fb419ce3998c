//! The client: one request in flight, each with a deadline.

use std::thread;
use std::time::{Duration, Instant};

use power_core::{Error, ErrorKind, Result};

use super::doubt::Doubt;
use super::exception::Exception;
use super::protocol::serve::Framing;
use super::protocol::{FrameError, Parsed, ReadRequest, mbap, registers_from, rtu};
use super::receive::{Received, await_silence};
use super::reconnect::Reconnect;
use super::registers::Registers;
use super::timing::Timing;
use crate::link::Link;

/// Timeouts in a row after which a connection is opened anew: it may lead nowhere, as after a pulled cable.
const TIMEOUTS_TO_REOPEN: u32 = 3;

/// Bytes without a frame among them after which a serial line counts as never silent.
const ENDLESS: usize = 4096;

/// How long a late answer is expected on a bus, in timeouts.
const LATE_TIMEOUTS: u32 = 3;

/// A Modbus client over any link.
///
/// - One request is in flight. An answer counts only if transaction, unit, function, size and checksum are those of
///   the request; answers to earlier transactions are skipped.
/// - After an error in framing, and after a lost connection, the link is opened anew, with waits from 0.1 to 5 s
///   between attempts. Reads in the meantime fail with [`ErrorKind::Timeout`], so that a recording has a gap and
///   goes on; [`Timing::with_reconnect`] sets an end to it, after which every read fails with
///   [`ErrorKind::Disconnected`].
/// - It never writes to the device.
#[derive(Debug)]
pub struct Client<L> {
    link: L,
    framing: Framing,
    timing: Timing,
    received: Received,
    transaction: u16,
    timeouts: u32,
    reconnect: Reconnect,
    doubt: Doubt,
    /// End of the last transaction on a bus; `None` when the bus is to be silent for longer first.
    quiet_since: Option<Instant>,
}

impl<L: Link> Client<L> {
    /// A client over an open link.
    pub fn new(link: L, framing: Framing, timing: Timing) -> Self {
        Self {
            link,
            framing,
            timing,
            received: Received::default(),
            transaction: 0,
            timeouts: 0,
            reconnect: Reconnect::new(timing.reconnect),
            doubt: Doubt::default(),
            quiet_since: None,
        }
    }

    /// Sets other waiting times, for units of one bus that need their own.
    pub(super) const fn set_timing(&mut self, timing: Timing) {
        self.timing = timing;
    }

    /// The link.
    pub fn link(&self) -> &L {
        &self.link
    }

    /// Settles what an outcome means for the link.
    fn settle(&mut self, request: ReadRequest, outcome: Result<()>) -> Result<()> {
        let error = match outcome {
            Ok(()) => {
                self.timeouts = 0;
                self.reconnect.worked();
                self.doubt.clear(request.unit);
                return Ok(());
            }
            Err(error) => error,
        };
        let refused = Exception::is_behind(&error);
        // A refusal answers this request, unless it is itself a late answer to an earlier one.
        if self.framing == Framing::Rtu && (!refused || self.doubt.has(request.unit)) {
            self.doubt.given_up(request, self.timing.deadline(request) * LATE_TIMEOUTS);
        }
        if refused {
            self.timeouts = 0;
            return Err(error);
        }
        match error.kind() {
            ErrorKind::Disconnected => return Err(self.reconnect.lost(error)),
            ErrorKind::Timeout => {
                self.timeouts += 1;
                if !self.is_bus() && self.timeouts.is_multiple_of(TIMEOUTS_TO_REOPEN) {
                    self.reconnect.broke();
                }
            }
            _ => {
                self.quiet_since = None;
                if !self.is_bus() {
                    self.reconnect.broke();
                }
            }
        }
        Err(error)
    }

    /// Whether frames are delimited by silence on a line, so that silence brings it back into step.
    const fn is_bus(&self) -> bool {
        !self.timing.silence.is_zero()
    }

    fn make_ready(&mut self, request: ReadRequest, deadline: Instant) -> Result<()> {
        if self.reconnect.ensure(&mut self.link, deadline)? {
            self.received.clear();
            self.timeouts = 0;
        }
        if self.framing == Framing::Mbap {
            return Ok(());
        }
        self.received.clear();
        self.await_turn(request, deadline)?;
        self.await_late_answers(request, deadline)
    }

    /// Waits until the bus has been silent for as long as frames need. What came meanwhile was not asked for.
    fn await_turn(&mut self, request: ReadRequest, deadline: Instant) -> Result<()> {
        match self.quiet_since {
            Some(since) => thread::sleep(self.timing.silence.saturating_sub(since.elapsed())),
            None => {
                await_silence(&mut self.link, self.timing.silence.max(Duration::from_millis(1)), deadline)?;
            }
        }
        if self.received.more_now(&mut self.link)? == 0 {
            return Ok(());
        }
        // Its end is waited for, and a little for the answer to it.
        let silence = (self.timing.silence * 4).max(Duration::from_millis(20));
        let silent = self.received.until_silence(&mut self.link, silence, deadline)?;
        let second_master = rtu::has_foreign_request(self.received.bytes(), request);
        self.received.clear();
        if second_master {
            // The answer to it may come yet, and could pass for ours.
            self.quiet_since = None;
            return Err(self.broken(FrameError::SecondMaster));
        }
        if silent { Ok(()) } else { Err(never_silent().with_context("link", self.link.name())) }
    }

    /// Waits until no answer to an earlier request can be taken for that to `request`, as far as `deadline` allows.
    fn await_late_answers(&mut self, request: ReadRequest, deadline: Instant) -> Result<()> {
        while let Some(until) = self.doubt.until(request) {
            if until > deadline {
                let message = "waiting for late answers of the meter to pass before it is asked again";
                return Err(Error::new(ErrorKind::Timeout, message).with_context("link", self.link.name()));
            }
            await_silence(&mut self.link, until.saturating_duration_since(Instant::now()), until)?;
        }
        Ok(())
    }

    fn transact(&mut self, request: ReadRequest, registers: &mut [u16], deadline: Instant) -> Result<()> {
        match self.framing {
            Framing::Mbap => {
                self.transaction = self.transaction.wrapping_add(1);
                self.link.send(&mbap::encode_request(self.transaction, request), deadline)?;
                self.receive_mbap(request, registers, deadline)
            }
            Framing::Rtu => {
                self.link.send(&rtu::encode_request(request), deadline)?;
                let outcome = self.receive_rtu(request, registers, deadline);
                self.quiet_since = Some(Instant::now());
                outcome
            }
        }
    }

    fn receive_mbap(&mut self, request: ReadRequest, registers: &mut [u16], deadline: Instant) -> Result<()> {
        loop {
            match mbap::parse_reply(self.received.bytes(), self.transaction, request) {
                Ok(Parsed::Incomplete) => self.more(deadline)?,
                Ok(Parsed::Stale { used }) => {
                    self.received.take(used);
                    // Stale answers without end must not keep the reader beyond its deadline.
                    if Instant::now() >= deadline {
                        return Err(self.no_answer());
                    }
                }
                Ok(Parsed::Registers { used, data }) => {
                    let whole = registers_from(data, registers);
                    self.received.take(used);
                    return if whole { Ok(()) } else { Err(self.broken(FrameError::Count(request.count))) };
                }
                Ok(Parsed::Exception { used, code }) => {
                    self.received.take(used);
                    return Err(refused(request, code));
                }
                Err(error) => return Err(self.broken(error)),
            }
        }
    }

    fn receive_rtu(&mut self, request: ReadRequest, registers: &mut [u16], deadline: Instant) -> Result<()> {
        let mut passed_over = 0;
        loop {
            match rtu::find_reply(self.received.bytes(), request) {
                Ok(Parsed::Registers { data, .. }) => {
                    let whole = registers_from(data, registers);
                    return if whole { Ok(()) } else { Err(self.broken(FrameError::Count(request.count))) };
                }
                Ok(Parsed::Exception { code, .. }) => return Err(refused(request, code)),
                Ok(Parsed::Incomplete | Parsed::Stale { .. }) => {}
                Err(error) => return Err(self.broken(error)),
            }
            if self.received.is_full() {
                // An answer that has begun among the last bytes is kept.
                let kept = rtu::reply_size(request);
                let surplus = self.received.bytes().len().saturating_sub(kept);
                passed_over += surplus;
                self.received.take(surplus);
            }
            if passed_over >= ENDLESS {
                return Err(never_silent().with_context("link", self.link.name()));
            }
            let heard = !self.received.bytes().is_empty();
            if heard && Instant::now() >= deadline {
                return Err(self.broken(rtu::diagnose(self.received.bytes(), request)));
            }
            let pause = self.timing.gap.filter(|_| heard).map(|gap| Instant::now() + gap);
            let until = pause.map_or(deadline, |pause| pause.min(deadline));
            match self.more(until) {
                Err(error) if error.kind() == ErrorKind::Timeout && heard => {
                    return Err(self.broken(rtu::diagnose(self.received.bytes(), request)));
                }
                outcome => outcome?,
            }
        }
    }

    fn more(&mut self, deadline: Instant) -> Result<()> {
        let outcome = self.received.more(&mut self.link, deadline);
        outcome.map_err(|error| match error.kind() {
            ErrorKind::Timeout => self.no_answer(),
            _ => error,
        })
    }

    fn no_answer(&self) -> Error {
        Error::new(ErrorKind::Timeout, "the meter does not answer")
            .with_context("link", self.link.name())
            .with_context("check", "power, wiring, unit address, baud rate and parity")
    }

    fn broken(&self, cause: FrameError) -> Error {
        Error::new(ErrorKind::Protocol, "the meter's answer makes no sense")
            .with_context("link", self.link.name())
            .with_source(cause)
    }
}

fn refused(request: ReadRequest, code: u8) -> Error {
    Exception::new(code)
        .into_error()
        .with_context("unit", request.unit.to_string())
        .with_context("register", format!("{:#06X}", request.address))
        .with_context("registers", request.count.to_string())
}

fn never_silent() -> Error {
    let message = "bytes come without end on this line; look at baud rate and parity, and for another master";
    Error::new(ErrorKind::Protocol, message)
}

impl<L: Link> Registers for Client<L> {
    fn prepare(&mut self, request: ReadRequest) -> Result<()> {
        let deadline = Instant::now() + self.timing.deadline(request);
        self.make_ready(request, deadline).map_err(|error| match error.kind() {
            // A link that opened and broke again at once is lost like any other.
            ErrorKind::Disconnected if !self.reconnect.is_gone() => self.reconnect.lost(error),
            _ => error,
        })
    }

    fn exchange(&mut self, request: ReadRequest, registers: &mut [u16]) -> Result<()> {
        let deadline = Instant::now() + self.timing.deadline(request);
        let outcome = self.transact(request, registers, deadline);
        self.settle(request, outcome)
    }

    fn generation(&self) -> u64 {
        self.reconnect.generation()
    }

    fn details(&self) -> Vec<(String, String)> {
        self.link.details()
    }
}
