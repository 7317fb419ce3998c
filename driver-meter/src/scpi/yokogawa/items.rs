//! The items that a WT300 gives, and its other answers.
//!
//! From the *WT310E/WT310EH/WT332E/WT333E communication interface user's manual*, IM WT310E-17EN.

use std::time::Duration;

use power_core::{Amperes, Hertz, Quantity, Ratio, Value, VoltAmperes, Volts, Watts};

use crate::scpi::number::{Scalar, parse};

/// What one item measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Function {
    /// Voltage: `U`, `URMS`, `UMN`, `UDC`, `URMN`, `UAC`.
    Voltage,
    /// Current: `I`, `IRMS`, `IMN`, `IDC`, `IRMN`, `IAC`.
    Current,
    /// Active power: `P`.
    Power,
    /// Apparent power: `S`.
    Apparent,
    /// Power factor: `LAMBDA`.
    PowerFactor,
    /// Frequency: `FU`, `FI`.
    Frequency,
    /// Something that has no channel: reactive power, phase, peaks, integrals, time.
    Other,
    /// Nothing.
    None,
}

/// One item: what, and of which element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What it measures.
    pub function: Function,
    /// The instrument's word, such as `URMS`.
    pub word: String,
    /// Element 1 to 3, or `SIGMA`; empty for what is of none.
    pub element: String,
}

impl Item {
    /// Reads the answer to `:NUMeric:NORMal:ITEM<x>?`, with or without its header. Takes any text.
    ///
    /// ```
    /// use driver_meter::scpi::yokogawa::items::{Function, Item};
    /// let item = Item::parse(":NUM:ITEM3 P,1").unwrap();
    /// assert_eq!((item.function, item.element.as_str()), (Function::Power, "1"));
    /// ```
    pub fn parse(answer: &str) -> Option<Self> {
        let text = unheaded(answer);
        let (word, element) = text.split_once(',').unwrap_or((text, ""));
        let word = word.trim().to_ascii_uppercase();
        let element = element.trim().to_ascii_uppercase();
        let plain = |text: &str| text.len() <= 16 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if word.is_empty() || !plain(&word) || !plain(&element) {
            return None;
        }
        let function = match word.as_str() {
            "U" | "URMS" | "UMN" | "UDC" | "URMN" | "UAC" => Function::Voltage,
            "I" | "IRMS" | "IMN" | "IDC" | "IRMN" | "IAC" => Function::Current,
            "P" => Function::Power,
            "S" => Function::Apparent,
            "LAMBDA" | "LAMB" => Function::PowerFactor,
            "FU" | "FI" => Function::Frequency,
            "NONE" => Function::None,
            _ => Function::Other,
        };
        Some(Self { function, word, element })
    }

    /// Name of its channel.
    pub fn name(&self) -> String {
        let word = match self.function {
            Function::Power => "power",
            Function::Voltage => "voltage",
            Function::Current => "current",
            Function::Apparent => "apparent power",
            Function::PowerFactor => "power factor",
            Function::Frequency => "frequency",
            Function::Other | Function::None => "other",
        };
        let exact = if self.word.len() > 1 && matches!(self.function, Function::Voltage | Function::Current) {
            format!("{word} {}", self.word.to_ascii_lowercase())
        } else if self.word == "FI" {
            "frequency of current".to_owned()
        } else {
            word.to_owned()
        };
        match self.element.as_str() {
            "" | "1" => exact,
            "SIGMA" => format!("{exact} sum"),
            element => format!("{exact} {element}"),
        }
    }

    /// Its quantity; `period` is the update interval, which the instrument averages over.
    pub fn quantity(&self, window: Option<Duration>) -> Option<Quantity> {
        Some(match self.function {
            Function::Power => window.map_or(Quantity::power(), Quantity::average_power),
            Function::Voltage => Quantity::Voltage,
            Function::Current => Quantity::Current,
            Function::Apparent => Quantity::ApparentPower,
            Function::PowerFactor => Quantity::PowerFactor,
            Function::Frequency => Quantity::Frequency,
            Function::Other | Function::None => return None,
        })
    }

    /// A number of this item as a value of its channel.
    pub fn value(&self, number: f64) -> Value {
        match self.function {
            Function::Power => Watts::from_watts(number).into(),
            Function::Voltage => Volts::from_volts(number).into(),
            Function::Current => Amperes::from_amperes(number).into(),
            Function::Apparent => VoltAmperes::from_volt_amperes(number).into(),
            Function::PowerFactor => Ratio::from_fraction(number).into(),
            Function::Frequency => Hertz::from_hertz(number).into(),
            Function::Other | Function::None => Value::Missing,
        }
    }
}

/// An answer without the header that `:COMMunicate:HEADer ON` puts before it.
pub fn unheaded(answer: &str) -> &str {
    let answer = answer.trim();
    match answer.strip_prefix(':').and_then(|rest| rest.split_once(' ')) {
        Some((_, value)) => value.trim(),
        None => answer,
    }
}

/// The update interval in the answer to `:RATE?`; `None` where it is automatic or not understood.
///
/// ```
/// use driver_meter::scpi::yokogawa::items::rate;
/// use std::time::Duration;
/// assert_eq!(rate("250.0E-03"), Some(Duration::from_millis(250)));
/// assert_eq!(rate(":RATE 1S"), Some(Duration::from_secs(1)));
/// assert_eq!(rate("AUTO"), None);
/// ```
pub fn rate(answer: &str) -> Option<Duration> {
    let text = unheaded(answer).to_ascii_uppercase();
    let (number, scale) = match (text.strip_suffix("MS"), text.strip_suffix('S')) {
        (Some(number), _) => (number.to_owned(), 1e-3),
        (None, Some(number)) => (number.to_owned(), 1.0),
        (None, None) => (text, 1.0),
    };
    match parse(number.as_bytes())? {
        Scalar::Number(number) => {
            // The shortest interval is 100 ms, the longest 20 s.
            let seconds = number * scale;
            (0.001..=3600.0).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
        }
        Scalar::Overrange | Scalar::Missing => None,
    }
}

/// Reads the answer to `:NUMeric:NORMal:VALue?` into `into`, one scalar an item.
///
/// Takes any bytes; `None` if there are not exactly as many as `into` holds, or one is no number.
pub fn values(answer: &[u8], into: &mut [Scalar]) -> Option<()> {
    let mut words = answer.split(|byte| *byte == b',');
    for scalar in into {
        *scalar = parse(words.next()?)?;
    }
    words.next().is_none().then_some(())
}
