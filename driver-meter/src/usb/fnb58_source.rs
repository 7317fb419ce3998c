//! The FNIRSI FNB58 and its kin as a source.

use std::time::{Duration, Instant};

use power_core::{
    Amperes, Celsius, Channel, ChannelId, Delivery, Descriptor, Error, ErrorKind, Flags, Options,
    PowerSource, Quantity, Reading, Recorder, Result, Scope, Volts, Watts,
};

use super::fnb58::{Command, PACKET_BYTES, Packet, SAMPLES, parse};
use crate::instrument::{Dialogue, Instrument, Patience, settings};
use crate::lines::nonsense;
use crate::link::Link;

const TIMEOUT: Duration = Duration::from_secs(1);
/// The meter smooths over some 120 ms (measured by others, not stated by the maker) and gives 100 samples a second.
const PERIOD: Duration = Duration::from_millis(10);
/// The stream ends a second or so after the last sign of life.
const KEEP_ALIVE: Duration = Duration::from_millis(500);
/// Packets of other kinds that may come before samples.
const MOST_OTHERS: usize = 16;

/// Opens an FNB58, FNB48, FNB48S or C1 over a link that keeps its packets apart.
///
/// A read blocks until the next packet, 40 ms, and gives its four samples. They carry no time of their own; all four
/// have the packet's bracket, so that the first three are older by 30, 20 and 10 ms.
///
/// # Errors
///
/// - [`ErrorKind::InvalidConfig`] for an unknown option
/// - [`ErrorKind::Protocol`] if what comes are no packets of this kind
/// - [`ErrorKind::Timeout`] and those of the link
pub fn open(link: Box<dyn Link>, options: &Options) -> Result<Box<dyn PowerSource>> {
    settings::check(options, &[])?;
    let dialogue =
        Fnb58 { scope: settings::scope(options, Scope::Unknown)?, kept_alive: Instant::now(), lost: false };
    Instrument::open(link, dialogue, Patience::from_options(options, TIMEOUT)?)
}

#[derive(Debug)]
struct Fnb58 {
    scope: Scope,
    kept_alive: Instant,
    /// Whether the packet before this one was not whole.
    lost: bool,
}

/// The next packet of the meter.
fn packet(link: &mut dyn Link, deadline: Instant) -> Result<Packet> {
    // More than a packet has, so that a longer one is noticed.
    let mut bytes = [0; 2 * PACKET_BYTES];
    let count = link.receive(&mut bytes, deadline)?;
    parse(&bytes[..count]).ok_or_else(|| nonsense("a packet of the meter is damaged", &bytes[..count.min(8)]))
}

impl Dialogue for Fnb58 {
    fn start(&mut self, link: &mut dyn Link, deadline: Instant) -> Result<Descriptor> {
        link.discard_input()?;
        for command in [Command::Begin, Command::Go, Command::Keep] {
            link.send(&command.encode(), deadline)?;
        }
        self.kept_alive = Instant::now();
        let mut others = 0;
        loop {
            match packet(link, deadline) {
                // The first samples after a start have been seen to be wrong: they are not given.
                Ok(Packet::Samples(_)) => break,
                Ok(Packet::Other) => {}
                Err(error) if error.kind() == ErrorKind::Protocol => {}
                Err(error) => return Err(error),
            }
            others += 1;
            if others == MOST_OTHERS {
                return Err(Error::new(
                    ErrorKind::Protocol,
                    "this is no FNIRSI FNB58, or another program reads it",
                ));
            }
        }
        let streamed = |name: &'static str, quantity| {
            Channel::new(name, quantity)
                .with_scope(self.scope.clone())
                .with_delivery(Delivery::Streamed)
                .with_update_period(PERIOD)
        };
        let channels = vec![
            streamed("power", Quantity::power()),
            streamed("voltage", Quantity::Voltage).with_resolution(1e-5),
            streamed("current", Quantity::Current).with_resolution(1e-5),
            Channel::new("temperature", Quantity::Temperature)
                .with_delivery(Delivery::Streamed)
                .with_update_period(PERIOD)
                .with_resolution(0.1),
        ];
        let mut descriptor = Descriptor::new("meter", format!("FNIRSI meter at {}", link.name()), channels)
            .with_detail("power", "voltage times current of one sample")
            .with_detail("averaging", "not stated by the maker; others measured some 120 ms")
            .with_detail("accuracy", "not stated in a form that can be checked");
        for (name, value) in link.details() {
            descriptor = descriptor.with_detail(name, value);
        }
        Ok(descriptor)
    }

    fn read(&mut self, link: &mut dyn Link, deadline: Instant, recorder: &mut Recorder<'_>) -> Result<()> {
        if self.kept_alive.elapsed() >= KEEP_ALIVE {
            link.send(&Command::Keep.encode(), deadline)?;
            self.kept_alive = Instant::now();
        }
        let (came, stamp) = recorder.bracket(|| packet(link, deadline)).inspect_err(|error| {
            self.lost |= error.kind() == ErrorKind::Protocol;
        })?;
        let Packet::Samples(samples) = came else { return Ok(()) };
        let lost = if std::mem::take(&mut self.lost) { Flags::OVERRUN } else { Flags::NONE };
        for (index, sample) in samples.iter().enumerate() {
            // The earlier ones were taken before this bracket.
            let age = if index + 1 < SAMPLES { Flags::COARSE } else { Flags::NONE };
            let flags = age | if index == 0 { lost } else { Flags::NONE };
            let (volts, amperes) = (sample.volts(), sample.amperes());
            let values = [
                Watts::from_watts(volts * amperes).into(),
                Volts::from_volts(volts).into(),
                Amperes::from_amperes(amperes).into(),
                Celsius::from_celsius(sample.celsius()).into(),
            ];
            for (channel, value) in (0..).map(ChannelId).zip::<[power_core::Value; 4]>(values) {
                recorder.push(Reading::new(channel, value, stamp).flagged(flags));
            }
        }
        Ok(())
    }
}
