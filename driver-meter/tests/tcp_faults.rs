//! Modbus TCP when things go wrong: never a wrong number, never a hang beyond the deadline, and it goes on afterwards.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]
#![expect(clippy::float_cmp, reason = "the very number that the peer sent")]

mod common;

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use common::{
    ONE, Peer, mbap, number, open, profile_file, read, request, send, timed, transaction, until_ok,
};
use driver_meter::modbus::Exception;
use modbus::ExceptionCode;
use power_core::{ErrorKind, PowerSource};

/// A deadline that is meant to be missed. All others are patient: a busy machine must not fail a test.
const SHORT: (&str, &str) = ("timeout_ms", "300");

/// What no operation with a short deadline takes, even on a busy machine.
const HANG: Duration = Duration::from_secs(20);

/// A source on a peer that answers the first request, which opening makes, with 1 W, and others as `answer` says.
fn against(
    options: &[(&str, &str)],
    answer: impl Fn(&mut std::net::TcpStream, [u8; 12], usize) + Send + Sync + 'static,
) -> (Peer, Box<dyn PowerSource>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let peer = Peer::new(move |mut stream, _| {
        while let Some(request) = request(&mut stream) {
            match asked.fetch_add(1, Ordering::SeqCst) {
                0 => send(&mut stream, &mbap(transaction(&request), 1, 1.0)),
                number => answer(&mut stream, request, number),
            }
        }
    });
    let (_folder, meter) = profile_file(ONE);
    let source = open(&meter, &peer.link("tcp"), options).unwrap();
    (peer, source)
}

/// The value that request `number` is answered with: each its own, so that a mix-up shows.
fn value(number: usize) -> f32 {
    100.0 + f32::from(u8::try_from(number).unwrap())
}

#[test]
fn a_late_answer_is_not_taken_for_that_of_a_later_request() {
    let (_peer, mut source) = against(&[SHORT], |stream, request, number| {
        if number == 1 {
            thread::sleep(Duration::from_millis(1_500));
        }
        send(stream, &mbap(transaction(&request), 1, value(number)));
    });
    let (late, took) = timed(|| number(&mut *source));
    assert_eq!(late.unwrap_err().kind(), ErrorKind::Timeout);
    assert!(took < HANG, "{took:?}");
    let mut last = 101.0; // the answer to the read that failed
    for _ in 0..20 {
        let (shown, _) = until_ok(&mut *source, 200);
        assert!(shown > last, "{shown} W after {last} W");
        last = shown;
    }
}

#[test]
fn split_and_coalesced_answers_are_whole_to_the_reader() {
    let (_peer, mut source) = against(&[], |stream, request, number| {
        let frame = mbap(transaction(&request), 1, value(number));
        if number % 2 == 0 {
            for byte in frame {
                send(stream, &[byte]);
                thread::sleep(Duration::from_millis(1));
            }
        } else {
            // Answers to nothing before and behind it, all in one segment.
            let stale = mbap([0xEE, 0xEE], 1, 9999.0);
            send(stream, &[stale.clone(), frame, stale].concat());
        }
    });
    for expected in 1..20 {
        assert_eq!(number(&mut *source).unwrap(), f64::from(value(expected)));
    }
}

#[test]
fn bad_answers_are_protocol_errors_and_the_connection_is_made_anew() {
    type Bend = fn(&mut Vec<u8>);
    let cases: [(&str, Bend); 8] = [
        ("protocol field", |frame| frame[2] = 1),
        ("unit", |frame| frame[6] = 9),
        ("function", |frame| frame[7] = 3),
        ("length of 0", |frame| frame[4..6].copy_from_slice(&[0, 0])),
        ("length of 65535", |frame| frame[4..6].copy_from_slice(&[0xFF, 0xFF])),
        ("byte count of 0", |frame| frame[8] = 0),
        ("byte count of 255", |frame| frame[8] = 255),
        ("fewer registers", |frame| {
            frame.truncate(11);
            frame[5] = 5;
            frame[8] = 2;
        }),
    ];
    for (what, bend) in cases {
        let (_peer, mut source) = against(&[], move |stream, request, number| {
            let mut frame = mbap(transaction(&request), 1, value(number));
            if number == 1 {
                bend(&mut frame);
            }
            send(stream, &frame);
        });
        let error = number(&mut *source).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{what}: {error:#}");
        assert_eq!(number(&mut *source).unwrap(), f64::from(value(2)), "{what}");
    }
}

#[test]
fn a_refusal_names_its_code_and_the_connection_stands() {
    let (peer, mut source) = against(&[], |stream, request, number| {
        let [a, b] = transaction(&request);
        if number == 1 {
            send(stream, &[a, b, 0, 0, 0, 3, 1, 0x84, 6]);
        } else {
            send(stream, &mbap([a, b], 1, value(number)));
        }
    });
    let error = number(&mut *source).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
    assert_eq!(Exception::of(&error).and_then(Exception::code), Some(ExceptionCode::SlaveOrServerBusy));
    assert_eq!(number(&mut *source).unwrap(), f64::from(value(2)));
    drop(peer);
}

#[test]
fn an_endless_stream_of_stale_answers_ends_at_the_deadline() {
    let (_peer, mut source) = against(&[SHORT], |stream, _, _| {
        let stale = mbap([0xEE, 0xEE], 1, 9999.0).repeat(50);
        for _ in 0..2_000 {
            send(stream, &stale);
        }
    });
    let (outcome, took) = timed(|| number(&mut *source));
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Timeout);
    assert!(took < HANG, "{took:?}");
}

#[test]
fn an_endless_stream_of_noise_is_a_protocol_error() {
    let (_peer, mut source) = against(&[], |stream, _, _| {
        for _ in 0..1_000 {
            send(stream, &[0x55; 1024]);
        }
    });
    let (outcome, took) = timed(|| number(&mut *source));
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Protocol);
    assert!(took < HANG, "{took:?}");
}

#[test]
fn a_connection_closed_by_the_meter_is_opened_again() {
    let (_peer, mut source) = against(&[], |stream, request, number| {
        if number % 3 == 1 {
            // Its half is closed; ours stands.
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let _ = stream.read(&mut [0; 64]);
        } else {
            send(stream, &mbap(transaction(&request), 1, value(number)));
        }
    });
    for _ in 0..3 {
        let error = number(&mut *source).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error:#}");
        assert!(format!("{error:#}").contains("the meter closed the connection"), "{error:#}");
        until_ok(&mut *source, 500);
        number(&mut *source).unwrap();
    }
}

#[test]
fn a_meter_that_is_gone_for_longer_than_reconnect_s_is_disconnected_for_good() {
    let peer = Peer::new(|mut stream, number| {
        if number == 0
            && let Some(request) = request(&mut stream)
        {
            send(&mut stream, &mbap(transaction(&request), 1, 1.0));
        }
    });
    let (_folder, meter) = profile_file(ONE);
    let options = [("reconnect_s", "1")];
    let mut source = open(&meter, &peer.link("tcp"), &options).unwrap();
    drop(peer);
    let mut kinds = Vec::new();
    for _ in 0..400 {
        let (outcome, took) = timed(|| read(&mut *source));
        assert!(took < HANG, "{took:?}");
        kinds.push(outcome.unwrap_err().kind());
        if kinds.last() == Some(&ErrorKind::Disconnected) {
            break;
        }
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(kinds.first(), Some(&ErrorKind::Timeout), "a gap first: {kinds:?}");
    assert_eq!(kinds.last(), Some(&ErrorKind::Disconnected), "{kinds:?}");
    assert_eq!(read(&mut *source).unwrap_err().kind(), ErrorKind::Disconnected);
}

#[test]
fn a_meter_that_falls_silent_is_asked_over_a_new_connection() {
    let peer = Peer::new(|mut stream, connection| {
        let mut asked = 0;
        while let Some(request) = request(&mut stream) {
            asked += 1;
            // As after a pulled cable: the first connection leads nowhere any more.
            if connection > 0 || asked == 1 {
                send(&mut stream, &mbap(transaction(&request), 1, value(connection)));
            }
        }
    });
    let (_folder, meter) = profile_file(ONE);
    let mut source = open(&meter, &peer.link("tcp"), &[SHORT]).unwrap();
    let (shown, gap) = until_ok(&mut *source, 200);
    assert!(shown > 100.5, "answered over a new connection: {shown}");
    assert!(gap.len() >= 3 && gap.iter().all(|kind| *kind == ErrorKind::Timeout), "{gap:?}");
}

/// A profile with a register that tells the meter: another one at the address is noticed.
#[test]
fn another_meter_at_the_address_after_a_reconnect_is_not_read_on() {
    let with_identity =
        format!("{ONE}\n[identification]\nregister = 0x0200\ntype = \"u32\"\nexpected = [77]\n");
    let peer = Peer::new(|mut stream, connection| {
        for asked in 0.. {
            let Some(request) = request(&mut stream) else { return };
            if connection == 0 && asked == 3 {
                return;
            }
            let mut frame = mbap(transaction(&request), 1, 5.0);
            if request[8..10] == [2, 0] {
                let shown: u32 = if connection == 0 { 77 } else { 78 };
                frame.splice(9.., shown.to_be_bytes());
            }
            send(&mut stream, &frame);
        }
    });
    let (_folder, meter) = profile_file(&with_identity);
    let mut source = open(&meter, &peer.link("tcp"), &[]).unwrap();
    assert_eq!(number(&mut *source).unwrap(), 5.0);
    let kinds: Vec<_> = (0..4)
        .map(|_| {
            thread::sleep(Duration::from_millis(120));
            number(&mut *source).unwrap_err().kind()
        })
        .collect();
    assert_eq!(kinds[0], ErrorKind::Timeout);
    assert_eq!(kinds[1..], [ErrorKind::Disconnected; 3]);
}

#[test]
fn opening_says_what_is_wrong() {
    let refused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (meter, link, kind, words) in [
        ("sdm120", format!("tcp:{refused}"), ErrorKind::Unavailable, "check its address"),
        ("sdm120", "tcp:[::1".into(), ErrorKind::InvalidConfig, "HOST:PORT"),
        ("sdm12", "tcp:127.0.0.1".into(), ErrorKind::NotFound, "did you mean sdm120?"),
        ("./no-such.toml", "tcp:127.0.0.1".into(), ErrorKind::NotFound, "cannot read the profile"),
        ("sdm120", "usbtmc:/dev/usbtmc0".into(), ErrorKind::InvalidConfig, "its link is tcp:"),
        ("sdm120", "gpib:3".into(), ErrorKind::InvalidConfig, "is no link to a meter"),
    ] {
        let error = open(meter, &link, &[]).unwrap_err();
        assert_eq!(error.kind(), kind, "{meter}@{link}: {error:#}");
        assert!(format!("{error:#}").contains(words), "{meter}@{link}: {error:#}");
    }
}

/// `localhost` stands for two addresses on many machines, and a meter may listen on one of them only.
#[test]
fn every_address_of_a_name_is_tried() {
    let (peer, mut source) = against(&[], |stream, request, number| {
        send(stream, &mbap(transaction(&request), 1, value(number)));
    });
    assert_eq!(number(&mut *source).unwrap(), f64::from(value(1)));
    let (_folder, meter) = profile_file(ONE);
    let link = format!("tcp:localhost:{}", peer.address.port());
    let mut named = open(&meter, &link, &[]).unwrap();
    assert_eq!(number(&mut *named).unwrap(), f64::from(value(3)));
}

#[test]
fn a_refused_request_does_not_keep_the_others_from_being_read() {
    let asked = AtomicUsize::new(0);
    let peer = Peer::new(move |mut stream, _| {
        while let Some(request) = request(&mut stream) {
            let [a, b] = transaction(&request);
            let first_block = request[8] == 0;
            // Opening is the first two requests.
            if asked.fetch_add(1, Ordering::SeqCst) >= 2 && first_block {
                send(&mut stream, &[a, b, 0, 0, 0, 3, 1, 0x84, 4]);
            } else {
                send(&mut stream, &mbap([a, b], 1, if first_block { 11.0 } else { 22.0 }));
            }
        }
    });
    let (_folder, meter) = profile_file(&common::two());
    let mut source = open(&meter, &peer.link("tcp"), &[]).unwrap();
    let mut readings = Vec::new();
    let outcome = source.read(&mut power_core::Recorder::new(&power_core::SystemClock, &mut readings));
    assert_eq!(
        Exception::of(&outcome.unwrap_err()).and_then(Exception::code),
        Some(ExceptionCode::SlaveOrServerFailure)
    );
    let shown: Vec<_> = readings.iter().map(|reading| (reading.channel.0, reading.value.number())).collect();
    assert_eq!(shown, [(1, Some(22.0))]);
}

#[test]
fn a_cable_pulled_and_put_back_is_a_gap() {
    use driver_meter::modbus::Framing;
    use driver_meter::profile;
    use driver_meter::simulator::{Server, SimulatedMeter};
    let serve = |address| {
        let meter = SimulatedMeter::new(profile::shipped("sdm630").unwrap(), common::shown);
        Server::on(address, meter, Framing::Mbap)
    };
    let server = serve(std::net::SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = server.address();
    let mut source = open("sdm630", &format!("tcp:{address}"), &[("channels", "power")]).unwrap();
    for _ in 0..2 {
        assert_eq!(number(&mut *source).unwrap(), 321.5);
    }
    drop(server);
    for _ in 0..5 {
        assert_eq!(number(&mut *source).unwrap_err().kind(), ErrorKind::Timeout);
        thread::sleep(Duration::from_millis(50));
    }
    let _server = serve(address).unwrap();
    let (shown, gap) = until_ok(&mut *source, 500);
    assert_eq!(shown, 321.5);
    assert!(gap.iter().all(|kind| *kind == ErrorKind::Timeout), "{gap:?}");
}
