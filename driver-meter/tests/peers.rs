//! Other people's Modbus, as server and as master.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

mod common;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use common::{open, read, shown};
use driver_meter::modbus::{Exception, Framing};
use driver_meter::profile;
use driver_meter::simulator::{Server, SimulatedMeter, serve};
use modbus::ExceptionCode;
use power_core::{PowerSource, Result};
use serialport::{SerialPort, TTYPort};
use tokio_modbus::prelude::{ExceptionCode as TokioException, Request, Response};
use tokio_modbus::server::Service;

/// A process that ends with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn pymodbus(arguments: &[&str]) -> Process {
    let python = std::env::var("WATTPROOF_PYTHON").expect("WATTPROOF_PYTHON names a Python with pymodbus");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/pymodbus_server.py");
    Process(Command::new(python).arg(script).args(arguments).stdin(Stdio::null()).spawn().unwrap())
}

/// Opens as soon as the server, which has only just been started, is there.
fn open_soon(link: &str, options: &[(&str, &str)]) -> Box<dyn PowerSource> {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        match open("sdm120", link, options) {
            Ok(source) => return source,
            Err(error) if Instant::now() > deadline => panic!("{error:#}"),
            Err(_) => thread::sleep(Duration::from_millis(100)),
        }
    }
}

/// The numbers of a source's channels by name.
fn numbers(source: &mut dyn PowerSource) -> Result<Vec<(String, f64)>> {
    let readings = read(source)?;
    let named = |reading: &power_core::Reading| {
        let name = source.descriptor().channel(reading.channel)?.name.to_string();
        Some((name, reading.value.number()?))
    };
    Ok(readings.iter().filter_map(named).collect())
}

fn assert_is_the_sdm120(source: &mut dyn PowerSource) {
    for _ in 0..50 {
        let shown = numbers(source).unwrap();
        for (name, expected) in [("voltage", 230.25), ("current", 1.5), ("power", 321.5), ("frequency", 50.0)]
        {
            assert!(shown.contains(&(name.to_owned(), expected)), "{name}: {shown:?}");
        }
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
#[ignore = "needs pymodbus: run by .ci/run"]
fn a_pymodbus_server_over_tcp_is_read() {
    let port = free_port().to_string();
    let _server = pymodbus(&["tcp", &port]);
    let mut source = open_soon(&format!("tcp:127.0.0.1:{port}"), &[]);
    assert_is_the_sdm120(&mut *source);
    // It refuses what it does not have, and answers on.
    let beyond = common::ONE.replace("0x000C", "0x1000");
    let (_folder, meter) = common::profile_file(&beyond);
    let error = open(&meter, &format!("tcp:127.0.0.1:{port}"), &[]).unwrap_err();
    assert_eq!(Exception::of(&error).and_then(Exception::code), Some(ExceptionCode::IllegalDataAddress));
    assert_is_the_sdm120(&mut *source);
}

/// Two lines with a copier between them: each end is a terminal that a program can open.
fn line_between() -> (String, String) {
    let (mut near, near_end) = TTYPort::pair().unwrap();
    let (mut far, far_end) = TTYPort::pair().unwrap();
    let paths = (near_end.name().unwrap(), far_end.name().unwrap());
    let mut copiers = Vec::new();
    for port in [&mut near, &mut far] {
        port.set_timeout(Duration::from_secs(1)).unwrap();
    }
    let (mut near_out, mut far_out) = (near.try_clone_native().unwrap(), far.try_clone_native().unwrap());
    let kept: Vec<_> = [&paths.0, &paths.1]
        .map(|path| std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap())
        .into();
    drop((near_end, far_end));
    copiers.push(thread::spawn(move || copy(&mut near, &mut far_out)));
    copiers.push(thread::spawn(move || copy(&mut far, &mut near_out)));
    // The copiers and the open ends last as long as the process.
    std::mem::forget((copiers, kept));
    paths
}

fn copy(from: &mut TTYPort, to: &mut TTYPort) {
    use std::io::{Read, Write};
    let mut bytes = [0; 256];
    loop {
        match from.read(&mut bytes) {
            Ok(count) => to.write_all(&bytes[..count]).unwrap(),
            Err(error) if error.kind() == std::io::ErrorKind::TimedOut => {}
            Err(_) => return,
        }
    }
}

#[test]
#[ignore = "needs pymodbus: run by .ci/run"]
fn a_pymodbus_server_over_rtu_is_read() {
    let (ours, theirs) = line_between();
    let _server = pymodbus(&["rtu", &theirs]);
    let mut source = open_soon(&format!("serial:{ours}"), &[("baud", "115200"), ("timeout_ms", "3000")]);
    assert_is_the_sdm120(&mut *source);
}

/// mbpoll, an independent master by libmodbus, sees in our simulated meter what it shows.
fn mbpoll(arguments: &[&str]) -> String {
    let output =
        Command::new("mbpoll").args(arguments).stdin(Stdio::null()).output().expect("mbpoll is installed");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

#[test]
#[ignore = "needs mbpoll: run by .ci/run"]
fn mbpoll_reads_our_simulated_meter_over_tcp() {
    let meter = SimulatedMeter::new(profile::shipped("sdm120").unwrap(), shown);
    let server = Server::on_loopback(meter, Framing::Mbap).unwrap();
    let port = server.address().port().to_string();
    let said =
        mbpoll(&["-m", "tcp", "-p", &port, "-0", "-r", "12", "-t", "3:float", "-B", "-1", "127.0.0.1"]);
    assert!(said.contains("321.5"), "{said}");
}

#[test]
#[ignore = "needs mbpoll: run by .ci/run"]
fn mbpoll_reads_our_simulated_meter_over_rtu() {
    let (ours, theirs) = line_between();
    let meter = Mutex::new(SimulatedMeter::new(profile::shipped("sdm120").unwrap(), shown));
    thread::spawn(move || {
        let port = serialport::new(ours, 9_600).timeout(Duration::from_millis(20)).open().unwrap();
        serve(port, Framing::Rtu, &meter, &AtomicBool::new(false))
    });
    thread::sleep(Duration::from_millis(200));
    let said = mbpoll(&[
        "-m", "rtu", "-b", "9600", "-P", "none", "-0", "-r", "12", "-t", "3:float", "-B", "-1", &theirs,
    ]);
    assert!(said.contains("321.5"), "{said}");
}

/// The registers of [`pymodbus`]'s meter, by tokio-modbus.
#[derive(Clone)]
struct TokioMeter;

impl Service for TokioMeter {
    type Request = Request<'static>;
    type Response = Response;
    type Exception = TokioException;
    type Future = std::future::Ready<Result<Response, TokioException>>;

    fn call(&self, request: Self::Request) -> Self::Future {
        std::future::ready(match request {
            Request::ReadInputRegisters(address, count) if u32::from(address) + u32::from(count) <= 400 => {
                let register = |at: u16| {
                    let values = [
                        (0, 230.25_f32),
                        (6, 1.5),
                        (12, 321.5),
                        (18, 345.0),
                        (30, 0.93),
                        (70, 50.0),
                        (72, 12.345),
                    ];
                    let of = |(start, value): &(u16, f32)| {
                        let bytes = value.to_be_bytes();
                        match at.checked_sub(*start) {
                            Some(0) => Some(u16::from_be_bytes([bytes[0], bytes[1]])),
                            Some(1) => Some(u16::from_be_bytes([bytes[2], bytes[3]])),
                            _ => None,
                        }
                    };
                    values.iter().find_map(of).unwrap_or(0)
                };
                Ok(Response::ReadInputRegisters((address..address + count).map(register).collect()))
            }
            Request::ReadInputRegisters(..) => Err(TokioException::IllegalDataAddress),
            _ => Err(TokioException::IllegalFunction),
        })
    }
}

/// Starts the server on a thread of its own, for as long as the process lasts.
fn tokio_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let server =
                tokio_modbus::server::tcp::Server::new(tokio::net::TcpListener::from_std(listener).unwrap());
            let new_service = |_: SocketAddr| Ok(Some(TokioMeter));
            let connected = |stream, address| async move {
                tokio_modbus::server::tcp::accept_tcp_connection(stream, address, new_service)
            };
            server.serve(&connected, |_| {}).await.unwrap();
        });
    });
    address
}

#[test]
fn a_tokio_modbus_server_is_read() {
    let address = tokio_server();
    let mut source = open("sdm120", &format!("tcp:{address}"), &[]).unwrap();
    assert_is_the_sdm120(&mut *source);
}

#[test]
fn a_tokio_modbus_servers_refusals_are_typed_and_the_connection_stands() {
    let address = tokio_server();
    for (old, new, code) in [
        ("0x000C", "0x1000", ExceptionCode::IllegalDataAddress),
        ("function = 4", "function = 3", ExceptionCode::IllegalFunction),
    ] {
        let (_folder, meter) = common::profile_file(&common::ONE.replace(old, new));
        let error = open(&meter, &format!("tcp:{address}"), &[]).unwrap_err();
        assert_eq!(Exception::of(&error).and_then(Exception::code), Some(code), "{error:#}");
    }
    assert!(TcpStream::connect(address).is_ok());
}
