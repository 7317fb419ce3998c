//! Profiles: what they come to, and what their author is told.

mod common;

use std::time::Duration;

use common::{ONE, Peer, mbap, open, profile, profile_file, read, request, send, transaction};
use driver_meter::modbus::Framing;
use driver_meter::profile::{check, shipped, shipped_names};
use driver_meter::simulator::{Server, SimulatedMeter};
use power_core::{Averaging, ErrorKind, Flags, Quantity, Scope, Value};

/// The message about a wrong profile.
fn wrong(text: &str) -> String {
    let error = check(text, "my.toml").expect_err("a wrong profile");
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    error.message().to_owned()
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_nearest_known_one() {
    let message = wrong(&ONE.replace("register", "regster"));
    assert!(
        message.starts_with("my.toml:14:1: unknown key \"regster\" in channel; did you mean register?"),
        "{message}"
    );
    let message = wrong(&ONE.replace("function = 4", "  fonction = 4"));
    assert!(
        message.starts_with("my.toml:9:3: unknown key \"fonction\" in modbus; did you mean function?"),
        "{message}"
    );
    let message = wrong(&format!("baud = 9600\n{ONE}"));
    assert!(
        message.starts_with("my.toml:1:1: unknown key \"baud\" in profile; known here: name, maker"),
        "{message}"
    );
}

#[test]
fn what_is_wrong_is_pointed_at() {
    for (old, new, place, words) in [
        ("\"power\"\nregister", "\"powr\"\nregister", "13:12", "quantity = \"powr\"; did you mean power?"),
        ("0x000C", "70000", "14:12", "register = 70000: it is 0 to 65535"),
        ("0x000C", "65535", "14:12", "above 65535"),
        ("0x000C", "\"12\"", "14:12", "register is string, not a whole number"),
        ("function = 4", "function = 6", "9:12", "3 for holding registers"),
        ("\"f32\"", "\"float\"", "10:8", "type = \"float\""),
        ("unit = \"W\"", "unit = \"V\"", "15:8", "unit = \"V\"; known here: W, mW, kW"),
        ("unit = \"W\"", "unit = \"W\"\nscale = 0.0", "16:9", "scale is 0"),
        ("unit = \"W\"", "unit = \"W\"\nscale = nan", "16:9", "not a finite number"),
        ("unit = \"W\"", "unit = \"W\"\npart_of = \"total\"", "16:11", "part_of = \"total\""),
        ("unit = \"W\"", "unit = \"W\"\npart_of = \"power\"", "16:11", "part_of = \"power\""),
        ("unit = \"W\"", "unit = \"W\"\nundefined = [0x1FFFFFFFF]", "16:14", "it is 0 to 4294967295"),
        ("unit = \"W\"", "unit = \"W\"\nrange = [5, 1]", "16:9", "the lower one first"),
        ("unit = \"W\"", "unit = \"W\"\nmodulus = 5", "16:11", "only a channel of energy"),
        ("\"node_ac\"", "\"wall\"", "7:9", "scope = \"wall\"; it is node_ac"),
        ("\"experimental\"", "\"yes\"", "5:12", "verified = \"yes\""),
        ("source = \"a test\"", "source = \"\"", "6:10", "source is empty"),
        ("name = \"one\"", "name = \"My Meter\"", "2:8", "made of a to z"),
        ("[modbus]", "[modbus", "8:8", ""),
        ("[[channel]]", "[channel]", "11:1", "written [[channel]]"),
        (
            "unit = \"W\"",
            "unit = \"W\"\naccuracy = { range_percent = 1.0, source = \"x\" }",
            "11:1",
            "no range",
        ),
        (
            "unit = \"W\"",
            "unit = \"W\"\naccuracy = { reading_percent = 101, source = \"x\" }",
            "16:32",
            "0 to 100 per cent",
        ),
    ] {
        assert!(ONE.contains(old), "{old}");
        let message = wrong(&ONE.replacen(old, new, 1));
        assert!(message.contains(words), "{new}: {message}");
        let shown = message.split(": ").next().unwrap();
        assert_eq!(shown, format!("my.toml:{place}"), "{new}: {message}");
    }
    let twice = format!("{ONE}{}", &ONE[ONE.find("[[channel]]").unwrap()..]);
    assert!(wrong(&twice).contains("two channels of the name \"power\""));
    assert!(wrong("").contains("profile has no verified"));
    let counter = ONE.replace("quantity = \"power\"", "quantity = \"energy\"").replace("\"W\"", "\"kWh\"");
    assert!(wrong(&counter).contains("has a resolution"), "{}", wrong(&counter));
}

#[test]
fn a_circle_of_parts_is_refused() {
    let text = format!(
        "{ONE}part_of = \"b\"\n[[channel]]\nname = \"b\"\nquantity = \"power\"\nregister = 4\nunit = \"W\"\npart_of = \"power\"\n"
    );
    assert!(wrong(&text).contains("part of itself"));
}

/// One channel of every type and order: the same number comes back from the registers that a meter would send.
#[test]
fn every_type_and_order_is_read_as_it_is_meant() {
    // Registers as the specification sends them, high byte and high word first, for 1000 W or -1000 W.
    let cases: [(&str, &[u16], f64); 8] = [
        ("u16", &[1000], 1000.0),
        ("i16", &[0xFC18], -1000.0),
        ("u32", &[0, 1000], 1000.0),
        ("i32", &[0xFFFF, 0xFC18], -1000.0),
        ("u64", &[0, 0, 0, 1000], 1000.0),
        ("i64", &[0xFFFF, 0xFFFF, 0xFFFF, 0xFC18], -1000.0),
        ("f32", &[0x447A, 0], 1000.0),
        ("f64", &[0x408F, 0x4000, 0, 0], 1000.0),
    ];
    for (kind, words, expected) in cases {
        for (bytes_swapped, words_swapped) in [(false, false), (false, true), (true, false), (true, true)] {
            let mut sent: Vec<u16> = words.to_vec();
            if words_swapped {
                sent.reverse();
            }
            if bytes_swapped {
                sent = sent.into_iter().map(u16::swap_bytes).collect();
            }
            let order = |swapped| if swapped { "little" } else { "big" };
            let text = ONE.replace(
                "type = \"f32\"",
                &format!(
                    "type = \"{kind}\"\nbyte_order = \"{}\"\nword_order = \"{}\"",
                    order(bytes_swapped),
                    order(words_swapped)
                ),
            );
            let registers = sent.clone();
            let peer = Peer::new(move |mut stream, _| {
                while let Some(request) = request(&mut stream) {
                    let [a, b] = transaction(&request);
                    let size = u8::try_from(registers.len() * 2).unwrap();
                    let mut frame = vec![a, b, 0, 0, 0, size + 3, 1, 4, size];
                    frame.extend(registers.iter().flat_map(|register| register.to_be_bytes()));
                    send(&mut stream, &frame);
                }
            });
            let (_folder, meter) = profile_file(&text);
            let mut source = open(&meter, &peer.link("tcp"), &[]).unwrap();
            let shown = read(&mut *source).unwrap()[0].value;
            assert_eq!(shown.number(), Some(expected), "{kind} {sent:04X?}");
        }
    }
}

#[test]
fn what_is_no_value_is_missing_and_never_a_number() {
    let text = format!("{ONE}undefined = [0x7FFFFFFF]\nrange = [0, 3680]\n");
    for (bits, flags) in [
        (0x7FFF_FFFF, Flags::MISSING),
        (f32::NAN.to_bits(), Flags::MISSING),
        (f32::INFINITY.to_bits(), Flags::MISSING | Flags::OVERRANGE),
        (f32::NEG_INFINITY.to_bits(), Flags::MISSING | Flags::OVERRANGE),
    ] {
        let peer = Peer::new(move |mut stream, _| {
            while let Some(request) = request(&mut stream) {
                send(&mut stream, &mbap(transaction(&request), 1, f32::from_bits(bits)));
            }
        });
        let (_folder, meter) = profile_file(&text);
        let mut source = open(&meter, &peer.link("tcp"), &[]).unwrap();
        let reading = read(&mut *source).unwrap()[0];
        assert_eq!((reading.value, reading.flags), (Value::Missing, flags), "{bits:#X}");
    }
    let peer = Peer::new(|mut stream, _| {
        while let Some(request) = request(&mut stream) {
            send(&mut stream, &mbap(transaction(&request), 1, 4000.0));
        }
    });
    let (_folder, meter) = profile_file(&text);
    let mut source = open(&meter, &peer.link("tcp"), &[]).unwrap();
    let reading = read(&mut *source).unwrap()[0];
    assert_eq!((reading.value.number(), reading.flags), (Some(4000.0), Flags::OVERRANGE));
}

#[test]
fn counters_travel_as_counts_with_their_quantum() {
    let text = "name = \"c\"\nmaker = \"T\"\nmodel = \"C\"\nverified = \"source\"\nsource = \"test\"\n\
        [[channel]]\nname = \"whole\"\nquantity = \"energy\"\nregister = 0\ntype = \"u32\"\nscale = 0.01\nunit = \"kWh\"\nmodulus = 100000000\n\
        [[channel]]\nname = \"broken\"\nquantity = \"energy\"\nregister = 2\ntype = \"f32\"\nresolution = 0.001\nunit = \"kWh\"\n";
    let meter = SimulatedMeter::new(profile(text), |channel| {
        Some(if channel.name == "whole" { 12_345.0 } else { 678_901.0 })
    });
    let server = Server::on_loopback(meter, Framing::Mbap).unwrap();
    let (_folder, path) = profile_file(text);
    let mut source = open(&path, &format!("tcp:{}", server.address()), &[]).unwrap();
    let quantities: Vec<_> = source.descriptor().channels.iter().map(|channel| channel.quantity).collect();
    let Quantity::EnergyCounter { quantum, modulus } = quantities[0] else { panic!("{quantities:?}") };
    assert!((quantum.get() - 36_000.0).abs() < 1e-9);
    assert_eq!(modulus, Some(100_000_000));
    let Quantity::EnergyCounter { quantum, modulus } = quantities[1] else { panic!("{quantities:?}") };
    assert!((quantum.get() - 3_600.0).abs() < 1e-9);
    assert_eq!(modulus, None);
    let values: Vec<_> = read(&mut *source).unwrap().iter().map(|reading| reading.value).collect();
    assert_eq!(values, [Value::Count(12_345), Value::Count(678_901)]);
}

#[test]
fn a_meter_without_an_optional_channel_opens_without_it() {
    let server = Server::on_loopback(
        SimulatedMeter::new(
            {
                let mut profile = shipped("shelly-pro-em").unwrap();
                profile.channels.retain(|spec| !spec.channel.name.ends_with('2'));
                profile
            },
            |_| Some(1.0),
        ),
        Framing::Mbap,
    )
    .unwrap();
    let source = open("shelly-pro-em", &format!("tcp:{}", server.address()), &[]).unwrap();
    let descriptor = source.descriptor();
    assert_eq!(descriptor.channels.len(), 6);
    assert!(descriptor.details["not_offered"].contains("power_2"));
    assert!(descriptor.find("power_1").is_some() && descriptor.find("power_2").is_none());
}

#[test]
fn a_channel_that_the_meter_must_have_and_has_not_is_named() {
    let mut profile = shipped("sdm120").unwrap();
    profile.channels.retain(|spec| spec.channel.name != "frequency");
    let server = Server::on_loopback(SimulatedMeter::new(profile, |_| Some(1.0)), Framing::Mbap).unwrap();
    // The energies behind it are there, so that only the request for the frequency itself is refused.
    let error = open("sdm120", &format!("tcp:{}", server.address()), &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("channel: frequency"), "{error}");
}

#[test]
fn options_choose_channels_and_scope_and_unknown_ones_are_refused() {
    let server =
        Server::on_loopback(SimulatedMeter::new(shipped("sdm630").unwrap(), |_| Some(1.0)), Framing::Mbap)
            .unwrap();
    let link = format!("tcp:{}", server.address());
    let mut source =
        open("sdm630", &link, &[("channels", "power_l2, power"), ("scope", "rail:gpu"), ("unit", "1")])
            .unwrap();
    let channels = &source.descriptor().channels;
    let names: Vec<_> = channels.iter().map(|channel| &*channel.name).collect();
    assert_eq!(names, ["power", "power_l2"]);
    assert_eq!(channels[1].part_of.map(|whole| whole.0), Some(0));
    assert!(channels.iter().all(|channel| channel.scope == Scope::Rail("gpu".into())));
    assert_eq!(read(&mut *source).unwrap().len(), 2);
    for (name, value, words) in [
        ("bauds", "9600", "unknown option bauds"),
        ("unit", "256", "option unit"),
        ("parity", "mark", "none, even or odd"),
        ("channels", "watts", "no channel \"watts\""),
        ("timeout_ms", "0", "1 at least"),
        ("scope", "wall", "it is node_ac"),
    ] {
        let error = open("sdm630", &link, &[(name, value)]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn shipped_profiles_say_what_is_known_about_timing_and_accuracy() {
    let sdm630 = shipped("sdm630").unwrap();
    let power = &sdm630.channels[0].channel;
    assert_eq!(power.quantity, Quantity::average_power(Duration::from_secs(1)));
    assert_eq!(power.accuracy.as_ref().map(|accuracy| accuracy.percent_of_reading), Some(1.0));
    assert!(sdm630.smoothing.unwrap().contains("99 %"));
    let umg = &shipped("umg96rm").unwrap().channels[0].channel;
    assert_eq!(umg.update_period, Some(Duration::from_millis(200)));
    // Where nobody says it, it is unknown.
    let sdm120 = shipped("sdm120").unwrap();
    let power = &sdm120.channels.iter().find(|spec| spec.channel.name == "power").unwrap().channel;
    assert_eq!(power.quantity, Quantity::Power { averaging: Averaging::Unknown });
    assert_eq!(power.update_period, None);
    for name in shipped_names() {
        let profile = shipped(name).unwrap();
        for spec in &profile.channels {
            let accuracy = spec.channel.accuracy.as_ref();
            assert!(accuracy.is_none_or(|accuracy| accuracy.source.len() > 10), "{name}");
        }
    }
}

#[test]
fn what_is_read_together_is_asked_together() {
    use driver_meter::modbus::{Client, MeterSource, Timing};
    let server =
        Server::on_loopback(SimulatedMeter::new(shipped("pzem-004t").unwrap(), |_| Some(1.0)), Framing::Mbap)
            .unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    let link = driver_meter::link::tcp::TcpLink::open(&server.address().to_string(), deadline).unwrap();
    let client = Client::new(link, Framing::Mbap, Timing::network(Duration::from_secs(30)));
    let source = MeterSource::open(shipped("pzem-004t").unwrap(), client, 1).unwrap();
    assert_eq!(source.requests(), 1, "one request for all nine registers");
}
