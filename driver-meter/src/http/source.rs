//! Shelly and Tasmota devices as sources.

use std::time::{Duration, Instant};

use power_core::{
    Amperes, Channel, ChannelId, Descriptor, Error, ErrorKind, Hertz, Options, PowerSource, Quantity, Ratio,
    Reading, Recorder, Result, Scope, Value, VoltAmperes, Volts, Watts,
};

use super::get::Client;
use super::shelly::{self, Component, Info};
use super::tasmota;
use crate::instrument::{Dialogue, Instrument, Patience, settings};
use crate::lines::nonsense;
use crate::link::Link;

/// A device on a wireless network may take its time.
const TIMEOUT: Duration = Duration::from_secs(2);
/// These devices measure anew every second or so; their makers do not say.
const PERIOD: Duration = Duration::from_secs(1);

/// Opens a Shelly of the second generation or later.
///
/// A read asks for the status and blocks until it comes, some 10 to 100 ms on a wireless network.
///
/// # Errors
///
/// - [`ErrorKind::InvalidConfig`] for a wrong option
/// - [`ErrorKind::Unsupported`] if it does not measure, or is of the first generation
/// - [`ErrorKind::PermissionDenied`] if it wants a password
/// - [`ErrorKind::Protocol`] if what answers is no Shelly
/// - [`ErrorKind::Timeout`] and those of the link
pub fn open_shelly(link: Box<dyn Link>, options: &Options) -> Result<Box<dyn PowerSource>> {
    settings::check(options, &["component", "id"])?;
    let component = match options.text("component") {
        None => None,
        Some(text) => Some(
            Component::ALL
                .into_iter()
                .find(|component| component.name() == text)
                .ok_or_else(|| settings::wrong("component", text, "it is em, em1, switch or pm1"))?,
        ),
    };
    let device = Device::Shelly { component, id: options.parse("id")?.unwrap_or(0) };
    open(link, options, device)
}

/// Opens a device with Tasmota firmware.
///
/// # Errors
///
/// - as [`open_shelly`]
pub fn open_tasmota(link: Box<dyn Link>, options: &Options) -> Result<Box<dyn PowerSource>> {
    settings::check(options, &[])?;
    open(link, options, Device::Tasmota)
}

fn open(link: Box<dyn Link>, options: &Options, device: Device) -> Result<Box<dyn PowerSource>> {
    let host = link.name().trim_start_matches("tcp ").to_owned();
    let dialogue = Plug {
        client: Client::new(host),
        device,
        scope: settings::scope(options, Scope::NodeAc)?,
        path: String::new(),
        fields: Vec::new(),
    };
    Instrument::open(link, dialogue, Patience::from_options(options, TIMEOUT)?)
}

#[derive(Debug, Clone, Copy)]
enum Device {
    Shelly { component: Option<Component>, id: u8 },
    Tasmota,
}

#[derive(Debug)]
struct Plug {
    client: Client,
    device: Device,
    scope: Scope,
    /// The path that is asked for at each read.
    path: String,
    /// The fields that are channels, in their order.
    fields: Vec<Field>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Power,
    PhaseA,
    PhaseB,
    PhaseC,
    Voltage,
    Current,
    Apparent,
    PowerFactor,
    Frequency,
}

/// The values of one answer, by field.
type Values = [(Field, Option<f64>); 9];

impl Field {
    fn channel(self) -> (&'static str, Quantity) {
        match self {
            Self::Power => ("power", Quantity::power()),
            Self::PhaseA => ("power a", Quantity::power()),
            Self::PhaseB => ("power b", Quantity::power()),
            Self::PhaseC => ("power c", Quantity::power()),
            Self::Voltage => ("voltage", Quantity::Voltage),
            Self::Current => ("current", Quantity::Current),
            Self::Apparent => ("apparent power", Quantity::ApparentPower),
            Self::PowerFactor => ("power factor", Quantity::PowerFactor),
            Self::Frequency => ("frequency", Quantity::Frequency),
        }
    }

    fn value(self, number: f64) -> Value {
        match self {
            Self::Power | Self::PhaseA | Self::PhaseB | Self::PhaseC => Watts::from_watts(number).into(),
            Self::Voltage => Volts::from_volts(number).into(),
            Self::Current => Amperes::from_amperes(number).into(),
            Self::Apparent => VoltAmperes::from_volt_amperes(number).into(),
            Self::PowerFactor => Ratio::from_fraction(number).into(),
            Self::Frequency => Hertz::from_hertz(number).into(),
        }
    }
}

impl Device {
    /// The values of an answer; `None` for what is none.
    fn parse(self, json: &[u8]) -> Option<Values> {
        use Field::{Apparent, Current, Frequency, PhaseA, PhaseB, PhaseC, Power, PowerFactor, Voltage};
        Some(match self {
            Self::Shelly { .. } => {
                let status = shelly::parse(json)?;
                let power = status.total_act_power.or(status.act_power).or(status.apower);
                [
                    (Power, power),
                    (PhaseA, status.a_act_power),
                    (PhaseB, status.b_act_power),
                    (PhaseC, status.c_act_power),
                    (Voltage, status.voltage),
                    (Current, status.current),
                    (Apparent, status.total_aprt_power.or(status.aprt_power)),
                    (PowerFactor, status.pf),
                    (Frequency, status.freq),
                ]
            }
            Self::Tasmota => {
                let energy = tasmota::parse(json)?;
                [
                    (Power, energy.power),
                    (PhaseA, None),
                    (PhaseB, None),
                    (PhaseC, None),
                    (Voltage, energy.voltage),
                    (Current, energy.current),
                    (Apparent, energy.apparent_power),
                    (PowerFactor, energy.factor),
                    (Frequency, energy.frequency),
                ]
            }
        })
    }
}

impl Plug {
    /// Finds what to ask for, and gives the device in words with its details.
    fn identify(
        &mut self,
        link: &mut dyn Link,
        deadline: Instant,
    ) -> Result<(String, Vec<(&'static str, String)>)> {
        let Device::Shelly { component, id } = self.device else {
            tasmota::PATH.clone_into(&mut self.path);
            return Ok((format!("Tasmota device at {}", link.name()), Vec::new()));
        };
        let json = self.client.get(link, shelly::INFO, deadline)?;
        let info: Info = serde_json::from_slice(json).map_err(|_| nonsense("this is no Shelly", json))?;
        if info.generation.is_none_or(|generation| generation < 2) {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "only Shelly devices of generation 2 and later are read",
            ));
        }
        let mut known = None;
        for candidate in
            Component::ALL.into_iter().filter(|one| component.is_none_or(|wanted| wanted == *one))
        {
            let path = candidate.path(id);
            match self.client.get(link, &path, deadline) {
                Ok(json) => {
                    // A switch that does not measure has a status without power.
                    let values = self.device.parse(json);
                    if values.is_some_and(|values| {
                        values.iter().any(|(field, value)| *field == Field::Power && value.is_some())
                    }) {
                        known = Some((candidate, path));
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Unsupported => {}
                Err(error) => return Err(error),
            }
        }
        let (component, path) = known.ok_or_else(|| {
            Error::new(ErrorKind::Unsupported, "this Shelly has no component that measures power")
        })?;
        self.path = path;
        let details = vec![("firmware", info.ver), ("component", format!("{} {id}", component.name()))];
        Ok((format!("Shelly {} {}", info.model, info.id), details))
    }
}

impl Dialogue for Plug {
    fn start(&mut self, link: &mut dyn Link, deadline: Instant) -> Result<Descriptor> {
        self.client.restart();
        let (device, details) = self.identify(link, deadline)?;
        let json = self.client.get(link, &self.path, deadline)?;
        let values =
            self.device.parse(json).ok_or_else(|| nonsense("the device gives no values of a meter", json))?;
        self.fields = values.iter().filter(|(_, value)| value.is_some()).map(|(field, _)| *field).collect();
        if !self.fields.contains(&Field::Power) {
            return Err(Error::new(ErrorKind::Unsupported, "this device does not measure power"));
        }
        let channels = self.fields.iter().map(|field| {
            let (name, quantity) = field.channel();
            let channel =
                Channel::new(name, quantity).with_scope(self.scope.clone()).with_update_period(PERIOD);
            let phase = matches!(field, Field::PhaseA | Field::PhaseB | Field::PhaseC);
            if phase { channel.with_part_of(ChannelId(0)) } else { channel }
        });
        let mut descriptor = Descriptor::new("meter", device, channels.collect())
            .with_detail("update period", "about 1 s; not stated by the maker")
            .with_detail("accuracy", "not stated in a form that can be checked");
        for (name, value) in details {
            descriptor = descriptor.with_detail(name, value);
        }
        for (name, value) in link.details() {
            descriptor = descriptor.with_detail(name, value);
        }
        Ok(descriptor)
    }

    fn read(&mut self, link: &mut dyn Link, deadline: Instant, recorder: &mut Recorder<'_>) -> Result<()> {
        let Self { client, device, path, fields, .. } = self;
        let (values, stamp) = recorder.bracket(|| {
            let json = client.get(link, path, deadline)?;
            device.parse(json).ok_or_else(|| nonsense("the device gives no values of a meter", json))
        })?;
        let wanted = values.iter().filter(|(field, _)| fields.contains(field));
        for (channel, (field, number)) in (0..).map(ChannelId).zip(wanted) {
            let value = number.map_or(Value::Missing, |number| field.value(number));
            recorder.push(Reading::new(channel, value, stamp));
        }
        Ok(())
    }
}
