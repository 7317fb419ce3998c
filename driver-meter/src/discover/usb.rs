//! USB devices as sysfs shows them.

use std::path::{Path, PathBuf};

use super::{entries, text};

/// Interface class and subclass of USBTMC (*USBTMC specification 1.0*, §5.5).
const TMC: (&str, &str) = ("fe", "03");

/// A USB device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UsbDevice {
    pub(super) vendor: u16,
    pub(super) product: u16,
    maker: Option<String>,
    model: Option<String>,
    pub(super) serial: Option<String>,
    /// The file that programs open to reach it.
    pub(super) node: PathBuf,
    /// Whether it has a USBTMC interface.
    pub(super) speaks_tmc: bool,
    /// The kernel's USBTMC file, if its driver has taken the device.
    pub(super) tmc: Option<PathBuf>,
}

impl UsbDevice {
    /// The device whose folder in sysfs this is.
    fn at(folder: &Path) -> Option<Self> {
        let id = |name: &str| u16::from_str_radix(&text(&folder.join(name))?, 16).ok();
        let number = |name: &str| text(&folder.join(name))?.parse::<u32>().ok();
        let word = |name: &str| text(&folder.join(name)).filter(|word| !word.is_empty());
        let (bus, device) = (number("busnum")?, number("devnum")?);
        let interfaces = entries(folder);
        let tmc = interfaces.iter().find(|interface| {
            let class = text(&interface.join("bInterfaceClass"));
            let subclass = text(&interface.join("bInterfaceSubClass"));
            (class.as_deref(), subclass.as_deref()) == (Some(TMC.0), Some(TMC.1))
        });
        let kernels = tmc.and_then(|interface| entries(&interface.join("usbmisc")).into_iter().next());
        Some(Self {
            vendor: id("idVendor")?,
            product: id("idProduct")?,
            maker: word("manufacturer"),
            model: word("product"),
            serial: word("serial"),
            node: format!("/dev/bus/usb/{bus:03}/{device:03}").into(),
            speaks_tmc: tmc.is_some(),
            tmc: kernels.and_then(|entry| Some(Path::new("/dev").join(entry.file_name()?))),
        })
    }

    /// The device in words.
    pub(super) fn words(&self) -> String {
        let maker = self.maker.as_deref().unwrap_or("unknown maker");
        let model = self.model.as_deref().unwrap_or("unknown product");
        let serial = self.serial.as_ref().map_or_else(String::new, |serial| format!(", serial {serial}"));
        format!("{maker} {model}, USB {:04x}:{:04x}{serial}", self.vendor, self.product)
    }

    /// Its address as a link.
    pub(super) fn link(&self) -> String {
        let serial = self.serial.as_ref().map_or_else(String::new, |serial| format!(":{serial}"));
        format!("usb:{:04x}:{:04x}{serial}", self.vendor, self.product)
    }
}

/// All USB devices.
pub(super) fn devices(root: &Path) -> Vec<UsbDevice> {
    entries(&root.join("sys/bus/usb/devices")).iter().filter_map(|folder| UsbDevice::at(folder)).collect()
}

/// The USB device that a folder of sysfs lies in.
pub(super) fn above(folder: &Path) -> Option<UsbDevice> {
    folder.ancestors().find(|folder| folder.join("idVendor").exists()).and_then(UsbDevice::at)
}
