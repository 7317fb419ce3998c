//! Serves a simulated meter.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::SimulatedMeter;
use crate::modbus::Framing;

/// How often a server looks whether it is to stop.
const LOOK: Duration = Duration::from_millis(20);

/// A simulated meter on TCP; it stops when dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves on a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// - that of the operating system if there is no port or no thread.
    pub fn on_loopback(meter: SimulatedMeter, framing: Framing) -> io::Result<Self> {
        Self::on(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), meter, framing)
    }

    /// Serves on `address`.
    ///
    /// # Errors
    ///
    /// - that of the operating system if the port is taken.
    pub fn on(address: SocketAddr, meter: SimulatedMeter, framing: Framing) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopping = Arc::clone(&stop);
        let meter = Arc::new(Mutex::new(meter));
        let accept = move || {
            let mut clients = Vec::new();
            while !stopping.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((stream, _)) => clients.push(client(stream, &meter, framing, &stopping)),
                    Err(_) => thread::sleep(Duration::from_millis(2)),
                }
            }
            for client in clients.into_iter().flatten() {
                // A client's thread that panicked has said so.
                let _ = client.join();
            }
        };
        let thread = thread::Builder::new().name("simulated-meter".into()).spawn(accept)?;
        Ok(Self { address, stop, thread: Some(thread) })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn client(
    stream: TcpStream,
    meter: &Arc<Mutex<SimulatedMeter>>,
    framing: Framing,
    stop: &Arc<AtomicBool>,
) -> io::Result<JoinHandle<()>> {
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(LOOK))?;
    let (meter, stop) = (Arc::clone(meter), Arc::clone(stop));
    thread::Builder::new().name("simulated-meter-client".into()).spawn(move || {
        // A client that goes away is the usual end.
        let _ = serve(stream, framing, &meter, &stop);
    })
}

/// Serves a meter over any byte stream, such as a serial line, until the stream ends or `stop` is set.
///
/// The stream's reads have to time out now and then, so that it can be stopped.
///
/// # Errors
///
/// - that of the stream.
pub fn serve(
    mut stream: impl Read + Write,
    framing: Framing,
    meter: &Mutex<SimulatedMeter>,
    stop: &AtomicBool,
) -> io::Result<()> {
    let (mut received, mut answer, mut chunk) = (Vec::new(), Vec::new(), [0; 512]);
    while !stop.load(Ordering::Relaxed) {
        match stream.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(count) => received.extend(&chunk[..count]),
            Err(error) => match error.kind() {
                ErrorKind::TimedOut | ErrorKind::WouldBlock => {
                    // What is left of a frame when the line falls silent belongs to none.
                    if framing == Framing::Rtu {
                        received.clear();
                    }
                    continue;
                }
                ErrorKind::Interrupted => continue,
                _ => return Err(error),
            },
        }
        loop {
            answer.clear();
            let outcome =
                meter.lock().unwrap_or_else(PoisonError::into_inner).answer(framing, &received, &mut answer);
            match outcome {
                Ok(0) => break,
                Ok(used) => {
                    received.drain(..used);
                    stream.write_all(&answer)?;
                }
                // A byte of noise; the frame may begin behind it.
                Err(_) if framing == Framing::Rtu => drop(received.drain(..1)),
                Err(error) => return Err(io::Error::new(ErrorKind::InvalidData, error)),
            }
        }
    }
    Ok(())
}
