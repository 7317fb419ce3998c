//! The ElmorLabs PMD-USB as a source.

use std::thread;
use std::time::{Duration, Instant};

use power_core::{
    Amperes, Channel, ChannelId, ClockDomain, Delivery, Descriptor, DeviceTime, Error, ErrorKind, Flags,
    Options, PowerSource, Quantity, Reading, Recorder, Result, Scope, Stamp, Volts, Watts,
};

use super::pmd::{
    AMPERES_PER_STEP, Decoder, HELLO, RAIL_NAMES, RAILS, START, STOP, Sample, TICK_HZ, VOLTS_PER_STEP,
    WELCOME, rate_command,
};
use super::{Intake, drain, receive_exact};
use crate::instrument::{Dialogue, Instrument, Patience, settings};
use crate::lines::nonsense;
use crate::link::Link;

/// The options of a PMD with what they mean.
pub const OPTIONS: &[(&str, &str)] = &[
    ("rails", "the rails that make up `power`, such as `PCIE1,PCIE2`; all four without it"),
    ("detail", "`true` for a channel of voltage and one of current for each of these rails"),
];

const TIMEOUT: Duration = Duration::from_secs(1);
/// Rate of the line when the device is switched on, and the one that carries every record.
const RATE_AT_START: u32 = 115_200;
const RATE: u32 = 921_600;
/// Time that one record covers: 4778 of them come a second (computed from two recordings).
const PERIOD: Duration = Duration::from_micros(209);
/// Bytes without one record after which this is no PMD.
const MOST_NONSENSE: usize = 1 << 16;
/// Time that the device takes for a change of rate, by the tool that this follows.
const SETTLE: Duration = Duration::from_millis(50);
/// Time in which it answers, and falls silent when told to.
const ANSWER: Duration = Duration::from_millis(250);

/// Opens a PMD-USB, on a serial line at 115 200 or 921 600 baud; it is set to 921 600, without which records are lost.
/// Behind a link whose rate cannot be changed, such as a serial server on the network, that has to run at 921 600.
///
/// A read blocks until records come, some 10 ms, and gives all that came. `power` is the sum of voltage times current
/// of the rails at one moment. The device's counter is the clock.
///
/// # Errors
///
/// - [`ErrorKind::InvalidConfig`] for a wrong option
/// - [`ErrorKind::Protocol`] if what answers is no PMD-USB
/// - [`ErrorKind::Timeout`] and those of the link
pub fn open(link: Box<dyn Link>, options: &Options) -> Result<Box<dyn PowerSource>> {
    let own: Vec<&str> = OPTIONS.iter().map(|(name, _)| *name).collect();
    settings::check(options, &own)?;
    let detail = options.parse::<bool>("detail")?.unwrap_or(false);
    let rails = match options.text("rails") {
        None => (0..RAILS).collect(),
        Some(text) => {
            let rails: Option<Vec<usize>> = text
                .split(',')
                .map(|name| RAIL_NAMES.iter().position(|rail| rail.eq_ignore_ascii_case(name.trim())))
                .collect();
            rails
                .filter(|rails| (1..rails.len()).all(|index| !rails[..index].contains(&rails[index])))
                .ok_or_else(|| {
                    settings::wrong("rails", text, "it names PCIE1, PCIE2, EPS1, EPS2, each once")
                })?
        }
    };
    let scope = settings::scope(options, Scope::Unknown)?;
    let dialogue =
        Pmd { intake: Intake::new(), decoder: Decoder::new(), rails, detail, scope, without_sample: 0 };
    Instrument::open(link, dialogue, Patience::from_options(options, TIMEOUT)?)
}

#[derive(Debug)]
struct Pmd {
    intake: Intake,
    decoder: Decoder,
    rails: Vec<usize>,
    detail: bool,
    scope: Scope,
    /// Bytes since the last record.
    without_sample: usize,
}

impl Pmd {
    /// Whether a PMD answers at the present rate.
    fn greets(link: &mut dyn Link, deadline: Instant) -> Result<bool> {
        link.send(STOP, deadline)?;
        // One that runs at another rate does not understand that, and goes on sending.
        match drain(link, (Instant::now() + ANSWER).min(deadline)) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::Protocol => return Ok(false),
            Err(error) => return Err(error),
        }
        link.send(HELLO, deadline)?;
        let mut answer = [0; WELCOME.len()];
        match receive_exact(link, &mut answer, (Instant::now() + ANSWER).min(deadline)) {
            Ok(()) => Ok(answer == *WELCOME),
            Err(error) if error.kind() == ErrorKind::Timeout => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn connect(link: &mut dyn Link, deadline: Instant) -> Result<()> {
        // It may have been left at either rate.
        for rate in [RATE_AT_START, RATE] {
            let has_rate = link.set_rate(rate)?;
            if !Self::greets(link, deadline)? {
                continue;
            }
            if rate == RATE || !has_rate {
                return Ok(());
            }
            link.send(&rate_command(RATE), deadline)?;
            thread::sleep(SETTLE);
            link.set_rate(RATE)?;
            if Self::greets(link, deadline)? {
                return Ok(());
            }
            return Err(Error::new(ErrorKind::Protocol, "the PMD does not answer at 921600 baud"));
        }
        Err(Error::new(
            ErrorKind::Protocol,
            "this is no ElmorLabs PMD-USB, or its line runs at an unknown rate",
        ))
    }

    fn channels(&self) -> Vec<Channel> {
        let streamed = |name: String, quantity, scope| {
            Channel::new(name, quantity)
                .with_scope(scope)
                .with_delivery(Delivery::Streamed)
                .with_update_period(PERIOD)
        };
        let mut channels =
            vec![streamed("power".into(), Quantity::instantaneous_power(), self.scope.clone())];
        for &rail in &self.rails {
            let (name, scope) = (RAIL_NAMES[rail], Scope::Rail(RAIL_NAMES[rail].into()));
            channels.push(
                streamed(format!("{name} power"), Quantity::instantaneous_power(), scope.clone())
                    .with_part_of(ChannelId(0)),
            );
            if self.detail {
                channels.push(
                    streamed(format!("{name} voltage"), Quantity::Voltage, scope.clone())
                        .with_resolution(VOLTS_PER_STEP),
                );
                channels.push(
                    streamed(format!("{name} current"), Quantity::Current, scope)
                        .with_resolution(AMPERES_PER_STEP),
                );
            }
        }
        channels
    }

    fn push(&self, sample: &Sample, stamp: Stamp, recorder: &mut Recorder<'_>) {
        let ticks = self.decoder.ticks();
        let time = DeviceTime::from_nanos(ticks.nanos());
        let mut flags = if sample.after_loss { Flags::OVERRUN } else { Flags::NONE };
        if ticks.was_there_before(stamp.start().nanos()) {
            flags = flags | Flags::COARSE;
        }
        let record = &sample.record;
        let mut total = 0.0;
        let mut clipped_any = Flags::NONE;
        for &rail in &self.rails {
            total += record.volts(rail) * record.amperes(rail);
            if record.is_clipped(rail) {
                clipped_any = Flags::OVERRANGE;
            }
        }
        let reading = |channel, value: power_core::Value, flags| {
            Reading::new(ChannelId(channel), value, stamp).at_device(time).flagged(flags)
        };
        recorder.push(reading(0, Watts::from_watts(total).into(), flags | clipped_any));
        let mut channel = 1;
        for &rail in &self.rails {
            let (volts, amperes) = (record.volts(rail), record.amperes(rail));
            let flags = if record.is_clipped(rail) { flags | Flags::OVERRANGE } else { flags };
            recorder.push(reading(channel, Watts::from_watts(volts * amperes).into(), flags));
            channel += 1;
            if self.detail {
                recorder.push(reading(channel, Volts::from_volts(volts).into(), flags));
                recorder.push(reading(channel + 1, Amperes::from_amperes(amperes).into(), flags));
                channel += 2;
            }
        }
    }
}

impl Dialogue for Pmd {
    fn start(&mut self, link: &mut dyn Link, deadline: Instant) -> Result<Descriptor> {
        Self::connect(link, deadline)?;
        self.intake.clear();
        self.without_sample = 0;
        self.decoder.restart();
        link.send(START, deadline)?;
        let rails: Vec<&str> = self.rails.iter().map(|rail| RAIL_NAMES[*rail]).collect();
        let mut descriptor =
            Descriptor::new("meter", format!("ElmorLabs PMD-USB at {}", link.name()), self.channels())
                .with_clock(ClockDomain::Device { tick_hz: Some(TICK_HZ) })
                .with_detail("power", format!("sum of voltage times current of {}", rails.join(", ")))
                .with_detail("accuracy", "not stated by the maker");
        for (name, value) in link.details() {
            descriptor = descriptor.with_detail(name, value);
        }
        Ok(descriptor)
    }

    fn read(&mut self, link: &mut dyn Link, deadline: Instant, recorder: &mut Recorder<'_>) -> Result<()> {
        let before = self.intake.bytes().len();
        let (drained, stamp) = recorder.bracket(|| self.intake.fill(link, deadline))?;
        self.decoder.ticks_mut().resume(stamp.start().nanos());
        self.without_sample += self.intake.bytes().len() - before;
        while let Some(sample) = self.decoder.pull(&mut self.intake) {
            self.without_sample = 0;
            self.push(&sample, stamp, recorder);
        }
        if self.without_sample > MOST_NONSENSE {
            return Err(nonsense("what comes are no records of a PMD-USB", self.intake.bytes()));
        }
        if drained && self.decoder.ticks_mut().arrived(stamp.end().nanos()) > 0 {
            self.decoder.note_loss();
        }
        Ok(())
    }

    fn stop(&mut self, link: &mut dyn Link, deadline: Instant) {
        // It may be gone already. Its line goes back to the rate at which everybody looks for it.
        let _ = link.send(STOP, deadline);
        if link.set_rate(RATE).unwrap_or(false) {
            let _ = link.send(&rate_command(RATE_AT_START), deadline);
        }
    }
}
