//! What may be a meter on this machine: serial ports and USB devices, from sysfs, without asking any of them.

#[cfg(test)]
mod tests;
mod usb;

use std::fs;
use std::path::{Path, PathBuf};

use power_core::{Access, Found};

use crate::instrument::catalogue::{MODELS, Model, Way};
use crate::link::rights;
use usb::UsbDevice;

/// Everything that may be a meter, under another root of the file system in tests.
pub(crate) fn all(root: &Path) -> Vec<Found> {
    with(root, MODELS)
}

fn with(root: &Path, models: &[Model]) -> Vec<Found> {
    let mut found: Vec<Found> = serial_ports(root).iter().map(|port| port.found(root)).collect();
    found.extend(usb::devices(root).iter().filter_map(|device| usb_meter(root, device, models)));
    if found.is_empty() {
        let reason = "neither a serial port nor a USB meter is plugged in; a meter on the network is opened by \
                      its address, such as umg96rm@tcp:192.168.1.9:502";
        let access = Access::Unavailable { reason: reason.into(), mend: None };
        found.push(Found::new("METER@LINK", "wall meters", access));
    }
    found
}

/// A serial port with hardware behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct SerialPort {
    /// Its device file.
    path: PathBuf,
    /// The USB adapter, if it is one.
    usb: Option<UsbDevice>,
}

impl SerialPort {
    fn found(&self, root: &Path) -> Found {
        let path = by_id(root, &self.path).unwrap_or_else(|| self.path.clone());
        let link = format!("serial:{}", path.display());
        let what = self.usb.as_ref().map_or_else(|| "serial port".to_owned(), UsbDevice::words);
        let name = format!("{what}, {}", self.path.display());
        let access = if may_open(root, &self.path) {
            Access::Unavailable {
                reason: "nothing tells which meter is on a serial port: name it".into(),
                mend: Some(format!("open METER@{link}, such as sdm120@{link}")),
            }
        } else {
            Access::Denied { mend: rights::mend_as(&within(root, &self.path), &self.path) }
        };
        Found::new(link, name, access)
    }
}

/// The serial ports of this machine.
fn serial_ports(root: &Path) -> Vec<SerialPort> {
    let ports = entries(&root.join("sys/class/tty"));
    ports
        .iter()
        .filter_map(|entry| {
            let hardware = entry.join("device").canonicalize().ok()?;
            // Ports that a PC could have and has not say so by this type (serial_core's PORT_UNKNOWN).
            if text(&entry.join("type")).as_deref() == Some("0") {
                return None;
            }
            let path = Path::new("/dev").join(entry.file_name()?);
            Some(SerialPort { path, usb: usb::above(&hardware) })
        })
        .collect()
}

/// A USB device that an instrument with code knows, or that speaks USBTMC.
fn usb_meter(root: &Path, device: &UsbDevice, models: &[Model]) -> Option<Found> {
    let model = models.iter().find(|model| model.ways.iter().any(|way| is_of(device, *way)));
    let node = device.tmc.clone().unwrap_or_else(|| device.node.clone());
    let link = match &device.tmc {
        Some(tmc) => format!("usbtmc:{}", tmc.display()),
        None => device.link(),
    };
    let Some(model) = model else {
        let reason = "a USBTMC instrument that no driver of this crate knows".to_owned();
        let access = Access::Unavailable { reason, mend: None };
        return (device.speaks_tmc).then(|| Found::new(link, device.words(), access));
    };
    let access = if may_open(root, &node) {
        Access::Ready
    } else {
        Access::Denied { mend: rights::usb_rule(device.vendor, device.product) }
    };
    Some(Found::new(format!("{}@{link}", model.id), format!("{}: {}", model.name, device.words()), access))
}

fn is_of(device: &UsbDevice, way: Way) -> bool {
    match way {
        Way::UsbTmc { vendor } => device.speaks_tmc && device.vendor == vendor,
        Way::UsbHid { vendor, products } | Way::UsbBulk { vendor, products } => {
            device.vendor == vendor && (products.is_empty() || products.contains(&device.product))
        }
        Way::Tcp(_) | Way::Vxi11 | Way::Serial(_) => false,
    }
}

/// The name that stays with a serial device, if udev gave it one.
fn by_id(root: &Path, path: &Path) -> Option<PathBuf> {
    let device = within(root, path).canonicalize().ok()?;
    let links = entries(&root.join("dev/serial/by-id"));
    let link = links.iter().find(|link| link.canonicalize().is_ok_and(|target| target == device))?;
    Some(Path::new("/dev/serial/by-id").join(link.file_name()?))
}

/// The file at an absolute path, under another root.
fn within(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

/// Whether this user may read and write the device file. It is not opened: that would move its handshake lines.
#[cfg(unix)]
fn may_open(root: &Path, path: &Path) -> bool {
    use rustix::fs::{Access, access};
    access(within(root, path), Access::READ_OK | Access::WRITE_OK).is_ok()
}

/// Where rights are not a matter of files, opening it will tell.
#[cfg(not(unix))]
fn may_open(_root: &Path, _path: &Path) -> bool {
    true
}

/// The entries of a folder, in order.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    entries
}

/// A small file's text, without the space around it.
fn text(file: &Path) -> Option<String> {
    fs::read_to_string(file).ok().map(|text| text.trim().to_owned())
}
