//! The Watts up? PRO as a source.

use std::time::{Duration, Instant};

use power_core::{
    Accuracy, Amperes, Channel, ChannelId, Delivery, Descriptor, Flags, Hertz, Joules, Options, PowerSource,
    Quantity, Ratio, Reading, Recorder, Result, Scope, Stamp, Value, VoltAmperes, Volts, Watts,
};

use super::watts_up::{Frame, Parsed, START, STOP, VERSION, parse};
use super::{Lines, nonsense};
use crate::instrument::{Dialogue, Instrument, Patience, settings};
use crate::link::Link;

/// A frame comes every second.
const PERIOD: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(3);
/// Longest frame: 21 fields of 10 digits.
const LONGEST: usize = 512;
/// Frames of other kinds that may come before data, so that opening ends.
const MOST_OTHERS: usize = 64;
/// A link that gives something sooner than this had it before it was asked.
const AT_ONCE: Duration = Duration::from_micros(500);

/// Opens a Watts up? PRO.
///
/// A read blocks until the next frame, which comes once a second. The channels are what the meter logs.
///
/// # Errors
///
/// - [`ErrorKind::Timeout`](power_core::ErrorKind::Timeout) if no frame came
/// - [`ErrorKind::InvalidConfig`](power_core::ErrorKind::InvalidConfig) for an unknown option
/// - those of the link
pub fn open(link: Box<dyn Link>, options: &Options) -> Result<Box<dyn PowerSource>> {
    settings::check(options, &[])?;
    let scope = settings::scope(options, Scope::NodeAc)?;
    let dialogue = WattsUp { lines: Lines::new(b';', LONGEST), scope, fields: Vec::new() };
    Instrument::open(link, dialogue, Patience::from_options(options, TIMEOUT)?)
}

#[derive(Debug)]
struct WattsUp {
    lines: Lines,
    scope: Scope,
    /// The fields that are channels, in their order.
    fields: Vec<Field>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Power,
    Voltage,
    Current,
    Energy,
    PowerFactor,
    Frequency,
    Apparent,
}

impl Field {
    const ALL: [Self; 7] = [
        Self::Power,
        Self::Voltage,
        Self::Current,
        Self::Energy,
        Self::PowerFactor,
        Self::Frequency,
        Self::Apparent,
    ];

    fn raw(self, frame: &Frame) -> Option<u32> {
        match self {
            Self::Power => frame.power_dw,
            Self::Voltage => frame.voltage_dv,
            Self::Current => frame.current_ma,
            Self::Energy => frame.energy_dwh,
            Self::PowerFactor => frame.power_factor_percent,
            Self::Frequency => frame.frequency_dhz,
            Self::Apparent => frame.apparent_dva,
        }
    }

    fn value(self, raw: u32) -> Value {
        let number = f64::from(raw);
        match self {
            Self::Power => Watts::from_watts(number * 0.1).into(),
            Self::Voltage => Volts::from_volts(number * 0.1).into(),
            Self::Current => Amperes::from_amperes(number * 0.001).into(),
            Self::Energy => Value::Count(u64::from(raw)),
            Self::PowerFactor => Ratio::from_percent(number).into(),
            Self::Frequency => Hertz::from_hertz(number * 0.1).into(),
            Self::Apparent => VoltAmperes::from_volt_amperes(number * 0.1).into(),
        }
    }

    fn channel(self) -> Channel {
        let channel = |name: &'static str, quantity| Channel::new(name, quantity);
        match self {
            // 5000 W is the protocol's limit; of it, 0.006 % are the three counts of 0.1 W.
            Self::Power => channel("power", Quantity::power())
                .with_range(0.0, 5000.0)
                .with_resolution(0.1)
                .with_accuracy(Accuracy {
                    percent_of_reading: 1.5,
                    percent_of_range: 0.006,
                    source: "Watts up? manual, technical specifications: ±1.5 % + 3 counts".into(),
                }),
            Self::Voltage => channel("voltage", Quantity::Voltage).with_resolution(0.1),
            Self::Current => channel("current", Quantity::Current).with_resolution(0.001),
            Self::Energy => channel(
                "energy",
                Quantity::EnergyCounter { quantum: Joules::from_joules(360.0), modulus: None },
            ),
            Self::PowerFactor => channel("power factor", Quantity::PowerFactor).with_resolution(0.01),
            Self::Frequency => channel("frequency", Quantity::Frequency).with_resolution(0.1),
            Self::Apparent => channel("apparent power", Quantity::ApparentPower).with_resolution(0.1),
        }
    }
}

impl WattsUp {
    fn push(&self, frame: &Frame, stamp: Stamp, flags: Flags, recorder: &mut Recorder<'_>) {
        for (channel, field) in (0..).map(ChannelId).zip(&self.fields) {
            let value = field.raw(frame).map_or(Value::Missing, |raw| field.value(raw));
            recorder.push(Reading::new(channel, value, stamp).flagged(flags));
        }
    }
}

impl Dialogue for WattsUp {
    fn start(&mut self, link: &mut dyn Link, deadline: Instant) -> Result<Descriptor> {
        link.discard_input()?;
        self.lines.clear();
        link.send(VERSION, deadline)?;
        link.send(START, deadline)?;
        let mut version = None;
        for _ in 0..MOST_OTHERS {
            let line = self.lines.next(link, deadline)?;
            match parse(line) {
                Parsed::Data(frame) => {
                    self.fields =
                        Field::ALL.into_iter().filter(|field| field.raw(&frame).is_some()).collect();
                    let channels = self.fields.iter().map(|field| {
                        field
                            .channel()
                            .with_scope(self.scope.clone())
                            .with_delivery(Delivery::Streamed)
                            .with_update_period(PERIOD)
                    });
                    let mut descriptor =
                        Descriptor::new("meter", format!("Watts up? at {}", link.name()), channels.collect())
                            .with_detail("averaging", "not stated by the maker");
                    for (name, value) in link.details() {
                        descriptor = descriptor.with_detail(name, value);
                    }
                    if let Some(version) = version {
                        descriptor = descriptor.with_detail("version", version);
                    }
                    return Ok(descriptor);
                }
                Parsed::Version(text) => version = Some(text.to_owned()),
                // The rest of a frame that was under way, or an echo.
                Parsed::Other | Parsed::Nonsense => {}
            }
        }
        Err(nonsense("this does not speak the protocol of a Watts up?", &[]))
    }

    fn read(&mut self, link: &mut dyn Link, deadline: Instant, recorder: &mut Recorder<'_>) -> Result<()> {
        // What has come already was sent before this bracket.
        let asked = Instant::now();
        let (parsed, stamp) = recorder.bracket(|| {
            loop {
                match parse(self.lines.next(link, deadline)?) {
                    Parsed::Data(frame) => return Ok(frame),
                    Parsed::Version(_) | Parsed::Other => {}
                    Parsed::Nonsense => return Err(nonsense("what came is no frame of a Watts up?", &[])),
                }
            }
        })?;
        let flags = if asked.elapsed() < AT_ONCE { Flags::COARSE } else { Flags::NONE };
        self.push(&parsed, stamp, flags, recorder);
        // Frames that waited too, the last of them the newest.
        while let Some(line) = self.lines.ready() {
            if let Parsed::Data(frame) = parse(line) {
                self.push(&frame, stamp, Flags::COARSE, recorder);
            }
        }
        Ok(())
    }

    fn stop(&mut self, link: &mut dyn Link, deadline: Instant) {
        // The meter may be gone already.
        let _ = link.send(STOP, deadline);
    }
}
