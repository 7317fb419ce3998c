//! The `ChargerLAB` POWER-Z KM003C as a source.

use std::time::{Duration, Instant};

use power_core::{
    Amperes, Celsius, Channel, ChannelId, Descriptor, Error, ErrorKind, Options, PowerSource, Quantity,
    Reading, Recorder, Result, Scope, Volts, Watts,
};

use super::km003c::{Adc, Answer, PACKET_BYTES, parse, request};
use crate::instrument::{Dialogue, Instrument, Patience, settings};
use crate::lines::nonsense;
use crate::link::Link;

const TIMEOUT: Duration = Duration::from_millis(500);
/// Answers to earlier requests that are passed over for one request.
const MOST_STALE: usize = 8;

/// Opens a KM003C over a link that keeps its packets apart.
///
/// A read asks for the converter's values and blocks until they come, a millisecond or two.
///
/// # Errors
///
/// - [`ErrorKind::InvalidConfig`] for an unknown option
/// - [`ErrorKind::Protocol`] if what answers is no KM003C
/// - [`ErrorKind::Timeout`] and those of the link
pub fn open(link: Box<dyn Link>, options: &Options) -> Result<Box<dyn PowerSource>> {
    settings::check(options, &[])?;
    let dialogue = Km003c { scope: settings::scope(options, Scope::Unknown)?, id: 0 };
    Instrument::open(link, dialogue, Patience::from_options(options, TIMEOUT)?)
}

#[derive(Debug)]
struct Km003c {
    scope: Scope,
    /// Id of the last request.
    id: u8,
}

impl Km003c {
    fn ask(&mut self, link: &mut dyn Link, deadline: Instant) -> Result<Adc> {
        self.id = self.id.wrapping_add(1);
        link.send(&request(self.id), deadline)?;
        let mut bytes = [0; PACKET_BYTES];
        for _ in 0..MOST_STALE {
            let count = link.receive(&mut bytes, deadline)?;
            match parse(&bytes[..count]) {
                // A late answer to an earlier request: its value is an old one.
                Some(answer) if answer.id() != self.id => {}
                Some(Answer::Adc { adc, .. }) => return Ok(adc),
                Some(Answer::Rejected { .. }) => {
                    return Err(Error::new(ErrorKind::Unsupported, "the meter refuses to give its values"));
                }
                Some(Answer::Other { .. }) | None => {
                    return Err(nonsense("this is no answer of a KM003C", &bytes[..count.min(8)]));
                }
            }
        }
        Err(Error::new(ErrorKind::Protocol, "the meter answers other questions than it is asked"))
    }
}

impl Dialogue for Km003c {
    fn start(&mut self, link: &mut dyn Link, deadline: Instant) -> Result<Descriptor> {
        link.discard_input()?;
        self.ask(link, deadline)?;
        let channel =
            |name: &'static str, quantity| Channel::new(name, quantity).with_scope(self.scope.clone());
        let channels = vec![
            channel("power", Quantity::power()),
            channel("voltage", Quantity::Voltage).with_resolution(1e-6),
            channel("current", Quantity::Current).with_resolution(1e-6),
            Channel::new("temperature", Quantity::Temperature).with_resolution(1.0 / 128.0),
        ];
        let mut descriptor = Descriptor::new("meter", format!("POWER-Z KM003C at {}", link.name()), channels)
            .with_detail(
                "power",
                "voltage times current of one answer; negative towards the female connector",
            )
            .with_detail("averaging", "not stated by the maker")
            .with_detail("accuracy", "not stated in a form that can be checked");
        for (name, value) in link.details() {
            descriptor = descriptor.with_detail(name, value);
        }
        Ok(descriptor)
    }

    fn read(&mut self, link: &mut dyn Link, deadline: Instant, recorder: &mut Recorder<'_>) -> Result<()> {
        let (adc, stamp) = recorder.bracket(|| self.ask(link, deadline))?;
        let (volts, amperes) = (adc.volts(), adc.amperes());
        let values = [
            Watts::from_watts(volts * amperes).into(),
            Volts::from_volts(volts).into(),
            Amperes::from_amperes(amperes).into(),
            Celsius::from_celsius(adc.celsius()).into(),
        ];
        for (channel, value) in (0..).map(ChannelId).zip::<[power_core::Value; 4]>(values) {
            recorder.push(Reading::new(channel, value, stamp));
        }
        Ok(())
    }
}
