//! Simulated instruments on loopback sockets, that misbehave on command.

#![allow(dead_code, reason = "each test program uses its own part")]
#![allow(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

pub(crate) mod packets;
pub(crate) mod peers;

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use driver_meter::link::Link;
use driver_meter::link::tcp::TcpLink;
use power_core::{PowerSource, Reading, Recorder, Result, SystemClock};

/// What is done to the next answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It comes this late.
    Late(Duration),
    /// It comes byte by byte.
    Split,
    /// Bytes that mean nothing come before it.
    Garbage,
    /// It comes twice.
    Twice,
    /// A part of it comes, and nothing more.
    Truncated,
    /// Nothing comes.
    Silent,
    /// Bytes come without end, and no line ends.
    Endless,
    /// The meter closes its half of the connection.
    HalfClosed,
    /// The meter closes the connection.
    Closed,
}

/// The faults that are still to come; those of [`Fault::Late`] and so on apply to one answer each.
pub(crate) type Faults = Arc<Mutex<VecDeque<Fault>>>;

/// A simulated meter on a loopback port.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: String,
    pub(crate) faults: Faults,
    pub(crate) connections: Arc<AtomicUsize>,
    /// Whether connections are accepted.
    pub(crate) away: Arc<AtomicBool>,
    gone: Arc<AtomicBool>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::Relaxed);
    }
}

impl Server {
    /// Serves each connection by `serve`, which ends when it gives an error or `gone` is set.
    pub(crate) fn start<S>(serve: S) -> Self
    where
        S: Fn(TcpStream, &Faults, &AtomicBool) -> std::io::Result<()> + Send + Sync + 'static,
    {
        Self::start_at("127.0.0.1:0", serve)
    }

    /// The same at this address.
    pub(crate) fn start_at<S>(address: &str, serve: S) -> Self
    where
        S: Fn(TcpStream, &Faults, &AtomicBool) -> std::io::Result<()> + Send + Sync + 'static,
    {
        let listener = TcpListener::bind(address).unwrap();
        listener.set_nonblocking(true).unwrap();
        let server = Self {
            address: listener.local_addr().unwrap().to_string(),
            faults: Faults::default(),
            connections: Arc::default(),
            away: Arc::default(),
            gone: Arc::default(),
        };
        let (faults, connections) = (server.faults.clone(), server.connections.clone());
        let (away, gone) = (server.away.clone(), server.gone.clone());
        let serve = Arc::new(serve);
        thread::spawn(move || {
            while !gone.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((stream, _)) if away.load(Ordering::Relaxed) => drop(stream),
                    Ok((stream, _)) => {
                        connections.fetch_add(1, Ordering::Relaxed);
                        stream.set_nonblocking(false).unwrap();
                        stream.set_nodelay(true).unwrap();
                        let (faults, gone, serve) = (faults.clone(), gone.clone(), serve.clone());
                        thread::spawn(move || {
                            let _ = serve(stream, &faults, &gone);
                        });
                    }
                    Err(_) => thread::sleep(Duration::from_millis(1)),
                }
            }
        });
        server
    }

    /// A meter that answers requests, each of which ends in `end`.
    pub(crate) fn answering<A>(end: &'static [u8], answer: A) -> Self
    where
        A: FnMut(&str) -> Option<Vec<u8>> + Send + 'static,
    {
        let answer = Mutex::new(answer);
        Self::start(move |mut stream, faults, gone| {
            stream.set_read_timeout(Some(Duration::from_millis(20)))?;
            let mut waiting = Vec::new();
            while !gone.load(Ordering::Relaxed) {
                let mut chunk = [0; 1024];
                match stream.read(&mut chunk) {
                    Ok(0) => return Ok(()),
                    Ok(count) => waiting.extend_from_slice(&chunk[..count]),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                    Err(error) => return Err(error),
                }
                while let Some(at) = waiting.windows(end.len()).position(|window| window == end) {
                    let request = String::from_utf8_lossy(&waiting[..at]).into_owned();
                    waiting.drain(..at + end.len());
                    let given = (answer.lock().unwrap())(&request);
                    if let Some(bytes) = given {
                        let fault = faults.lock().unwrap().pop_front();
                        send(&mut stream, &bytes, fault, gone)?;
                    }
                }
            }
            Ok(())
        })
    }

    /// A link to it.
    pub(crate) fn link(&self) -> Box<dyn Link> {
        Box::new(TcpLink::open(&self.address, Instant::now() + Duration::from_secs(2)).unwrap())
    }

    /// Lets this happen to the next answer.
    pub(crate) fn inject(&self, fault: Fault) {
        self.faults.lock().unwrap().push_back(fault);
    }
}

/// Sends an answer with a fault.
pub(crate) fn send(
    stream: &mut TcpStream,
    bytes: &[u8],
    fault: Option<Fault>,
    gone: &AtomicBool,
) -> std::io::Result<()> {
    match fault {
        None => stream.write_all(bytes),
        Some(Fault::Late(time)) => {
            thread::sleep(time);
            stream.write_all(bytes)
        }
        Some(Fault::Split) => bytes.iter().try_for_each(|byte| {
            thread::sleep(Duration::from_micros(100));
            stream.write_all(&[*byte])
        }),
        Some(Fault::Garbage) => stream.write_all(&[b"\xff\x00\xfe?!".as_slice(), bytes].concat()),
        Some(Fault::Twice) => stream.write_all(&[bytes, bytes].concat()),
        Some(Fault::Truncated) => stream.write_all(&bytes[..bytes.len() / 2]),
        Some(Fault::Silent) => Ok(()),
        Some(Fault::Endless) => loop {
            if gone.load(Ordering::Relaxed) {
                return Ok(());
            }
            stream.write_all(&[b'7'; 512])?;
        },
        Some(Fault::HalfClosed) => stream.shutdown(Shutdown::Write),
        Some(Fault::Closed) => stream.shutdown(Shutdown::Both),
    }
}

/// One read.
pub(crate) fn read(source: &mut dyn PowerSource) -> Result<Vec<Reading>> {
    let mut readings = Vec::new();
    source.read(&mut Recorder::new(&SystemClock, &mut readings))?;
    Ok(readings)
}

/// The readings of a channel.
pub(crate) fn of<'a>(source: &dyn PowerSource, readings: &'a [Reading], channel: &str) -> Vec<&'a Reading> {
    let id = source.descriptor().find(channel).unwrap_or_else(|| panic!("no channel {channel}"));
    readings.iter().filter(|reading| reading.channel == id).collect()
}

/// Reads until readings come; panics when none do for a long time.
pub(crate) fn read_until_well(source: &mut dyn PowerSource) -> Vec<Reading> {
    let started = Instant::now();
    loop {
        match read(source) {
            Ok(readings) if !readings.is_empty() => return readings,
            outcome => {
                assert!(started.elapsed() < Duration::from_secs(20), "it does not come back: {outcome:?}");
            }
        }
    }
}
