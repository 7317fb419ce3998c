//! USB meters on a real kernel: gadgets that this program makes of its own machine, on the controller `dummy_hcd`.
//!
//! Runs as root in a virtual machine, where no other program uses USB: `.ci/usb-kernel` builds and boots it.

#![cfg(all(feature = "usb", target_os = "linux"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod acm;
mod gadget;
mod usbtmc;

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use driver_meter::instrument::catalogue::find;
use driver_meter::link::Link;
use driver_meter::link::serial::{SerialLink, SerialSettings};
use driver_meter::link::usb::{Class, UsbLink};
use driver_meter::link::usbtmc::UsbTmcLink;
use gadget::{Gadget, SERIAL, VENDOR};
use power_core::{ErrorKind, Options, PowerSource, Reading, Recorder, SystemClock};

/// Virtual machines without hardware support are slow.
const PATIENCE: Duration = Duration::from_secs(30);

fn read(source: &mut dyn PowerSource) -> power_core::Result<Vec<Reading>> {
    let mut readings = Vec::new();
    source.read(&mut Recorder::new(&SystemClock, &mut readings))?;
    Ok(readings)
}

fn wait_for(path: &str) {
    let started = Instant::now();
    while !Path::new(path).exists() {
        assert!(started.elapsed() < PATIENCE, "{path} does not appear");
        thread::sleep(Duration::from_millis(20));
    }
}

fn open(model: &str, link: Box<dyn Link>) -> Box<dyn PowerSource> {
    let options = Options::new().with("timeout_ms", "3000").with("reconnect_s", "60");
    (find(model).unwrap().open)(link, &options).unwrap_or_else(|error| panic!("{error:#}"))
}

/// The power that a source shows; every reading of it is the same.
fn power(source: &mut dyn PowerSource, reads: usize) -> f64 {
    let id = source.descriptor().find("power").unwrap();
    let mut shown = Vec::new();
    for _ in 0..reads {
        let readings = read(source).unwrap_or_else(|error| panic!("{error:#}"));
        shown.extend(
            readings.iter().filter(|reading| reading.channel == id).filter_map(|one| one.value.number()),
        );
    }
    assert!(shown.len() >= reads && shown.windows(2).all(|pair| pair[0].to_bits() == pair[1].to_bits()));
    shown[0]
}

/// Pulls the cable, sees the source seek its meter, puts the cable back and sees it go on.
fn pull_and_put_back(gadget: &Gadget, source: &mut dyn PowerSource) {
    gadget.unplug();
    let started = Instant::now();
    loop {
        match read(source) {
            // What had come before the cable was pulled.
            Ok(_) => assert!(started.elapsed() < PATIENCE, "the cable is pulled, and it reads on"),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Timeout, "{error:#}");
                if error.message().contains("sought") {
                    break;
                }
            }
        }
    }
    gadget.plug();
    let started = Instant::now();
    while read(source).is_err() {
        assert!(started.elapsed() < PATIENCE, "the cable is back, the meter is not");
    }
}

#[test]
fn meters_on_a_real_usb_stack() {
    let gadget = Gadget::new();
    usbtmc::serve(&gadget);
    gadget.plug();
    acm::serve();

    // The kernel's driver.
    wait_for("/dev/usbtmc0");
    let mut source = open("yokogawa-wt300", Box::new(UsbTmcLink::open("/dev/usbtmc0").unwrap()));
    assert_eq!(source.descriptor().device, format!("Yokogawa WT310E {SERIAL}"));
    assert!((power(&mut source, 20) - 460.0).abs() < 1e-9);
    pull_and_put_back(&gadget, &mut source);
    assert!((power(&mut source, 5) - 460.0).abs() < 1e-9);
    drop(source);

    // libusb, which takes the interface from the kernel's driver and gives it back.
    let link = UsbLink::open(Class::UsbTmc, VENDOR, &[], Some(SERIAL)).unwrap();
    assert!(!Path::new("/dev/usbtmc0").exists(), "the kernel's driver still has it");
    let mut source = open("yokogawa-wt300", Box::new(link));
    assert!((power(&mut source, 20) - 460.0).abs() < 1e-9);
    pull_and_put_back(&gadget, &mut source);
    assert!((power(&mut source, 5) - 460.0).abs() < 1e-9);
    drop(source);
    wait_for("/dev/usbtmc0");
    let other = UsbLink::open(Class::UsbTmc, VENDOR, &[], Some("another")).unwrap_err();
    assert_eq!(other.kind(), ErrorKind::NotFound);

    // A serial line.
    wait_for("/dev/ttyACM0");
    let deadline = Instant::now() + PATIENCE;
    let line = SerialLink::open("/dev/ttyACM0", SerialSettings::new(115_200), deadline).unwrap();
    let mut source = open("watts-up-pro", Box::new(line));
    assert!((power(&mut source, 20) - 421.3).abs() < 1e-9);
    pull_and_put_back(&gadget, &mut source);
    assert!((power(&mut source, 5) - 421.3).abs() < 1e-9);
}
