//! The conformance suite over every way to reach a Modbus meter, and over the driver.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

mod common;

use std::time::Duration;

use common::{Line, Peer, open, options, profile_file, shown};
use driver_meter::modbus::{Foreign, Framing, MeterSource};
use driver_meter::profile;
use driver_meter::simulator::{Server, SimulatedMeter};
use power_testkit::alloc::CountingAllocator;
use power_testkit::{DriverExpectations, Expectations, conformance, driver_conformance, inspect};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn server(name: &str, framing: Framing) -> Server {
    Server::on_loopback(SimulatedMeter::new(profile::shipped(name).unwrap(), shown), framing).unwrap()
}

/// A source that loses its meter: the server answers the requests of opening and a few more, and is gone.
fn disconnecting(requests: usize) -> Expectations {
    let peer = Peer::new(move |mut stream, number| {
        if number > 0 {
            return;
        }
        for _ in 0..requests {
            let Some(request) = common::request(&mut stream) else { return };
            common::send(&mut stream, &common::mbap(common::transaction(&request), 1, 75.0));
        }
    });
    let (folder, meter) = profile_file(common::ONE);
    Expectations::default().with_reads(20).with_disconnecting(move || {
        let _kept = &folder;
        open(&meter, &peer.link("tcp"), &[("reconnect_s", "0")])
    })
}

#[test]
fn every_shipped_profile_conforms_over_tcp() {
    for name in profile::shipped_names() {
        let server = server(name, Framing::Mbap);
        let link = format!("tcp:{}", server.address());
        let report = conformance(|| open(name, &link, &[]), Expectations::default().with_reads(10));
        assert!(report.ran() > 15, "{report}");
    }
}

#[test]
fn a_meter_over_tcp_that_disconnects_conforms() {
    let server = server("sdm630", Framing::Mbap);
    let link = format!("tcp:{}", server.address());
    conformance(|| open("sdm630", &link, &[]), disconnecting(5));
}

#[test]
fn rtu_over_tcp_conforms() {
    let server = server("umg96rm", Framing::Rtu);
    let link = format!("rtu+tcp:{}", server.address());
    let report = conformance(|| open("umg96rm", &link, &[]), Expectations::default().with_reads(10));
    assert!(report.ran() > 15, "{report}");
}

#[test]
fn rtu_conforms() {
    let line = Line::with_meter(profile::shipped("pzem-004t").unwrap());
    let options = [("baud", "115200")];
    let report =
        conformance(|| open("pzem-004t", &line.link(), &options), Expectations::default().with_reads(10));
    assert!(report.ran() > 15, "{report}");
}

/// The trait of the crate `modbus` returns a vector: nothing else may fail.
#[test]
fn a_foreign_client_conforms_but_for_allocating() {
    let server = server("umg96rm", Framing::Mbap);
    let address = server.address();
    let connect = move || {
        let deadline = Some(Duration::from_secs(30));
        let config = modbus::Config {
            tcp_port: address.port(),
            tcp_connect_timeout: deadline,
            tcp_read_timeout: deadline,
            tcp_write_timeout: deadline,
            modbus_uid: 1,
        };
        modbus::Transport::new_with_cfg("127.0.0.1", config)
    };
    let open = move || {
        let profile = profile::shipped("umg96rm").unwrap();
        MeterSource::open(profile, Foreign::new("127.0.0.1", connect)?, 1)
    };
    let report = inspect(open, Expectations::default().with_reads(10));
    let failed: Vec<_> = report.failed().collect();
    assert_eq!(failed, ["reads allocate nothing"], "{report}");
    assert!(report.ran() > 15, "{report}");
}

#[test]
fn the_driver_conforms() {
    let server = server("sdm120", Framing::Mbap);
    let device = format!("sdm120@tcp:{}", server.address());
    let expectations = DriverExpectations::default().with_device(device, options(&[common::PATIENT]));
    driver_conformance(&driver_meter::DRIVER, &expectations);
}
