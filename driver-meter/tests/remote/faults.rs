//! What goes wrong between a server and its reader.

use std::io::{BufReader, Write};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use driver_meter::DRIVER;
use driver_meter::remote::{Served, Server, Token};
use power_core::{Driver, ErrorKind, Flags, Options, PowerSource, Recorder, Result, SystemClock};
use virtual_rig::MeterKind;

use crate::support::{PERIOD, TOKEN, line, open, open_with, read, rig, serve, served, some};

#[test]
fn a_wrong_token_is_refused_and_no_token_is_asked_for() {
    let rig = rig(MeterKind::Sdm630Tcp);
    let server = serve(served(&rig.meters()[0]));
    let address = server.address().to_string();
    let error = open_with(&address, &[("token", "another-token")]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error:#}");
    assert!(error.to_string().contains("the token is wrong"), "{error:#}");
    let device = format!("wattproof-remote@tcp:{address}");
    let error = DRIVER.open(&device, &Options::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error:#}");
    assert!(error.message().contains("token_file"), "{error:#}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, format!("{TOKEN}\n")).unwrap();
    let with_file = Options::new().with("token_file", path.display().to_string());
    assert!(DRIVER.open(&device, &with_file).is_ok());
    std::fs::remove_file(&path).unwrap();
    assert_eq!(DRIVER.open(&device, &with_file).unwrap_err().kind(), ErrorKind::NotFound);
}

/// A server that answers what a test wants.
fn peer(answers: impl Fn(usize) -> Vec<u8> + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut lines = BufReader::new(stream.try_clone().unwrap());
            for number in 0.. {
                if line(&mut lines).is_empty() || stream.write_all(&answers(number)).is_err() {
                    break;
                }
            }
        }
    });
    address
}

fn welcome() -> Vec<u8> {
    let text = r#"{"wattproof":1,"host":"h","clock":"c","session":1,"next":5,"descriptor":{"driver":"meter",
        "device":"x","lane":"l","channels":[{"name":"power","quantity":{"kind":"power","averaging":"unknown"}}]}}"#;
    let mut line = text.replace('\n', "").into_bytes();
    line.push(b'\n');
    line
}

#[test]
fn a_server_of_another_version_is_said_to_be_one() {
    let address =
        peer(|_| String::from_utf8(welcome()).unwrap().replace(":1,\"host", ":9,\"host").into_bytes());
    let error = open_with(&address, &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:#}");
    assert!(error.message().contains("version 9"), "{error:#}");
    let address = peer(|_| b"HTTP/1.1 400 Bad Request\n".to_vec());
    assert_eq!(open_with(&address, &[]).unwrap_err().kind(), ErrorKind::Protocol);
}

#[test]
fn answers_that_make_no_sense_give_no_reading() {
    for answer in [
        "{\"t2\":5,\"t3\":4,\"first\":5,\"count\":0,\"lost\":0}\n",
        "{\"t2\":5,\"t3\":6,\"first\":5,\"count\":4000000000,\"lost\":0}\n",
        "{\"t2\":5,\"t3\":6,\"first\":5,\"count\":1,\"lost\":0}\n[7,1,2,3.5,null,0]\n",
        "{\"t2\":5,\"t3\":6,\"first\":5,\"count\":1,\"lost\":0}\n[0,1,2,null,9,0]\n",
        "{\"t2\":5,\"t3\":6,\"first\":5,\"count\":1,\"lost\":0}\n[0,2,1,3.5,null,0]\n",
        "nonsense\n",
    ] {
        let address = peer(move |number| if number == 0 { welcome() } else { answer.as_bytes().to_vec() });
        let mut source = open_with(&address, &[]).unwrap();
        let mut readings = Vec::new();
        let error = source.read(&mut Recorder::new(&SystemClock, &mut readings)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{answer} {error:#}");
        assert!(readings.iter().all(|reading| reading.channel.0 == 1), "{answer} {readings:?}");
    }
}

#[test]
fn a_slow_server_is_a_timeout_and_what_it_lost_is_flagged() {
    let address = peer(|number| match number {
        0 => welcome(),
        1 => {
            thread::sleep(Duration::from_millis(1500));
            Vec::new()
        }
        _ => b"{\"t2\":5,\"t3\":6,\"first\":9,\"count\":1,\"lost\":4}\n[0,1,2,3.5,null,0]\n".to_vec(),
    });
    let mut source = open_with(&address, &[("timeout_ms", "200")]).unwrap();
    assert_eq!(read(&mut *source).unwrap_err().kind(), ErrorKind::Timeout);
    let address = peer(|number| match number {
        0 => welcome(),
        _ => b"{\"t2\":5,\"t3\":6,\"first\":9,\"count\":1,\"lost\":4}\n[0,1,2,3.5,null,0]\n".to_vec(),
    });
    let mut source = open_with(&address, &[]).unwrap();
    let readings = read(&mut *source).unwrap();
    assert!(readings[1].flags.contains(Flags::OVERRUN), "{readings:?}");
}

#[test]
fn a_server_that_is_gone_is_disconnected_for_good() {
    let rig = rig(MeterKind::Sdm630Tcp);
    let server = serve(served(&rig.meters()[0]));
    let mut source = open(&server).unwrap();
    some(&mut *source);
    drop(server);
    let error = read(&mut *source).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error:#}");
    assert_eq!(read(&mut *source).unwrap_err().kind(), ErrorKind::Disconnected, "for good");
}

#[test]
fn whoever_serves_says_that_its_meter_is_away() {
    let rig = rig(MeterKind::Sdm630Tcp);
    let mut tries = 0;
    let mut open_meter = served(&rig.meters()[0]).open;
    let going = move || {
        tries += 1;
        if tries == 2 {
            return Err(power_core::Error::new(ErrorKind::Unavailable, "the cable is out"));
        }
        let source = open_meter()?;
        Ok(if tries == 1 { Box::new(Going { source, reads: 5 }) as Box<dyn PowerSource> } else { source })
    };
    let server = serve(Served::new(going, PERIOD, Token::new(TOKEN).unwrap(), "other-host"));
    let mut source = open(&server).unwrap();
    let until = Instant::now() + Duration::from_secs(30);
    let error = loop {
        match read(&mut *source) {
            Err(error) => break error,
            Ok(_) => assert!(Instant::now() < until),
        }
        thread::sleep(Duration::from_millis(5));
    };
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error:#}");
    // Opened again, as a recorder does until it works.
    let mut again = loop {
        match open(&server) {
            Ok(source) => break source,
            Err(error) => {
                assert!(error.kind() == ErrorKind::Disconnected && Instant::now() < until, "{error:#}");
            }
        }
        thread::sleep(Duration::from_millis(20));
    };
    some(&mut *again);
}

/// A meter that is unplugged after some reads.
#[derive(Debug)]
struct Going {
    source: Box<dyn PowerSource>,
    reads: u32,
}

impl PowerSource for Going {
    fn descriptor(&self) -> &power_core::Descriptor {
        self.source.descriptor()
    }

    fn read(&mut self, recorder: &mut Recorder<'_>) -> Result<()> {
        self.reads = self.reads.saturating_sub(1);
        if self.reads == 0 {
            return Err(power_core::Error::new(ErrorKind::Disconnected, "the cable is out"));
        }
        self.source.read(recorder)
    }
}

#[test]
fn a_served_meter_is_not_served_again() {
    let rig = rig(MeterKind::Sdm630Tcp);
    let first = serve(served(&rig.meters()[0]));
    let address = first.address().to_string();
    let second = Served::new(move || open_with(&address, &[]), PERIOD, Token::new(TOKEN).unwrap(), "third");
    let error = Server::start(TcpListener::bind("127.0.0.1:0").unwrap(), second).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:#}");
}
