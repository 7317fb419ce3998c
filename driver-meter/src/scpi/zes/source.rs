//! An LMG as a source.

use std::time::{Duration, Instant};

use power_core::{
    Channel, ChannelId, ClockDomain, Delivery, Descriptor, DeviceTime, Flags, Options, PowerSource, Quantity,
    Reading, Recorder, Result, Scope, Stamp, Value,
};

use super::items::{Cell, Kind, line};
use crate::instrument::{Dialogue, Instrument, Patience, settings};
use crate::lines::nonsense;
use crate::link::Link;
use crate::scpi::number::Scalar;
use crate::scpi::{Exchange, accuracy, refused};

/// The options of an LMG with what they mean.
pub const OPTIONS: &[(&str, &str)] = &[
    ("channels", "the instrument's channels to read, such as `1,2`; 1 without it"),
    ("cycle_s", "measuring cycle in seconds, set and read back; without it as set on the meter"),
    ("volt_range", "voltage range in volts, fixed, of every channel; without it as set on the meter"),
    ("amp_range", "current range in amperes, fixed, of every channel; without it as set on the meter"),
    ("peak_power_w", "peak voltage times peak current of the ranges in watts, which the accuracy refers to"),
];

/// A cycle may be set to 60 s; this suits what is usual.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Lines that may come of an output that was going on, so that opening ends.
const MOST_STALE: usize = 64;
/// A link that gives something sooner than this had it before it was asked.
const AT_ONCE: Duration = Duration::from_micros(500);

/// Opens an LMG450 or LMG95, on a serial line with RTS/CTS.
///
/// The instrument is told to send a line each measuring cycle; a read blocks until the next one.
///
/// # Errors
///
/// - `InvalidConfig` for a wrong option, and for one that the instrument refuses
/// - `Protocol` if what answers is no LMG
/// - `Timeout` and those of the link
pub fn open_lmg450(link: Box<dyn Link>, options: &Options) -> Result<Box<dyn PowerSource>> {
    open(link, options, Family::Lmg450)
}

/// Opens an instrument of the LMG600 series, over TCP.
///
/// Its values carry the instrument's own time and the length of the cycle.
///
/// # Errors
///
/// - as [`open_lmg450`]
pub fn open_lmg670(link: Box<dyn Link>, options: &Options) -> Result<Box<dyn PowerSource>> {
    open(link, options, Family::Lmg600)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Lmg450,
    Lmg600,
}

impl Family {
    const fn terminator(self) -> &'static [u8] {
        match self {
            Self::Lmg450 => b"\r\n",
            Self::Lmg600 => b"\n",
        }
    }

    /// Command that changes to the short language, from SCPI.
    const fn short(self) -> &'static str {
        match self {
            Self::Lmg450 => "syst:lang short",
            Self::Lmg600 => "*zlang short",
        }
    }

    /// Command that changes to SCPI, from the short language.
    const fn scpi(self) -> &'static str {
        match self {
            Self::Lmg450 => "lang scpi",
            Self::Lmg600 => "*zlang scpi",
        }
    }
}

fn open(link: Box<dyn Link>, options: &Options, family: Family) -> Result<Box<dyn PowerSource>> {
    let own: Vec<&str> = OPTIONS.iter().map(|(name, _)| *name).collect();
    settings::check(options, &own)?;
    let text = options.text("channels").unwrap_or("1");
    let channels: Option<Vec<u8>> = text.split(',').map(|one| one.trim().parse().ok()).collect();
    let channels = channels
        .filter(|channels| channels.iter().all(|channel| (1..=7).contains(channel)))
        .filter(|channels| (1..channels.len()).all(|index| !channels[..index].contains(&channels[index])))
        .ok_or_else(|| settings::wrong("channels", text, "it names channels from 1 to 7, each once"))?;
    let per_channel: &[Kind] = &[Kind::Voltage, Kind::Current, Kind::Power, Kind::PowerFactor];
    let times: &[Kind] = if family == Family::Lmg600 { &[Kind::Time, Kind::Duration] } else { &[] };
    let kinds: Vec<Kind> = channels.iter().flat_map(|_| times.iter().chain(per_channel).copied()).collect();
    let dialogue = Lmg {
        family,
        numbered: true,
        exchange: Exchange::new(family.terminator()),
        cells: vec![Cell::Scalar(Scalar::Missing); kinds.len()],
        kinds,
        channels,
        cycle_s: settings::positive(options, "cycle_s")?,
        volt_range: settings::positive(options, "volt_range")?,
        amp_range: settings::positive(options, "amp_range")?,
        peak_power: settings::positive(options, "peak_power_w")?,
        scope: settings::scope(options, Scope::NodeAc)?,
    };
    // A line comes at the end of each cycle.
    let timeout = dialogue
        .cycle_s
        .map_or(TIMEOUT, |cycle| TIMEOUT.max(Duration::from_secs_f64(cycle.min(3600.0) * 2.0)));
    Instrument::open(link, dialogue, Patience::from_options(options, timeout)?)
}

#[derive(Debug)]
struct Lmg {
    family: Family,
    /// Whether values carry the number of their channel; those of the LMG95, which has one, do not.
    numbered: bool,
    exchange: Exchange,
    /// What a line holds.
    kinds: Vec<Kind>,
    cells: Vec<Cell>,
    channels: Vec<u8>,
    cycle_s: Option<f64>,
    volt_range: Option<f64>,
    amp_range: Option<f64>,
    peak_power: Option<f64>,
    scope: Scope,
}

impl Lmg {
    /// Ends whatever it was doing and asks who it is, past the lines of an output that was going on.
    fn identify(&mut self, link: &mut dyn Link, deadline: Instant) -> Result<String> {
        let Self { family, exchange, .. } = self;
        exchange.restart(link)?;
        // In the wrong language these are errors, which the queue forgets below.
        exchange.tell(link, "cont off", deadline)?;
        exchange.tell(link, family.scpi(), deadline)?;
        exchange.tell(link, "*cls", deadline)?;
        exchange.tell(link, "*idn?", deadline)?;
        for _ in 0..MOST_STALE {
            let answer = exchange.lines.next(link, deadline)?;
            if answer.windows(3).any(|word| word.eq_ignore_ascii_case(b"LMG")) && answer.contains(&b',') {
                let text = str::from_utf8(answer).map_err(|_| nonsense("the identity is no text", answer))?;
                return Ok(text.to_owned());
            }
        }
        Err(nonsense("this is no ZES Zimmer LMG", b""))
    }

    /// A command that is confirmed.
    fn set(&mut self, link: &mut dyn Link, command: &str, deadline: Instant) -> Result<()> {
        let answer = self.exchange.ask_text(link, &format!("{command};*opc?"), deadline)?;
        if answer == "1" { Ok(()) } else { Err(refused(&answer)) }
    }

    fn configure(&mut self, link: &mut dyn Link, deadline: Instant) -> Result<f64> {
        let short = self.family.short();
        self.exchange.tell(link, short, deadline)?;
        if let Some(seconds) = self.cycle_s {
            self.set(link, &format!("cycl {seconds}"), deadline)?;
        }
        for (range, quantity) in [(self.volt_range, 'u'), (self.amp_range, 'i')] {
            let Some(range) = range else { continue };
            match self.family {
                Family::Lmg450 => {
                    self.set(link, &format!("{quantity}am manual"), deadline)?;
                    self.set(link, &format!("{quantity}rng {range}"), deadline)?;
                }
                Family::Lmg600 => {
                    for index in 0..self.channels.len() {
                        let channel = self.channels[index];
                        let command = format!("{quantity}auto{channel} 0;{quantity}rng{channel} {range}");
                        self.set(link, &command, deadline)?;
                    }
                }
            }
        }
        // A setting that is refused is confirmed all the same: it stands in the queue of errors, which is SCPI's.
        if self.cycle_s.or(self.volt_range).or(self.amp_range).is_some() {
            self.exchange.tell(link, self.family.scpi(), deadline)?;
            let errors = self.exchange.ask_text(link, "syst:err:all?", deadline)?;
            if errors.split(',').next().unwrap_or_default().trim().parse() != Ok(0) {
                return Err(refused(&errors));
            }
            self.exchange.tell(link, short, deadline)?;
        }
        let cycle = self.exchange.ask_number(link, "cycl?", deadline)?;
        if !(0.0..=3600.0).contains(&cycle) {
            return Err(nonsense("the measuring cycle is none", b""));
        }
        if let Some(wanted) = self.cycle_s.filter(|wanted| (cycle - wanted).abs() > wanted * 1e-3) {
            return Err(refused(&format!("cycl {cycle}, not {wanted}")));
        }
        let per_channel = self.kinds.len() / self.channels.len();
        let words = self.kinds.iter().enumerate().map(|(index, kind)| {
            let number = self.channels[index / per_channel].to_string();
            format!("{}{}?", kind.word(), if self.numbered { &number } else { "" })
        });
        let words: Vec<String> = words.collect();
        self.exchange.tell(link, &format!("actn;{}", words.join(";")), deadline)?;
        self.exchange.tell(link, "cont on", deadline)?;
        Ok(cycle)
    }

    fn describe(&self, cycle: f64) -> Vec<Channel> {
        // A cycle of 0 follows an outside trigger: its length is not known.
        let cycle = (cycle > 0.0).then(|| Duration::from_secs_f64(cycle));
        let mut described = Vec::new();
        let per_channel = self.kinds.len() / self.channels.len();
        for (index, kind) in self.kinds.iter().enumerate() {
            let Some((name, quantity)) = kind.channel() else { continue };
            let quantity = match (kind, cycle) {
                (Kind::Power, Some(cycle)) => Quantity::average_power(cycle),
                _ => quantity,
            };
            let number = self.channels[index / per_channel];
            let name = if self.channels.len() == 1 { name.to_owned() } else { format!("{name} {number}") };
            let mut channel =
                Channel::new(name, quantity).with_scope(self.scope.clone()).with_delivery(Delivery::Streamed);
            if let Some(cycle) = cycle {
                channel = channel.with_update_period(cycle);
            }
            if *kind == Kind::Power {
                if let Some(peak) = self.peak_power {
                    channel = channel.with_range(-peak, peak);
                }
                if self.family == Family::Lmg450 {
                    channel = channel.with_accuracy(accuracy::of_lmg450());
                }
            }
            described.push(channel);
        }
        described
    }

    /// Appends the readings of the line in `cells`.
    fn push(&self, stamp: Stamp, flags: Flags, recorder: &mut Recorder<'_>) {
        let mut time: Option<DeviceTime> = None;
        let mut channels = (0..).map(ChannelId);
        for (kind, cell) in self.kinds.iter().zip(&self.cells) {
            match (kind, cell) {
                (_, Cell::Time(of_channel)) => time = Some(*of_channel),
                (Kind::Duration, _) => {}
                (kind, Cell::Scalar(scalar)) => {
                    let Some(channel) = channels.next() else { return };
                    let reading = match *scalar {
                        Scalar::Number(number) => Reading::new(channel, kind.value(number), stamp),
                        Scalar::Overrange => {
                            Reading::new(channel, Value::Missing, stamp).flagged(Flags::OVERRANGE)
                        }
                        Scalar::Missing => Reading::new(channel, Value::Missing, stamp),
                    };
                    // The instrument's own time says when; without one, the host's bracket has to.
                    recorder.push(match time {
                        Some(time) => reading.at_device(time),
                        None => reading.flagged(flags),
                    });
                }
            }
        }
    }
}

impl Dialogue for Lmg {
    fn start(&mut self, link: &mut dyn Link, deadline: Instant) -> Result<Descriptor> {
        let identity = self.identify(link, deadline)?;
        self.numbered = !identity.split(',').any(|word| word.trim() == "LMG95");
        if !self.numbered && self.channels != [1] {
            return Err(settings::wrong("channels", "several", "an LMG95 has one, number 1"));
        }
        let cycle = self.configure(link, deadline)?;
        let words: Vec<&str> = identity.split(',').map(str::trim).collect();
        let device = words.iter().take(3).copied().collect::<Vec<_>>().join(" ");
        let mut descriptor = Descriptor::new("meter", device.clone(), self.describe(cycle));
        if let Some(firmware) = words.get(3) {
            descriptor = descriptor.with_detail("firmware", *firmware);
        }
        if self.family == Family::Lmg600 {
            descriptor = descriptor
                .with_clock(ClockDomain::RemoteHost { host: device })
                .with_detail("device time", "tsnorm of the channel, in UTC, as the instrument gives it");
        }
        for (name, value) in link.details() {
            descriptor = descriptor.with_detail(name, value);
        }
        Ok(descriptor)
    }

    fn read(&mut self, link: &mut dyn Link, deadline: Instant, recorder: &mut Recorder<'_>) -> Result<()> {
        let asked = Instant::now();
        let ((), stamp) = recorder.bracket(|| {
            let answer = self.exchange.lines.next(link, deadline)?;
            line(answer, &self.kinds, &mut self.cells)
                .ok_or_else(|| nonsense("a line has not the values that were asked for", answer))
        })?;
        let flags = if asked.elapsed() < AT_ONCE { Flags::COARSE } else { Flags::NONE };
        self.push(stamp, flags, recorder);
        // Lines that came with it.
        while let Some(answer) = self.exchange.lines.ready() {
            line(answer, &self.kinds, &mut self.cells)
                .ok_or_else(|| nonsense("a line has not the values that were asked for", answer))?;
            self.push(stamp, Flags::COARSE, recorder);
        }
        Ok(())
    }

    fn stop(&mut self, link: &mut dyn Link, deadline: Instant) {
        // It may be gone already. `gtl` gives its front panel back to whoever stands before it.
        let _ = self.exchange.tell(link, "cont off", deadline);
        let _ = self.exchange.tell(link, self.family.scpi(), deadline);
        let _ = self.exchange.tell(link, "gtl", deadline);
    }
}
