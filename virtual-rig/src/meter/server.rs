//! A meter that clients can reach: over TCP on the loopback, or on a pseudo-terminal.

mod pty;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::instrument::Instrument;
use super::wire::{Line, Over, Wire};
use super::{lmg, modbus, ptdaemon, watts_up, yokogawa};
use crate::description::{FaultKind, MeterKind};
use crate::{Error, Result};
use pty::Terminal;

/// How long a reply may wait for a client that does not read.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where a meter is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Address {
    /// A TCP port on the loopback.
    Tcp(SocketAddr),
    /// A serial line: the path of a pseudo-terminal. It stays when the line hangs up and comes back.
    Tty(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Tty(path) => write!(f, "{}", path.display()),
        }
    }
}

/// A running server; it ends when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    address: Address,
    stop: Arc<AtomicBool>,
    clients: Arc<Mutex<Vec<TcpStream>>>,
    thread: Option<JoinHandle<()>>,
}

/// Whether a kind of meter is at a serial line.
const fn is_serial(kind: MeterKind) -> bool {
    matches!(kind, MeterKind::Sdm630Rtu | MeterKind::WattsUp)
}

impl Server {
    /// Starts a meter; `directory` is where its serial line appears, if it has one.
    pub(crate) fn start(meter: Instrument, directory: &Path) -> Result<Self> {
        let name = meter.model.name.clone();
        let failed =
            |what: &str, error: io::Error| Error::because(format!("meter {name:?}: cannot {what}"), error);
        let meter = Arc::new(meter);
        let stop = Arc::new(AtomicBool::new(false));
        let clients = Arc::new(Mutex::new(Vec::new()));
        let builder = std::thread::Builder::new().name(format!("meter {name}"));
        let (address, thread) = if is_serial(meter.model.kind) {
            let path = directory.join(format!("tty-{name}"));
            let first = Terminal::open(&path).map_err(|error| failed("make a pseudo-terminal", error))?;
            let (stop, link) = (Arc::clone(&stop), path.clone());
            (Address::Tty(path), builder.spawn(move || serve_tty(&meter, &link, first, &stop)))
        } else {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
                .map_err(|error| failed("listen on the loopback", error))?;
            let address = listener.local_addr().map_err(|error| failed("listen on the loopback", error))?;
            let (stop, clients) = (Arc::clone(&stop), Arc::clone(&clients));
            (Address::Tcp(address), builder.spawn(move || serve_tcp(&listener, &meter, &stop, &clients)))
        };
        let thread = thread.map_err(|error| failed("start a thread", error))?;
        Ok(Self { address, stop, clients, thread: Some(thread) })
    }

    pub(crate) const fn address(&self) -> &Address {
        &self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Address::Tcp(address) = &self.address {
            // Wakes the thread that accepts.
            let woken = TcpStream::connect_timeout(address, PATIENCE).is_ok();
            for client in self.clients.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
                let _ = client.shutdown(Shutdown::Both);
            }
            if !woken {
                return;
            }
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Serves one line until its client is gone.
pub(super) fn session(line: &mut dyn Line, meter: &Instrument, stop: &Arc<AtomicBool>) {
    let mut wire = Wire::new(line, meter, stop);
    let served: Result<(), Over> = match meter.model.kind {
        MeterKind::Lmg450 | MeterKind::Lmg670 => lmg::serve(&mut wire),
        MeterKind::Wt310 => yokogawa::serve(&mut wire),
        MeterKind::Sdm630Tcp => modbus::serve_tcp(&mut wire),
        MeterKind::Sdm630Rtu => modbus::serve_rtu(&mut wire),
        MeterKind::Ptdaemon => ptdaemon::serve(&mut wire),
        MeterKind::WattsUp => watts_up::serve(&mut wire),
    };
    debug_assert!(served.is_err(), "a session ends when its client or the rig is gone");
}

fn serve_tcp(
    listener: &TcpListener,
    meter: &Arc<Instrument>,
    stop: &Arc<AtomicBool>,
    clients: &Arc<Mutex<Vec<TcpStream>>>,
) {
    for stream in listener.incoming() {
        if stop.load(Ordering::Acquire) {
            return;
        }
        let Ok(mut stream) = stream else { continue };
        let ready = stream.set_nodelay(true).and_then(|()| stream.set_write_timeout(Some(PATIENCE)));
        if ready.is_err() || meter.faults().has(FaultKind::Disconnect) {
            continue;
        }
        if let Ok(client) = stream.try_clone() {
            let mut clients = clients.lock().unwrap_or_else(PoisonError::into_inner);
            clients.retain(|client| client.peer_addr().is_ok());
            clients.push(client);
        }
        let (meter, stop) = (Arc::clone(meter), Arc::clone(stop));
        let thread = std::thread::Builder::new().name(format!("meter {}", meter.model.name));
        // Where no thread can be had, the client finds its connection closed.
        let _ = thread.spawn(move || {
            session(&mut stream, &meter, &stop);
            let _ = stream.shutdown(Shutdown::Both);
        });
    }
}

fn serve_tty(meter: &Instrument, path: &Path, first: Terminal, stop: &Arc<AtomicBool>) {
    let mut terminal = Some(first);
    while !stop.load(Ordering::Acquire) {
        let disconnected = meter.faults().has(FaultKind::Disconnect);
        match terminal.take() {
            Some(mut line) => session(&mut line, meter, stop),
            None if disconnected => std::thread::sleep(Duration::from_millis(20)),
            None => match Terminal::open(path) {
                Ok(line) => terminal = Some(line),
                Err(_) => std::thread::sleep(Duration::from_millis(100)),
            },
        }
    }
}
