//! Meters against clients of others.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod common;

use std::process::Command;

use common::{address, mean_w, steady};
use virtual_rig::{Address, MeterKind, VirtualRig};

const PYMODBUS: &str = r"
import sys, struct
from pymodbus.client import ModbusSerialClient, ModbusTcpClient
from pymodbus import FramerType
kind, where = sys.argv[1], sys.argv[2]
if kind == 'tcp':
    host, port = where.rsplit(':', 1)
    client = ModbusTcpClient(host, port=int(port), timeout=2)
else:
    client = ModbusSerialClient(where, baudrate=9600, framer=FramerType.RTU, timeout=2)
assert client.connect()
reply = client.read_input_registers(0x34, count=2, device_id=1)
assert not reply.isError(), reply
print(struct.unpack('>f', struct.pack('>HH', *reply.registers))[0])
refused = client.read_input_registers(0x4000, count=2, device_id=1)
assert refused.isError() and refused.exception_code == 2, refused
block = client.read_input_registers(0, count=80, device_id=1)
assert len(block.registers) == 80
serial = client.read_holding_registers(0xFC00, count=2, device_id=1)
assert serial.registers == [0x00BC, 0x614E]
client.close()
";

fn pymodbus(rig: &VirtualRig, kind: &str) -> f64 {
    let python = std::env::var("WATTPROOF_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let output =
        Command::new(python).args(["-c", PYMODBUS, kind, &address(rig).to_string()]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}

fn close(shown: f64, rig: &VirtualRig) {
    let truth = mean_w(rig, 2_000, 500);
    assert!((shown - truth).abs() < 4.0, "{shown} W shown, {truth} W true");
}

#[test]
#[ignore = "needs Python with pymodbus: run by .ci/run"]
fn pymodbus_reads_it_over_tcp() {
    let rig = steady(MeterKind::Sdm630Tcp);
    close(pymodbus(&rig, "tcp"), &rig);
}

#[test]
#[ignore = "needs Python with pymodbus: run by .ci/run"]
fn pymodbus_reads_it_over_a_serial_line() {
    let rig = steady(MeterKind::Sdm630Rtu);
    close(pymodbus(&rig, "serial"), &rig);
}

#[test]
#[ignore = "needs mbpoll: run by .ci/run"]
fn mbpoll_reads_it_over_tcp_and_a_serial_line() {
    for kind in [MeterKind::Sdm630Tcp, MeterKind::Sdm630Rtu] {
        let rig = steady(kind);
        let mut mbpoll = Command::new("mbpoll");
        // Input registers as floats, high word first, once; its addresses count from 1.
        mbpoll.args(["-t", "3:float", "-B", "-a", "1", "-r", "53", "-c", "1", "-1", "-q"]);
        match address(&rig) {
            Address::Tcp(tcp) => mbpoll.args(["-m", "tcp", "-p", &tcp.port().to_string(), "127.0.0.1"]),
            Address::Tty(path) => mbpoll.args(["-m", "rtu", "-b", "9600", "-P", "none"]).arg(path),
            _ => unreachable!("these are all"),
        };
        let output = mbpoll.output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{said}");
        let line = said.lines().find(|line| line.starts_with("[53]")).unwrap();
        close(line.split_whitespace().nth(1).unwrap().parse().unwrap(), &rig);
    }
}
