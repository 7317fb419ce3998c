//! What instruments do on bad links: never a wrong number, never a hang, and back again when the link is.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod simulated;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use driver_meter::instrument::catalogue::find;
use driver_meter::ptdaemon::server::Ptd;
use driver_meter::scpi::number::Scalar;
use driver_meter::scpi::yokogawa::items::Function;
use driver_meter::scpi::yokogawa::server::Wt310e;
use driver_meter::usb::km003c;
use power_core::{ErrorKind, Flags, Options, PowerSource, Reading, Unit, Value};
use simulated::packets::PacketLink;
use simulated::peers::{self, AMPERES, VOLTS, WATTS};
use simulated::{Fault, Server, of, read, read_until_well};

const TIMEOUT_MS: u64 = 300;

fn open(model: &str, server: &Server, options: &[(&str, &str)]) -> power_core::Result<Box<dyn PowerSource>> {
    let options: Options = options.iter().copied().collect();
    (find(model).unwrap().open)(server.link(), &options.with("timeout_ms", TIMEOUT_MS.to_string()))
}

/// Every number must be that of the peers.
fn assert_true(source: &dyn PowerSource, readings: &[Reading]) {
    for reading in readings {
        let channel = source.descriptor().channel(reading.channel).unwrap();
        let Some(number) = reading.value.number() else { continue };
        let right: &[f64] = match channel.unit() {
            Unit::Watt | Unit::VoltAmpere => &[WATTS, 461.0, 230.0, 130.0, 100.0],
            Unit::Volt => &[VOLTS],
            Unit::Ampere => &[AMPERES],
            Unit::One => &[1.0, 0.99],
            Unit::Hertz => &[50.0],
            _ => continue,
        };
        assert!(right.iter().any(|right| (right - number).abs() < 1e-6), "{} gave {number}", channel.name);
    }
}

/// Every instrument that speaks over a stream of bytes, with a healthy server.
fn instruments() -> Vec<(&'static str, Server)> {
    vec![
        ("yokogawa-wt300", peers::yokogawa()),
        ("zes-lmg450", peers::lmg450()),
        ("zes-lmg670", peers::lmg670()),
        ("watts-up-pro", peers::watts_up()),
        ("ptdaemon", peers::ptdaemon(Ptd::default())),
        ("shelly-gen2", peers::shelly(peers::SHELLY_PLUG)),
        ("tasmota", peers::tasmota()),
    ]
}

fn comes_through(fault: Fault) {
    for (model, server) in instruments() {
        let mut source =
            open(model, &server, &[("interval_ms", "50")].repeat(usize::from(model == "ptdaemon"))).unwrap();
        let before = read_until_well(&mut source);
        assert_true(&source, &before);
        server.inject(fault);
        let limit = Duration::from_millis(TIMEOUT_MS * 4 + 2000);
        for _ in 0..4 {
            let started = Instant::now();
            let mut readings = Vec::new();
            let mut recorder = power_core::Recorder::new(&power_core::SystemClock, &mut readings);
            let outcome = source.read(&mut recorder);
            assert!(started.elapsed() < limit, "{model}, {fault:?}: hangs");
            assert_true(&source, &readings);
            if let Err(error) = outcome {
                let passing = matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Protocol);
                assert!(passing, "{model}, {fault:?}: {error}");
            }
        }
        let after = read_until_well(&mut source);
        assert_true(&source, &after);
    }
}

#[test]
fn a_late_answer_is_never_taken_for_the_next_one() {
    comes_through(Fault::Late(Duration::from_millis(TIMEOUT_MS + 100)));
}

#[test]
fn split_answers_are_put_together() {
    for (model, server) in instruments() {
        // On a loaded machine a hundred pieces take their time.
        let patient = Options::new().with("timeout_ms", "10000");
        let mut source = (find(model).unwrap().open)(server.link(), &patient).unwrap();
        for _ in 0..3 {
            server.inject(Fault::Split);
        }
        let readings = read_until_well(&mut source);
        assert_true(&source, &readings);
        assert_eq!(server.connections.load(Ordering::Relaxed), 1, "{model}");
    }
}

#[test]
fn garbage_before_an_answer_gives_no_number() {
    comes_through(Fault::Garbage);
}

#[test]
fn an_answer_that_comes_twice_is_given_once_or_not_at_all() {
    comes_through(Fault::Twice);
}

#[test]
fn an_answer_cut_short_gives_no_number() {
    comes_through(Fault::Truncated);
}

#[test]
fn silence_ends_at_the_deadline() {
    comes_through(Fault::Silent);
}

#[test]
fn a_stream_without_line_end_is_given_up() {
    comes_through(Fault::Endless);
}

#[test]
fn a_half_closed_connection_is_opened_anew() {
    comes_through(Fault::HalfClosed);
}

#[test]
fn a_closed_connection_is_opened_anew() {
    comes_through(Fault::Closed);
}

#[test]
fn an_instrument_that_is_gone_is_sought_and_then_given_up() {
    for (model, server) in instruments() {
        let mut source = open(model, &server, &[("reconnect_s", "1")]).unwrap();
        read_until_well(&mut source);
        server.away.store(true, Ordering::Relaxed);
        server.inject(Fault::Closed);
        let started = Instant::now();
        let mut sought = false;
        let error = loop {
            match read(&mut source) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Disconnected => break error,
                Err(error) => {
                    assert!(
                        matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Protocol),
                        "{model}: {error}"
                    );
                    sought |= error.message().contains("sought");
                }
            }
            assert!(started.elapsed() < Duration::from_secs(20), "{model} is sought for ever");
        };
        assert!(sought, "{model} was not sought: {error}");
        server.away.store(false, Ordering::Relaxed);
        assert_eq!(read(&mut source).unwrap_err().kind(), ErrorKind::Disconnected, "{model}");
    }
}

#[test]
fn an_instrument_that_comes_back_as_another_one_is_disconnected() {
    let serial = Arc::new(AtomicU64::new(1));
    let told = serial.clone();
    let mut meter = Wt310e::default();
    let server = Server::answering(b"\n", move |command| {
        meter.serial = format!("C3UF{}", told.load(Ordering::Relaxed));
        let answer = meter.answer(command, |_| Scalar::Number(1.0))?;
        Some(format!("{answer}\n").into_bytes())
    });
    let mut source = open("yokogawa-wt300", &server, &[]).unwrap();
    read(&mut source).unwrap();
    serial.store(2, Ordering::Relaxed);
    server.inject(Fault::Closed);
    let started = Instant::now();
    let error = loop {
        match read(&mut source) {
            Err(error) if error.kind() == ErrorKind::Disconnected => break error,
            _ => assert!(started.elapsed() < Duration::from_secs(10), "the other meter is read"),
        }
    };
    assert!(error.to_string().contains("C3UF2"), "{error}");
}

#[test]
fn an_overrange_is_flagged_and_not_a_number() {
    let server = peers::yokogawa_with(Wt310e::default(), |function| match function {
        Function::Power => Scalar::Overrange,
        Function::Voltage => Scalar::Number(VOLTS),
        _ => Scalar::Missing,
    });
    let mut source = open("yokogawa-wt300", &server, &[]).unwrap();
    let readings = read(&mut source).unwrap();
    let power = of(&source, &readings, "power")[0];
    assert_eq!(power.value, Value::Missing);
    assert!(power.flags.contains(Flags::MISSING | Flags::OVERRANGE));
    let current = of(&source, &readings, "current")[0];
    assert_eq!((current.value, current.flags), (Value::Missing, Flags::MISSING));
    assert_eq!(of(&source, &readings, "voltage")[0].value.number(), Some(VOLTS));
}

#[test]
fn items_are_read_back_and_not_assumed() {
    // Somebody has set the meter to give power third, of another element, and nothing of current.
    let meter = Wt310e {
        items: [("LAMBDA", "1"), ("TIME", ""), ("P", "2"), ("URMS", "SIGMA")]
            .map(|(word, element)| (word.to_owned(), element.to_owned()))
            .into(),
        ..Wt310e::default()
    };
    let server = peers::yokogawa_with(meter, |function| match function {
        Function::Power => Scalar::Number(WATTS),
        Function::PowerFactor => Scalar::Number(0.5),
        _ => Scalar::Number(7.0),
    });
    let mut source = open("yokogawa-wt300", &server, &[]).unwrap();
    let names: Vec<_> = source.descriptor().channels.iter().map(|channel| channel.name.to_string()).collect();
    assert_eq!(names, ["power factor", "power 2", "voltage urms sum"]);
    let readings = read(&mut source).unwrap();
    assert_eq!(of(&source, &readings, "power 2")[0].value.number(), Some(WATTS));
    assert_eq!(of(&source, &readings, "power factor")[0].value.number(), Some(0.5));
}

#[test]
fn what_an_instrument_refuses_is_said() {
    let server = peers::yokogawa();
    let error = open("yokogawa-wt300", &server, &[("rate_ms", "123")]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(error.to_string().contains("out of range"), "{error}");
    for (options, right) in [
        (("items", "P,NONSENSE"), "LAMBDA"),
        (("element", "4"), "SIGMA"),
        (("volt_range", "-3"), "above 0"),
        (("timeout_ms", "0"), "1 at least"),
    ] {
        let options: Options = [options].into_iter().collect();
        let error = (find("yokogawa-wt300").unwrap().open)(server.link(), &options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(error.to_string().contains(right), "{error}");
    }
    let only_volts = Wt310e { items: vec![("U".into(), "1".into())], ..Wt310e::default() };
    let server = peers::yokogawa_with(only_volts, |_| Scalar::Missing);
    let error = open("yokogawa-wt300", &server, &[]).unwrap_err();
    assert!(error.to_string().contains("option items"), "{error}");
}

#[test]
fn another_meter_on_the_port_is_named() {
    for model in ["yokogawa-wt300", "ptdaemon", "shelly-gen2"] {
        let server = Server::answering(b"\n", |_| Some(b"HELLO THERE\r\n".to_vec()));
        let error = open(model, &server, &[]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{model}: {error}");
        assert!(error.to_string().contains("HELLO"), "{model}: {error}");
    }
}

#[test]
fn ptdaemon_flags_what_it_cannot_vouch_for() {
    let (daemon, calls) = (Arc::new(Mutex::new(Ptd::default())), Arc::new(AtomicU64::new(0)));
    let server = {
        let (daemon, calls) = (daemon.clone(), calls.clone());
        Server::answering(b"\r\n", move |command| {
            let mut daemon = daemon.lock().unwrap();
            if command == "RL" {
                let call = calls.fetch_add(1, Ordering::Relaxed);
                let uncertainty = match call {
                    0 => Some(0.3),
                    1 => None,
                    2 => Some(0.4),
                    _ => Some(1.7),
                };
                let time = format!("11-24-2026 12:00:{call:02}.000");
                daemon.sample(&time, [WATTS, VOLTS, f64::NAN, 1.0], uncertainty);
            }
            Some(format!("{}\r\n", daemon.answer(command)).into_bytes())
        })
    };
    let mut source = open("ptdaemon", &server, &[("interval_ms", "50"), ("utc_offset_min", "60")]).unwrap();
    let mut flags = Vec::new();
    for second in 0..4 {
        let readings = read(&mut source).unwrap();
        let power = of(&source, &readings, "power")[0];
        assert_eq!(power.value.number(), Some(WATTS));
        // 2026-11-24 12:00 at UTC+1.
        let expected = (20_781 * 86_400 + 11 * 3600 + second) * 1_000_000_000;
        assert_eq!(power.device_time.unwrap().nanos(), expected);
        assert_eq!(of(&source, &readings, "current")[0].value, Value::Missing);
        flags.push(power.flags.contains(Flags::UNCERTAIN));
    }
    assert_eq!(flags, [false, true, false, true]);
    let accuracy = source.descriptor().channels[0].accuracy.clone().unwrap();
    assert_eq!(accuracy.to_string(), "±(0.1 % of reading + 0.05 % of range)");
    assert!((source.descriptor().channels[0].range.unwrap().high - 3000.0).abs() < 1e-9);
}

#[test]
fn a_measurement_of_somebody_else_is_not_ended() {
    let mut daemon = Ptd::default();
    daemon.measuring = Some("2021-08-07_02-39-21_testing".into());
    let server = peers::ptdaemon(daemon);
    let error = open("ptdaemon", &server, &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
    assert!(error.to_string().contains("take_over"), "{error}");
    assert!(open("ptdaemon", &server, &[("take_over", "true"), ("interval_ms", "50")]).is_ok());
    let mut old = Ptd::default();
    old.gives_samples = false;
    let old = peers::ptdaemon(old);
    let mut source = open("ptdaemon", &old, &[]).unwrap();
    assert_eq!(read(&mut source).unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn plugs_that_want_a_password_or_do_not_measure_say_so() {
    let server = Server::answering(b"\r\n\r\n", |_| Some(peers::http("401 Unauthorized", "")));
    assert_eq!(open("shelly-gen2", &server, &[]).unwrap_err().kind(), ErrorKind::PermissionDenied);
    let relay = peers::shelly(&[
        ("/shelly", r#"{"id":"shellyplus1-1","model":"SNSW-001X16EU","gen":2,"ver":"1.4.4"}"#),
        ("/rpc/Switch.GetStatus?id=0", r#"{"id":0,"output":true}"#),
    ]);
    let error = open("shelly-gen2", &relay, &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let first = peers::shelly(&[("/shelly", r#"{"type":"SHPLG-S","mac":"1"}"#)]);
    assert_eq!(open("shelly-gen2", &first, &[]).unwrap_err().kind(), ErrorKind::Unsupported);
    let phases = peers::TASMOTA.replace("\"Power\":460", "\"Power\":[230,230]");
    let three = Server::answering(b"\r\n\r\n", move |_| Some(peers::http("200 OK", &phases)));
    assert_eq!(open("tasmota", &three, &[]).unwrap_err().kind(), ErrorKind::Protocol);
}

#[test]
fn a_plug_that_closes_after_each_answer_is_read_on() {
    let server = Server::start(|mut stream, _, _| {
        use std::io::{Read, Write};
        let mut request = [0; 1024];
        let _ = stream.read(&mut request)?;
        let body = peers::TASMOTA;
        stream.write_all(format!("HTTP/1.0 200 OK\r\n\r\n{body}").as_bytes())
    });
    let mut source = open("tasmota", &server, &[]).unwrap();
    for _ in 0..5 {
        let readings = read(&mut source).unwrap();
        assert_true(&source, &readings);
    }
}

#[test]
fn a_damaged_packet_gives_no_sample_and_the_next_is_flagged() {
    let plug = peers::fnb58_with(|number, mut packet| {
        if number % 20 == 10 {
            packet[9] ^= 1;
        }
        packet.to_vec()
    });
    let mut source = (find("fnirsi-fnb58").unwrap().open)(PacketLink::open(&plug), &Options::new()).unwrap();
    let (mut damaged, mut flagged) = (0, 0);
    for _ in 0..60 {
        match read(&mut source) {
            Ok(readings) => {
                for power in of(&source, &readings, "power") {
                    assert!((power.value.number().unwrap() - 60.0).abs() < 1e-9);
                    flagged += usize::from(power.flags.contains(Flags::OVERRUN));
                }
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
                damaged += 1;
            }
        }
    }
    assert!(damaged > 0);
    assert!(flagged > 0, "{damaged} damaged packets, none flagged");
}

#[test]
fn an_fnb58_is_kept_alive() {
    let plug = peers::fnb58();
    let mut source = (find("fnirsi-fnb58").unwrap().open)(PacketLink::open(&plug), &Options::new()).unwrap();
    // The meter falls silent a second after the last command.
    let started = Instant::now();
    let mut silences = 0;
    while started.elapsed() < Duration::from_millis(3500) {
        silences += usize::from(read(&mut source).is_err());
    }
    // One may be that of a loaded machine; without signs of life there are three.
    assert!(silences < 2, "{silences}");
}

#[test]
fn a_late_packet_of_a_km003c_is_passed_over() {
    let plug = peers::km003c_with(|id, adc| {
        let stale = km003c::Adc { current_ua: 9_999_999, ..adc };
        vec![km003c::encode(id.wrapping_sub(1), &stale).to_vec(), km003c::encode(id, &adc).to_vec()]
    });
    let mut source = (find("km003c").unwrap().open)(PacketLink::open(&plug), &Options::new()).unwrap();
    for _ in 0..300 {
        let readings = read(&mut source).unwrap();
        assert_eq!(of(&source, &readings, "power")[0].value.number(), Some(60.0));
    }
    let cut = peers::km003c_with(|id, adc| vec![km003c::encode(id, &adc)[..40].to_vec()]);
    let error = (find("km003c").unwrap().open)(PacketLink::open(&cut), &Options::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    let refuses = peers::km003c_with(|id, _| vec![vec![0x06, id, 0, 0]]);
    let error = (find("km003c").unwrap().open)(PacketLink::open(&refuses), &Options::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[test]
fn values_that_waited_are_flagged_as_coarse_in_time() {
    let server = peers::watts_up();
    let mut source = open("watts-up-pro", &server, &[]).unwrap();
    read(&mut source).unwrap();
    thread::sleep(Duration::from_millis(100));
    let readings = read(&mut source).unwrap();
    let power = of(&source, &readings, "power");
    assert!(power.len() > 2, "{}", power.len());
    assert!(power.iter().all(|reading| reading.flags.contains(Flags::COARSE)));
    // With the machine's other work, some later ones may have waited too; not all of them.
    let fresh = (0..20).any(|_| {
        let readings = read(&mut source).unwrap();
        of(&source, &readings, "power")[0].flags == Flags::NONE
    });
    assert!(fresh);
}

#[test]
fn an_lmg95_has_no_channel_numbers() {
    let server = peers::lmg("ZES ZIMMER,LMG95,04690506,3.090", b"\r\n", Duration::from_millis(20));
    let mut source = open("zes-lmg450", &server, &[]).unwrap();
    let readings = read(&mut source).unwrap();
    assert_eq!(of(&source, &readings, "power")[0].value.number(), Some(WATTS));
    assert_eq!(source.descriptor().device, "ZES ZIMMER LMG95 04690506");
    drop(source);
    let error = open("zes-lmg450", &server, &[("channels", "1,2")]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
}

#[test]
fn a_range_that_an_lmg_refuses_is_said() {
    for (model, server) in [("zes-lmg450", peers::lmg450()), ("zes-lmg670", peers::lmg670())] {
        let error = open(model, &server, &[("volt_range", "5000")]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{model}: {error}");
        assert!(error.to_string().contains("out of range"), "{model}: {error}");
        let mut source = open(model, &server, &[("volt_range", "250"), ("amp_range", "10")]).unwrap();
        let readings = read(&mut source).unwrap();
        assert_true(&source, &readings);
    }
}
