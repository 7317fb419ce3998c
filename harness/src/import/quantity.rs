//! The words for a quantity in a table: what `csv` files and column maps call it.
//!
//! ```text
//! quantity = name [number] [unit] ["modulo" count]
//!
//! power                           watts, averaging unknown
//! power mW                        the same, written in milliwatts
//! instantaneous power             point values
//! average power 1000 ms           averaged over one second
//! average power 25 ms mW          averaged over 25 ms, written in milliwatts
//! energy counter mJ               raw counts of one millijoule
//! energy counter 61 uJ modulo 4294967296
//! utilisation %                   written in per cent, stored as 0 to 1
//! ```
//! Names are those of [`Quantity`]'s `Display`. `_` counts as a space and case of the name does not matter, so
//! `power_w` and `energy_counter_mj` work too.

use std::time::Duration;

use power_core::{Averaging, Joules, Quantity};

use super::nearest::hint;
use super::unit::{WireUnit, spellings_for};
use crate::{Error, Result};

/// A quantity as a file writes it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WireQuantity {
    /// The quantity.
    pub quantity: Quantity,
    /// The unit that the words name, if they name one. For an energy counter it is in the quantum already.
    pub unit: Option<WireUnit>,
}

const NAMES: [(&str, Quantity); 17] = [
    ("power", Quantity::power()),
    ("instantaneous power", Quantity::instantaneous_power()),
    ("average power", Quantity::average_power(Duration::ZERO)),
    ("energy counter", Quantity::EnergyCounter { quantum: Joules::from_joules(1.0), modulus: None }),
    ("estimated power", Quantity::EstimatedPower),
    ("utilisation", Quantity::Utilisation),
    ("utilization", Quantity::Utilisation),
    ("memory used", Quantity::MemoryUsed),
    ("temperature", Quantity::Temperature),
    ("frequency", Quantity::Frequency),
    ("voltage", Quantity::Voltage),
    ("current", Quantity::Current),
    ("apparent power", Quantity::ApparentPower),
    ("power factor", Quantity::PowerFactor),
    ("state", Quantity::State),
    ("clock exchange", Quantity::ClockExchange),
    ("read time", Quantity::ReadTime),
];

/// The words for `quantity` that [`parse`] reads back as the same quantity, in its stored unit.
///
/// ```
/// use harness::import::quantity::{parse, words};
/// use power_core::Quantity;
/// use std::time::Duration;
/// let quantity = Quantity::average_power(Duration::from_secs(1));
/// assert_eq!(words(quantity), "average power 1 s");
/// assert_eq!(parse(&words(quantity)).unwrap().quantity, quantity);
/// ```
pub fn words(quantity: Quantity) -> String {
    match quantity {
        Quantity::Power { averaging: Averaging::Over(window) } => format!("{quantity} {}", span(window)),
        Quantity::EnergyCounter { quantum, modulus } => {
            let modulo = modulus.map_or_else(String::new, |modulus| format!(" modulo {modulus}"));
            format!("{quantity} {} J{modulo}", quantum.get())
        }
        _ => quantity.to_string(),
    }
}

/// A duration in the largest unit that writes it as a whole number.
fn span(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    let (unit, symbol) = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us")]
        .into_iter()
        .find(|(unit, _)| nanos.is_multiple_of(*unit))
        .unwrap_or((1, "ns"));
    format!("{} {symbol}", nanos / unit)
}

/// Reads the words for a quantity.
///
/// # Errors
///
/// - the name is unknown; the message lists the known ones and the nearest
/// - a window, quantum, modulus or unit does not fit the quantity
pub fn parse(text: &str) -> Result<WireQuantity> {
    let spaced = text.replace('_', " ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let named = (1..=tokens.len().min(2)).rev().find_map(|count| {
        let name = tokens[..count].join(" ").to_lowercase();
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, quantity)| (*quantity, count))
    });
    let Some((quantity, count)) = named else {
        let known = NAMES.map(|(name, _)| name);
        return Err(Error::new(format!("unknown quantity `{text}`")).mend(hint(text, &known)));
    };
    let mut words = Words { text, rest: &split_numbers(&tokens[count..]) };
    let parsed = match quantity {
        Quantity::Power { averaging: Averaging::Over(_) } => {
            let Some(window) = words.window()? else {
                return Err(Error::new(format!("`{text}` does not say over which time it averages"))
                    .mend("write `average power 1000 ms`, or `power` where nobody knows"));
            };
            let quantity = Quantity::average_power(window);
            WireQuantity { quantity, unit: words.unit(quantity)? }
        }
        Quantity::EnergyCounter { .. } => {
            let quantum = words.quantum()?;
            WireQuantity {
                quantity: Quantity::EnergyCounter { quantum, modulus: words.modulus()? },
                unit: None,
            }
        }
        _ => WireQuantity { quantity, unit: words.unit(quantity)? },
    };
    words.end()?;
    Ok(parsed)
}

/// Splits `1000ms` into `1000` and `ms`.
fn split_numbers(tokens: &[&str]) -> Vec<String> {
    let mut split = Vec::new();
    for token in tokens {
        let end = token
            .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+')))
            .unwrap_or(token.len());
        // `1e-6` is one number; the unit `1` stays whole too.
        if end == 0 || end == token.len() || token.parse::<f64>().is_ok() {
            split.push((*token).to_owned());
        } else {
            split.push(token[..end].to_owned());
            split.push(token[end..].to_owned());
        }
    }
    split
}

/// What stands after the name of a quantity.
struct Words<'a> {
    text: &'a str,
    rest: &'a [String],
}

impl Words<'_> {
    fn fault(&self, what: &str, mend: impl Into<String>) -> Error {
        Error::new(format!("quantity `{}`: {what}", self.text)).mend(mend)
    }

    /// A leading number, if one is there.
    fn number(&mut self) -> Option<f64> {
        let number = self.rest.first()?.parse().ok().filter(|number: &f64| number.is_finite())?;
        self.rest = &self.rest[1..];
        Some(number)
    }

    fn take(&mut self) -> Option<&str> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    fn window(&mut self) -> Result<Option<Duration>> {
        let Some(number) = self.number() else { return Ok(None) };
        let scale = match self.take() {
            Some("s") => 1.0,
            Some("ms") => 1e-3,
            Some("us" | "µs" | "μs") => 1e-6,
            Some("ns") => 1e-9,
            _ => return Err(self.fault("the window has no unit of time", "write s, ms, us or ns after it")),
        };
        duration(number * scale).filter(|window| !window.is_zero()).map(Some).ok_or_else(|| {
            self.fault("the window is no positive time", "write it as in `average power 1000 ms`")
        })
    }

    fn quantum(&mut self) -> Result<Joules> {
        let counter = NAMES[3].1;
        let number = self.number();
        let Some(symbol) = self.take().map(ToOwned::to_owned) else {
            return Err(self.fault("the energy of one count is missing", "write `energy counter mJ`"));
        };
        let unit = WireUnit::find(&symbol).and_then(|unit| unit.factor_for(counter)).ok_or_else(|| {
            self.fault(
                &format!("`{symbol}` is no unit of energy"),
                format!("known are {}", spellings_for(counter)),
            )
        })?;
        let quantum = scaled(number.unwrap_or(1.0), unit);
        if quantum.is_finite() && quantum > 0.0 {
            return Ok(Joules::from_joules(quantum));
        }
        Err(self.fault("the energy of one count is not positive", "write it as in `energy counter 61 uJ`"))
    }

    fn modulus(&mut self) -> Result<Option<u64>> {
        if self.rest.first().is_none_or(|word| word != "modulo") {
            return Ok(None);
        }
        self.take();
        let count = self.take().and_then(|count| count.parse().ok()).filter(|count| *count > 1);
        count.map(Some).ok_or_else(|| {
            self.fault("the modulus is no count", "write a whole number above 1, as in `modulo 4294967296`")
        })
    }

    fn unit(&mut self, quantity: Quantity) -> Result<Option<WireUnit>> {
        let Some(symbol) = self.take().map(ToOwned::to_owned) else { return Ok(None) };
        match WireUnit::find(&symbol) {
            Some(unit) if unit.factor_for(quantity).is_some() => Ok(Some(unit)),
            _ => {
                let fitting = spellings_for(quantity);
                let mend =
                    if fitting.is_empty() { "leave it out".into() } else { format!("known are {fitting}") };
                Err(self.fault(&format!("`{symbol}` is no unit of {quantity}"), mend))
            }
        }
    }

    fn end(&mut self) -> Result<()> {
        match self.take().map(ToOwned::to_owned) {
            None => Ok(()),
            Some(word) => Err(self.fault(&format!("`{word}` has no meaning here"), "leave it out")),
        }
    }
}

/// `number × factor`; a division where the factor is a decimal fraction, so that 1 mJ is 0.001 J and not a bit off.
pub(crate) fn scaled(number: f64, factor: f64) -> f64 {
    if factor >= 1.0 { number * factor } else { number / (1.0 / factor).round() }
}

/// A duration from seconds, rounded to nanoseconds; `None` if it is negative, not finite or too long.
pub(crate) fn duration(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_round_trip() {
        let counter =
            |quantum, modulus| Quantity::EnergyCounter { quantum: Joules::from_joules(quantum), modulus };
        for quantity in [
            Quantity::power(),
            Quantity::instantaneous_power(),
            Quantity::average_power(Duration::from_millis(25)),
            Quantity::average_power(Duration::from_nanos(1_000_000_001)),
            counter(1e-3, None),
            counter(6.103_515_625e-5, Some(1 << 32)),
            counter(1.0, Some(u64::MAX)),
            Quantity::EstimatedPower,
            Quantity::Utilisation,
            Quantity::MemoryUsed,
            Quantity::Temperature,
            Quantity::Frequency,
            Quantity::Voltage,
            Quantity::Current,
            Quantity::ApparentPower,
            Quantity::PowerFactor,
            Quantity::State,
            Quantity::ClockExchange,
            Quantity::ReadTime,
        ] {
            let parsed = parse(&words(quantity)).unwrap();
            assert_eq!(parsed, WireQuantity { quantity, unit: None }, "{}", words(quantity));
        }
    }

    #[test]
    fn spellings() {
        assert_eq!(parse("power_mw").unwrap().unit.unwrap().symbol(), "mw");
        assert_eq!(parse("Average Power 1000ms W").unwrap().quantity.window(), Some(Duration::from_secs(1)));
        let counter = parse("energy_counter_mj").unwrap().quantity;
        assert_eq!(counter, Quantity::EnergyCounter { quantum: Joules::from_joules(1e-3), modulus: None });
        assert_eq!(parse("utilisation %").unwrap().unit.unwrap().symbol(), "%");
    }

    #[test]
    fn faults_name_what_to_do() {
        let says = |text: &str| parse(text).unwrap_err().to_string();
        assert!(says("pwer").contains("did you mean `power`"), "{}", says("pwer"));
        assert!(says("temperature W").contains("`W` is no unit of temperature"), "{}", says("temperature W"));
        assert!(says("average power").contains("over which time"));
        assert!(says("average power 10").contains("unit of time"));
        assert!(says("average power -1 s").contains("no positive time"));
        assert!(says("energy counter").contains("energy of one count"));
        assert!(says("energy counter 0 J").contains("not positive"));
        assert!(says("energy counter W").contains("no unit of energy"));
        assert!(says("energy counter J modulo 1").contains("modulus"));
        assert!(says("power W W").contains("no meaning"));
        assert!(says("").contains("unknown quantity"));
    }
}
