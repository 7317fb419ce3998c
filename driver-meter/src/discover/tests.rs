use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use power_core::{Access, Error, ErrorKind};

use super::*;

const INSTRUMENTS: &[Model] = &[Model {
    id: "wt",
    name: "Yokogawa WT310",
    ways: &[Way::UsbTmc { vendor: 0x0b21 }, Way::UsbBulk { vendor: 0x5fc9, products: &[0x63] }],
    options: &[],
    open: |_, _| Err(Error::new(ErrorKind::Unsupported, "a test")),
}];

fn write(root: &Path, file: &str, text: &str) {
    let file = root.join(file);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

fn usb_device(root: &Path, name: &str, ids: (&str, &str), number: &str, serial: &str) {
    let folder = format!("sys/bus/usb/devices/{name}");
    for (file, text) in [
        ("idVendor", ids.0),
        ("idProduct", ids.1),
        ("busnum", "1"),
        ("devnum", number),
        ("manufacturer", "Maker"),
        ("product", "Product"),
        ("serial", serial),
    ] {
        write(root, &format!("{folder}/{file}"), &format!("{text}\n"));
    }
    write(root, &format!("dev/bus/usb/001/{number:0>3}"), "");
}

fn machine() -> tempfile::TempDir {
    let machine = tempfile::tempdir().unwrap();
    let root = machine.path();
    usb_device(root, "1-1", ("0403", "6001"), "4", "A50285BI");
    usb_device(root, "1-2", ("0b21", "0025"), "5", "C2QJ22001V");
    usb_device(root, "1-3", ("5fc9", "0063"), "6", "007965");
    usb_device(root, "1-4", ("046d", "c31c"), "7", "");
    usb_device(root, "1-5", ("1ab1", "04ce"), "8", "DS1");
    write(root, "sys/bus/usb/devices/1-1/1-1:1.0/ttyUSB0/latency_timer", "16\n");
    for tmc in ["1-2/1-2:1.0", "1-5/1-5:1.0"] {
        write(root, &format!("sys/bus/usb/devices/{tmc}/bInterfaceClass"), "fe\n");
        write(root, &format!("sys/bus/usb/devices/{tmc}/bInterfaceSubClass"), "03\n");
    }
    write(root, "sys/bus/usb/devices/1-2/1-2:1.0/usbmisc/usbtmc0/dev", "180:0\n");
    write(root, "dev/usbtmc0", "");
    fs::create_dir_all(root.join("sys/class/tty/ttyUSB0")).unwrap();
    symlink(root.join("sys/bus/usb/devices/1-1/1-1:1.0/ttyUSB0"), root.join("sys/class/tty/ttyUSB0/device"))
        .unwrap();
    write(root, "dev/ttyUSB0", "");
    fs::create_dir_all(root.join("dev/serial/by-id")).unwrap();
    symlink("../../ttyUSB0", root.join("dev/serial/by-id/usb-FTDI_FT232R_A50285BI-if00-port0")).unwrap();
    // A port of a PC that has no hardware, one that has, and a console without a device.
    for (port, kind) in [("ttyS0", "0"), ("ttyS1", "4")] {
        write(root, &format!("sys/devices/platform/{port}/x"), "");
        write(root, &format!("sys/class/tty/{port}/type"), kind);
        symlink(
            root.join("sys/devices/platform").join(port),
            root.join("sys/class/tty").join(port).join("device"),
        )
        .unwrap();
        write(root, &format!("dev/{port}"), "");
    }
    fs::create_dir_all(root.join("sys/class/tty/tty0")).unwrap();
    machine
}

#[test]
fn lists_ports_and_meters_with_their_identity() {
    let machine = machine();
    let found = with(machine.path(), INSTRUMENTS);
    let devices: Vec<_> = found.iter().map(|found| &*found.device).collect();
    assert_eq!(
        devices,
        [
            "serial:/dev/ttyS1",
            "serial:/dev/serial/by-id/usb-FTDI_FT232R_A50285BI-if00-port0",
            "wt@usbtmc:/dev/usbtmc0",
            "wt@usb:5fc9:0063:007965",
            "usb:1ab1:04ce:DS1",
        ]
    );
    assert_eq!(found[1].name, "Maker Product, USB 0403:6001, serial A50285BI, /dev/ttyUSB0");
    assert_eq!(found[2].name, "Yokogawa WT310: Maker Product, USB 0b21:0025, serial C2QJ22001V");
    assert_eq!(found[2].access, Access::Ready);
    assert!(
        matches!(&found[1].access, Access::Unavailable { mend: Some(mend), .. } if mend.contains("sdm120@serial:/dev/serial/by-id/"))
    );
    assert!(matches!(&found[4].access, Access::Unavailable { mend: None, .. }));
}

#[test]
fn a_device_that_may_not_be_opened_says_what_mends_it() {
    let machine = machine();
    // A file that is not there is as closed as one without rights, and root has all rights.
    for file in ["dev/usbtmc0", "dev/bus/usb/001/006", "dev/ttyS1"] {
        fs::remove_file(machine.path().join(file)).unwrap();
    }
    let found = with(machine.path(), INSTRUMENTS);
    let mends: Vec<_> = found
        .iter()
        .filter_map(|found| match &found.access {
            Access::Denied { mend } => Some(&**mend),
            _ => None,
        })
        .collect();
    assert_eq!(mends.len(), 3, "{found:?}");
    assert!(mends[0].contains("/dev/ttyS1"), "{mends:?}");
    assert!(mends[1].contains("ATTR{idVendor}==\"0b21\", ATTR{idProduct}==\"0025\""), "{mends:?}");
    assert!(mends[2].contains("udevadm control --reload"), "{mends:?}");
}

#[test]
fn a_machine_without_any_says_how_to_name_a_meter_on_the_network() {
    let machine = tempfile::tempdir().unwrap();
    let found = with(machine.path(), INSTRUMENTS);
    assert_eq!(found.len(), 1);
    assert!(matches!(&found[0].access, Access::Unavailable { reason, .. } if reason.contains("@tcp:")));
}
