//! The answers of a WT310E, for a simulated one.

use super::items::Item;
use crate::scpi::number::Scalar;

/// A WT310E as far as a driver sees it: settings, and an answer to each question about them.
#[derive(Debug, Clone, PartialEq)]
pub struct Wt310e {
    /// Serial number.
    pub serial: String,
    /// The items, by word and element.
    pub items: Vec<(String, String)>,
    /// Data update interval in milliseconds.
    pub rate_ms: u32,
    /// Voltage range in volts.
    pub volt_range: f64,
    /// Current range in amperes.
    pub amp_range: f64,
    /// Whether the ranges are chosen automatically.
    pub auto_range: bool,
    /// Messages in the error queue.
    pub errors: Vec<String>,
}

impl Default for Wt310e {
    /// Items, ranges and rate as the maker sets them, with fixed ranges of 300 V and 5 A.
    fn default() -> Self {
        let item = |word: &str| (word.to_owned(), "1".to_owned());
        Self {
            serial: "C3UF12345E".into(),
            items: ["U", "I", "P", "S", "Q", "LAMBDA", "PHI", "FU", "FI"].map(item).into(),
            rate_ms: 250,
            volt_range: 300.0,
            amp_range: 5.0,
            auto_range: false,
            errors: Vec::new(),
        }
    }
}

impl Wt310e {
    /// The answer to one command, without terminator; `None` for what has none.
    ///
    /// `measure` gives the value of an item now.
    ///
    /// ```
    /// use driver_meter::scpi::number::Scalar;
    /// use driver_meter::scpi::yokogawa::server::Wt310e;
    /// let mut meter = Wt310e::default();
    /// assert_eq!(meter.answer(":NUMERIC:NORMAL:ITEM3?", |_| Scalar::Missing).as_deref(), Some("P,1"));
    /// ```
    pub fn answer(&mut self, command: &str, measure: impl FnMut(&Item) -> Scalar) -> Option<String> {
        let command = command.trim();
        let upper = command.to_ascii_uppercase();
        let (head, argument) = upper.split_once(' ').unwrap_or((&upper, ""));
        let flag = |on: bool| Some(u8::from(on).to_string());
        match head {
            "*IDN?" => Some(format!("YOKOGAWA,WT310E,{},F1.04", self.serial)),
            "*CLS" => {
                self.errors.clear();
                None
            }
            ":COMMUNICATE:HEADER" | ":NUMERIC:FORMAT" => None,
            ":STATUS:ERROR?" => Some(match self.errors.pop() {
                Some(error) => error,
                None => "0,\"No error\"".into(),
            }),
            ":NUMERIC:NORMAL:NUMBER" => {
                let count = argument.parse().unwrap_or(0);
                self.items.resize(count, ("NONE".into(), String::new()));
                None
            }
            ":NUMERIC:NORMAL:NUMBER?" => Some(self.items.len().to_string()),
            ":NUMERIC:NORMAL:VALUE?" => Some(self.values(measure)),
            ":RATE" => {
                match argument.trim_end_matches("MS").parse() {
                    Ok(rate @ (100 | 250 | 500 | 1000 | 2000 | 5000)) => self.rate_ms = rate,
                    _ => self.refuse(),
                }
                None
            }
            ":RATE?" => Some(format!("{:.1}E-03", f64::from(self.rate_ms))),
            ":MEASURE:AVERAGING:STATE?" => flag(false),
            ":INPUT:CFACTOR?" => Some("3".into()),
            ":INPUT:VOLTAGE:AUTO?" | ":INPUT:CURRENT:AUTO?" => flag(self.auto_range),
            ":INPUT:VOLTAGE:RANGE?" => Some(format!("{:.1}E+00", self.volt_range)),
            ":INPUT:CURRENT:RANGE?" => Some(format!("{:.1}E+00", self.amp_range)),
            ":INPUT:VOLTAGE:RANGE" => {
                self.set(argument, 'V', &[15.0, 30.0, 60.0, 150.0, 300.0, 600.0], |meter| {
                    &mut meter.volt_range
                });
                None
            }
            ":INPUT:CURRENT:RANGE" => {
                self.set(argument, 'A', &[0.5, 1.0, 2.0, 5.0, 10.0, 20.0], |meter| &mut meter.amp_range);
                None
            }
            _ => self.item(head, argument),
        }
    }

    fn item(&mut self, head: &str, argument: &str) -> Option<String> {
        let item = head.strip_prefix(":NUMERIC:NORMAL:ITEM");
        let (number, asked) = match item.map(|rest| (rest.trim_end_matches('?'), rest.ends_with('?'))) {
            Some((digits, asked)) => (digits.parse::<usize>().unwrap_or(0), asked),
            None => (0, false),
        };
        let Some(item) = number.checked_sub(1).and_then(|index| self.items.get_mut(index)) else {
            self.refuse();
            return None;
        };
        if asked {
            let comma = if item.1.is_empty() { "" } else { "," };
            return Some(format!("{}{comma}{}", item.0, item.1));
        }
        let (word, element) = argument.split_once(',').unwrap_or((argument, ""));
        *item = (word.to_owned(), element.to_owned());
        None
    }

    fn values(&self, mut measure: impl FnMut(&Item) -> Scalar) -> String {
        let values = self.items.iter().map(|(word, element)| {
            let item = Item::parse(&format!("{word},{element}"));
            match item.map_or(Scalar::Missing, |item| measure(&item)) {
                Scalar::Number(number) => format!("{number:.4E}"),
                Scalar::Overrange => "INF".into(),
                Scalar::Missing => "NAN".into(),
            }
        });
        values.collect::<Vec<_>>().join(",")
    }

    fn set(&mut self, text: &str, unit: char, ranges: &[f64], range: fn(&mut Self) -> &mut f64) {
        let wanted = text.trim_end_matches(unit).parse::<f64>().unwrap_or(f64::NAN);
        if ranges.iter().any(|known| (known - wanted).abs() < 1e-9) {
            *range(self) = wanted;
            self.auto_range = false;
        } else {
            self.refuse();
        }
    }

    fn refuse(&mut self) {
        self.errors.push("222,\"Data out of range\"".into());
    }
}
