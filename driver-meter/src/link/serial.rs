//! A link over a serial line.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use power_core::{Error, ErrorKind, Result};
use serialport::{ClearBuffer, SerialPort};

use super::rights;
use super::stable_name::StableName;
use super::{Link, gone, left};

/// Most bytes handed to the line at once: few enough that the operating system takes them without waiting.
const CHUNK: usize = 64;

/// Parity of a serial line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Parity {
    /// No parity bit.
    #[default]
    None,
    /// Even parity.
    Even,
    /// Odd parity.
    Odd,
}

/// Settings of a serial line: rate, frame and handshake.
///
/// ```
/// use driver_meter::link::serial::{Parity, SerialSettings};
/// let settings = SerialSettings::new(19_200).with_parity(Parity::Even);
/// assert_eq!(settings.to_string(), "19200 8E1");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SerialSettings {
    /// Bits a second.
    pub baud: u32,
    /// Data bits of a character, 5 to 8.
    pub data_bits: u8,
    /// Parity.
    pub parity: Parity,
    /// Stop bits, 1 or 2.
    pub stop_bits: u8,
    /// Whether the lines RTS and CTS hold back a sender.
    pub rts_cts: bool,
}

impl SerialSettings {
    /// 8 data bits, no parity, 1 stop bit, no handshake.
    pub const fn new(baud: u32) -> Self {
        Self { baud, data_bits: 8, parity: Parity::None, stop_bits: 1, rts_cts: false }
    }

    /// Sets the parity.
    #[must_use]
    pub const fn with_parity(mut self, parity: Parity) -> Self {
        self.parity = parity;
        self
    }

    /// Sets the stop bits, 1 or 2.
    #[must_use]
    pub const fn with_stop_bits(mut self, stop_bits: u8) -> Self {
        self.stop_bits = stop_bits;
        self
    }

    /// Sets the data bits, 5 to 8.
    #[must_use]
    pub const fn with_data_bits(mut self, data_bits: u8) -> Self {
        self.data_bits = data_bits;
        self
    }

    /// Sets whether RTS and CTS hold back a sender.
    #[must_use]
    pub const fn with_rts_cts(mut self, rts_cts: bool) -> Self {
        self.rts_cts = rts_cts;
        self
    }

    /// Time that `characters` take on the line: start bit, data, parity and stop bits at the line's rate.
    pub fn time_of(self, characters: u32) -> Duration {
        let parity = u32::from(self.parity != Parity::None);
        let bits = 1 + u32::from(self.data_bits) + parity + u32::from(self.stop_bits);
        Duration::from_secs(1) * (bits * characters) / self.baud.max(1)
    }

    /// The port to open, or what is wrong with the settings.
    fn builder(self, path: &str) -> Result<serialport::SerialPortBuilder> {
        let invalid = |message: String| Err(Error::new(ErrorKind::InvalidConfig, message));
        let data_bits = match self.data_bits {
            5 => serialport::DataBits::Five,
            6 => serialport::DataBits::Six,
            7 => serialport::DataBits::Seven,
            8 => serialport::DataBits::Eight,
            other => return invalid(format!("data_bits = {other}: it is 5, 6, 7 or 8")),
        };
        let stop_bits = match self.stop_bits {
            1 => serialport::StopBits::One,
            2 => serialport::StopBits::Two,
            other => return invalid(format!("stop_bits = {other}: it is 1 or 2")),
        };
        if self.baud == 0 {
            return invalid("baud = 0: it is the line's rate in bits a second, such as 9600".into());
        }
        let parity = match self.parity {
            Parity::None => serialport::Parity::None,
            Parity::Even => serialport::Parity::Even,
            Parity::Odd => serialport::Parity::Odd,
        };
        let flow =
            if self.rts_cts { serialport::FlowControl::Hardware } else { serialport::FlowControl::None };
        Ok(serialport::new(path, self.baud)
            .data_bits(data_bits)
            .parity(parity)
            .stop_bits(stop_bits)
            .flow_control(flow))
    }
}

impl fmt::Display for SerialSettings {
    /// Writes rate and frame as manuals do, `9600 8N1`, and the handshake where there is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parity = match self.parity {
            Parity::None => 'N',
            Parity::Even => 'E',
            Parity::Odd => 'O',
        };
        write!(f, "{} {}{parity}{}", self.baud, self.data_bits, self.stop_bits)?;
        if self.rts_cts { f.write_str(" RTS/CTS") } else { Ok(()) }
    }
}

/// A serial line, held exclusively.
///
/// The device is remembered by the name that stays with it (`/dev/serial/by-id`), where it has one: plugged in again
/// it may be another `ttyUSB`, and another meter may have taken its number.
#[derive(Debug)]
pub struct SerialLink {
    path: PathBuf,
    stable: StableName,
    settings: SerialSettings,
    name: String,
    port: Option<Box<dyn SerialPort>>,
}

impl SerialLink {
    /// Opens the line at `path`. Does not wait, so that `deadline` is never passed.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such line.
    /// - [`ErrorKind::PermissionDenied`] naming the group or the udev rule that gives access.
    /// - [`ErrorKind::Busy`] if another program holds it.
    /// - [`ErrorKind::InvalidConfig`] if the line cannot have these settings.
    pub fn open(path: &str, settings: SerialSettings, deadline: Instant) -> Result<Self> {
        Self::open_in(Path::new(super::stable_name::BY_ID), path, settings, deadline)
    }

    /// The same, with stable names looked up in `by_id`.
    pub(crate) fn open_in(
        by_id: &Path,
        path: &str,
        settings: SerialSettings,
        deadline: Instant,
    ) -> Result<Self> {
        let path = PathBuf::from(path);
        let mut link = Self {
            name: format!("{} {settings}", path.display()),
            stable: StableName::of(&path, by_id),
            path,
            settings,
            port: None,
        };
        link.reopen(deadline)?;
        Ok(link)
    }

    /// The settings of the line.
    pub fn settings(&self) -> SerialSettings {
        self.settings
    }

    /// The port, or the error that it is gone.
    fn port(&mut self) -> Result<&mut dyn SerialPort> {
        match self.port.as_mut() {
            Some(port) => Ok(&mut **port),
            None => Err(gone(&self.name)),
        }
    }

    /// The error of a failed operation; one that means that the device is gone closes it.
    fn failed(&mut self, tried: &'static str, error: io::Error) -> Error {
        let error = Error::from_io(ErrorKind::Disconnected, tried, error).with_context("link", &*self.name);
        if error.kind() == ErrorKind::Timeout {
            return error;
        }
        self.port = None;
        Error::new(ErrorKind::Disconnected, "the serial device is gone")
            .with_context("link", &*self.name)
            .with_source(error)
    }
}

impl Link for SerialLink {
    fn name(&self) -> &str {
        &self.name
    }

    fn details(&self) -> Vec<(String, String)> {
        let mut details = vec![("link".to_owned(), self.name.clone())];
        if let Some(stable) = self.stable.name() {
            details.push(("serial_by_id".into(), stable.display().to_string()));
        }
        if let Some(timer) = super::latency::LatencyTimer::of(&self.path) {
            details.push(("ftdi_latency_timer".into(), timer.to_string()));
        }
        details
    }

    fn send(&mut self, bytes: &[u8], deadline: Instant) -> Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let time = left(deadline);
            let port = self.port()?;
            let sent = match time {
                None => Err(io::ErrorKind::TimedOut.into()),
                Some(time) => {
                    set_timeout(port, time).and_then(|()| port.write(&rest[..rest.len().min(CHUNK)]))
                }
            };
            match sent {
                Ok(0) => return Err(self.failed("cannot send", io::ErrorKind::WriteZero.into())),
                Ok(count) => rest = &rest[count..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed("cannot send", error)),
            }
        }
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8], deadline: Instant) -> Result<usize> {
        loop {
            // With no time left this still gives what has come already.
            let time = left(deadline).unwrap_or_default();
            let port = self.port()?;
            match set_timeout(port, time).and_then(|()| port.read(buffer)) {
                Ok(0) if buffer.is_empty() => return Ok(0),
                // A terminal that has been hung up reads as ended.
                Ok(0) => return Err(self.failed("no answer", io::ErrorKind::UnexpectedEof.into())),
                Ok(count) => return Ok(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed("no answer", error)),
            }
        }
    }

    fn receive_now(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let port = self.port()?;
        // A read that times out would make an error, and that allocates.
        match port.bytes_to_read() {
            Ok(0) => Ok(0),
            Ok(_) => self.receive(buffer, Instant::now()),
            Err(error) => Err(self.failed("cannot receive", error.into())),
        }
    }

    fn discard_input(&mut self) -> Result<()> {
        let cleared = self.port()?.clear(ClearBuffer::Input);
        cleared.map_err(|error| self.failed("cannot discard input", error.into()))
    }

    fn reopen(&mut self, _deadline: Instant) -> Result<()> {
        self.port = None;
        let path = self.stable.present(&self.path).ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "the serial device is not plugged in")
                .with_context("link", &*self.name)
                .with_context("known as", self.stable.name().unwrap_or(&self.path).display().to_string())
        })?;
        let opened = self.settings.builder(&path.to_string_lossy())?.open();
        let port = opened.map_err(|error| not_opened(&path, error))?;
        self.port = Some(port);
        self.path = path;
        Ok(())
    }

    fn set_rate(&mut self, baud: u32) -> Result<bool> {
        let changed = self.port()?.set_baud_rate(baud);
        changed.map(|()| true).map_err(|error| match error.kind() {
            serialport::ErrorKind::InvalidInput => {
                Error::new(ErrorKind::InvalidConfig, "the serial device cannot have this rate")
                    .with_context("baud", baud.to_string())
                    .with_source(error)
            }
            _ => self.failed("cannot set the rate", error.into()),
        })
    }
}

/// Waiting times are kept in the port itself: setting one costs no call to the operating system.
fn set_timeout(port: &mut dyn SerialPort, time: Duration) -> io::Result<()> {
    port.set_timeout(time).map_err(io::Error::from)
}

/// Why a port does not open, in terms of what mends it.
fn not_opened(path: &Path, error: serialport::Error) -> Error {
    use serialport::ErrorKind as Kind;
    let shown = path.display().to_string();
    let made = match error.kind() {
        Kind::Io(io::ErrorKind::NotFound) => {
            Error::new(ErrorKind::NotFound, "there is no such serial device; see what discovery lists")
        }
        Kind::Io(io::ErrorKind::PermissionDenied) => {
            Error::new(ErrorKind::PermissionDenied, "this user may not open the serial device")
                .with_context("mend", rights::mend(path))
        }
        Kind::Io(io::ErrorKind::WouldBlock) | Kind::NoDevice => {
            Error::new(ErrorKind::Busy, "another program holds the serial device; close it, or wait")
        }
        Kind::InvalidInput => {
            Error::new(ErrorKind::InvalidConfig, "the serial device cannot have these settings")
        }
        _ if !path.exists() => Error::new(ErrorKind::NotFound, "there is no such serial device"),
        _ => Error::new(ErrorKind::Unavailable, "cannot open this as a serial device"),
    };
    made.with_context("path", shown).with_source(error)
}

#[cfg(test)]
mod tests {
    use serialport::ErrorKind as Kind;

    use super::*;

    #[test]
    fn what_the_operating_system_says_becomes_what_the_user_can_do() {
        let path = Path::new("/dev/null");
        for (kind, expected, words) in [
            (Kind::Io(io::ErrorKind::PermissionDenied), ErrorKind::PermissionDenied, "mend: sudo"),
            (Kind::Io(io::ErrorKind::NotFound), ErrorKind::NotFound, "discovery lists"),
            (Kind::NoDevice, ErrorKind::Busy, "another program"),
            (Kind::InvalidInput, ErrorKind::InvalidConfig, "these settings"),
            (Kind::Unknown, ErrorKind::Unavailable, "as a serial device"),
        ] {
            let error = not_opened(path, serialport::Error::new(kind, "a test"));
            assert_eq!(error.kind(), expected);
            assert!(error.to_string().contains(words), "{error}");
        }
    }

    #[test]
    fn a_character_takes_the_time_of_all_its_bits() {
        assert_eq!(SerialSettings::new(9_600).time_of(96), Duration::from_millis(100));
        let with_parity = SerialSettings::new(9_600).with_parity(Parity::Even).with_stop_bits(2);
        assert_eq!(with_parity.time_of(96), Duration::from_millis(120));
        assert_eq!(with_parity.to_string(), "9600 8E2");
        assert_eq!(SerialSettings::new(0).time_of(1), Duration::from_secs(10), "no division by 0");
    }
}
