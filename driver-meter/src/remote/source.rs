//! A served meter as a source.

use std::time::{Duration, Instant};

use power_core::{
    Channel, ChannelId, ClockDomain, Delivery, Descriptor, DeviceTime, Error, ErrorKind, Flags, Lane,
    Options, PowerSource, Quantity, Reading, Recorder, Result, Scope, Value,
};

use super::Token;
use super::protocol::{Head, Hello, Item, LONGEST_ANSWER, Question, Refusal, VERSION, Welcome};
use crate::instrument::{Dialogue, Instrument, Patience, settings};
use crate::lines::{Lines, nonsense};
use crate::link::Link;

/// The options of a served meter with what they mean.
pub const OPTIONS: &[(&str, &str)] = &[
    ("token", "what `wattproof serve-meter` was given, or printed"),
    ("token_file", "a file with it, which others need not be able to read"),
];

/// Names of the channels that this source adds.
const EXCHANGE: &str = "clock exchange";
const READ_TIME: &str = "read time";

const TIMEOUT: Duration = Duration::from_secs(2);
/// How often it suits to ask, for the detail that recorders look at: readings wait at the server.
const PERIOD_MS: &str = "200";
/// Most channels of a meter that are believed.
const MOST_CHANNELS: usize = 1024;

/// Opens a meter that `wattproof serve-meter` serves. A read asks for everything since the read before; it blocks for one
/// round trip.
///
/// Readings carry the time of the serving host's clock: of streamed channels when the value had come, of polled ones the
/// middle of the read, which the channel `read time` says the length of. The channel `clock exchange` has the four times
/// of each question and answer.
///
/// # Errors
///
/// - [`ErrorKind::InvalidConfig`] for a wrong option, and without a token
/// - [`ErrorKind::PermissionDenied`] if the token is wrong
/// - [`ErrorKind::Unsupported`] if the server speaks another version
/// - [`ErrorKind::Busy`] if it has too many readers
/// - [`ErrorKind::Disconnected`] if it is gone, or has lost its meter
/// - [`ErrorKind::Protocol`] if what answers is no such server
/// - [`ErrorKind::Timeout`] and those of the link
pub fn open(link: Box<dyn Link>, options: &Options) -> Result<Box<dyn PowerSource>> {
    let own: Vec<&str> = OPTIONS.iter().map(|(name, _)| *name).collect();
    settings::check(options, &own)?;
    let mut patience = Patience::from_options(options, TIMEOUT)?;
    if options.text("reconnect_s").is_none() {
        // Who records opens a lost source anew by itself, and says since when it was gone.
        patience.reconnect = Duration::ZERO;
    }
    let scope = options.text("scope").map(|_| settings::scope(options, Scope::Unknown)).transpose()?;
    let dialogue = Remote {
        lines: Lines::new(b'\n', LONGEST_ANSWER),
        token: token(options)?,
        scope,
        question: Vec::with_capacity(64),
        channels: Vec::new(),
        exchange: ChannelId(0),
        read_time: None,
        session: None,
        next: 0,
        owed: Flags::NONE,
    };
    Instrument::open(link, dialogue, patience)
}

fn token(options: &Options) -> Result<Token> {
    match (options.text("token"), options.text("token_file")) {
        (Some(text), None) => Token::new(text),
        (None, Some(path)) => {
            let text = std::fs::read_to_string(path).map_err(|error| {
                Error::from_io(ErrorKind::InvalidConfig, "the file of the token cannot be read", error)
                    .with_context("token_file", path)
            })?;
            Token::new(&text)
        }
        _ => Err(Error::new(
            ErrorKind::InvalidConfig,
            "a served meter needs the option token_file (or token): what `wattproof serve-meter` printed",
        )),
    }
}

#[derive(Debug)]
struct Remote {
    lines: Lines,
    token: Token,
    /// What is measured, where the caller knows better than the server.
    scope: Option<Scope>,
    question: Vec<u8>,
    /// Quantity and delivery of each of the meter's channels.
    channels: Vec<(Quantity, Delivery)>,
    exchange: ChannelId,
    /// `None` where nothing is polled.
    read_time: Option<ChannelId>,
    session: Option<u64>,
    /// Number of the first reading that has not come.
    next: u64,
    /// Flags of the next reading.
    owed: Flags,
}

/// The error of an answer that is none of what was expected: the server's own, if it gave one.
fn unexpected(line: &[u8], what: &'static str) -> Error {
    match Refusal::parse(line) {
        Some(refusal) => Error::new(refusal.error.kind(), "the server of the meter refuses")
            .with_context("it said", refusal.message.chars().take(200).collect::<String>()),
        None => nonsense(what, line),
    }
}

impl Remote {
    fn welcome(&mut self, link: &mut dyn Link, deadline: Instant) -> Result<Welcome> {
        self.question.clear();
        Hello { wattproof: VERSION, token: self.token.reveal().to_owned() }.write(&mut self.question);
        let sent = link.send(&self.question, deadline);
        // The token stays in no buffer.
        self.question.clear();
        sent?;
        let line = self.lines.next(link, deadline)?;
        let welcome = Welcome::parse(line)
            .ok_or_else(|| unexpected(line, "what answers is no server of `wattproof serve-meter`"))?;
        if welcome.wattproof != VERSION {
            let message = format!("the server speaks version {}, this program {VERSION}", welcome.wattproof);
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let channels = &welcome.descriptor.channels;
        let added = [EXCHANGE, READ_TIME];
        let taken = channels.iter().any(|channel| added.contains(&&*channel.name));
        if channels.is_empty() || channels.len() > MOST_CHANNELS || taken {
            return Err(nonsense("the server has no meter that makes sense", line));
        }
        Ok(welcome)
    }

    fn describe(&mut self, link: &dyn Link, welcome: Welcome) -> Descriptor {
        let Welcome { host, clock, descriptor: meter, details, .. } = welcome;
        let mut channels = meter.channels;
        for channel in &mut channels {
            if let (Some(scope), true) = (&self.scope, channel.quantity.has_energy()) {
                channel.scope = scope.clone();
            }
        }
        self.channels = channels.iter().map(|channel| (channel.quantity, channel.delivery)).collect();
        let mut add = |name: &'static str, quantity| {
            channels.push(Channel::new(name, quantity));
            ChannelId(u16::try_from(channels.len() - 1).unwrap_or(u16::MAX))
        };
        self.exchange = add(EXCHANGE, Quantity::ClockExchange);
        let polled = self.channels.iter().any(|(_, delivery)| *delivery == Delivery::Polled);
        self.read_time = polled.then(|| add(READ_TIME, Quantity::ReadTime));
        let mut descriptor = Descriptor::new("meter", format!("{} of {host}", meter.device), channels)
            .with_lane(Lane::new(link.name()))
            .with_clock(ClockDomain::RemoteHost { host });
        descriptor.details = meter.details;
        for (name, value) in details {
            descriptor = descriptor.with_detail(format!("remote {name}"), value);
        }
        if meter.clock != ClockDomain::HostBracket {
            descriptor = descriptor.with_detail("its own times", format!("not passed on ({})", meter.clock));
        }
        for (name, value) in link.details() {
            // The meter's own link is there, this one is here.
            if let Some(there) = descriptor.details.remove(&name) {
                descriptor = descriptor.with_detail(format!("remote {name}"), there);
            }
            descriptor = descriptor.with_detail(name, value);
        }
        descriptor.with_detail("remote clock", clock).with_detail("period_ms", PERIOD_MS)
    }
}

/// Takes a line of a reading: its value, and the whole item.
fn take(line: &[u8], channels: &[(Quantity, Delivery)]) -> Result<(Value, Delivery, Item)> {
    let item = Item::parse(line).ok_or_else(|| nonsense("a reading of the server is none", line))?;
    let Item(channel, start, end, number, count, _) = item;
    let known = channels.get(usize::from(channel)).filter(|_| start <= end);
    known
        .and_then(|(quantity, delivery)| Some((value(*quantity, number, count)?, *delivery, item)))
        .ok_or_else(|| nonsense("a reading of the server does not fit its channel", line))
}

/// The value of a channel of this quantity; `None` where it does not fit.
fn value(quantity: Quantity, number: Option<f64>, count: Option<u64>) -> Option<Value> {
    let number = match (number, count) {
        (None, None) => return Some(Value::Missing),
        (None, Some(count)) => return quantity.is_counted().then_some(Value::Count(count)),
        (Some(number), None) => number,
        (Some(_), Some(_)) => return None,
    };
    Value::measured(quantity, number)
}

impl Dialogue for Remote {
    fn start(&mut self, link: &mut dyn Link, deadline: Instant) -> Result<Descriptor> {
        self.lines.clear();
        let welcome = self.welcome(link, deadline)?;
        match self.session {
            // The same server and meter: what was missed meanwhile is asked for.
            Some(session) if session == welcome.session => {}
            Some(_) => (self.next, self.owed) = (welcome.next, self.owed | Flags::BREAK),
            // What was before belongs to nobody who has just come.
            None => self.next = welcome.next,
        }
        self.session = Some(welcome.session);
        Ok(self.describe(link, welcome))
    }

    fn read(&mut self, link: &mut dyn Link, deadline: Instant, recorder: &mut Recorder<'_>) -> Result<()> {
        if self.lines.has_rest() {
            return Err(Error::new(ErrorKind::Protocol, "the server said more than it was asked"));
        }
        self.question.clear();
        Question { from: self.next }.write(&mut self.question);
        let (head, stamp) = recorder.bracket(|| {
            link.send(&self.question, deadline)?;
            let line = self.lines.next(link, deadline)?;
            let head = Head::parse(line).filter(Head::is_sound);
            head.ok_or_else(|| unexpected(line, "the server's answer makes no sense"))
        })?;
        let turnaround = head.t3.abs_diff(head.t2);
        let exchange = Reading::new(self.exchange, Value::Count(turnaround), stamp);
        recorder.push(exchange.at_device(DeviceTime::from_nanos(head.t2)));
        if head.lost > 0 {
            self.owed = self.owed | Flags::OVERRUN;
        }
        self.next = head.first;
        let mut transaction = None;
        for number in 0..head.count {
            let line = self.lines.next(link, deadline)?;
            let (value, delivery, Item(channel, start, end, _, _, flags)) = take(line, &self.channels)?;
            let begins = transaction.replace((start, end)) != Some((start, end));
            if begins && number > 0 {
                self.owed = Flags::NONE;
            }
            let middle = start.midpoint(end);
            let time = if delivery == Delivery::Streamed { end } else { middle };
            let flags = Flags::from_bits(flags) | self.owed;
            recorder.push(
                Reading::new(ChannelId(channel), value, stamp)
                    .at_device(DeviceTime::from_nanos(time))
                    .flagged(flags),
            );
            if let (true, Delivery::Polled, Some(read_time)) = (begins, delivery, self.read_time) {
                let took = Reading::new(read_time, Value::Count(end.abs_diff(start)), stamp);
                recorder.push(took.at_device(DeviceTime::from_nanos(middle)));
            }
            self.next += 1;
        }
        if head.count > 0 {
            self.owed = Flags::NONE;
        }
        Ok(())
    }
}
