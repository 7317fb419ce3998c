//! Every instrument with code, and how it is usually connected.

use super::Open;
use crate::link::serial::SerialSettings;

/// A way in which an instrument is usually connected, with the settings that its maker gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Way {
    /// TCP, with the port that it listens on.
    Tcp(u16),
    /// A serial line.
    Serial(SerialSettings),
    /// USBTMC: `/dev/usbtmcN`, or USB itself where the kernel has no driver.
    UsbTmc {
        /// USB vendor.
        vendor: u16,
    },
    /// USB packets of 64 bytes by interrupt transfers (HID), or by bulk transfers.
    Usb {
        /// USB vendor.
        vendor: u16,
        /// USB products of this kind; empty for every product of the vendor.
        products: &'static [u16],
    },
}

/// An instrument with code.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Model {
    /// The name by which it is opened.
    pub id: &'static str,
    /// The instrument in words.
    pub name: &'static str,
    /// How it is usually connected, the most usual first.
    pub ways: &'static [Way],
    /// Its own options with what they mean; all know `timeout_ms`, `reconnect_s` and `scope` besides.
    pub options: &'static [(&'static str, &'static str)],
    /// Opens it.
    pub open: Open,
}

/// Every instrument with code.
pub static MODELS: &[Model] = &[];

/// The instrument of this name.
pub fn find(id: &str) -> Option<&'static Model> {
    MODELS.iter().find(|model| model.id == id)
}
