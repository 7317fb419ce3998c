//! A WT310E by VXI-11, from a server that speaks RPC.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod simulated;

use std::collections::VecDeque;
use std::io::Read;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use driver_meter::DRIVER;
use driver_meter::scpi::number::Scalar;
use driver_meter::scpi::yokogawa::server::Wt310e;
use power_core::{Driver, ErrorKind, Options};
use power_testkit::alloc::CountingAllocator;
use power_testkit::{Expectations, conformance};
use simulated::{Fault, Server, of, read_until_well, send};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[4 * at..4 * at + 4].try_into().unwrap())
}

/// The core channel of an instrument (VXI-11, B.6) on a host.
fn instrument_on(host: &str) -> Server {
    Server::start_at(&format!("{host}:0"), |mut stream: TcpStream, faults, gone| {
        let mut meter = Wt310e::default();
        let mut answers: VecDeque<String> = VecDeque::new();
        loop {
            let mut head = [0; 4];
            stream.read_exact(&mut head)?;
            let mut call = vec![0; usize::try_from(u32::from_be_bytes(head) & 0x7fff_ffff).unwrap()];
            stream.read_exact(&mut call)?;
            // A call of RPC version 2 to the core channel.
            assert_eq!([word(&call, 1), word(&call, 2), word(&call, 3), word(&call, 4)], [0, 2, 395_183, 1]);
            let arguments = &call[40..];
            let mut results: Vec<u8> = Vec::new();
            let mut put = |words: &[u32]| words.iter().for_each(|one| results.extend(one.to_be_bytes()));
            let mut measured = false;
            match word(&call, 5) {
                10 => {
                    assert_eq!(&arguments[16..21], b"inst0");
                    put(&[0, 7, 0, 4096]);
                }
                11 => {
                    let length = usize::try_from(word(arguments, 4)).unwrap();
                    let command = String::from_utf8_lossy(&arguments[20..20 + length]).into_owned();
                    answers.extend(meter.answer(&command, |_| Scalar::Number(1.0)));
                    put(&[0, u32::try_from(length).unwrap()]);
                }
                12 => match answers.pop_front() {
                    Some(answer) => {
                        measured = answer.contains(',');
                        let text = format!("{answer}\n");
                        put(&[0, 4, u32::try_from(text.len()).unwrap()]);
                        results.extend(text.as_bytes());
                        results.resize(results.len().next_multiple_of(4), 0);
                    }
                    None => put(&[15, 0, 0]),
                },
                15 => {
                    answers.clear();
                    put(&[0]);
                }
                _ => put(&[0]),
            }
            let mut reply: Vec<u8> = Vec::new();
            let length = u32::try_from(24 + results.len()).unwrap() | 0x8000_0000;
            for one in [length, word(&call, 0), 1, 0, 0, 0, 0] {
                reply.extend(one.to_be_bytes());
            }
            reply.extend(results);
            let fault = if measured { faults.lock().unwrap().pop_front() } else { None };
            send(&mut stream, &reply, fault, gone)?;
        }
    })
}

fn instrument() -> Server {
    instrument_on("127.0.0.1")
}

fn address(server: &Server) -> String {
    format!("yokogawa-wt300@vxi11:{}", server.address)
}

#[test]
fn an_instrument_by_vxi11_conforms() {
    let (healthy, breaking) = (instrument(), instrument());
    let impatient = Options::new().with("reconnect_s", "0");
    let expectations = Expectations::default().with_reads(15).with_disconnecting(move || {
        let source = DRIVER.open(&address(&breaking), &impatient)?;
        breaking.away.store(true, Ordering::Relaxed);
        breaking.inject(Fault::Split);
        breaking.inject(Fault::Closed);
        Ok(source)
    });
    conformance(|| DRIVER.open(&address(&healthy), &Options::new()), expectations);
}

#[test]
fn an_instrument_by_vxi11_comes_through_faults() {
    let server = instrument();
    let options = Options::new().with("timeout_ms", "300");
    let mut source = DRIVER.open(&address(&server), &options).unwrap();
    for fault in [
        Fault::Split,
        Fault::Garbage,
        Fault::Twice,
        Fault::Truncated,
        Fault::Silent,
        Fault::HalfClosed,
        Fault::Closed,
    ] {
        server.inject(fault);
        for _ in 0..3 {
            match simulated::read(&mut source) {
                Ok(readings) => assert_eq!(of(&source, &readings, "power")[0].value.number(), Some(1.0)),
                Err(error) => {
                    let passing = matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Protocol);
                    assert!(passing, "{fault:?}: {error}");
                }
            }
        }
        let readings = read_until_well(&mut source);
        assert_eq!(of(&source, &readings, "power")[0].value.number(), Some(1.0));
    }
}

#[test]
#[ignore = "needs root, for a port below 1024: run by .ci/run"]
fn the_port_mapper_is_asked() {
    const HOST: &str = "127.0.0.77";
    let server = instrument_on(HOST);
    let port: u32 = server.address.rsplit_once(':').unwrap().1.parse().unwrap();
    let known = Arc::new(AtomicU32::new(port));
    let told = known.clone();
    let _mapper = Server::start_at(&format!("{HOST}:111"), move |mut stream, _, gone| {
        let mut call = [0; 60];
        stream.read_exact(&mut call)?;
        // GETPORT for version 1 of the core channel over TCP.
        assert_eq!([word(&call, 4), word(&call, 5), word(&call, 6)], [100_000, 2, 3]);
        assert_eq!([word(&call, 11), word(&call, 12), word(&call, 13)], [395_183, 1, 6]);
        let reply = [0x8000_001c, word(&call, 1), 1, 0, 0, 0, 0, told.load(Ordering::Relaxed)];
        send(&mut stream, &reply.map(u32::to_be_bytes).concat(), None, gone)
    });
    let name = format!("yokogawa-wt300@vxi11:{HOST}");
    let mut source = DRIVER.open(&name, &Options::new()).unwrap();
    assert!(!read_until_well(&mut source).is_empty());
    known.store(0, Ordering::Relaxed);
    assert_eq!(DRIVER.open(&name, &Options::new()).unwrap_err().kind(), ErrorKind::Unsupported);
}
