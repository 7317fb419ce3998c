//! A `PowerSensor3` as a source.

use std::time::{Duration, Instant};

use power_core::{
    Amperes, Channel, ChannelId, ClockDomain, Delivery, Descriptor, DeviceTime, Error, ErrorKind, Flags,
    Options, PowerSource, Quantity, Reading, Recorder, Result, Scope, Stamp, Value, Volts, Watts,
};

use super::power_sensor3::{Decoder, FRAME_BYTES, Frame};
use super::power_sensor3_config::{Pair, SENSOR_BYTES, SENSORS, Sensor, pairs};
use super::{Intake, drain, receive_exact};
use crate::instrument::{Dialogue, Instrument, Patience, settings};
use crate::lines::nonsense;
use crate::link::Link;

/// The options of a `PowerSensor3` with what they mean.
pub const OPTIONS: &[(&str, &str)] =
    &[("detail", "`true` for a channel of voltage and one of current for each pair")];

const TIMEOUT: Duration = Duration::from_secs(1);
/// Six conversions of 50 µs in all make a frame, which is their mean.
const PERIOD: Duration = Duration::from_micros(50);
/// Bytes without one frame after which this is no `PowerSensor3`.
const MOST_NONSENSE: usize = 1 << 16;

/// Opens a `PowerSensor3`. Its configuration is read from its EEPROM and never written.
///
/// A read blocks until frames come, some 10 ms, and gives all that came: 20 000 a second. The device's time is the
/// clock. `power` is the sum over the pairs, each pair's power the product of its current and voltage.
///
/// # Errors
///
/// - [`ErrorKind::InvalidConfig`] for a wrong option, or if no pair is configured
/// - [`ErrorKind::Protocol`] if what answers is no `PowerSensor3`
/// - [`ErrorKind::Timeout`] and those of the link
pub fn open(link: Box<dyn Link>, options: &Options) -> Result<Box<dyn PowerSource>> {
    settings::check(options, &["detail"])?;
    let dialogue = PowerSensor3 {
        intake: Intake::new(),
        decoder: Decoder::new(),
        pairs: Vec::new(),
        detail: options.parse::<bool>("detail")?.unwrap_or(false),
        scope: settings::scope(options, Scope::Unknown)?,
        without_frame: 0,
    };
    Instrument::open(link, dialogue, Patience::from_options(options, TIMEOUT)?)
}

#[derive(Debug)]
struct PowerSensor3 {
    intake: Intake,
    decoder: Decoder,
    pairs: Vec<Pair>,
    detail: bool,
    scope: Scope,
    /// Bytes since the last frame.
    without_frame: usize,
}

impl PowerSensor3 {
    fn read_config(link: &mut dyn Link, deadline: Instant) -> Result<[Sensor; SENSORS]> {
        link.send(b"R", deadline)?;
        let mut sensors = Vec::with_capacity(SENSORS);
        for _ in 0..SENSORS {
            let mut bytes = [0; SENSOR_BYTES];
            receive_exact(link, &mut bytes, deadline)?;
            sensors.push(Sensor::parse(&bytes));
            // Any byte asks for the next sensor.
            link.send(b"s", deadline)?;
        }
        let mut done = [0];
        receive_exact(link, &mut done, deadline)?;
        match (done, <[Sensor; SENSORS]>::try_from(sensors)) {
            ([b'D'], Ok(sensors)) => Ok(sensors),
            _ => Err(nonsense("this is no PowerSensor3", &done)),
        }
    }

    /// The firmware's version, a line of text.
    fn version(link: &mut dyn Link, deadline: Instant) -> Result<String> {
        link.send(b"V", deadline)?;
        let mut lines = crate::lines::Lines::new(b'\n', 64);
        let line = lines.next(link, deadline)?;
        let plain = line.iter().all(u8::is_ascii_graphic);
        let text = str::from_utf8(line).ok().filter(|_| plain);
        text.map(str::to_owned).ok_or_else(|| nonsense("this is no PowerSensor3", line))
    }

    fn channels(&self) -> Vec<Channel> {
        let streamed = |name: String, quantity, scope| {
            Channel::new(name, quantity)
                .with_scope(scope)
                .with_delivery(Delivery::Streamed)
                .with_update_period(PERIOD)
        };
        let power = Quantity::average_power(PERIOD);
        let mut channels = vec![streamed("power".into(), power, self.scope.clone())];
        for pair in &self.pairs {
            let scope = Scope::Rail(pair.name.clone().into());
            channels.push(
                streamed(format!("{} power", pair.name), power, scope.clone()).with_part_of(ChannelId(0)),
            );
            if self.detail {
                channels.push(
                    streamed(format!("{} voltage", pair.name), Quantity::Voltage, scope.clone())
                        .with_resolution(pair.voltage.resolution()),
                );
                channels.push(
                    streamed(format!("{} current", pair.name), Quantity::Current, scope)
                        .with_resolution(pair.current.resolution()),
                );
            }
        }
        channels
    }

    fn push(&self, frame: &Frame, stamp: Stamp, recorder: &mut Recorder<'_>) {
        let ticks = self.decoder.ticks();
        let time = DeviceTime::from_nanos(ticks.nanos());
        let mut flags = if frame.after_loss { Flags::OVERRUN } else { Flags::NONE };
        if ticks.was_there_before(stamp.start().nanos()) {
            flags = flags | Flags::COARSE;
        }
        let reading = |channel, value: Value, flags| {
            Reading::new(ChannelId(channel), value, stamp).at_device(time).flagged(flags)
        };
        let mut total = 0.0;
        let mut clipped_any = Flags::NONE;
        for pair in &self.pairs {
            let (current, voltage) = (frame.levels[2 * pair.position], frame.levels[2 * pair.position + 1]);
            total += pair.current.value(current) * pair.voltage.value(voltage);
            if pair.current.is_clipped(current) || pair.voltage.is_clipped(voltage) {
                clipped_any = Flags::OVERRANGE;
            }
        }
        recorder.push(reading(0, Watts::from_watts(total).into(), flags | clipped_any));
        let mut channel = 1;
        for pair in &self.pairs {
            let (current, voltage) = (frame.levels[2 * pair.position], frame.levels[2 * pair.position + 1]);
            let (amperes, volts) = (pair.current.value(current), pair.voltage.value(voltage));
            let clipped = |yes| if yes { flags | Flags::OVERRANGE } else { flags };
            let either = pair.current.is_clipped(current) || pair.voltage.is_clipped(voltage);
            recorder.push(reading(channel, Watts::from_watts(amperes * volts).into(), clipped(either)));
            channel += 1;
            if self.detail {
                let flags = clipped(pair.voltage.is_clipped(voltage));
                recorder.push(reading(channel, Volts::from_volts(volts).into(), flags));
                let flags = clipped(pair.current.is_clipped(current));
                recorder.push(reading(channel + 1, Amperes::from_amperes(amperes).into(), flags));
                channel += 2;
            }
        }
    }
}

impl Dialogue for PowerSensor3 {
    fn start(&mut self, link: &mut dyn Link, deadline: Instant) -> Result<Descriptor> {
        link.send(b"T", deadline)?;
        drain(link, deadline)?;
        let version = Self::version(link, deadline)?;
        let sensors = Self::read_config(link, deadline)?;
        self.pairs = pairs(&sensors).map_err(|position| {
            Error::new(
                ErrorKind::InvalidConfig,
                "the calibration of a pair in use is none; set it with psconfig",
            )
            .with_context("pair", position.to_string())
        })?;
        if self.pairs.is_empty() {
            let message = "no pair of this PowerSensor3 is in use; set it up with psconfig";
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        }
        self.intake.clear();
        self.without_frame = 0;
        self.decoder.restart();
        link.send(b"S", deadline)?;
        let mut descriptor =
            Descriptor::new("meter", format!("PowerSensor3 at {}", link.name()), self.channels())
                .with_clock(ClockDomain::Device { tick_hz: Some(1e6) })
                .with_detail("firmware", version)
                .with_detail(
                    "accuracy",
                    "depends on the calibration of each sensor, which the device does not state",
                );
        for pair in &self.pairs {
            let (current, voltage) = (&pair.current, &pair.voltage);
            descriptor = descriptor.with_detail(
                format!("{} sensors", pair.name),
                format!(
                    "{} ({} V at 0, {} V/A), {} ({} V at 0, gain {})",
                    current.kind,
                    current.reference_v,
                    current.sensitivity,
                    voltage.kind,
                    voltage.reference_v,
                    voltage.sensitivity
                ),
            );
        }
        for (name, value) in link.details() {
            descriptor = descriptor.with_detail(name, value);
        }
        Ok(descriptor)
    }

    fn read(&mut self, link: &mut dyn Link, deadline: Instant, recorder: &mut Recorder<'_>) -> Result<()> {
        let before = self.intake.bytes().len();
        let (drained, stamp) = recorder.bracket(|| self.intake.fill(link, deadline))?;
        self.decoder.ticks_mut().resume(stamp.start().nanos());
        self.without_frame += self.intake.bytes().len() - before;
        while let Some(frame) = self.decoder.pull(&mut self.intake) {
            self.without_frame = 0;
            self.push(&frame, stamp, recorder);
        }
        if self.without_frame > MOST_NONSENSE.max(FRAME_BYTES) {
            return Err(nonsense("what comes are no packets of a PowerSensor3", self.intake.bytes()));
        }
        if drained && self.decoder.ticks_mut().arrived(stamp.end().nanos()) > 0 {
            self.decoder.note_loss();
        }
        Ok(())
    }

    fn stop(&mut self, link: &mut dyn Link, deadline: Instant) {
        // It may be gone already.
        let _ = link.send(b"T", deadline);
    }
}
