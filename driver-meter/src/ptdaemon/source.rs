//! PTDaemon as a source.

use std::thread;
use std::time::{Duration, Instant};

use power_core::{
    Amperes, Channel, ChannelId, ClockDomain, Delivery, Descriptor, DeviceTime, Error, ErrorKind, Flags,
    Options, PowerSource, Quantity, Ratio, Reading, Recorder, Result, Scope, Value, Volts, Watts,
};

use super::protocol::{GREETING, Identity, Ranges, Sample, Statistic, samples_that_follow};
use crate::instrument::{Dialogue, Instrument, Patience, settings};
use crate::lines::nonsense;
use crate::link::Link;
use crate::scpi::{Exchange, refused, yokogawa_accuracy};

/// The options of PTDaemon with what they mean.
pub const OPTIONS: &[(&str, &str)] = &[
    ("interval_ms", "time between samples in milliseconds; 1000 without it"),
    ("volt_range", "voltage range in volts, or `Auto`; without it as set"),
    ("amp_range", "current range in amperes, or `Auto`; without it as set"),
    ("utc_offset_min", "minutes by which the clock of PTDaemon's host is ahead of UTC; 0 without it"),
    ("take_over", "`true` to end a measurement that is going on, of which samples would be lost"),
];

/// A change of range takes PTDaemon 2 s, by the logs.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Uncertainty in per cent above which SPEC and MLPerf refuse a sample.
const MOST_UNCERTAINTY: f64 = 1.0;

/// Opens a PTDaemon, which has been started with its meter; it serves one client at a time.
///
/// A measurement is begun at once. A read asks for the samples since the last one (`RL`, in PTDaemon 1.9.2 and later)
/// and blocks until the answer, some milliseconds; it does not ask more often than four times an interval. Samples
/// carry the time of PTDaemon's host. A sample whose uncertainty PTDaemon could not state, or states above 1 %, is
/// flagged as uncertain.
///
/// # Errors
///
/// - [`ErrorKind::InvalidConfig`] for a wrong option, and for a range that is refused
/// - [`ErrorKind::Busy`] if a measurement is going on
/// - [`ErrorKind::Unsupported`] if it cannot give single samples
/// - [`ErrorKind::Protocol`] if what answers is no PTDaemon
/// - [`ErrorKind::Timeout`] and those of the link
pub fn open(link: Box<dyn Link>, options: &Options) -> Result<Box<dyn PowerSource>> {
    let own: Vec<&str> = OPTIONS.iter().map(|(name, _)| *name).collect();
    settings::check(options, &own)?;
    let range = |name| -> Result<Option<String>> {
        match options.text(name) {
            Some(text) if text.eq_ignore_ascii_case("auto") => Ok(Some("Auto".into())),
            _ => Ok(settings::positive(options, name)?.map(|range| range.to_string())),
        }
    };
    let interval = match options.parse::<u32>("interval_ms")?.unwrap_or(1000) {
        interval @ 50..=3_600_000 => Duration::from_millis(u64::from(interval)),
        interval => return Err(settings::wrong("interval_ms", &interval.to_string(), "it is 50 to 3600000")),
    };
    let offset_min = match options.parse::<i32>("utc_offset_min")?.unwrap_or(0) {
        offset @ -1440..=1440 => offset,
        offset => return Err(settings::wrong("utc_offset_min", &offset.to_string(), "it is -1440 to 1440")),
    };
    let dialogue = PtDaemon {
        exchange: Exchange::new(b"\r\n"),
        interval,
        volt_range: range("volt_range")?,
        amp_range: range("amp_range")?,
        utc_offset_ns: i64::from(offset_min) * 60_000_000_000,
        take_over: options.parse("take_over")?.unwrap_or(false),
        scope: settings::scope(options, Scope::NodeAc)?,
        started: false,
        last: None,
        samples: Vec::with_capacity(256),
        states_uncertainty: true,
        doubtful: 0,
        highest: 0.0,
        errors: 0,
    };
    Instrument::open(link, dialogue, Patience::from_options(options, TIMEOUT)?)
}

#[derive(Debug)]
struct PtDaemon {
    exchange: Exchange,
    interval: Duration,
    volt_range: Option<String>,
    amp_range: Option<String>,
    utc_offset_ns: i64,
    take_over: bool,
    scope: Scope,
    /// Whether the measurement that may be going on is this source's.
    started: bool,
    /// When it was asked last.
    last: Option<Instant>,
    samples: Vec<Sample>,
    /// Whether it answers the question for the uncertainty.
    states_uncertainty: bool,
    /// Samples so far whose uncertainty it could not state, and the highest that it stated.
    doubtful: u64,
    highest: f64,
    /// Samples so far that it could not take.
    errors: u64,
}

impl PtDaemon {
    fn go(&mut self, link: &mut dyn Link, deadline: Instant) -> Result<()> {
        let question = format!("Go,{},0,wattproof", self.interval.as_millis());
        let mut answer = self.exchange.ask_text(link, &question, deadline)?;
        if !answer.starts_with("Starting") && (self.started || self.take_over) {
            self.exchange.ask(link, "Stop", deadline)?;
            // The last sample is taken to its end.
            thread::sleep(self.interval.min(deadline.saturating_duration_since(Instant::now())));
            answer = self.exchange.ask_text(link, &question, deadline)?;
        }
        if !answer.starts_with("Starting") {
            let message =
                "PTDaemon does not begin a measurement; if one is going on, option take_over ends it";
            return Err(Error::new(ErrorKind::Busy, message).with_context("it said", answer));
        }
        (self.started, self.doubtful, self.highest, self.errors) = (true, 0, 0.0, 0);
        Ok(())
    }

    /// Fetches the samples since the last time.
    fn fetch(&mut self, link: &mut dyn Link, deadline: Instant) -> Result<()> {
        self.samples.clear();
        let answer = self.exchange.ask(link, "RL", deadline)?;
        let text = str::from_utf8(answer).map_err(|_| nonsense("an answer is no text", answer))?;
        let Some(count) = samples_that_follow(text) else {
            let unknown = text.contains("nknown command") || text.contains("nvalid command");
            let kind = if unknown { ErrorKind::Unsupported } else { ErrorKind::Protocol };
            let message = "PTDaemon does not give samples; version 1.9.2 or later is needed";
            return Err(Error::new(kind, message).with_context("it said", text.to_owned()));
        };
        for _ in 0..count {
            let line = self.exchange.lines.next(link, deadline)?;
            let sample = str::from_utf8(line).ok().and_then(Sample::parse);
            self.samples.push(sample.ok_or_else(|| nonsense("a sample is none", line))?);
        }
        Ok(())
    }

    /// What is to be said of the samples just fetched.
    fn judge(&mut self, link: &mut dyn Link, deadline: Instant) -> Result<Flags> {
        let mut flags = Flags::NONE;
        let answer = self.exchange.ask(link, "Watts", deadline)?;
        if let Some(watts) = str::from_utf8(answer).ok().and_then(|answer| Statistic::parse(answer, "Watts"))
        {
            if watts.errors > self.errors {
                flags = flags | Flags::OVERRUN;
            }
            self.errors = watts.errors;
        }
        if self.states_uncertainty {
            let answer = self.exchange.ask(link, "Uncertainty", deadline)?;
            let text = str::from_utf8(answer).ok();
            match text.and_then(|answer| Statistic::parse(answer, "Uncertainty")) {
                Some(stated) => {
                    let doubtful = stated.samples.saturating_sub(stated.valid) + stated.errors;
                    let worse = stated.high > self.highest && stated.high > MOST_UNCERTAINTY;
                    if doubtful > self.doubtful || worse {
                        flags = flags | Flags::UNCERTAIN;
                    }
                    (self.doubtful, self.highest) = (doubtful, stated.high.max(self.highest));
                }
                None => self.states_uncertainty = false,
            }
        }
        Ok(flags)
    }

    fn describe(&self, link: &dyn Link, identity: &Identity, ranges: Ranges) -> Descriptor {
        let channel = |name: &'static str, quantity| {
            Channel::new(name, quantity)
                .with_scope(self.scope.clone())
                .with_delivery(Delivery::Streamed)
                .with_update_period(self.interval)
        };
        let mut power = channel("power", Quantity::power());
        if let (Some(volts), Some(amperes)) = (ranges.volts, ranges.amperes) {
            power = power.with_range(-volts * amperes, volts * amperes);
        }
        let model = identity.meter.get(1).map_or("", String::as_str);
        if let Some(accuracy) = yokogawa_accuracy(model, None) {
            power = power.with_accuracy(accuracy);
        }
        let channels = vec![
            power,
            channel("voltage", Quantity::Voltage),
            channel("current", Quantity::Current),
            channel("power factor", Quantity::PowerFactor),
        ];
        let meter = identity.meter.iter().take(3).cloned().collect::<Vec<_>>().join(" ");
        let device = if meter.is_empty() { identity.kind.clone() } else { meter };
        let range = |range: Option<f64>, unit| match range {
            Some(range) => format!("{range} {unit}"),
            None => "automatic, or unknown".to_owned(),
        };
        let mut descriptor = Descriptor::new("meter", format!("{device} by PTDaemon"), channels)
            .with_clock(ClockDomain::RemoteHost { host: link.name().to_owned() })
            .with_detail("ptdaemon driver", identity.kind.clone())
            .with_detail("voltage range", range(ranges.volts, "V"))
            .with_detail("current range", range(ranges.amperes, "A"));
        let accepted = identity.accepted.map(|accepted| if accepted { "yes" } else { "no" }.to_owned());
        for (name, value) in [
            ("ptdaemon version", &identity.version),
            ("calibration", &identity.calibration),
            ("accepted by SPEC", &accepted),
        ] {
            if let Some(value) = value {
                descriptor = descriptor.with_detail(name, value.clone());
            }
        }
        for (name, value) in link.details() {
            descriptor = descriptor.with_detail(name, value);
        }
        descriptor
    }
}

impl Dialogue for PtDaemon {
    fn start(&mut self, link: &mut dyn Link, deadline: Instant) -> Result<Descriptor> {
        self.exchange.restart(link)?;
        let greeting = self.exchange.ask_text(link, "Hello", deadline)?;
        if greeting != GREETING {
            return Err(nonsense("this is no PTDaemon", greeting.as_bytes()));
        }
        let answer = self.exchange.ask_text(link, "Identify", deadline)?;
        let identity = Identity::parse(&answer)
            .ok_or_else(|| nonsense("PTDaemon does not say which meter it has", answer.as_bytes()))?;
        for (quantity, range) in [("V", self.volt_range.clone()), ("A", self.amp_range.clone())] {
            let Some(range) = range else { continue };
            let answer = self.exchange.ask_text(link, &format!("SR,{quantity},{range}"), deadline)?;
            if !answer.ends_with("changed") {
                return Err(refused(&answer));
            }
        }
        let answer = self.exchange.ask_text(link, "RR", deadline)?;
        let ranges = Ranges::parse(&answer).unwrap_or_default();
        self.go(link, deadline)?;
        self.last = None;
        Ok(self.describe(link, &identity, ranges))
    }

    fn read(&mut self, link: &mut dyn Link, deadline: Instant, recorder: &mut Recorder<'_>) -> Result<()> {
        if let Some(last) = self.last {
            let due = last + self.interval / 4;
            thread::sleep(due.min(deadline).saturating_duration_since(Instant::now()));
        }
        self.last = Some(Instant::now());
        let ((), stamp) = recorder.bracket(|| self.fetch(link, deadline))?;
        if self.samples.is_empty() {
            return Ok(());
        }
        let flags = self.judge(link, deadline)?;
        for sample in &self.samples {
            let time = DeviceTime::from_nanos(sample.time.nanos() - self.utc_offset_ns);
            for (position, (channel, number)) in (0..).map(ChannelId).zip(sample.values).enumerate() {
                let value = match (position, number) {
                    (_, None) => Value::Missing,
                    (0, Some(number)) => Watts::from_watts(number).into(),
                    (1, Some(number)) => Volts::from_volts(number).into(),
                    (2, Some(number)) => Amperes::from_amperes(number).into(),
                    (_, Some(number)) => Ratio::from_fraction(number).into(),
                };
                recorder.push(Reading::new(channel, value, stamp).at_device(time).flagged(flags));
            }
        }
        Ok(())
    }

    fn stop(&mut self, link: &mut dyn Link, deadline: Instant) {
        // It may be gone already.
        let _ = self.exchange.tell(link, "Stop", deadline);
    }
}
