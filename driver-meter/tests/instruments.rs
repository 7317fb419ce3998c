//! The conformance suite over every instrument with code, each on a peer that speaks its protocol.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod simulated;

use std::sync::atomic::Ordering;
use std::time::Duration;

use driver_meter::instrument::catalogue::find;
use driver_meter::ptdaemon::server::Ptd;
use power_core::{ErrorKind, Options};
use power_testkit::alloc::CountingAllocator;
use power_testkit::{Expectations, Report, conformance};
use simulated::packets::{PacketLink, Plug};
use simulated::{Fault, Server, peers};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const READS: usize = 20;

/// Runs the suite on an instrument over TCP; `pause` is between reads.
fn suite(model: &str, options: &Options, server: impl Fn() -> Server, pause: Duration) -> Report {
    let open = find(model).unwrap().open;
    let healthy = server();
    let breaking = server();
    let patient = options.clone();
    // It goes away in the midst of the reads, and is not sought.
    let impatient = options.clone().with("reconnect_s", "0").with("timeout_ms", "500");
    let expectations =
        Expectations::default().with_reads(READS).with_pause(pause).with_disconnecting(move || {
            let source = open(breaking.link(), &impatient)?;
            breaking.away.store(true, Ordering::Relaxed);
            for fault in [Fault::Split, Fault::Split, Fault::Closed] {
                breaking.inject(fault);
            }
            Ok(source)
        });
    let report = conformance(move || open(healthy.link(), &patient), expectations);
    assert!(report.ran() > 20, "{report}");
    report
}

/// The same for an instrument that sends packets; `breaking` is one whose link ends.
fn packet_suite(model: &str, plug: &Plug, breaking: Plug) {
    let open = find(model).unwrap().open;
    let plug = plug.clone();
    let impatient = Options::new().with("reconnect_s", "0");
    let expectations = Expectations::default()
        .with_reads(READS)
        .with_disconnecting(move || open(PacketLink::open(&breaking), &impatient));
    let report = conformance(move || open(PacketLink::open(&plug), &Options::new()), expectations);
    assert!(report.ran() > 18, "{report}");
}

#[test]
fn a_yokogawa_conforms() {
    suite("yokogawa-wt300", &Options::new(), peers::yokogawa, Duration::ZERO);
    let set = Options::new()
        .with("items", "P,U,I,LAMBDA")
        .with("rate_ms", "100")
        .with("volt_range", "600")
        .with("amp_range", "10");
    suite("yokogawa-wt300", &set, peers::yokogawa, Duration::ZERO);
}

#[test]
fn zes_instruments_conform() {
    suite("zes-lmg450", &Options::new(), peers::lmg450, Duration::ZERO);
    let three = Options::new().with("channels", "1,2,4").with("cycle_s", "0.1").with("peak_power_w", "6000");
    suite("zes-lmg450", &three, peers::lmg450, Duration::ZERO);
    suite("zes-lmg670", &Options::new().with("volt_range", "250"), peers::lmg670, Duration::ZERO);
}

#[test]
fn a_watts_up_conforms() {
    suite("watts-up-pro", &Options::new(), peers::watts_up, Duration::ZERO);
}

#[test]
fn ptdaemon_conforms() {
    let options =
        Options::new().with("interval_ms", "50").with("volt_range", "300").with("take_over", "true");
    suite("ptdaemon", &options, || peers::ptdaemon(Ptd::default()), Duration::ZERO);
}

#[test]
fn plugs_conform() {
    suite("shelly-gen2", &Options::new(), || peers::shelly(peers::SHELLY_PLUG), Duration::ZERO);
    suite("shelly-gen2", &Options::new(), || peers::shelly(peers::SHELLY_3EM), Duration::ZERO);
    suite("tasmota", &Options::new(), peers::tasmota, Duration::ZERO);
}

#[test]
fn usb_meters_conform() {
    let breaking = peers::fnb58_with(|number, packet| if number < 8 { packet.to_vec() } else { Vec::new() });
    packet_suite("fnirsi-fnb58", &peers::fnb58(), breaking);
    let breaking = peers::km003c_with(|id, adc| {
        vec![if id < 8 { driver_meter::usb::km003c::encode(id, &adc).to_vec() } else { Vec::new() }]
    });
    packet_suite("km003c", &peers::km003c(), breaking);
}

#[test]
fn streams_conform() {
    use simulated::peers::{PmdFirmware, Ps3Firmware, play};
    let pmd = || {
        Server::start(|mut stream, _, _| {
            stream.set_read_timeout(Some(Duration::from_millis(1)))?;
            play(&mut stream, &mut PmdFirmware::default(), (peers::pmd_bytes, 4778.0), |_| false)
        })
    };
    let ps3 = || {
        Server::start(|mut stream, _, _| {
            stream.set_read_timeout(Some(Duration::from_millis(1)))?;
            play(&mut stream, &mut Ps3Firmware::default(), (peers::ps3_bytes, 20_000.0), |_| false)
        })
    };
    for (model, server) in [("elmorlabs-pmd", &pmd as &dyn Fn() -> Server), ("powersensor3", &ps3)] {
        for detail in ["false", "true"] {
            let (server, open) = (server(), find(model).unwrap().open);
            let options = Options::new().with("detail", detail);
            let expectations = Expectations::default().with_reads(READS);
            let report = conformance(move || open(server.link(), &options), expectations);
            assert!(report.ran() > 20, "{report}");
        }
    }
}

#[test]
fn every_instrument_refuses_what_it_does_not_know() {
    for model in driver_meter::instrument::catalogue::MODELS {
        let server = peers::yokogawa();
        let error = (model.open)(server.link(), &Options::new().with("colour", "blue")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{}: {error}", model.id);
        assert!(error.to_string().contains("timeout_ms"), "{}: {error}", model.id);
        let error = (model.open)(server.link(), &Options::new().with("scope", "rail:")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{}: {error}", model.id);
    }
}
