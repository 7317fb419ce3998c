//! Every instrument with code, and how it is usually connected.

use super::Open;
use crate::link::serial::SerialSettings;

/// A way in which an instrument is usually connected, with the settings that its maker gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Way {
    /// TCP, with the port that it listens on.
    Tcp(u16),
    /// VXI-11 on the network.
    Vxi11,
    /// A serial line.
    Serial(SerialSettings),
    /// USBTMC: `/dev/usbtmcN`, or USB itself where the kernel has no driver.
    UsbTmc {
        /// USB vendor.
        vendor: u16,
    },
    /// USB packets by interrupt transfers of a HID interface. Needs feature `usb`.
    UsbHid {
        /// USB vendor.
        vendor: u16,
        /// USB products of this kind.
        products: &'static [u16],
    },
    /// USB packets by bulk transfers of a vendor's own interface. Needs feature `usb`.
    UsbBulk {
        /// USB vendor.
        vendor: u16,
        /// USB products of this kind; empty for every product of the vendor.
        products: &'static [u16],
    },
}

#[cfg(feature = "usb")]
impl Way {
    /// Opens the USB meter that is connected in this way, by libusb; with a serial number that one only.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Unsupported`](power_core::ErrorKind::Unsupported) for a way that is not USB
    /// - those of [`UsbLink::open`](crate::link::usb::UsbLink::open)
    pub fn open_usb(self, serial: Option<&str>) -> power_core::Result<crate::link::usb::UsbLink> {
        use crate::link::usb::{Class, UsbLink};
        match self {
            Self::UsbTmc { vendor } => UsbLink::open(Class::UsbTmc, vendor, &[], serial),
            Self::UsbHid { vendor, products } => UsbLink::open(Class::Hid, vendor, products, serial),
            Self::UsbBulk { vendor, products } => UsbLink::open(Class::Vendor, vendor, products, serial),
            Self::Tcp(_) | Self::Vxi11 | Self::Serial(_) => {
                let message = "this meter is not connected by USB";
                Err(power_core::Error::new(power_core::ErrorKind::Unsupported, message))
            }
        }
    }
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
pub static MODELS: &[Model] = &[
    Model {
        id: "yokogawa-wt300",
        name: "Yokogawa WT310, WT330 and their E models",
        ways: &[Way::UsbTmc { vendor: 0x0b21 }, Way::Vxi11, Way::Serial(SerialSettings::new(9600))],
        options: crate::scpi::yokogawa::OPTIONS,
        open: crate::scpi::yokogawa::open,
    },
    Model {
        id: "zes-lmg450",
        name: "ZES Zimmer LMG450 and LMG95",
        ways: &[Way::Serial(SerialSettings::new(115_200).with_rts_cts(true))],
        options: crate::scpi::zes::OPTIONS,
        open: crate::scpi::zes::open_lmg450,
    },
    Model {
        id: "zes-lmg670",
        name: "ZES Zimmer LMG600 series",
        ways: &[Way::Tcp(5025)],
        options: crate::scpi::zes::OPTIONS,
        open: crate::scpi::zes::open_lmg670,
    },
    Model {
        id: "watts-up-pro",
        name: "Watts up? PRO and .Net",
        ways: &[Way::Serial(SerialSettings::new(115_200))],
        options: &[],
        open: crate::lines::open_watts_up,
    },
    Model {
        id: "elmorlabs-pmd",
        name: "ElmorLabs PMD-USB",
        ways: &[Way::Serial(SerialSettings::new(115_200))],
        options: crate::streams::pmd_source::OPTIONS,
        open: crate::streams::pmd_source::open,
    },
    Model {
        id: "powersensor3",
        name: "PowerSensor3",
        ways: &[Way::Serial(SerialSettings::new(4_000_000))],
        options: crate::streams::power_sensor3_source::OPTIONS,
        open: crate::streams::power_sensor3_source::open,
    },
    Model {
        id: "fnirsi-fnb58",
        name: "FNIRSI FNB58, FNB48, FNB48S and C1",
        ways: &[
            Way::UsbHid { vendor: 0x2e3c, products: &[0x5558, 0x0049] },
            Way::UsbHid { vendor: 0x0483, products: &[0x003a, 0x003b] },
        ],
        options: &[],
        open: crate::usb::fnb58_source::open,
    },
    Model {
        id: "km003c",
        name: "ChargerLAB POWER-Z KM003C",
        ways: &[Way::UsbBulk { vendor: 0x5fc9, products: &[] }],
        options: &[],
        open: crate::usb::km003c_source::open,
    },
    Model {
        id: "ptdaemon",
        name: "SPEC PTDaemon, with any meter that it knows",
        ways: &[Way::Tcp(8888)],
        options: crate::ptdaemon::OPTIONS,
        open: crate::ptdaemon::open,
    },
    Model {
        id: "shelly-gen2",
        name: "Shelly Plus, Pro and later plugs and energy meters (RPC)",
        ways: &[Way::Tcp(80)],
        options: crate::http::shelly::OPTIONS,
        open: crate::http::open_shelly,
    },
    Model {
        id: "tasmota",
        name: "Plugs with Tasmota firmware",
        ways: &[Way::Tcp(80)],
        options: crate::http::tasmota::OPTIONS,
        open: crate::http::open_tasmota,
    },
    Model {
        id: "wattproof-remote",
        name: "A meter of another host, served there by `wattproof serve-meter`",
        ways: &[Way::Tcp(crate::remote::PORT)],
        options: crate::remote::OPTIONS,
        open: crate::remote::open,
    },
];

/// The instrument of this name.
pub fn find(id: &str) -> Option<&'static Model> {
    MODELS.iter().find(|model| model.id == id)
}
