//! The options of this driver.

use std::time::Duration;

use power_core::{Error, ErrorKind, Options, Result};

use crate::instrument::catalogue::{Model, Way};
use crate::link::serial::{Parity, SerialSettings};
use crate::modbus::{Choice, Timing};
use crate::profile::{self, Profile};

/// How long a lost link is tried again where no option says otherwise.
const RECONNECT: Duration = Duration::from_secs(30);

/// Options of every serial line.
const SERIAL: &[&str] = &["baud", "parity", "data_bits", "stop_bits"];

/// Options of meters that a profile describes.
const MODBUS: &[&str] =
    &["unit", "baud", "parity", "data_bits", "stop_bits", "timeout_ms", "reconnect_s", "channels", "scope"];

/// Options of every instrument with code; what they mean is up to it.
const INSTRUMENT: &[&str] = &["timeout_ms", "reconnect_s", "scope"];

/// The options of a meter that a profile describes, checked.
#[derive(Debug, Clone)]
pub(crate) struct Modbus {
    pub(crate) unit: u8,
    pub(crate) serial: SerialSettings,
    pub(crate) timeout: Duration,
    pub(crate) reconnect: Duration,
    pub(crate) choice: Choice,
}

impl Modbus {
    pub(crate) fn new(options: &Options, profile: &Profile) -> Result<Self> {
        options.only(MODBUS)?;
        let mut choice = Choice::default();
        if let Some(names) = options.text("channels") {
            choice.channels = names.split(',').map(|name| name.trim().to_owned()).collect();
        }
        if let Some(word) = options.text("scope") {
            choice.scope = Some(profile::scope(word)?);
        }
        Ok(Self {
            unit: options.parse("unit")?.unwrap_or(profile.transport.unit),
            serial: serial(options, profile.transport.serial)?,
            timeout: timeout(options)?.unwrap_or(profile.transport.timeout),
            reconnect: options.parse("reconnect_s")?.map_or(RECONNECT, Duration::from_secs),
            choice,
        })
    }

    /// Waiting times over a network or on a serial line.
    pub(crate) fn timing(&self, is_serial: bool) -> Timing {
        let timing =
            if is_serial { Timing::serial(self.timeout, self.serial) } else { Timing::network(self.timeout) };
        timing.with_reconnect(Some(self.reconnect))
    }
}

/// Settings of the line to an instrument with code, and the options that are left for the instrument itself.
pub(crate) fn instrument(options: &Options, model: &Model) -> Result<(SerialSettings, Options)> {
    let own = model.options.iter().map(|(name, _)| *name);
    let known: Vec<&str> = own.chain(INSTRUMENT.iter().copied()).chain(SERIAL.iter().copied()).collect();
    options.only(&known)?;
    let usual = model.ways.iter().find_map(|way| match way {
        Way::Serial(settings) => Some(*settings),
        _ => None,
    });
    let serial = serial(options, usual.unwrap_or(SerialSettings::new(9_600)))?;
    let rest = options.iter().filter(|(name, _)| !SERIAL.contains(name)).collect();
    Ok((serial, rest))
}

/// The time that an answer may take, as option `timeout_ms` says.
pub(crate) fn timeout(options: &Options) -> Result<Option<Duration>> {
    match options.parse::<u32>("timeout_ms")? {
        Some(0) => invalid("option timeout_ms = 0: it is the time that an answer may take, 1 at least"),
        time => Ok(time.map(|time| Duration::from_millis(time.into()))),
    }
}

/// Settings of a serial line, where options change the usual ones.
fn serial(options: &Options, usual: SerialSettings) -> Result<SerialSettings> {
    let mut settings = usual;
    if let Some(baud) = options.parse("baud")? {
        settings.baud = baud;
    }
    if let Some(bits) = options.parse("data_bits")? {
        settings.data_bits = bits;
    }
    if let Some(bits) = options.parse("stop_bits")? {
        settings.stop_bits = bits;
    }
    if let Some(parity) = options.text("parity") {
        settings.parity = match parity {
            "none" | "N" => Parity::None,
            "even" | "E" => Parity::Even,
            "odd" | "O" => Parity::Odd,
            other => return invalid(format!("option parity = {other:?}: it is none, even or odd")),
        };
    }
    Ok(settings)
}

fn invalid<T>(message: impl Into<std::borrow::Cow<'static, str>>) -> Result<T> {
    Err(Error::new(ErrorKind::InvalidConfig, message))
}
