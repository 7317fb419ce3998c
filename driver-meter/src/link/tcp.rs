//! A link over TCP.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use power_core::{Error, ErrorKind, Result};

use super::{Link, gone, left};

/// Most bytes that are thrown away at once; more than any meter sends unasked, so that an endless stream ends.
const MOST_DISCARDED: usize = 1 << 16;

/// A TCP connection, with `TCP_NODELAY` set: a request is one small packet and must not wait for another.
#[derive(Debug)]
pub struct TcpLink {
    address: String,
    name: String,
    stream: Option<TcpStream>,
}

impl TcpLink {
    /// Connects to `address`, written `HOST:PORT`. Blocks at most until `deadline`.
    ///
    /// Every address that the host's name stands for is tried, each with its share of the time that is left.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidConfig`] if `address` is not `HOST:PORT`.
    /// - [`ErrorKind::NotFound`] if the name is unknown.
    /// - [`ErrorKind::Unavailable`] if nobody listens there, or there is no way to the host.
    /// - [`ErrorKind::Timeout`] if nobody answered before `deadline`.
    pub fn open(address: &str, deadline: Instant) -> Result<Self> {
        let stream = connect(address, deadline)?;
        Ok(Self { address: address.to_owned(), name: format!("tcp {address}"), stream: Some(stream) })
    }

    /// The stream, or the error that it is gone.
    fn stream(&self) -> Result<&TcpStream> {
        self.stream.as_ref().ok_or_else(|| gone(&self.name))
    }

    /// The other end has closed its sending half: nothing more can come.
    fn closed(&mut self) -> Error {
        self.stream = None;
        Error::new(ErrorKind::Disconnected, "the meter closed the connection")
            .with_context("link", &*self.name)
    }

    /// The error of a failed operation; one that means the end of the connection closes it.
    fn failed(&mut self, tried: &'static str, error: io::Error) -> Error {
        let error = Error::from_io(ErrorKind::Disconnected, tried, error).with_context("link", &*self.name);
        if error.kind() == ErrorKind::Timeout {
            return error;
        }
        self.stream = None;
        // Whatever the operating system calls it, the connection that stood does not stand any more.
        Error::new(ErrorKind::Disconnected, tried).with_context("link", &*self.name).with_source(error)
    }
}

impl Link for TcpLink {
    fn name(&self) -> &str {
        &self.name
    }

    fn send(&mut self, bytes: &[u8], deadline: Instant) -> Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let mut stream = self.stream()?;
            let sent = match left(deadline) {
                None => Err(io::ErrorKind::TimedOut.into()),
                Some(time) => stream.set_write_timeout(Some(time)).and_then(|()| stream.write(rest)),
            };
            match sent {
                Ok(0) => return Err(self.failed("cannot send", io::ErrorKind::WriteZero.into())),
                Ok(count) => rest = &rest[count..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed("cannot send", error)),
            }
        }
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8], deadline: Instant) -> Result<usize> {
        loop {
            let mut stream = self.stream()?;
            let received = match left(deadline) {
                Some(time) => stream.set_read_timeout(Some(time)).and_then(|()| stream.read(buffer)),
                None => without_waiting(stream, buffer),
            };
            match received {
                Ok(0) if buffer.is_empty() => return Ok(0),
                Ok(0) => return Err(self.closed()),
                Ok(count) => return Ok(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed("no answer", error)),
            }
        }
    }

    fn receive_now(&mut self, buffer: &mut [u8]) -> Result<usize> {
        match without_waiting(self.stream()?, buffer) {
            Ok(0) if !buffer.is_empty() => Err(self.closed()),
            Ok(count) => Ok(count),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                Ok(0)
            }
            Err(error) => Err(self.failed("cannot receive", error)),
        }
    }

    fn discard_input(&mut self) -> Result<()> {
        let mut buffer = [0; 1024];
        let mut discarded = 0;
        while discarded < MOST_DISCARDED {
            match self.receive_now(&mut buffer)? {
                0 => break,
                count => discarded += count,
            }
        }
        Ok(())
    }

    fn reopen(&mut self, deadline: Instant) -> Result<()> {
        self.stream = None;
        self.stream = Some(connect(&self.address, deadline)?);
        Ok(())
    }
}

/// What has come already, even though no time is left to wait for more.
fn without_waiting(mut stream: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    stream.set_nonblocking(true)?;
    let received = stream.read(buffer);
    stream.set_nonblocking(false)?;
    received
}

/// Connects to the first address that answers.
fn connect(address: &str, deadline: Instant) -> Result<TcpStream> {
    let addresses = resolve(address, deadline)?;
    let mut last = None;
    for (tried, one) in addresses.iter().enumerate() {
        let Some(time) = left(deadline) else { break };
        let share = time / u32::try_from(addresses.len() - tried).unwrap_or(1).max(1);
        match TcpStream::connect_timeout(one, share.max(Duration::from_millis(1))) {
            Ok(stream) => match stream.set_nodelay(true) {
                Ok(()) => return Ok(stream),
                Err(error) => last = Some(error),
            },
            Err(error) => last = Some(error),
        }
    }
    let error = last.unwrap_or_else(|| io::ErrorKind::TimedOut.into());
    let kind = match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => ErrorKind::Timeout,
        io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
        _ => ErrorKind::Unavailable,
    };
    let message =
        "cannot connect to the meter; check its address, that it is on, and that its network port is enabled";
    Err(Error::new(kind, message).with_context("link", format!("tcp {address}")).with_source(error))
}

/// The addresses that `HOST:PORT` stands for.
///
/// A name is looked up on a thread of its own, since the operating system's look-up has no deadline.
fn resolve(address: &str, deadline: Instant) -> Result<Vec<SocketAddr>> {
    if let Ok(numeric) = address.parse() {
        return Ok(vec![numeric]);
    }
    let named = address
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && !host.contains(':') && port.parse::<u16>().is_ok());
    if !named {
        let message = format!("{address:?} is not HOST:PORT, such as 192.168.1.9:502 or [fe80::1]:502");
        return Err(Error::new(ErrorKind::InvalidConfig, message));
    }
    let (result, results) = mpsc::sync_channel(1);
    let asked = address.to_owned();
    let look_up = move || {
        // Nobody listens any more where the deadline has passed.
        let _ = result.send(asked.to_socket_addrs().map(Vec::from_iter));
    };
    thread::Builder::new()
        .name("meter-resolve".into())
        .spawn(look_up)
        .map_err(|error| Error::from_io(ErrorKind::Unavailable, "cannot look up the meter's name", error))?;
    let found = results.recv_timeout(left(deadline).unwrap_or_default());
    let error = |kind, source: Option<io::Error>| {
        let error = Error::new(kind, "cannot find the meter's address; check its name, or give its number")
            .with_context("name", address);
        match source {
            Some(source) => error.with_source(source),
            None => error,
        }
    };
    match found {
        Ok(Ok(addresses)) if !addresses.is_empty() => Ok(addresses),
        Ok(Ok(_)) => Err(error(ErrorKind::NotFound, None)),
        Ok(Err(source)) => Err(error(ErrorKind::NotFound, Some(source))),
        Err(_) => Err(error(ErrorKind::Timeout, None)),
    }
}
