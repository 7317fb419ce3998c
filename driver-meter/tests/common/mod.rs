//! Peers for the tests: a TCP server that misbehaves as told, and a pair of serial lines.

#![allow(dead_code, reason = "each test binary uses its part")]
#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use driver_meter::modbus::Framing;
use driver_meter::profile::{self, Profile};
use driver_meter::simulator::{SimulatedMeter, serve};
use power_core::{Channel, Driver, Options, PowerSource, Reading, Recorder, Result, SystemClock};
use serialport::{SerialPort, TTYPort};

/// A profile with one value a request, so that a peer's script is short.
pub(crate) const ONE: &str = r#"
name = "one"
maker = "Test"
model = "One"
verified = "experimental"
source = "a test"
scope = "node_ac"
[modbus]
function = 4
type = "f32"
[[channel]]
name = "power"
quantity = "power"
register = 0x000C
unit = "W"
"#;

/// The same with two blocks of the same size at different registers.
pub(crate) fn two() -> String {
    format!("{ONE}\n[[channel]]\nname = \"other\"\nquantity = \"power\"\nregister = 0x0100\nunit = \"W\"\n")
}

pub(crate) fn profile(text: &str) -> Profile {
    profile::check(text, "test.toml").unwrap()
}

/// Options by name and value.
pub(crate) fn options(pairs: &[(&str, &str)]) -> Options {
    pairs.iter().copied().collect()
}

/// A file with a profile, and its path as a meter's name.
pub(crate) fn profile_file(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.toml");
    std::fs::write(&path, text).unwrap();
    (folder, path.display().to_string())
}

/// A deadline that no peer misses, however busy the machine is.
pub(crate) const PATIENT: (&str, &str) = ("timeout_ms", "30000");

/// Opens a meter through the driver, as a user does; with a deadline of its own, or patiently.
pub(crate) fn open(meter: &str, link: &str, pairs: &[(&str, &str)]) -> Result<Box<dyn PowerSource>> {
    let all: Vec<_> = std::iter::once(PATIENT).chain(pairs.iter().copied()).collect();
    driver_meter::DRIVER.open(&format!("{meter}@{link}"), &options(&all))
}

/// One read.
pub(crate) fn read(source: &mut dyn PowerSource) -> Result<Vec<Reading>> {
    let mut readings = Vec::new();
    source.read(&mut Recorder::new(&SystemClock, &mut readings))?;
    Ok(readings)
}

/// The number that a read of a source with one channel gives.
pub(crate) fn number(source: &mut dyn PowerSource) -> Result<f64> {
    Ok(read(source)?[0].value.number().unwrap())
}

/// A Modbus TCP answer with one value.
pub(crate) fn mbap(transaction: [u8; 2], unit: u8, value: f32) -> Vec<u8> {
    let mut frame = vec![transaction[0], transaction[1], 0, 0, 0, 7, unit, 4, 4];
    frame.extend(value.to_be_bytes());
    frame
}

/// The transaction of a request.
pub(crate) fn transaction(request: &[u8]) -> [u8; 2] {
    [request[0], request[1]]
}

/// A server whose every connection runs `serve` with its number, until the test ends.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Peer {
    pub(crate) fn new(serve: impl Fn(TcpStream, usize) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopping = Arc::clone(&stop);
        let serve = Arc::new(serve);
        let thread = thread::spawn(move || {
            let mut number = 0;
            while !stopping.load(Ordering::Relaxed) {
                let Ok((stream, _)) = listener.accept() else {
                    thread::sleep(Duration::from_millis(1));
                    continue;
                };
                stream.set_nonblocking(false).unwrap();
                stream.set_nodelay(true).unwrap();
                stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
                let serve = Arc::clone(&serve);
                thread::spawn(move || serve(stream, number));
                number += 1;
            }
        });
        Self { address, stop, thread: Some(thread) }
    }

    pub(crate) fn link(&self, scheme: &str) -> String {
        format!("{scheme}:{}", self.address)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// The next request of Modbus TCP; `None` when the client is gone.
pub(crate) fn request(stream: &mut TcpStream) -> Option<[u8; 12]> {
    let mut request = [0; 12];
    stream.read_exact(&mut request).ok().map(|()| request)
}

/// The next request of Modbus RTU.
pub(crate) fn rtu_request(stream: &mut impl Read) -> Option<[u8; 8]> {
    let mut request = [0; 8];
    stream.read_exact(&mut request).ok().map(|()| request)
}

/// A Modbus RTU answer of unit 1 with one value.
pub(crate) fn rtu(unit: u8, value: f32) -> Vec<u8> {
    let mut frame = vec![unit, 4, 4];
    frame.extend(value.to_be_bytes());
    frame.extend(driver_meter::modbus::protocol::crc::crc16(&frame).to_le_bytes());
    frame
}

/// What a meter that is all right shows.
#[expect(clippy::unnecessary_wraps, reason = "the shape that a simulated meter wants")]
pub(crate) fn shown(channel: &Channel) -> Option<f64> {
    Some(match &*channel.name {
        "power" => 321.5,
        "voltage" => 230.25,
        "power_factor" => 0.5,
        name if name.starts_with("power_factor") => 0.5,
        name if name.starts_with("energy") => 1234.0,
        _ => 5.0,
    })
}

/// A serial line with a thread at its other end.
pub(crate) struct Line {
    /// What the driver opens.
    pub(crate) path: String,
    // Keeps the line from being hung up while no driver has it open; it does not lock it.
    _here: std::fs::File,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Line {
    /// The other end runs `serve`; a read there times out after 20 ms.
    pub(crate) fn new(serve: impl FnOnce(TTYPort, &AtomicBool) + Send + 'static) -> Self {
        let (mut far, here) = TTYPort::pair().unwrap();
        far.set_timeout(Duration::from_millis(20)).unwrap();
        let path = here.name().unwrap();
        let kept = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
        drop(here);
        let stop = Arc::new(AtomicBool::new(false));
        let stopping = Arc::clone(&stop);
        let thread = thread::spawn(move || serve(far, &stopping));
        Self { path, _here: kept, stop, thread: Some(thread) }
    }

    /// A simulated meter at the other end.
    pub(crate) fn with_meter(profile: Profile) -> Self {
        let meter = Mutex::new(SimulatedMeter::new(profile, shown));
        Self::new(move |far, stop| {
            let _ = serve(far, Framing::Rtu, &meter, stop);
        })
    }

    pub(crate) fn link(&self) -> String {
        format!("serial:{}", self.path)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// Waits for one RTU request on a line, answering nothing; `None` when the test is over.
pub(crate) fn line_request(far: &mut TTYPort, stop: &AtomicBool) -> Option<[u8; 8]> {
    let (mut request, mut filled) = ([0; 8], 0);
    while filled < request.len() {
        match far.read(&mut request[filled..]) {
            Ok(count) => filled += count,
            Err(_) if stop.load(Ordering::Relaxed) => return None,
            Err(_) => {}
        }
    }
    Some(request)
}

/// Runs `task` and says how long it took.
pub(crate) fn timed<T>(task: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let outcome = task();
    (outcome, start.elapsed())
}

/// Sends and ignores a client that is gone.
pub(crate) fn send(stream: &mut impl Write, bytes: &[u8]) {
    let _ = stream.write_all(bytes);
}

/// Reads until a read succeeds, at most `tries` times, a little apart; gives the errors' kinds on the way.
pub(crate) fn until_ok(source: &mut dyn PowerSource, tries: usize) -> (f64, Vec<power_core::ErrorKind>) {
    let mut kinds = Vec::new();
    for _ in 0..tries {
        match number(source) {
            Ok(number) => return (number, kinds),
            Err(error) => kinds.push(error.kind()),
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("no read succeeded: {kinds:?}");
}
