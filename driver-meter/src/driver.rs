//! The driver: finds out what `METER@LINK` means, and opens it.

use std::path::Path;
use std::time::{Duration, Instant};

use power_core::{Driver, Error, ErrorKind, Found, Options, PowerSource, Result};

use crate::address::{Address, MeterAddress};
use crate::instrument::catalogue::{self, Model, Way};
use crate::modbus::{Framing, MeterSource, Settings, shared};
use crate::profile::{self, Profile};
use crate::{ID, config, discover, link};

/// Time to open a link to an instrument with code where no option says otherwise.
const OPENING: Duration = Duration::from_secs(3);

/// The driver for wall meters and power analysers.
///
/// ```no_run
/// use driver_meter::DRIVER;
/// use power_core::{Driver, Options};
/// let meter = DRIVER.open("sdm120@serial:/dev/ttyUSB0", &Options::new().with("baud", "9600"))?;
/// # Ok::<(), power_core::Error>(())
/// ```
pub static DRIVER: Meters = Meters;

/// The type of [`DRIVER`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meters;

impl Driver for Meters {
    fn id(&self) -> &'static str {
        ID
    }

    /// Serial ports and USB devices that may be meters, and what bars them. Asks no device, so does not block.
    fn discover(&self) -> Vec<Found> {
        discover::all(Path::new("/"))
    }

    /// Opens `METER@LINK`. METER is the name of a shipped profile or an instrument, or the path of a profile.
    ///
    /// Blocks for the time to connect and a few transactions, each with its deadline.
    fn open(&self, device: &str, options: &Options) -> Result<Box<dyn PowerSource>> {
        let MeterAddress { meter, link } = device.parse()?;
        match meter_named(&meter)? {
            Named::Profile(profile) => open_profile(*profile, link, options),
            Named::Model(model) => open_model(model, link, options),
        }
    }
}

/// What a meter's name stands for.
enum Named {
    Profile(Box<Profile>),
    Model(&'static Model),
}

fn meter_named(name: &str) -> Result<Named> {
    let is_path = name.contains(['/', '\\'])
        || Path::new(name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"));
    if is_path {
        return Ok(Named::Profile(Box::new(profile::load(Path::new(name))?)));
    }
    if let Some(profile) = profile::shipped(name) {
        return Ok(Named::Profile(Box::new(profile)));
    }
    catalogue::find(name).map(Named::Model).ok_or_else(|| {
        let mut known: Vec<&str> = profile::shipped_names().collect();
        known.extend(catalogue::MODELS.iter().map(|model| model.id));
        let message = format!("there is no meter {name:?}; {}", profile::suggest(name, &known));
        Error::new(ErrorKind::NotFound, message)
            .with_context("else", "give the path of a profile, such as ./my-meter.toml")
    })
}

fn open_profile(profile: Profile, address: Address, options: &Options) -> Result<Box<dyn PowerSource>> {
    let config = config::Modbus::new(options, &profile)?;
    let (framing, is_serial) = match &address {
        Address::Tcp { .. } => (Framing::Mbap, false),
        Address::RtuTcp { .. } => (Framing::Rtu, false),
        Address::Serial { .. } => (Framing::Rtu, true),
        other => {
            let message = format!(
                "{} speaks Modbus and is not reached by {other}; its link is tcp:, rtu+tcp: or serial:",
                profile.name
            );
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        }
    };
    let address = address.with_port(profile.transport.port);
    let settings = Settings { address, framing, serial: config.serial, timing: config.timing(is_serial) };
    let registers = shared(&settings)?;
    let mut choice = config.choice;
    choice.lane = Some(power_core::Lane::new(settings.address.identity()));
    Ok(Box::new(MeterSource::open_with(profile, registers, config.unit, choice)?))
}

fn open_model(model: &Model, address: Address, options: &Options) -> Result<Box<dyn PowerSource>> {
    let (serial, own) = config::instrument(options, model)?;
    let port = model.ways.iter().find_map(|way| match way {
        Way::Tcp(port) => Some(*port),
        _ => None,
    });
    let address = match port {
        Some(port) => address.with_port(port),
        None => address,
    };
    #[cfg(feature = "usb")]
    if let Address::Usb { vendor, product, serial } = &address {
        return (model.open)(Box::new(usb_link(model, *vendor, *product, serial.as_deref())?), &own);
    }
    let deadline = Instant::now() + config::timeout(options)?.unwrap_or(OPENING);
    let link = link::open(&address, serial, deadline)?;
    (model.open)(link, &own)
}

/// The link to a USB device, in the way that the model is connected.
#[cfg(feature = "usb")]
fn usb_link(model: &Model, vendor: u16, product: u16, serial: Option<&str>) -> Result<link::usb::UsbLink> {
    use link::usb::{Class, UsbLink};
    let class = model.ways.iter().find_map(|way| match *way {
        Way::UsbTmc { .. } => Some(Class::UsbTmc),
        Way::UsbHid { .. } => Some(Class::Hid),
        Way::UsbBulk { .. } => Some(Class::Vendor),
        Way::Tcp(_) | Way::Vxi11 | Way::Serial(_) => None,
    });
    let class = class.ok_or_else(|| {
        let message =
            format!("{} is not connected by USB packets; give its serial: or tcp: link", model.name);
        Error::new(ErrorKind::InvalidConfig, message)
    })?;
    UsbLink::open(class, vendor, &[product], serial)
}
