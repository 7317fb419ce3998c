//! Instruments on the network by VXI-11, such as the Yokogawa WT300 with Ethernet.

use std::time::{Duration, Instant};

use power_core::{Error, ErrorKind, Result};

use super::tcp::TcpLink;
use super::vxi11_frame::{
    CORE, CREATE_LINK, DESTROY_LINK, DEVICE_CLEAR, DEVICE_READ, DEVICE_WRITE, GET_PORT, Procedure, Reader,
    begin, end, length, put, put_bytes, results,
};
use super::{Link, gone, left};

/// Port of the port mapper.
const PORT_MAPPER: u16 = 111;
/// Flag of a write: the message ends here.
const END: u32 = 8;
/// Error of an instrument that had nothing to say in time.
const IO_TIMEOUT: u32 = 15;
/// Part of the time that is left to the instrument, so that its own answer comes before ours.
const MARGIN: Duration = Duration::from_millis(20);

/// An instrument that speaks VXI-11.
#[derive(Debug)]
pub struct Vxi11Link {
    host: String,
    /// Port of the port mapper, or of the core channel if that is known.
    port: u16,
    mapped: bool,
    name: String,
    open: Option<Open>,
    message: Vec<u8>,
    id: u32,
}

/// An open channel, and the instrument's number for it.
#[derive(Debug)]
struct Open {
    channel: TcpLink,
    link: u32,
    most: usize,
}

impl Vxi11Link {
    /// Opens the instrument at `host`: `HOST`, whose port mapper is asked, or `HOST:PORT` of its core channel. Blocks at
    /// most until `deadline`.
    ///
    /// # Errors
    ///
    /// - those of [`TcpLink::open`]
    /// - [`ErrorKind::Unsupported`] if the port mapper knows of no VXI-11
    /// - [`ErrorKind::Protocol`] if what answers does not speak it
    pub fn open(host: &str, deadline: Instant) -> Result<Self> {
        let port = host.rsplit_once(':').filter(|(before, _)| !before.contains(':') || before.ends_with(']'));
        let (address, port) = match port.and_then(|(before, port)| Some((before, port.parse().ok()?))) {
            Some((before, port)) => (before, Some(port)),
            None => (host, None),
        };
        let mut link = Self {
            host: address.to_owned(),
            port: port.unwrap_or(PORT_MAPPER),
            mapped: port.is_none(),
            name: format!("vxi11 {host}"),
            open: None,
            message: Vec::with_capacity(4096),
            id: 0,
        };
        link.reopen(deadline)?;
        Ok(link)
    }

    /// Calls a procedure with what `arguments` appends; its results stand in `message` then.
    fn call(
        &mut self,
        channel: &mut TcpLink,
        procedure: Procedure,
        arguments: impl FnOnce(&mut Vec<u8>),
        deadline: Instant,
    ) -> Result<()> {
        self.id = self.id.wrapping_add(1);
        begin(&mut self.message, self.id, procedure);
        arguments(&mut self.message);
        end(&mut self.message);
        channel.send(&self.message, deadline)?;
        let mut head = [0; 4];
        fill(channel, &mut head, deadline)?;
        let length = length(head).ok_or_else(|| nonsense(&self.name))?;
        self.message.resize(length, 0);
        fill(channel, &mut self.message, deadline)
    }

    fn results(&self) -> Result<Reader<'_>> {
        results(&self.message, self.id).ok_or_else(|| nonsense(&self.name))
    }

    /// The same on the open channel; any failure leaves it closed, since its replies may still come.
    fn call_open(
        &mut self,
        procedure: Procedure,
        arguments: impl FnOnce(&mut Vec<u8>, u32),
        deadline: Instant,
    ) -> Result<()> {
        let Some(mut open) = self.open.take() else { return Err(gone(&self.name)) };
        let link = open.link;
        self.call(&mut open.channel, procedure, |message| arguments(message, link), deadline)?;
        self.open = Some(open);
        Ok(())
    }

    /// The instrument's error, if it has one.
    fn refused(&self, error: u32) -> Result<()> {
        match error {
            0 => Ok(()),
            IO_TIMEOUT => {
                Err(Error::new(ErrorKind::Timeout, "no answer").with_context("link", self.name.clone()))
            }
            other => Err(Error::new(ErrorKind::Protocol, "the instrument refuses")
                .with_context("VXI-11 error", other.to_string())
                .with_context("link", self.name.clone())),
        }
    }
}

/// Milliseconds that the instrument may take.
fn patience(deadline: Instant) -> u32 {
    let time = left(deadline).unwrap_or_default().saturating_sub(MARGIN);
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX).max(1)
}

fn fill(channel: &mut TcpLink, bytes: &mut [u8], deadline: Instant) -> Result<()> {
    let mut filled = 0;
    while filled < bytes.len() {
        filled += channel.receive(&mut bytes[filled..], deadline)?;
    }
    Ok(())
}

fn nonsense(name: &str) -> Error {
    Error::new(ErrorKind::Protocol, "what answers does not speak VXI-11")
        .with_context("link", name.to_owned())
}

impl Link for Vxi11Link {
    fn name(&self) -> &str {
        &self.name
    }

    fn send(&mut self, bytes: &[u8], deadline: Instant) -> Result<()> {
        let most = self.open.as_ref().map_or(0, |open| open.most);
        let mut rest = bytes;
        while !rest.is_empty() {
            let (part, after) = rest.split_at(rest.len().min(most.max(1)));
            let flags = if after.is_empty() { END } else { 0 };
            let write = |message: &mut Vec<u8>, link| {
                for word in [link, patience(deadline), 0, flags] {
                    put(message, word);
                }
                put_bytes(message, part);
            };
            self.call_open(DEVICE_WRITE, write, deadline)?;
            let mut results = self.results()?;
            let (error, count) = (results.word(), results.word());
            self.refused(error.ok_or_else(|| nonsense(&self.name))?)?;
            if count.and_then(|count| usize::try_from(count).ok()) != Some(part.len()) {
                return Err(nonsense(&self.name));
            }
            rest = after;
        }
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8], deadline: Instant) -> Result<usize> {
        let most = u32::try_from(buffer.len()).unwrap_or(u32::MAX);
        let read = |message: &mut Vec<u8>, link| {
            for word in [link, most, patience(deadline), 0, 0, 0] {
                put(message, word);
            }
        };
        self.call_open(DEVICE_READ, read, deadline)?;
        let mut results = self.results()?;
        let (error, _reason, bytes) = (results.word(), results.word(), results.bytes());
        self.refused(error.ok_or_else(|| nonsense(&self.name))?)?;
        let bytes = bytes.filter(|bytes| bytes.len() <= buffer.len()).ok_or_else(|| nonsense(&self.name))?;
        buffer[..bytes.len()].copy_from_slice(bytes);
        Ok(bytes.len())
    }

    /// Nothing to do: an instrument sends only what it is asked for.
    fn discard_input(&mut self) -> Result<()> {
        if self.open.is_some() { Ok(()) } else { Err(gone(&self.name)) }
    }

    fn reopen(&mut self, deadline: Instant) -> Result<()> {
        self.open = None;
        let mut port = self.port;
        if self.mapped {
            let mut mapper = TcpLink::open(&format!("{}:{port}", self.host), deadline)?;
            let ask = |message: &mut Vec<u8>| {
                // Version 1 of the core channel over TCP.
                for word in [CORE, 1, 6, 0] {
                    put(message, word);
                }
            };
            self.call(&mut mapper, GET_PORT, ask, deadline)?;
            let found = self.results()?.word().and_then(|port| u16::try_from(port).ok());
            port = found.filter(|port| *port != 0).ok_or_else(|| {
                Error::new(ErrorKind::Unsupported, "the host has no VXI-11 instrument")
                    .with_context("link", self.name.clone())
            })?;
        }
        let mut channel = TcpLink::open(&format!("{}:{port}", self.host), deadline)?;
        let create = |message: &mut Vec<u8>| {
            // A number for this client, no lock.
            for word in [std::process::id(), 0, 0] {
                put(message, word);
            }
            put_bytes(message, b"inst0");
        };
        self.call(&mut channel, CREATE_LINK, create, deadline)?;
        let mut results = self.results()?;
        let words = (results.word(), results.word(), results.word(), results.word());
        let (Some(error), Some(link), Some(_abort), Some(most)) = words else {
            return Err(nonsense(&self.name));
        };
        self.refused(error)?;
        let most = usize::try_from(most).unwrap_or(1024).clamp(64, 1 << 16);
        self.open = Some(Open { channel, link, most });
        // What an earlier exchange left unsaid would be taken for the next answer.
        let clear = |message: &mut Vec<u8>, link| {
            for word in [link, 0, 0, patience(deadline)] {
                put(message, word);
            }
        };
        self.call_open(DEVICE_CLEAR, clear, deadline)
    }
}

impl Drop for Vxi11Link {
    fn drop(&mut self) {
        // It may be gone already; instruments have few links to give.
        let deadline = Instant::now() + Duration::from_millis(200);
        let _ = self.call_open(DESTROY_LINK, put, deadline);
    }
}
