//! A Yokogawa WT310E: the numeric part of its SCPI dialect (manual IM WT310-17EN).
//!
//! Items `:NUMeric:NORMal:ITEM<n>`, `:NUMeric:NORMal:VALue?`, `:NUMeric:NORMal:NUMber`, with headers on until
//! `:COMMunicate:HEADer OFF`. Settings that change nothing here are taken and forgotten.

use super::instrument::Shown;
use super::number::engineering;
use super::wire::{Over, Wire};
use crate::num::{float, rounded};

/// The items that a meter has from the factory.
const ITEMS: [&str; 10] = ["U", "I", "P", "S", "Q", "LAMBDA", "PHI", "FU", "FI", "NONE"];

/// Highest number of an item.
const MOST_ITEMS: usize = 50;

#[derive(Debug)]
struct Session {
    items: Vec<String>,
    number: usize,
    header: bool,
    /// Voltage and current range; automatic where none was set.
    ranges: [Option<f64>; 2],
    errors: Vec<&'static str>,
}

impl Default for Session {
    fn default() -> Self {
        let mut items: Vec<String> = ITEMS.iter().map(|item| (*item).to_owned()).collect();
        items.resize(MOST_ITEMS, "NONE".to_owned());
        Self { items, number: ITEMS.len(), header: true, ranges: [None; 2], errors: Vec::new() }
    }
}

/// Serves one client until it is gone.
pub(super) fn serve(wire: &mut Wire<'_>) -> Result<(), Over> {
    let mut session = Session::default();
    loop {
        let Some(line) = wire.line(None)? else { continue };
        let replies = session.take(&line, wire);
        if !replies.is_empty() {
            wire.reply_text(&replies.join(";"), "\n")?;
        }
    }
}

/// Whether a word of a command is this one, in its long or its short form: `NUMeric` is NUM or NUMERIC.
fn is(word: &str, form: &str) -> bool {
    let short: String = form.chars().filter(|c| !c.is_ascii_lowercase()).collect();
    word.eq_ignore_ascii_case(form) || word.eq_ignore_ascii_case(&short)
}

impl Session {
    /// Takes in one line of commands; what is to be answered.
    fn take(&mut self, line: &str, wire: &Wire<'_>) -> Vec<String> {
        let mut replies = Vec::new();
        let mut path: Vec<String> = Vec::new();
        for command in line.split(';').map(str::trim).filter(|command| !command.is_empty()) {
            let (header, argument) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
            let own: Vec<String> = header.split(':').filter(|w| !w.is_empty()).map(str::to_owned).collect();
            if header.starts_with('*') {
                self.common(header, wire, &mut replies);
                continue;
            }
            // Without a colon in front, a command goes on where the one before was.
            let mut words = if header.starts_with(':') { Vec::new() } else { path.clone() };
            words.extend(own);
            path = words[..words.len().saturating_sub(1)].to_vec();
            match self.command(&words, argument.trim(), wire) {
                Ok(reply) => replies.extend(reply),
                Err(error) => self.errors.push(error),
            }
        }
        replies
    }

    fn common(&mut self, header: &str, wire: &Wire<'_>, replies: &mut Vec<String>) {
        match header.to_ascii_uppercase().as_str() {
            "*IDN?" => replies.push("YOKOGAWA,WT310E,C2VA00001V,F1.03".to_owned()),
            "*OPC?" => replies.push("1".to_owned()),
            "*RST" => *self = Self::default(),
            "*CLS" => self.errors.clear(),
            "*ESR?" | "*STB?" => replies.push("0".to_owned()),
            _ => self.errors.push("113,\"Undefined header\""),
        }
        let _ = wire;
    }

    fn command(
        &mut self,
        words: &[String],
        argument: &str,
        wire: &Wire<'_>,
    ) -> Result<Option<String>, &'static str> {
        let plain: Vec<&str> = words.iter().map(|word| word.trim_end_matches('?')).collect();
        let query = words.last().is_some_and(|word| word.ends_with('?'));
        let with_header = self.header;
        let headed = |header: &str, text: String| {
            if with_header { format!("{header} {text}") } else { text }
        };
        match plain.as_slice() {
            [num, norm, val] if is(num, "NUMeric") && is(norm, "NORMal") && is(val, "VALue") && query => {
                let mut shown = wire.meter.now();
                // With a crest factor of 3 a range goes to 130 % of itself.
                shown.overrange |= self.ranges[0].is_some_and(|range| shown.volts > 1.3 * range);
                shown.overrange |= self.ranges[1].is_some_and(|range| shown.amps > 1.3 * range);
                self.values(argument, &shown).map(Some)
            }
            [num, norm, number] if is(num, "NUMeric") && is(norm, "NORMal") && is(number, "NUMber") => {
                if query {
                    return Ok(Some(headed(":NUMERIC:NORMAL:NUMBER", self.number.to_string())));
                }
                let number = argument.parse().ok().filter(|number| (1..=MOST_ITEMS).contains(number));
                self.number = number.ok_or("222,\"Data out of range\"")?;
                Ok(None)
            }
            [num, norm, item]
                if is(num, "NUMeric")
                    && is(norm, "NORMal")
                    && item.get(..4).is_some_and(|four| four.eq_ignore_ascii_case("ITEM")) =>
            {
                let number: usize = item[4..].parse().map_err(|_| "114,\"Header suffix out of range\"")?;
                let place = self.items.get_mut(number.wrapping_sub(1));
                let place = place.ok_or("114,\"Header suffix out of range\"")?;
                if query {
                    let element = if place == "NONE" { "" } else { ",1" };
                    let text = format!("{place}{element}");
                    return Ok(Some(headed(&format!(":NUMERIC:NORMAL:ITEM{number}"), text)));
                }
                let function = argument.split(',').next().unwrap_or("").trim().to_ascii_uppercase();
                if !known(&function) {
                    return Err("141,\"Invalid character data\"");
                }
                *place = function;
                Ok(None)
            }
            [num, format] if is(num, "NUMeric") && is(format, "FORMat") => match (query, argument) {
                (true, _) => Ok(Some(headed(":NUMERIC:FORMAT", "ASCII".to_owned()))),
                (false, text) if is(text, "ASCii") => Ok(None),
                _ => Err("141,\"Invalid character data\""),
            },
            [comm, header] if is(comm, "COMMunicate") && is(header, "HEADer") => {
                if query {
                    return Ok(Some(headed(":COMMUNICATE:HEADER", u8::from(self.header).to_string())));
                }
                self.header = matches!(argument.to_ascii_uppercase().as_str(), "ON" | "1");
                Ok(None)
            }
            [rate] if is(rate, "RATE") && query => {
                let seconds = float(wire.meter.model.period_ns) / 1e9;
                Ok(Some(headed(":RATE", engineering(seconds))))
            }
            [rate] if is(rate, "RATE") => {
                let own_ms = wire.meter.model.period_ns / 1_000_000;
                if milliseconds(argument) == Some(own_ms) {
                    Ok(None)
                } else {
                    Err("222,\"Data out of range\"")
                }
            }
            [measure, averaging, state]
                if is(measure, "MEASure") && is(averaging, "AVERaging") && is(state, "STATe") && query =>
            {
                Ok(Some(headed(":MEASURE:AVERAGING:STATE", "0".to_owned())))
            }
            [input, factor] if is(input, "INPut") && is(factor, "CFACtor") && query => {
                Ok(Some(headed(":INPUT:CFACTOR", "3".to_owned())))
            }
            [input, what, setting] if is(input, "INPut") && (is(what, "VOLTage") || is(what, "CURRent")) => {
                let which = usize::from(is(what, "CURRent"));
                let reply = self.range(which, setting, argument, query)?;
                Ok(reply.map(|(header, text)| headed(&header, text)))
            }
            [status, error] if is(status, "STATus") && is(error, "ERRor") && query => {
                let error = if self.errors.is_empty() { "0,\"No error\"" } else { self.errors.remove(0) };
                Ok(Some(error.to_owned()))
            }
            _ if query => Err("113,\"Undefined header\""),
            _ => Ok(None),
        }
    }

    /// A range, or whether it is automatic: header and text of the reply to a question.
    fn range(
        &mut self,
        which: usize,
        setting: &str,
        argument: &str,
        query: bool,
    ) -> Result<Option<(String, String)>, &'static str> {
        let header = [":INPUT:VOLTAGE", ":INPUT:CURRENT"][which];
        // The ranges that a WT310E has at most: 600 V and 20 A.
        let most = [600.0, 20.0][which];
        let range = &mut self.ranges[which];
        match (is(setting, "AUTO"), is(setting, "RANGe"), query) {
            (true, _, true) => Ok(Some((format!("{header}:AUTO"), u8::from(range.is_none()).to_string()))),
            (true, _, false) => {
                let auto = matches!(argument.to_ascii_uppercase().as_str(), "ON" | "1");
                *range = if auto { None } else { Some(range.unwrap_or(most)) };
                Ok(None)
            }
            (_, true, true) => Ok(Some((format!("{header}:RANGE"), engineering(range.unwrap_or(most))))),
            (_, true, false) => {
                let number = argument.trim_end_matches(|c: char| c.is_ascii_alphabetic());
                let set = number.parse().ok().filter(|set| *set > 0.0 && *set <= most);
                *range = Some(set.ok_or("222,\"Data out of range\"")?);
                Ok(None)
            }
            _ => Err("113,\"Undefined header\""),
        }
    }

    /// The values of all items, or of one.
    fn values(&self, argument: &str, shown: &Shown) -> Result<String, &'static str> {
        if argument.is_empty() {
            let all: Vec<String> =
                self.items[..self.number].iter().map(|function| value(function, shown)).collect();
            return Ok(all.join(","));
        }
        let number: usize = argument.parse().map_err(|_| "104,\"Data type error\"")?;
        let item = self.items.get(number.wrapping_sub(1)).ok_or("222,\"Data out of range\"")?;
        Ok(value(item, shown))
    }
}

/// A time such as `100MS`, `1S` or `0.1` in ms.
fn milliseconds(text: &str) -> Option<i64> {
    let text = text.to_ascii_uppercase();
    let (number, per_second) = match (text.strip_suffix("MS"), text.strip_suffix('S')) {
        (Some(number), _) => (number, 1.0),
        (None, Some(number)) => (number, 1e3),
        (None, None) => (text.as_str(), 1e3),
    };
    number.trim().parse::<f64>().ok().map(|number| rounded(number * per_second))
}

fn known(function: &str) -> bool {
    matches!(function, "U" | "I" | "P" | "S" | "Q" | "LAMBDA" | "PHI" | "FU" | "FI" | "WH" | "NONE")
}

fn value(function: &str, shown: &Shown) -> String {
    let reactive = (shown.apparent_va.powi(2) - shown.power_w.powi(2)).max(0.0).sqrt();
    let number = match function {
        "U" => shown.volts,
        "FU" | "FI" => shown.hertz,
        "I" | "P" | "S" | "Q" if shown.overrange => return "INF".to_owned(),
        "I" => shown.amps,
        "P" => shown.power_w,
        "S" => shown.apparent_va,
        "Q" => reactive,
        "LAMBDA" if !shown.overrange => shown.power_factor,
        "PHI" if !shown.overrange => shown.power_factor.clamp(-1.0, 1.0).acos().to_degrees(),
        _ => return "NAN".to_owned(),
    };
    engineering(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit() {
        for (text, ms) in [("100MS", 100), ("1S", 1_000), ("0.25", 250), ("100E-03", 100)] {
            assert_eq!(milliseconds(text), Some(ms), "{text}");
        }
        assert_eq!(milliseconds("soon"), None);
    }

    #[test]
    fn words_have_a_long_and_a_short_form() {
        assert!(is("num", "NUMeric") && is("NUMERIC", "NUMeric"));
        assert!(!is("NUME", "NUMeric") && !is("", "NUMeric"));
    }
}
