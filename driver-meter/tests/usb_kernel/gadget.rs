//! A composite gadget by configfs: a USBTMC function by `FunctionFS`, and a serial port.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) const VENDOR: u16 = 0x0b21;
pub(crate) const SERIAL: &str = "C3UF12345E";

/// The gadget, not plugged in at first.
#[derive(Debug)]
pub(crate) struct Gadget {
    root: PathBuf,
    controller: String,
}

impl Gadget {
    pub(crate) fn new() -> Self {
        let root = PathBuf::from("/sys/kernel/config/usb_gadget/meter");
        let write = |name: &str, text: &str| fs::write(root.join(name), text).unwrap();
        fs::create_dir(&root).unwrap();
        write("idVendor", "0x0b21");
        write("idProduct", "0x0025");
        for folder in ["strings/0x409", "configs/c.1", "functions/ffs.usbtmc", "functions/acm.line"] {
            fs::create_dir(root.join(folder)).unwrap();
        }
        write("strings/0x409/manufacturer", "wattproof");
        write("strings/0x409/product", "simulated meters");
        write("strings/0x409/serialnumber", SERIAL);
        for function in ["ffs.usbtmc", "acm.line"] {
            symlink(root.join("functions").join(function), root.join("configs/c.1").join(function)).unwrap();
        }
        fs::create_dir_all(Self::endpoints()).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "functionfs", "usbtmc"])
            .arg(Self::endpoints())
            .status()
            .unwrap();
        assert!(mounted.success());
        let controllers = fs::read_dir("/sys/class/udc").unwrap();
        let controller =
            controllers.map(|entry| entry.unwrap().file_name().into_string().unwrap()).next().unwrap();
        Self { root, controller }
    }

    /// Where the endpoints of the USBTMC function are.
    pub(crate) fn endpoints() -> &'static Path {
        Path::new("/run/usbtmc")
    }

    /// Puts the cable in.
    pub(crate) fn plug(&self) {
        fs::write(self.root.join("UDC"), &self.controller).unwrap();
    }

    /// Pulls the cable.
    pub(crate) fn unplug(&self) {
        fs::write(self.root.join("UDC"), "\n").unwrap();
    }
}
