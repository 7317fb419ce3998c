//! A link: the bytes between host and meter, whatever carries them, with a deadline on every operation.

mod latency;
mod line;
pub(crate) mod rights;
pub mod serial;
mod stable_name;
pub mod tcp;
#[cfg(feature = "usb")]
pub mod usb;
#[cfg(target_os = "linux")]
pub mod usbtmc;
pub mod usbtmc_frame;
#[cfg(target_os = "linux")]
mod usbtmc_ioctl;
pub mod vxi11;
pub mod vxi11_frame;

use std::fmt;
use std::time::{Duration, Instant};

pub use line::receive_line;

use power_core::{Error, ErrorKind, Result};

use crate::address::Address;

/// A byte link to a meter.
///
/// A protocol is written against this, so that TCP, a serial line, a USB instrument and a script in a test are one
/// thing to it. Every operation ends at its deadline.
pub trait Link: Send + fmt::Debug {
    /// The link in words, for messages: `tcp 192.168.1.9:502`, `/dev/ttyUSB0 9600 8N1`.
    fn name(&self) -> &str;

    /// What else is known about the link, for the details of a source's descriptor: name and value.
    fn details(&self) -> Vec<(String, String)> {
        vec![("link".to_owned(), self.name().to_owned())]
    }

    /// Sends all of `bytes`. Blocks until they have left this program, at most until `deadline`.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Timeout`] if not all bytes left before the deadline; how many did is unknown.
    /// - [`ErrorKind::Disconnected`] if the other end is gone.
    fn send(&mut self, bytes: &[u8], deadline: Instant) -> Result<()>;

    /// Receives what has come, at least one byte, into the front of `buffer`; gives how many bytes.
    ///
    /// Blocks until a byte comes, at most until `deadline`.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Timeout`] if nothing came before the deadline.
    /// - [`ErrorKind::Disconnected`] if the other end is gone, or has closed its sending half.
    fn receive(&mut self, buffer: &mut [u8], deadline: Instant) -> Result<usize>;

    /// Receives what has come already into the front of `buffer`; gives how many bytes, 0 if nothing has come.
    /// Does not wait, and does not allocate.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Disconnected`] if the other end is gone.
    fn receive_now(&mut self, buffer: &mut [u8]) -> Result<usize> {
        match self.receive(buffer, Instant::now()) {
            Err(error) if error.kind() == ErrorKind::Timeout => Ok(0),
            outcome => outcome,
        }
    }

    /// Throws away what has come and was not received. Does not wait.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Disconnected`] if the other end is gone.
    fn discard_input(&mut self) -> Result<()>;

    /// Closes the link and opens it anew, so that no byte of an earlier exchange can come. Blocks at most until
    /// `deadline`.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`], [`ErrorKind::PermissionDenied`], [`ErrorKind::Busy`], [`ErrorKind::Disconnected`],
    ///   [`ErrorKind::Timeout`] as the operating system says.
    fn reopen(&mut self, deadline: Instant) -> Result<()>;

    /// Changes the rate of a serial line, in bits a second, until it is opened anew; gives whether the link has a rate
    /// that could be changed. Does not wait.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidConfig`] if the line cannot have this rate.
    /// - [`ErrorKind::Disconnected`] if the device is gone.
    fn set_rate(&mut self, _baud: u32) -> Result<bool> {
        Ok(false)
    }
}

/// Opens the link at `address`; `settings` are those of a serial line. Blocks at most until `deadline`.
///
/// # Errors
///
/// - [`ErrorKind::NotFound`], [`ErrorKind::PermissionDenied`], [`ErrorKind::Busy`], [`ErrorKind::Unavailable`],
///   [`ErrorKind::Timeout`] as the link says.
/// - [`ErrorKind::Unsupported`] for a link that this build of the crate does not have.
pub fn open(address: &Address, settings: serial::SerialSettings, deadline: Instant) -> Result<Box<dyn Link>> {
    Ok(match address {
        Address::Tcp { host } | Address::RtuTcp { host } => Box::new(tcp::TcpLink::open(host, deadline)?),
        // A small web server is asked over plain TCP.
        Address::Http { host } => Box::new(tcp::TcpLink::open(&http_host(host), deadline)?),
        Address::Serial { path } => {
            Box::new(serial::SerialLink::open(&path.to_string_lossy(), settings, deadline)?)
        }
        Address::Vxi11 { host } => Box::new(vxi11::Vxi11Link::open(host, deadline)?),
        #[cfg(target_os = "linux")]
        Address::UsbTmc { path } => Box::new(usbtmc::UsbTmcLink::open(&path.to_string_lossy())?),
        // Which interface of a USB device speaks, and how, is known of the meter: `Way::open_usb`.
        other => {
            let message = format!("this build cannot open {other}; USB devices need the feature usb");
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
    })
}

/// Host and port of a web server, 80 where none is given.
fn http_host(host: &str) -> String {
    let host = host.split('/').next().unwrap_or_default();
    match (Address::Tcp { host: host.to_owned() }).with_port(80) {
        Address::Tcp { host } => host,
        _ => host.to_owned(),
    }
}

macro_rules! forward_link {
    ($($pointer:ty),*) => {
        $(impl<L: Link + ?Sized> Link for $pointer {
            fn name(&self) -> &str {
                (**self).name()
            }

            fn details(&self) -> Vec<(String, String)> {
                (**self).details()
            }

            fn send(&mut self, bytes: &[u8], deadline: Instant) -> Result<()> {
                (**self).send(bytes, deadline)
            }

            fn receive(&mut self, buffer: &mut [u8], deadline: Instant) -> Result<usize> {
                (**self).receive(buffer, deadline)
            }

            fn receive_now(&mut self, buffer: &mut [u8]) -> Result<usize> {
                (**self).receive_now(buffer)
            }

            fn discard_input(&mut self) -> Result<()> {
                (**self).discard_input()
            }

            fn reopen(&mut self, deadline: Instant) -> Result<()> {
                (**self).reopen(deadline)
            }

            fn set_rate(&mut self, baud: u32) -> Result<bool> {
                (**self).set_rate(baud)
            }
        })*
    };
}

forward_link!(&mut L, Box<L>);

/// Time until `deadline`; `None` once it has passed.
pub(crate) fn left(deadline: Instant) -> Option<Duration> {
    Some(deadline.saturating_duration_since(Instant::now())).filter(|time| !time.is_zero())
}

/// The error of a link that was lost earlier and has not been opened again.
fn gone(name: &str) -> Error {
    Error::new(ErrorKind::Disconnected, "the link to the meter is down").with_context("link", name)
}
