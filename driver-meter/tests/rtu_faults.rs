//! Modbus RTU on a serial line, and through a gateway, when things go wrong.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]
#![expect(clippy::float_cmp, reason = "the very number that the peer sent")]

mod common;

use std::io::{Read, Write};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use common::{
    Line, ONE, Peer, line_request, number, open, profile_file, read, rtu, rtu_request, send, timed, until_ok,
};
use power_core::{ErrorKind, PowerSource};
use serialport::TTYPort;

/// A fast line, and a deadline that no peer misses, however busy the machine is.
const PATIENT: &[(&str, &str)] = &[("baud", "115200")];

/// A deadline that is meant to be missed, or that keeps the wait for late answers short.
const SHORT: &[(&str, &str)] = &[("baud", "115200"), ("timeout_ms", "1000")];

/// What no operation with a short deadline takes, even on a busy machine.
const HANG: Duration = Duration::from_secs(20);

/// A source on a line whose far end answers the first request with 1 W, and others as `answer` says.
fn against(
    options: &[(&str, &str)],
    answer: impl Fn(&mut TTYPort, [u8; 8], usize) + Send + 'static,
) -> (Line, Box<dyn PowerSource>) {
    let line = Line::new(move |mut far, stop| {
        for number in 0.. {
            let Some(request) = line_request(&mut far, stop) else { return };
            match number {
                0 => send(&mut far, &rtu(1, 1.0)),
                number => answer(&mut far, request, number),
            }
        }
    });
    let (_folder, meter) = profile_file(ONE);
    let source = open(&meter, &line.link(), options).unwrap();
    (line, source)
}

fn value(number: usize) -> f32 {
    100.0 + f32::from(u8::try_from(number).unwrap())
}

/// A line on which nobody says a read request of another master, with a right checksum.
fn foreign_request(unit: u8) -> Vec<u8> {
    let mut frame = vec![unit, 4, 0, 0, 0, 2];
    frame.extend(driver_meter::modbus::protocol::crc::crc16(&frame).to_le_bytes());
    frame
}

#[test]
fn a_late_answer_is_not_taken_for_that_of_a_later_request() {
    let (_line, mut source) = against(SHORT, |far, _, number| {
        if number == 1 {
            thread::sleep(Duration::from_secs(2));
        }
        send(far, &rtu(1, value(number)));
    });
    assert_eq!(number(&mut *source).unwrap_err().kind(), ErrorKind::Timeout);
    // The answer with 101 W comes while nothing is asked: an RTU answer does not say what it answers.
    let (shown, gap) = until_ok(&mut *source, 1_000);
    assert!(shown > 101.5, "{shown} after {gap:?}");
    assert!(gap.iter().all(|kind| *kind == ErrorKind::Timeout), "{gap:?}");
    assert!(until_ok(&mut *source, 1_000).0 > shown);
}

#[test]
fn a_late_answer_for_other_registers_of_the_same_size_is_not_taken() {
    // Two requests of one shape: the second must not get the late answer to the first.
    let line = Line::new(|mut far, stop| {
        for asked in 0.. {
            let Some(request) = line_request(&mut far, stop) else { return };
            if asked == 2 {
                thread::sleep(Duration::from_secs(2));
            }
            let value = if request[2] == 0 { 11.0 } else { 22.0 };
            send(&mut far, &rtu(1, value));
        }
    });
    let (_folder, meter) = profile_file(&common::two());
    let mut source = open(&meter, &line.link(), SHORT).unwrap();
    assert!(read(&mut *source).is_err());
    let mut right = 0;
    for _ in 0..1_000 {
        if let Ok(readings) = read(&mut *source) {
            let shown: Vec<_> = readings.iter().filter_map(|reading| reading.value.number()).collect();
            assert_eq!(shown, [11.0, 22.0]);
            right += 1;
        }
        if right == 10 {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("it never answers again");
}

#[test]
fn answers_in_pieces_behind_noise_and_behind_an_echo_are_found() {
    let (_line, mut source) = against(SHORT, |far, request, number| {
        let frame = rtu(1, value(number));
        match number % 3 {
            0 => {
                for byte in frame {
                    send(far, &[byte]);
                    thread::sleep(Duration::from_millis(2));
                }
            }
            1 => send(far, &[&[0xFF, 0x00, 1, 4][..], &frame].concat()),
            _ => send(far, &[&request[..], &frame].concat()),
        }
    });
    // Pieces that a busy machine tears apart by 100 ms count as two frames: then there is a gap, and no wrong number.
    let mut last = 100.5;
    for _ in 1..10 {
        let (shown, _) = until_ok(&mut *source, 1_000);
        assert!(shown > last && shown < 200.0 && shown.fract() == 0.0, "{shown} after {last}");
        last = shown;
    }
}

#[test]
fn bad_answers_are_errors_that_say_why() {
    type Bend = fn(&mut Vec<u8>);
    let cases: [(&str, Bend); 7] = [
        ("checksum is wrong", |frame| *frame.last_mut().unwrap() ^= 0xFF),
        ("unit 9 answered", |frame| *frame = rtu(9, 1.0)),
        ("0 bytes of registers", |frame| {
            *frame = vec![1, 4, 0];
            frame.extend(driver_meter::modbus::protocol::crc::crc16(frame).to_le_bytes());
        }),
        ("255 bytes of registers", |frame| frame[2] = 255),
        ("that are no frame", |frame| *frame = vec![0x55; 9]),
        ("that are no frame", |frame| frame.truncate(4)),
        ("another master", |frame| *frame = [foreign_request(1), frame.clone()].concat()),
    ];
    for (what, bend) in cases {
        let (_line, mut source) = against(PATIENT, move |far, _, number| {
            let mut frame = rtu(1, value(number));
            bend(&mut frame);
            send(far, &frame);
        });
        let (outcome, took) = timed(|| number(&mut *source));
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{what}: {error:#}");
        assert!(format!("{error:#}").contains(what), "{what}: {error:#}");
        assert!(took < HANG, "it does not wait for the deadline: {took:?}");
    }
}

#[test]
fn after_a_bad_answer_the_next_one_is_right() {
    let (_line, mut source) = against(SHORT, |far, _, number| {
        let mut frame = rtu(1, value(number));
        if number == 1 {
            frame[4] ^= 1;
        }
        send(far, &frame);
    });
    assert!(number(&mut *source).is_err());
    let (shown, _) = until_ok(&mut *source, 1_000);
    assert!(shown > 101.5, "{shown}");
}

#[test]
fn a_refusal_is_typed_and_does_not_stop_the_next_read() {
    let (_line, mut source) = against(PATIENT, |far, _, number| {
        if number == 1 {
            let mut frame = vec![1, 0x84, 2];
            frame.extend(driver_meter::modbus::protocol::crc::crc16(&frame).to_le_bytes());
            send(far, &frame);
        } else {
            send(far, &rtu(1, value(number)));
        }
    });
    let error = number(&mut *source).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(format!("{error:#}").contains("illegal data address"), "{error:#}");
    assert_eq!(number(&mut *source).unwrap(), f64::from(value(2)));
}

/// Another master asks the same unit for as many registers just before we do: its answer must not pass for ours.
#[test]
fn a_second_master_is_reported_before_its_answer_can_be_taken() {
    let (_line, mut source) = against(SHORT, |far, _, number| {
        send(far, &rtu(1, value(number)));
        if number == 1 {
            thread::sleep(Duration::from_millis(20));
            send(far, &foreign_request(1));
            thread::sleep(Duration::from_millis(60));
            send(far, &rtu(1, 5555.0));
        }
    });
    assert_eq!(number(&mut *source).unwrap(), f64::from(value(1)));
    thread::sleep(Duration::from_millis(40));
    let error = number(&mut *source).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert!(format!("{error:#}").contains("another master"), "{error:#}");
    thread::sleep(Duration::from_millis(100));
    let (shown, _) = until_ok(&mut *source, 1_000);
    assert!(shown > 101.5 && shown < 200.0, "{shown}");
}

/// Two devices with one address answer at once: their bytes collide.
#[test]
fn an_address_conflict_gives_errors_and_no_wrong_number() {
    let (_line, mut source) = against(SHORT, |far, _, number| {
        let (one, other) = (rtu(1, value(number)), rtu(1, 5555.0));
        let collided: Vec<u8> = one.iter().zip(&other).map(|(a, b)| a & b).collect();
        send(far, &collided);
    });
    for _ in 0..5 {
        assert!(number(&mut *source).is_err());
        thread::sleep(Duration::from_millis(30));
    }
}

#[test]
fn a_line_that_is_never_silent_ends_at_the_deadline() {
    let line = Line::new(|mut far, stop| {
        if line_request(&mut far, stop).is_some() {
            send(&mut far, &rtu(1, 1.0));
        }
        // The terminal takes some thousand bytes before a writer has to wait for the reader.
        while !stop.load(Ordering::Relaxed) {
            let _ = far.write(&[0x55; 64]);
            thread::sleep(Duration::from_millis(1));
        }
    });
    let (_folder, meter) = profile_file(ONE);
    let mut source = open(&meter, &line.link(), SHORT).unwrap();
    for _ in 0..3 {
        let (outcome, took) = timed(|| number(&mut *source));
        assert!(matches!(outcome.unwrap_err().kind(), ErrorKind::Protocol | ErrorKind::Timeout));
        assert!(took < HANG, "{took:?}");
    }
}

#[test]
fn a_line_is_held_exclusively_and_its_units_share_it() {
    let two_units = Line::new(|mut far, stop| {
        while let Some(request) = line_request(&mut far, stop) {
            send(&mut far, &rtu(request[0], f32::from(request[0]) * 10.0));
        }
    });
    let (_folder, meter) = profile_file(ONE);
    let unit = |unit| open(&meter, &two_units.link(), &[PATIENT[0], ("unit", unit)]);
    let (mut first, mut second) = (unit("1").unwrap(), unit("2").unwrap());
    assert_eq!(first.descriptor().lane, second.descriptor().lane);
    for _ in 0..5 {
        assert_eq!(number(&mut *first).unwrap(), 10.0);
        assert_eq!(number(&mut *second).unwrap(), 20.0);
    }
    // Other settings for the same line.
    let error = open(&meter, &two_units.link(), &[("baud", "9600"), ("unit", "3")]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    // Another program.
    let other = driver_meter::link::serial::SerialLink::open(
        &two_units.path,
        driver_meter::link::serial::SerialSettings::new(9_600),
        std::time::Instant::now() + Duration::from_secs(1),
    );
    assert_eq!(other.unwrap_err().kind(), ErrorKind::Busy);
    // Free again once both are closed.
    drop((first, second));
    assert!(unit("1").is_ok());
}

/// A unit that does not answer must not make another unit's answers doubtful.
#[test]
fn a_dead_unit_does_not_hold_up_another_one() {
    let line = Line::new(|mut far, stop| {
        let mut asked = 0;
        while let Some(request) = line_request(&mut far, stop) {
            asked += 1;
            if request[0] == 1 || asked <= 2 {
                send(&mut far, &rtu(request[0], f32::from(request[0])));
            }
        }
    });
    let (_folder, meter) = profile_file(ONE);
    let unit = |timeout, unit| open(&meter, &line.link(), &[PATIENT[0], timeout, ("unit", unit)]).unwrap();
    let (mut alive, mut dead) = (unit(common::PATIENT, "1"), unit(("timeout_ms", "100"), "2"));
    for _ in 0..3 {
        assert!(number(&mut *dead).is_err());
        assert_eq!(number(&mut *alive).unwrap(), 1.0);
    }
}

#[test]
fn through_a_gateway_a_late_answer_is_not_taken_for_a_later_one() {
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let peer = Peer::new(move |mut stream, _| {
        while let Some(_request) = rtu_request(&mut stream) {
            let number = asked.fetch_add(1, Ordering::SeqCst);
            if number == 1 {
                thread::sleep(Duration::from_secs(2));
            }
            send(&mut stream, &rtu(1, value(number)));
        }
    });
    let (_folder, meter) = profile_file(ONE);
    let mut source = open(&meter, &peer.link("rtu+tcp"), &[("timeout_ms", "1000")]).unwrap();
    assert_eq!(number(&mut *source).unwrap_err().kind(), ErrorKind::Timeout);
    let (shown, _) = until_ok(&mut *source, 1_000);
    assert!(shown > 101.5, "{shown}");
}

#[test]
fn a_line_that_is_hung_up_is_reported_and_found_again_by_its_stable_name() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("usb-FTDI_meter-if00-port0");
    let plug_in = |number: f32| {
        let line = Line::new(move |mut far, stop| {
            while line_request(&mut far, stop).is_some() {
                send(&mut far, &rtu(1, number));
            }
        });
        let _ = std::fs::remove_file(&link);
        std::os::unix::fs::symlink(&line.path, &link).unwrap();
        line
    };
    let (_profile, meter) = profile_file(ONE);
    let first = plug_in(7.0);
    let mut source = open(&meter, &format!("serial:{}", link.display()), SHORT).unwrap();
    assert_eq!(number(&mut *source).unwrap(), 7.0);
    // The first number stays taken, as by another device: a terminal of its own keeps it.
    drop(first);
    let gone = number(&mut *source).unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::Timeout, "{gone:#}");
    std::fs::remove_file(&link).unwrap();
    let missing = number(&mut *source).unwrap_err();
    assert!(format!("{missing:#}").contains("not plugged in"), "{missing:#}");
    let _second = plug_in(8.0);
    let (shown, gap) = until_ok(&mut *source, 1_000);
    assert_eq!(shown, 8.0);
    assert!(gap.iter().all(|kind| *kind == ErrorKind::Timeout), "{gap:?}");
}

#[test]
fn a_line_that_is_not_there_or_is_none_says_so() {
    let (_folder, meter) = profile_file(ONE);
    let error = open(&meter, "serial:/dev/no-such-line", PATIENT).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error:#}");
    let error = open(&meter, "serial:/dev/null", PATIENT).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:#}");
    let error = open(&meter, "serial:/dev/null", &[("stop_bits", "3")]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error:#}");
}

#[test]
fn reading_from_a_far_end_that_is_slow_to_drain_does_not_lose_requests() {
    // Many reads in a row: frames stay apart by the silence between them.
    let (_line, mut source) = against(PATIENT, |far, request, number| {
        let mut rest = [0; 64];
        assert!(request[1] == 4);
        let _ = far.read(&mut rest[..0]);
        send(far, &rtu(1, f32::from(u16::try_from(number).unwrap())));
    });
    for expected in 1..200_u32 {
        assert_eq!(number(&mut *source).unwrap(), f64::from(expected));
    }
}
