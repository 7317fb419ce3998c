//! A WT300 as a source.

use std::time::{Duration, Instant};

use power_core::{
    Channel, ChannelId, Descriptor, Error, ErrorKind, Flags, Options, PowerSource, Reading, Recorder, Result,
    Scope, Value,
};

use super::items::{self, Function, Item};
use crate::instrument::{Dialogue, Instrument, Patience, settings};
use crate::lines::nonsense;
use crate::link::Link;
use crate::scpi::number::Scalar;
use crate::scpi::{Exchange, refused, yokogawa_accuracy};

/// The options of a WT300 with what they mean.
pub const OPTIONS: &[(&str, &str)] = &[
    (
        "items",
        "what to measure, set and read back, such as `P,U,I,LAMBDA`; without it the items set on the meter",
    ),
    ("element", "element of the items: 1, 2, 3 or SIGMA; 1 without it"),
    ("rate_ms", "data update interval in milliseconds, set and read back: 100, 250, 500, 1000, 2000 or more"),
    ("volt_range", "voltage range in volts, fixed; without it as set on the meter"),
    ("amp_range", "current range in amperes, fixed; without it as set on the meter"),
];

const TIMEOUT: Duration = Duration::from_secs(2);
/// Items that a WT300 can give.
const MOST_ITEMS: usize = 255;

/// Opens a WT300.
///
/// A read asks for all items at once and blocks until they come, some milliseconds; the values are those of the last
/// update interval. What the items are is read back from the meter, never assumed.
///
/// # Errors
///
/// - [`ErrorKind::InvalidConfig`] for a wrong option, for one that the meter refuses, and if none of the items set
///   on the meter is a power
/// - [`ErrorKind::Protocol`] if what answers is no WT300
/// - [`ErrorKind::Timeout`] and those of the link
pub fn open(link: Box<dyn Link>, options: &Options) -> Result<Box<dyn PowerSource>> {
    let dialogue = Wt300 {
        exchange: Exchange::new(b"\n"),
        wanted: Wanted::from_options(options)?,
        scope: settings::scope(options, Scope::NodeAc)?,
        items: Vec::new(),
        scalars: Vec::new(),
    };
    Instrument::open(link, dialogue, Patience::from_options(options, TIMEOUT)?)
}

/// What the options ask for.
#[derive(Debug)]
struct Wanted {
    /// Words and element of the items, empty to take what is set.
    items: Vec<String>,
    element: String,
    rate_ms: Option<u32>,
    volt_range: Option<f64>,
    amp_range: Option<f64>,
}

impl Wanted {
    fn from_options(options: &Options) -> Result<Self> {
        let own: Vec<&str> = OPTIONS.iter().map(|(name, _)| *name).collect();
        settings::check(options, &own)?;
        let element = options.text("element").unwrap_or("1").to_ascii_uppercase();
        if !["1", "2", "3", "SIGMA"].contains(&element.as_str()) {
            return Err(settings::wrong("element", &element, "it is 1, 2, 3 or SIGMA"));
        }
        let items = options.text("items").unwrap_or_default();
        let words = items.split(',').map(|word| word.trim().to_ascii_uppercase());
        let wanted = Self {
            items: words.filter(|word| !word.is_empty()).collect(),
            element,
            rate_ms: options.parse("rate_ms")?,
            volt_range: settings::positive(options, "volt_range")?,
            amp_range: settings::positive(options, "amp_range")?,
        };
        for word in &wanted.items {
            let known = Item::parse(&format!("{word},1"))
                .is_some_and(|item| !matches!(item.function, Function::Other | Function::None));
            if !known {
                return Err(settings::wrong(
                    "items",
                    items,
                    "each is one of P, U, I, S, LAMBDA, FU, FI, or URMS, UMN, UDC, UAC and the same with I",
                ));
            }
        }
        Ok(wanted)
    }
}

#[derive(Debug)]
struct Wt300 {
    exchange: Exchange,
    wanted: Wanted,
    scope: Scope,
    items: Vec<Item>,
    scalars: Vec<Scalar>,
}

/// How the meter is set, by its own answers.
#[derive(Debug)]
struct Setting {
    rate: Option<Duration>,
    averages: bool,
    crest_factor: String,
    /// Range and whether it is chosen automatically.
    volts: (f64, bool),
    amperes: (f64, bool),
}

impl Wt300 {
    fn configure(&mut self, link: &mut dyn Link, deadline: Instant) -> Result<()> {
        let Self { exchange, wanted, .. } = self;
        // What is wrong from before is not ours.
        exchange.tell(link, "*CLS", deadline)?;
        exchange.tell(link, ":COMMUNICATE:HEADER OFF", deadline)?;
        exchange.tell(link, ":NUMERIC:FORMAT ASCII", deadline)?;
        if !wanted.items.is_empty() {
            exchange.tell(link, &format!(":NUMERIC:NORMAL:NUMBER {}", wanted.items.len()), deadline)?;
            for (number, word) in wanted.items.iter().enumerate() {
                let command = format!(":NUMERIC:NORMAL:ITEM{} {word},{}", number + 1, wanted.element);
                exchange.tell(link, &command, deadline)?;
            }
        }
        if let Some(milliseconds) = wanted.rate_ms {
            exchange.tell(link, &format!(":RATE {milliseconds}MS"), deadline)?;
        }
        if let Some(volts) = wanted.volt_range {
            exchange.tell(link, &format!(":INPUT:VOLTAGE:RANGE {volts}V"), deadline)?;
        }
        if let Some(amperes) = wanted.amp_range {
            exchange.tell(link, &format!(":INPUT:CURRENT:RANGE {amperes}A"), deadline)?;
        }
        let answer = exchange.ask_text(link, ":STATUS:ERROR?", deadline)?;
        let answer = items::unheaded(&answer);
        match answer.split(',').next().unwrap_or_default().trim().parse::<i32>() {
            Ok(0) => Ok(()),
            Ok(_) => Err(refused(answer)),
            Err(_) => Err(nonsense("the error queue gives no number", answer.as_bytes())),
        }
    }

    fn read_items(&mut self, link: &mut dyn Link, deadline: Instant) -> Result<()> {
        let count = self.exchange.ask_text(link, ":NUMERIC:NORMAL:NUMBER?", deadline)?;
        let count =
            items::unheaded(&count).parse::<usize>().ok().filter(|count| (1..=MOST_ITEMS).contains(count));
        let count = count.ok_or_else(|| nonsense("the number of items is none", b""))?;
        self.items.clear();
        for number in 1..=count {
            let question = format!(":NUMERIC:NORMAL:ITEM{number}?");
            let answer = self.exchange.ask_text(link, &question, deadline)?;
            let item = Item::parse(&answer).ok_or_else(|| nonsense("an item is none", answer.as_bytes()))?;
            self.items.push(item);
        }
        if !self.wanted.items.is_empty() {
            let same = self.wanted.items.len() == self.items.len()
                && self.wanted.items.iter().zip(&self.items).all(|(wanted, item)| {
                    let short = |word: &str| word.replace("LAMBDA", "LAMB");
                    short(wanted) == short(&item.word) && item.element == self.wanted.element
                });
            if !same {
                let set: Vec<String> =
                    self.items.iter().map(|item| format!("{},{}", item.word, item.element)).collect();
                return Err(refused(&set.join(" ")));
            }
        }
        if !self.items.iter().any(|item| item.function == Function::Power) {
            let message =
                "none of the items set on the meter is a power; give option items, such as P,U,I,LAMBDA";
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        }
        self.scalars = vec![Scalar::Missing; count];
        Ok(())
    }

    fn read_setting(&mut self, link: &mut dyn Link, deadline: Instant) -> Result<Setting> {
        let exchange = &mut self.exchange;
        let mut flag = |exchange: &mut Exchange, question: &str| -> Result<bool> {
            let answer = exchange.ask_text(link, question, deadline)?;
            Ok(matches!(items::unheaded(&answer), "1" | "ON"))
        };
        let averages = flag(exchange, ":MEASURE:AVERAGING:STATE?")?;
        let volts_auto = flag(exchange, ":INPUT:VOLTAGE:AUTO?")?;
        let amperes_auto = flag(exchange, ":INPUT:CURRENT:AUTO?")?;
        let rate = items::rate(&exchange.ask_text(link, ":RATE?", deadline)?);
        let crest_factor = exchange.ask_text(link, ":INPUT:CFACTOR?", deadline)?;
        let volts = exchange.ask_number(link, ":INPUT:VOLTAGE:RANGE?", deadline)?;
        let amperes = exchange.ask_number(link, ":INPUT:CURRENT:RANGE?", deadline)?;
        Ok(Setting {
            rate,
            averages,
            crest_factor: items::unheaded(&crest_factor).to_owned(),
            volts: (volts, volts_auto),
            amperes: (amperes, amperes_auto),
        })
    }

    fn channels(&self, model: &str, setting: &Setting) -> Vec<Channel> {
        let fixed = !setting.volts.1 && !setting.amperes.1;
        // With averaging over several intervals the window is not the interval.
        let window = setting.rate.filter(|_| !setting.averages);
        self.items
            .iter()
            .filter_map(|item| {
                let mut channel =
                    Channel::new(item.name(), item.quantity(window)?).with_scope(self.scope.clone());
                if let Some(rate) = setting.rate {
                    channel = channel.with_update_period(rate);
                }
                // A sum over elements has the range of its wiring, which is not known here.
                let of_element = ["1", "2", "3"].contains(&item.element.as_str());
                if item.function == Function::Power && of_element {
                    if fixed {
                        // A value up to 140 % of each range is still measured (IM WT310E-02EN, 1.5).
                        let power = setting.volts.0 * setting.amperes.0;
                        channel = channel.with_range(-power, power);
                    }
                    if let Some(accuracy) = yokogawa_accuracy(model, Some(&setting.crest_factor)) {
                        channel = channel.with_accuracy(accuracy);
                    }
                }
                Some(channel)
            })
            .collect()
    }
}

impl Dialogue for Wt300 {
    fn start(&mut self, link: &mut dyn Link, deadline: Instant) -> Result<Descriptor> {
        self.exchange.restart(link)?;
        let identity = self.exchange.ask_text(link, "*IDN?", deadline)?;
        let words: Vec<&str> = identity.split(',').map(str::trim).collect();
        let &[maker, model, serial, firmware] = words.as_slice() else {
            return Err(nonsense("this is no Yokogawa WT300", identity.as_bytes()));
        };
        if !maker.eq_ignore_ascii_case("YOKOGAWA") || !model.starts_with("WT3") {
            return Err(nonsense("this is no Yokogawa WT300", identity.as_bytes()));
        }
        self.configure(link, deadline)?;
        self.read_items(link, deadline)?;
        let setting = self.read_setting(link, deadline)?;
        let describe = |range: (f64, bool), unit: &str| {
            if range.1 {
                format!("automatic, {} {unit} when opened", range.0)
            } else {
                format!("{} {unit}", range.0)
            }
        };
        let mut descriptor =
            Descriptor::new("meter", format!("Yokogawa {model} {serial}"), self.channels(model, &setting))
                .with_detail("firmware", firmware)
                .with_detail("voltage range", describe(setting.volts, "V"))
                .with_detail("current range", describe(setting.amperes, "A"))
                .with_detail("crest factor", setting.crest_factor.clone())
                .with_detail("averaging", if setting.averages { "on" } else { "off" });
        for (name, value) in link.details() {
            descriptor = descriptor.with_detail(name, value);
        }
        Ok(descriptor)
    }

    fn read(&mut self, link: &mut dyn Link, deadline: Instant, recorder: &mut Recorder<'_>) -> Result<()> {
        let Self { exchange, items, scalars, .. } = self;
        let ((), stamp) = recorder.bracket(|| {
            let answer = exchange.ask(link, ":NUMERIC:NORMAL:VALUE?", deadline)?;
            items::values(answer, scalars)
                .ok_or_else(|| nonsense("an answer has not one number an item", answer))
        })?;
        let measured = items.iter().zip(&*scalars);
        let measured =
            measured.filter(|(item, _)| !matches!(item.function, Function::Other | Function::None));
        for (channel, (item, scalar)) in (0..).map(ChannelId).zip(measured) {
            let reading = match *scalar {
                Scalar::Number(number) => Reading::new(channel, item.value(number), stamp),
                Scalar::Overrange => Reading::new(channel, Value::Missing, stamp).flagged(Flags::OVERRANGE),
                Scalar::Missing => Reading::new(channel, Value::Missing, stamp),
            };
            recorder.push(reading);
        }
        Ok(())
    }
}
