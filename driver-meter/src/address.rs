//! Where a meter is: `METER@LINK`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use power_core::{Error, ErrorKind, Result};

/// The kinds of links, for messages.
const LINKS: &str = "tcp:HOST:PORT, rtu+tcp:HOST:PORT, serial:/dev/ttyUSB0, usbtmc:/dev/usbtmc0, vxi11:HOST, \
                     usb:VID:PID[:SERIAL] or http://HOST";

/// What a link begins with.
const SCHEMES: [&str; 7] = ["tcp:", "rtu+tcp:", "serial:", "usbtmc:", "vxi11:", "usb:", "http://"];

/// A link's address.
///
/// ```
/// use driver_meter::Address;
/// let address: Address = "serial:/dev/ttyUSB0".parse()?;
/// assert_eq!(address, Address::Serial { path: "/dev/ttyUSB0".into() });
/// assert_eq!("usb:5fc9:0063".parse::<Address>()?.to_string(), "usb:5fc9:0063");
/// # Ok::<(), power_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// TCP; for Modbus with the header of Modbus TCP.
    Tcp {
        /// `HOST` or `HOST:PORT`.
        host: String,
    },
    /// TCP to a gateway that passes Modbus RTU frames on as they are.
    RtuTcp {
        /// `HOST` or `HOST:PORT`.
        host: String,
    },
    /// A serial line.
    Serial {
        /// Its device file.
        path: PathBuf,
    },
    /// A USBTMC instrument by the kernel's driver.
    UsbTmc {
        /// Its device file.
        path: PathBuf,
    },
    /// An instrument on the network by VXI-11.
    Vxi11 {
        /// `HOST`, or `HOST:PORT` of its core channel.
        host: String,
    },
    /// A USB device.
    Usb {
        /// Vendor id.
        vendor: u16,
        /// Product id.
        product: u16,
        /// Serial number, to tell it from its twins.
        serial: Option<String>,
    },
    /// A web server.
    Http {
        /// What follows `http://`.
        host: String,
    },
}

impl Address {
    /// With `port` where a host is given without one.
    #[must_use]
    pub fn with_port(self, port: u16) -> Self {
        let add = |host: String| if has_port(&host) { host } else { format!("{host}:{port}") };
        match self {
            Self::Tcp { host } => Self::Tcp { host: add(host) },
            Self::RtuTcp { host } => Self::RtuTcp { host: add(host) },
            other => other,
        }
    }

    /// The same text for all addresses of one device.
    pub(crate) fn identity(&self) -> String {
        match self {
            Self::Serial { path } | Self::UsbTmc { path } => {
                path.canonicalize().unwrap_or_else(|_| path.clone()).display().to_string()
            }
            // One gateway has one line behind it, however its frames are delimited.
            Self::Tcp { host } | Self::RtuTcp { host } => host.to_ascii_lowercase(),
            other => other.to_string(),
        }
    }
}

/// Whether a port follows the host's name or number.
fn has_port(host: &str) -> bool {
    let after_brackets = host.rsplit_once(']').map_or(host, |(_, rest)| rest);
    after_brackets.contains(':')
}

impl FromStr for Address {
    type Err = Error;

    /// The address that `text` names.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidConfig`] naming the links that there are.
    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            let message = format!("{text:?} is no link to a meter; a link is {LINKS}");
            Error::new(ErrorKind::InvalidConfig, message)
        };
        let scheme = SCHEMES.into_iter().find(|scheme| text.starts_with(scheme)).ok_or_else(wrong)?;
        let rest = &text[scheme.len()..];
        if rest.trim().is_empty() {
            return Err(wrong());
        }
        Ok(match scheme {
            "tcp:" => Self::Tcp { host: rest.to_owned() },
            "rtu+tcp:" => Self::RtuTcp { host: rest.to_owned() },
            "serial:" => Self::Serial { path: rest.into() },
            "usbtmc:" => Self::UsbTmc { path: rest.into() },
            "vxi11:" => Self::Vxi11 { host: rest.to_owned() },
            "usb:" => {
                let mut parts = rest.splitn(3, ':');
                let mut id = || u16::from_str_radix(parts.next()?, 16).ok();
                let (vendor, product) = (id().ok_or_else(wrong)?, id().ok_or_else(wrong)?);
                let serial = parts.next().filter(|serial| !serial.is_empty()).map(str::to_owned);
                Self::Usb { vendor, product, serial }
            }
            _ => Self::Http { host: rest.to_owned() },
        })
    }
}

impl fmt::Display for Address {
    /// Writes the address as it is read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host } => write!(f, "tcp:{host}"),
            Self::RtuTcp { host } => write!(f, "rtu+tcp:{host}"),
            Self::Serial { path } => write!(f, "serial:{}", path.display()),
            Self::UsbTmc { path } => write!(f, "usbtmc:{}", path.display()),
            Self::Vxi11 { host } => write!(f, "vxi11:{host}"),
            Self::Usb { vendor, product, serial } => {
                write!(f, "usb:{vendor:04x}:{product:04x}")?;
                serial.as_ref().map_or(Ok(()), |serial| write!(f, ":{serial}"))
            }
            Self::Http { host } => write!(f, "http://{host}"),
        }
    }
}

/// A meter's name, or the path of its profile, and its link.
///
/// ```
/// use driver_meter::MeterAddress;
/// let device: MeterAddress = "sdm120@serial:/dev/ttyUSB0".parse()?;
/// assert_eq!(device.meter, "sdm120");
/// # Ok::<(), power_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MeterAddress {
    /// Name of a shipped profile or an instrument, or the path of a profile.
    pub meter: String,
    /// Its link.
    pub link: Address,
}

impl FromStr for MeterAddress {
    type Err = Error;

    /// Takes `METER@LINK` apart.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no `@` with a link behind it: then this names no meter.
    /// - [`ErrorKind::InvalidConfig`] if the link makes no sense.
    fn from_str(text: &str) -> Result<Self> {
        // A path and a web address may have an @ of their own.
        let is_link = |at: &usize| SCHEMES.iter().any(|scheme| text[at + 1..].starts_with(scheme));
        let at = text.match_indices('@').map(|(at, _)| at).find(is_link);
        match at.or_else(|| text.rfind('@')) {
            Some(at) if at > 0 => Ok(Self { meter: text[..at].to_owned(), link: text[at + 1..].parse()? }),
            _ => {
                let message = format!("{text:?} names no meter; write METER@LINK, where LINK is {LINKS}");
                Err(Error::new(ErrorKind::NotFound, message))
            }
        }
    }
}

impl fmt::Display for MeterAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.meter, self.link)
    }
}
