//! A rig with one meter of a kind, and plain sockets to it.
#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]
#![allow(dead_code, reason = "each test uses its part of this")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use power_core::{Clock, SystemClock};
use virtual_rig::{
    Address, Description, Load, MeterDescription, MeterKind, Rail, Stage, StageKind, VirtualRig, Workload,
};

/// A meter called `wall` without errors, at a node of constant power.
pub(crate) fn steady(kind: MeterKind) -> VirtualRig {
    rig(MeterDescription::new("wall", kind).perfect(), false)
}

/// A rig with this meter at a node whose load changes at random, or not at all.
pub(crate) fn rig(meter: MeterDescription, random: bool) -> VirtualRig {
    let load = Stage::new(StageKind::Random, 600.0).high_w(420.0).with_host(0.6, 0.3);
    let node = Description::node(2).with_meter(meter);
    let node = if random {
        node.with_workload(Workload::new([load]))
    } else {
        node.with_load(Load::constant(200.0))
    };
    // Five minutes ago: heat and fans have settled.
    let mut node = node;
    node.origin_ns = Some(now_ns() - 300_000_000_000);
    VirtualRig::start(node).unwrap()
}

/// Where the only meter of a rig is.
pub(crate) fn address(rig: &VirtualRig) -> Address {
    rig.meters()[0].address.clone()
}

/// Connects to the only meter of a rig, which is on TCP.
pub(crate) fn connect(rig: &VirtualRig) -> Client {
    let Address::Tcp(address) = address(rig) else { panic!("the meter is on a serial line") };
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    Client(BufReader::new(stream))
}

/// A client that knows nothing but bytes and lines.
pub(crate) struct Client(pub(crate) BufReader<TcpStream>);

impl Client {
    pub(crate) fn send(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).unwrap();
    }

    /// A line without its end; panics if none comes.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'), "the connection ended after {line:?}");
        line.trim_end().to_owned()
    }

    pub(crate) fn ask(&mut self, text: &str) -> String {
        self.send(&format!("{text}\n"));
        self.line()
    }

    pub(crate) fn exchange(&mut self, request: &[u8], reply: usize) -> Vec<u8> {
        self.0.get_mut().write_all(request).unwrap();
        let mut bytes = vec![0; reply];
        self.0.read_exact(&mut bytes).unwrap();
        bytes
    }
}

/// Host time in ns.
pub(crate) fn now_ns() -> i64 {
    SystemClock.now().nanos()
}

/// True mean power at the mains in W from a time before now to another, both in ms.
pub(crate) fn mean_w(rig: &VirtualRig, from_ms_ago: i64, to_ms_ago: i64) -> f64 {
    let now = now_ns();
    rig.node().mean_w(Rail::NodeAc, now - from_ms_ago * 1_000_000, now - to_ms_ago * 1_000_000).unwrap()
}

/// A request of Modbus TCP for registers.
pub(crate) fn modbus_tcp(unit: u8, function: u8, address: u16, count: u16) -> Vec<u8> {
    let mut frame = vec![0x12, 0x34, 0, 0, 0, 6, unit, function];
    frame.extend(address.to_be_bytes());
    frame.extend(count.to_be_bytes());
    frame
}

/// The number in a reply to a request for two registers.
pub(crate) fn number(reply: &[u8]) -> f32 {
    f32::from_be_bytes([reply[9], reply[10], reply[11], reply[12]])
}
