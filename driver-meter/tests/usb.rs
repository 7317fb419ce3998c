//! USB meters on libusb's own code, with the kernel's part played by umockdev.

#![cfg(all(feature = "usb", target_os = "linux"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt::Write;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use driver_meter::instrument::catalogue::find;
use driver_meter::link::Link;
use driver_meter::link::usb::{Class, UsbLink};
use driver_meter::link::usbtmc_frame;
use driver_meter::usb::{fnb58, km003c};
use power_core::{ErrorKind, Options, Reading, Recorder, SystemClock};

/// Set in the program that runs under umockdev.
const INSIDE: &str = "WATTPROOF_INSIDE_UMOCKDEV";

/// Descriptors of a device with one interface of two endpoints, `0x01` out and `0x82` in.
fn descriptors(vendor: u16, product: u16, [class, subclass]: [u8; 2], transfer: u8) -> String {
    let ([vendor_low, vendor_high], [product_low, product_high]) =
        (vendor.to_le_bytes(), product.to_le_bytes());
    let bytes = [
        // Device, without strings.
        18,
        1,
        0,
        2,
        0,
        0,
        0,
        64,
        vendor_low,
        vendor_high,
        product_low,
        product_high,
        0,
        1,
        0,
        0,
        0,
        1,
        // Configuration of 32 bytes.
        9,
        2,
        32,
        0,
        1,
        1,
        0,
        0x80,
        50,
        // Interface, and its endpoints of 64 bytes.
        9,
        4,
        0,
        0,
        2,
        class,
        subclass,
        0,
        0,
        7,
        5,
        0x01,
        transfer,
        64,
        0,
        1,
        7,
        5,
        0x82,
        transfer,
        64,
        0,
        1,
    ];
    hex(&bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02X}").unwrap();
        text
    })
}

/// A transfer as umockdev replays it, each after the one before.
struct Replay {
    text: String,
    depth: usize,
    /// 1 is an interrupt transfer, 3 a bulk transfer.
    kind: u8,
}

impl Replay {
    fn new(kind: u8) -> Self {
        Self { text: "@DEV /dev/bus/usb/001/004\n".into(), depth: 0, kind }
    }

    fn transfer(&mut self, endpoint: u8, room: usize, bytes: &[u8]) {
        let (indent, kind, count) = (" ".repeat(self.depth), self.kind, bytes.len());
        writeln!(
            self.text,
            "{indent}USBDEVFS_REAPURBNDELAY 0 {kind} {endpoint} 0 0 {room} {count} 0 {}",
            hex(bytes)
        )
        .unwrap();
        self.depth += 1;
    }

    fn out(mut self, bytes: &[u8]) -> Self {
        self.transfer(0x01, bytes.len(), bytes);
        self
    }

    fn input(mut self, room: usize, bytes: &[u8]) -> Self {
        self.transfer(0x82, room, bytes);
        self
    }
}

/// Runs the test of this name again, as the only one, with this device plugged in.
fn run_inside(test: &str, descriptors: &str, replay: &Replay) {
    let folder = tempfile::tempdir().unwrap();
    let (device, ioctl) = (folder.path().join("meter.umockdev"), folder.path().join("meter.ioctl"));
    let text = format!(
        "P: /devices/pci0000:00/0000:00:14.0/usb1/1-1\nN: bus/usb/001/004\nE: DEVNAME=/dev/bus/usb/001/004\n\
         E: DEVTYPE=usb_device\nE: SUBSYSTEM=usb\nE: BUSNUM=001\nE: DEVNUM=004\nA: bConfigurationValue=1\\n\n\
         A: busnum=1\\n\nA: devnum=4\\n\nA: speed=12\\n\nH: descriptors={descriptors}\n"
    );
    fs::write(&device, text).unwrap();
    fs::write(&ioctl, &replay.text).unwrap();
    let output = Command::new("umockdev-run")
        .arg("--device")
        .arg(&device)
        .arg("--ioctl")
        .arg(format!("/dev/bus/usb/001/004={}", ioctl.display()))
        .arg("--")
        .arg(std::env::current_exe().unwrap())
        .args(["--include-ignored", "--exact", "--nocapture", test])
        .env(INSIDE, test)
        .output()
        .unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

/// Opens an instrument on the device that is plugged in, and reads it.
fn read(model: &str, reads: usize) -> Vec<Reading> {
    let model = find(model).unwrap();
    let link = model.ways[0].open_usb(None).unwrap();
    let mut source = (model.open)(Box::new(link), &Options::new()).unwrap();
    let mut readings = Vec::new();
    for _ in 0..reads {
        source.read(&mut Recorder::new(&SystemClock, &mut readings)).unwrap();
    }
    readings
}

fn inside(test: &str) -> bool {
    std::env::var_os(INSIDE).is_some_and(|name| name == test)
}

#[test]
#[ignore = "needs umockdev: run by .ci/run"]
fn an_fnb58_is_read_by_interrupt_transfers() {
    const TEST: &str = "an_fnb58_is_read_by_interrupt_transfers";
    if inside(TEST) {
        let readings = read("fnirsi-fnb58", 2);
        // Two packets of four samples, of four channels each.
        assert_eq!(readings.len(), 32);
        let watts: Vec<f64> =
            readings.iter().step_by(4).filter_map(|reading| reading.value.number()).collect();
        assert_eq!(watts.len(), 8);
        assert!(watts.iter().all(|watts| (watts - 60.0).abs() < 1e-9), "{watts:?}");
        return;
    }
    let sample = fnb58::Sample { voltage: 2_000_000, current: 300_000, temperature: 285 };
    let packet = fnb58::encode(&[sample; 4]);
    let wrong_first = fnb58::encode(&[fnb58::Sample::default(); 4]);
    let replay = Replay::new(1)
        .out(&fnb58::Command::Begin.encode())
        .out(&fnb58::Command::Go.encode())
        .out(&fnb58::Command::Keep.encode())
        .input(64, &wrong_first)
        .input(64, &packet)
        .input(64, &packet);
    run_inside(TEST, &descriptors(0x2e3c, 0x5558, [3, 0], 3), &replay);
}

#[test]
#[ignore = "needs umockdev: run by .ci/run"]
fn a_km003c_is_read_by_bulk_transfers() {
    const TEST: &str = "a_km003c_is_read_by_bulk_transfers";
    if inside(TEST) {
        let readings = read("km003c", 3);
        assert_eq!(readings.len(), 12);
        assert_eq!(readings[0].value.number(), Some(60.0));
        assert_eq!(readings[3].value.number(), Some(28.90625));
        return;
    }
    let adc = km003c::Adc { voltage_uv: 20_000_000, current_ua: 3_000_000, temperature: 3_700 };
    let replay = (1..=4).fold(Replay::new(3), |replay, id| {
        replay.out(&km003c::request(id)).input(km003c::PACKET_BYTES, &km003c::encode(id, &adc))
    });
    run_inside(TEST, &descriptors(0x5fc9, 0x0063, [0xff, 0], 2), &replay);
}

#[test]
#[ignore = "needs umockdev: run by .ci/run"]
fn a_usbtmc_instrument_answers() {
    const TEST: &str = "a_usbtmc_instrument_answers";
    const IDENTITY: &[u8] = b"YOKOGAWA,WT310E,C3UF12345E,F1.04\n";
    if inside(TEST) {
        let mut link = UsbLink::open(Class::UsbTmc, 0x0b21, &[], None).unwrap();
        let deadline = Instant::now() + Duration::from_secs(2);
        link.send(b"*IDN?\n", deadline).unwrap();
        let mut answer = [0; 1024];
        let count = link.receive(&mut answer, deadline).unwrap();
        assert_eq!(&answer[..count], IDENTITY);
        let other = UsbLink::open(Class::UsbTmc, 0x0b21, &[0x1234], None).unwrap_err();
        assert_eq!(other.kind(), ErrorKind::NotFound);
        return;
    }
    let mut question = Vec::new();
    usbtmc_frame::carry(1, b"*IDN?\n", &mut question);
    let mut answer = vec![2, 2, !2, 0];
    answer.extend_from_slice(&u32::try_from(IDENTITY.len()).unwrap().to_le_bytes());
    answer.extend_from_slice(&[1, 0, 0, 0]);
    answer.extend_from_slice(IDENTITY);
    answer.resize(answer.len().next_multiple_of(4), 0);
    let replay = Replay::new(3).out(&question).out(&usbtmc_frame::ask(2, 1024)).input(4608, &answer);
    run_inside(TEST, &descriptors(0x0b21, 0x0025, [0xfe, 3], 2), &replay);
}

#[test]
fn a_meter_that_is_not_there_is_named() {
    let error = UsbLink::open(Class::Hid, 0x2e3c, &[0x5558], None).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Disconnected), "{error}");
}
