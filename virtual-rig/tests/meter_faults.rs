//! What goes wrong with a meter on command, as a client sees it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use common::{Client, address, connect, mean_w, modbus_tcp, number, steady};
use virtual_rig::{Address, Description, Fault, FaultKind, MeterKind, VirtualRig};

fn short(client: &Client) {
    client.0.get_ref().set_read_timeout(Some(Duration::from_millis(300))).unwrap();
}

fn ask(client: &mut Client) -> std::io::Result<[u8; 13]> {
    let mut reply = [0; 13];
    client.0.get_mut().write_all(&modbus_tcp(1, 4, 0x0034, 2))?;
    client.0.read_exact(&mut reply).map(|()| reply)
}

fn of(kind: FaultKind) -> Fault {
    Fault::of_meter("wall", kind)
}

#[test]
fn a_silent_meter_answers_nothing_and_then_again() {
    let rig = steady(MeterKind::Sdm630Tcp);
    let mut client = connect(&rig);
    short(&client);
    let fault = rig.fault(of(FaultKind::Silent)).unwrap();
    assert!(ask(&mut client).is_err());
    rig.clear(fault).unwrap();
    assert!(number(&ask(&mut client).unwrap()) > 500.0);
}

#[test]
fn a_late_reply_comes_late_and_whole() {
    let rig = steady(MeterKind::Sdm630Tcp);
    let mut client = connect(&rig);
    let fault = rig.fault(Fault::late("wall", 200.0)).unwrap();
    let begun = Instant::now();
    assert!(number(&ask(&mut client).unwrap()) > 500.0);
    assert!(begun.elapsed() >= Duration::from_millis(200));
    rig.clear(fault).unwrap();
    ask(&mut client).unwrap();
}

#[test]
fn exceptions_garbage_truncation_and_corruption() {
    let rig = steady(MeterKind::Sdm630Tcp);
    let mut client = connect(&rig);
    let fault = rig.fault(Fault::exception("wall", 4)).unwrap();
    assert_eq!(client.exchange(&modbus_tcp(1, 4, 0x34, 2), 9)[6..], [1, 0x84, 4]);
    rig.clear(fault).unwrap();
    let fault = rig.fault(of(FaultKind::Garbage)).unwrap();
    let reply = client.exchange(&modbus_tcp(1, 4, 0x34, 2), 5 + 13);
    assert_eq!(reply[5..7], [0x12, 0x34], "the reply is behind the garbage");
    rig.clear(fault).unwrap();
    let fault = rig.fault(of(FaultKind::Corrupt)).unwrap();
    assert_ne!(ask(&mut client).unwrap()[2..4], [0, 0], "no Modbus");
    rig.clear(fault).unwrap();
    let fault = rig.fault(of(FaultKind::Truncated)).unwrap();
    short(&client);
    assert!(ask(&mut client).is_err());
    rig.clear(fault).unwrap();
    ask(&mut connect(&rig)).unwrap();
}

#[test]
fn a_wrong_checksum_on_a_serial_line() {
    let rig = steady(MeterKind::Sdm630Rtu);
    let Address::Tty(path) = address(&rig) else { panic!("not serial") };
    let open = || serialport::new(path.to_str().unwrap(), 9_600).timeout(Duration::from_millis(500)).open();
    let mut port = open().unwrap();
    let request = [0x01, 0x04, 0x00, 0x34, 0x00, 0x02, 0x30, 0x05];
    let (mut good, mut bad) = ([0; 9], [0; 9]);
    port.write_all(&request).unwrap();
    port.read_exact(&mut good).unwrap();
    let fault = rig.fault(of(FaultKind::Corrupt)).unwrap();
    port.write_all(&request).unwrap();
    port.read_exact(&mut bad).unwrap();
    let differ = good.iter().zip(&bad).filter(|(a, b)| a != b).count();
    assert!(differ >= 1, "{good:?} {bad:?}");
    rig.clear(fault).unwrap();
    // The line hangs up, is not there, and comes back by the same path.
    let fault = rig.fault(of(FaultKind::Disconnect)).unwrap();
    let deadline = Instant::now() + Duration::from_secs(5);
    while path.exists() {
        assert!(Instant::now() < deadline, "the line is still there");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(port.write_all(&request).is_err() || port.read_exact(&mut bad).is_err());
    assert!(open().is_err());
    rig.clear(fault).unwrap();
    while !path.exists() {
        assert!(Instant::now() < deadline, "the line does not come back");
        std::thread::sleep(Duration::from_millis(10));
    }
    let mut port = open().unwrap();
    port.write_all(&request).unwrap();
    port.read_exact(&mut good).unwrap();
}

#[test]
fn a_cut_connection_can_be_made_again() {
    let rig = steady(MeterKind::Wt310);
    let mut client = connect(&rig);
    client.ask("*IDN?");
    let fault = rig.fault(of(FaultKind::Disconnect)).unwrap();
    assert_eq!(client.0.read(&mut [0; 16]).unwrap_or(0), 0, "closed");
    let Address::Tcp(address) = address(&rig) else { panic!("not TCP") };
    let mut refused = TcpStream::connect(address).unwrap();
    refused.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    assert_eq!(refused.read(&mut [0; 16]).unwrap_or(0), 0, "closed at once");
    rig.clear(fault).unwrap();
    assert!(connect(&rig).ask("*IDN?").contains("WT310"));
}

#[test]
fn readings_that_saturate_are_over_range_or_in_kilowatts() {
    let rig = steady(MeterKind::Wt310);
    let mut client = connect(&rig);
    let mut power = || client.ask(":NUM:NORM:VAL? 3");
    let truth = mean_w(&rig, 200, 50);
    for (fault, shown) in [(Fault::saturated("wall", 300.0), 300.0), (of(FaultKind::Kilowatts), truth / 1e3)]
    {
        let fault = rig.fault(fault).unwrap();
        let seen: f64 = power().parse().unwrap();
        assert!((seen / shown - 1.0).abs() < 0.01, "{seen} {shown}");
        rig.clear(fault).unwrap();
    }
    let fault = rig.fault(of(FaultKind::Overrange)).unwrap();
    assert_eq!(power(), "INF");
    rig.clear(fault).unwrap();
    let mut lmg = steady(MeterKind::Lmg450);
    lmg.fault(of(FaultKind::Overrange)).unwrap();
    let mut client = connect(&lmg);
    client.send("syst:lang short\n");
    assert_eq!(client.ask("p?"), "9.910000E+37");
    lmg = steady(MeterKind::Ptdaemon);
    let mut client = connect(&lmg);
    client.ask("Go,1000,0");
    lmg.fault(of(FaultKind::Overrange)).unwrap();
    std::thread::sleep(Duration::from_millis(1_200));
    assert!(client.ask("Watts").starts_with("Watts,-1.000000,"));
    client.ask("RL");
    assert!(client.line().contains(",Watts,-1.000000,"));
}

#[test]
fn a_text_that_is_corrupt_is_no_text() {
    let rig = steady(MeterKind::Wt310);
    let mut client = connect(&rig);
    rig.fault(of(FaultKind::Corrupt)).unwrap();
    client.send(":NUM:NORM:VAL? 3\n");
    let mut reply = [0; 11];
    client.0.read_exact(&mut reply).unwrap();
    assert!(std::str::from_utf8(&reply).is_err(), "{reply:?}");
}

#[test]
fn faults_are_of_meters_that_are_there_and_gpus_are_not_hit() {
    let rig = VirtualRig::start(Description::paper_node()).unwrap();
    assert!(rig.fault(Fault::of_meter("none", FaultKind::Silent)).is_err());
    assert!(rig.fault("kind=silent".parse().unwrap_or_else(|_| Fault::lost(99))).is_err());
    rig.fault(Fault::exception("wall", 3)).unwrap();
    rig.fault("kind=slow meter=modbus by_ms=5".parse().unwrap()).unwrap();
    let nvml = nvml_wrapper::Nvml::builder().lib_path(rig.nvml_path().as_os_str()).init().unwrap();
    assert!(nvml.device_by_index(0).unwrap().power_usage().is_ok());
}
