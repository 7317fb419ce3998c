//! Links by themselves.

#![cfg(unix)]

mod common;

use std::io::Write;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use common::{Line, timed};
use driver_meter::link::Link;
use driver_meter::link::serial::{Parity, SerialLink, SerialSettings};
use driver_meter::link::tcp::TcpLink;
use driver_meter::{Address, MeterAddress};
use power_core::ErrorKind;

/// A deadline that is meant to pass.
fn soon() -> Instant {
    Instant::now() + Duration::from_millis(100)
}

/// A deadline that nothing misses, however busy the machine is.
fn later() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

#[test]
fn tcp_keeps_its_deadlines_and_gives_what_has_come() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut link = TcpLink::open(&listener.local_addr().unwrap().to_string(), later()).unwrap();
    let (mut far, _) = listener.accept().unwrap();
    let mut buffer = [0; 16];
    let (outcome, took) = timed(|| link.receive(&mut buffer, soon()));
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Timeout);
    assert!(took >= Duration::from_millis(90), "{took:?}");
    assert_eq!(link.receive_now(&mut buffer).unwrap(), 0);
    // A link stands after a timeout.
    far.write_all(b"75.04\n").unwrap();
    assert_eq!(link.receive(&mut buffer, later()).unwrap(), 6);
    // What has come is given even when no time is left.
    far.write_all(b"old").unwrap();
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(link.receive(&mut buffer, Instant::now()).unwrap(), 3);
    far.write_all(b"old").unwrap();
    std::thread::sleep(Duration::from_millis(50));
    link.discard_input().unwrap();
    assert_eq!(link.receive_now(&mut buffer).unwrap(), 0);
}

/// A peer that takes nothing: the buffers of both sides fill, and sending ends at the deadline.
#[test]
fn tcp_sending_ends_at_its_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut link = TcpLink::open(&listener.local_addr().unwrap().to_string(), later()).unwrap();
    let _far = listener.accept().unwrap();
    let much = vec![0; 64 << 20];
    let (outcome, took) = timed(|| link.send(&much, soon()));
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Timeout);
    assert!(took < Duration::from_secs(20), "{took:?}");
}

#[test]
fn a_closed_connection_is_disconnected_until_it_is_opened_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut link = TcpLink::open(&listener.local_addr().unwrap().to_string(), later()).unwrap();
    drop(listener.accept().unwrap());
    let mut buffer = [0; 16];
    for _ in 0..2 {
        assert_eq!(link.receive(&mut buffer, later()).unwrap_err().kind(), ErrorKind::Disconnected);
        assert_eq!(link.send(b"x", later()).unwrap_err().kind(), ErrorKind::Disconnected);
        assert_eq!(link.discard_input().unwrap_err().kind(), ErrorKind::Disconnected);
    }
    link.reopen(later()).unwrap();
    let (mut far, _) = listener.accept().unwrap();
    far.write_all(b"back").unwrap();
    assert_eq!(link.receive(&mut buffer, later()).unwrap(), 4);
    drop((far, listener));
    assert_eq!(link.reopen(later()).unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(link.receive(&mut buffer, later()).unwrap_err().kind(), ErrorKind::Disconnected);
}

#[test]
fn a_serial_line_keeps_its_deadlines_and_sees_a_hang_up() {
    let (hang_up, told) = std::sync::mpsc::channel::<()>();
    let line = Line::new(move |mut far, _| {
        far.write_all(b"hello").unwrap();
        told.recv().unwrap();
    });
    let settings = SerialSettings::new(9_600).with_parity(Parity::None);
    let mut link = SerialLink::open(&line.path, settings, later()).unwrap();
    assert!(link.name().ends_with("9600 8N1"), "{}", link.name());
    let mut buffer = [0; 16];
    let mut heard = 0;
    while heard < 5 {
        heard += link.receive(&mut buffer[heard..], later()).unwrap();
    }
    assert_eq!(&buffer[..5], b"hello");
    let (outcome, took) = timed(|| link.receive(&mut buffer, soon()));
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Timeout);
    assert!(took >= Duration::from_millis(90), "{took:?}");
    hang_up.send(()).unwrap();
    let gone = link.receive(&mut buffer, later()).unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::Disconnected, "{gone:#}");
    assert_eq!(link.send(b"x", later()).unwrap_err().kind(), ErrorKind::Disconnected);
}

/// As root every file opens, so that this needs a user without rights.
#[test]
fn a_serial_device_without_rights_names_what_gives_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ttyUSB0");
    std::fs::write(&path, "").unwrap();
    let mut rights = std::fs::metadata(&path).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut rights, 0);
    std::fs::set_permissions(&path, rights).unwrap();
    let error = SerialLink::open(path.to_str().unwrap(), SerialSettings::new(9_600), later()).unwrap_err();
    if std::fs::File::open(&path).is_ok() {
        // Root: it opens, and is no terminal.
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:#}");
    } else {
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error:#}");
        assert!(error.to_string().contains("mend: sudo"), "{error:#}");
    }
}

#[test]
fn addresses_are_read_and_written() {
    for text in [
        "tcp:192.168.1.9:502",
        "tcp:[fe80::1]:502",
        "rtu+tcp:gateway:8899",
        "serial:/dev/ttyUSB0",
        "usbtmc:/dev/usbtmc0",
        "usb:0b21:0025:C2QJ22001V",
        "usb:5fc9:0063",
        "http://plug.local",
    ] {
        assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
    }
    assert_eq!("tcp:meter".parse::<Address>().unwrap().with_port(502).to_string(), "tcp:meter:502");
    assert_eq!("tcp:[::1]".parse::<Address>().unwrap().with_port(502).to_string(), "tcp:[::1]:502");
    for text in ["", "tcp:", "usb:12", "usb:zzzz:0025", "ftp://x", "/dev/ttyUSB0"] {
        assert_eq!(text.parse::<Address>().unwrap_err().kind(), ErrorKind::InvalidConfig, "{text}");
    }
    let named: MeterAddress = "./a@b/my.toml@tcp:host:1".parse().unwrap();
    assert_eq!((named.meter.as_str(), named.link.to_string().as_str()), ("./a@b/my.toml", "tcp:host:1"));
    let named: MeterAddress = "shelly-gen2@http://user@plug".parse().unwrap();
    assert_eq!(named.link.to_string(), "http://user@plug");
    for text in ["", "sdm120", "@tcp:host", "no-such-device"] {
        assert_eq!(text.parse::<MeterAddress>().unwrap_err().kind(), ErrorKind::NotFound, "{text}");
    }
}
