//! Answers of PTDaemon.

use power_core::DeviceTime;

use crate::calendar::days_since_1970;

/// What it answers to `Hello`.
pub const GREETING: &str = "Hello, PTDaemon here!";

/// What it says of itself and of the meter, by `Identify`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity {
    /// The driver that it chose for the meter, such as `YokogawaWT330E`.
    pub kind: String,
    /// Its version.
    pub version: Option<String>,
    /// Whether SPEC accepts this kind of meter.
    pub accepted: Option<bool>,
    /// Calibration date, or `no_cal_date`.
    pub calibration: Option<String>,
    /// Maker, model, serial number and firmware, as the meter gave them.
    pub meter: Vec<String>,
}

impl Identity {
    /// Reads the answer to `Identify`; `None` for an error or what is none. Takes any text.
    ///
    /// ```
    /// use driver_meter::ptdaemon::protocol::Identity;
    /// let identity = Identity::parse(
    ///     "YokogawaWT330E,1000,1,1,1,1,0,0,1,version=1.9.2,OS=Linux,mode=power,1,1,1,0,0,no_cal_date,\
    ///      YOKOGAWA;WT333E;C2WC23035V;F1.04",
    /// )
    /// .unwrap();
    /// assert_eq!((identity.accepted, identity.meter[1].as_str()), (Some(true), "WT333E"));
    /// ```
    pub fn parse(answer: &str) -> Option<Self> {
        let words: Vec<&str> = answer.split(',').map(str::trim).collect();
        if words.len() < 9 || words[0].is_empty() || words[0].starts_with("Error") {
            return None;
        }
        let named = |name: &str| words.iter().find_map(|word| word.strip_prefix(name)).map(str::to_owned);
        let meter = words.last().filter(|word| word.contains(';'));
        let before_meter = words.len().checked_sub(2).and_then(|index| words.get(index));
        Some(Self {
            kind: words[0].to_owned(),
            version: named("version="),
            accepted: match words[8] {
                "1" => Some(true),
                "0" => Some(false),
                _ => None,
            },
            calibration: meter.and(before_meter).map(|word| (*word).to_owned()),
            meter: meter
                .map(|meter| meter.split(';').map(|part| part.trim().to_owned()).collect())
                .unwrap_or_default(),
        })
    }
}

/// The ranges in force, by `RR`; `None` where automatic or unknown.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Ranges {
    /// Current range in amperes.
    pub amperes: Option<f64>,
    /// Voltage range in volts.
    pub volts: Option<f64>,
}

impl Ranges {
    /// Reads `Ranges,{amps automatic},{amps},{volts automatic},{volts}`, where 1 is automatic, 0 fixed and -1 unknown.
    /// Takes any text.
    pub fn parse(answer: &str) -> Option<Self> {
        let mut words = answer.strip_prefix("Ranges,")?.split(',').map(str::trim);
        let mut range = || -> Option<Option<f64>> {
            let (automatic, range) = (words.next()?, number(words.next()?)?);
            Some((automatic == "0" && range > 0.0).then_some(range))
        };
        Some(Self { amperes: range()?, volts: range()? })
    }
}

/// Number of lines that follow the first answer to `RL`: `Last 12 samples`. Takes any text.
pub fn samples_that_follow(answer: &str) -> Option<usize> {
    let (count, rest) = answer.strip_prefix("Last ")?.split_once(' ')?;
    let count = count.parse().ok()?;
    (rest.starts_with("sample") && count <= 1_000_000).then_some(count)
}

/// One sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// PTDaemon's own time, of its host's zone, as if that were UTC.
    pub time: DeviceTime,
    /// Watts, volts, amperes and power factor; `None` where there is none, or none that is a number.
    pub values: [Option<f64>; 4],
}

/// Keys of the values of a [`Sample`], in their order.
pub const KEYS: [&str; 4] = ["Watts", "Volts", "Amps", "PF"];

impl Sample {
    /// Reads `Time,08-07-2021 09:51:52.783,Watts,366.9,…,Mark,NAME`. Takes any text.
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.trim().split(',');
        (words.next()? == "Time").then_some(())?;
        let mut sample = Self { time: time(words.next()?)?, values: [None; 4] };
        let mut seen = [false; 4];
        while let Some(key) = words.next() {
            let value = words.next()?;
            let Some(position) = KEYS.iter().position(|known| *known == key.trim()) else { continue };
            // A second set of the same keys belongs to one channel of several; the first is the sum.
            if !std::mem::replace(&mut seen[position], true) {
                sample.values[position] = match value.trim() {
                    word if word.eq_ignore_ascii_case("nan") => None,
                    word => Some(number(word)?),
                };
            }
        }
        seen[0].then_some(sample)
    }
}

/// The time `08-07-2021 09:51:52.783` (month, day, year) in nanoseconds since 1970, as if it were UTC. Takes any text.
pub fn time(text: &str) -> Option<DeviceTime> {
    let text = text.trim().as_bytes();
    let digits = |range: std::ops::Range<usize>| -> Option<i64> {
        let part = text.get(range)?;
        let value = part.iter().fold(0, |number, digit| number * 10 + i64::from(digit.wrapping_sub(b'0')));
        part.iter().all(u8::is_ascii_digit).then_some(value)
    };
    let shape = [(2, b'-'), (5, b'-'), (10, b' '), (13, b':'), (16, b':'), (19, b'.')];
    if text.len() != 23 || shape.iter().any(|(at, byte)| text[*at] != *byte) {
        return None;
    }
    let (hour, minute, second) = (digits(11..13)?, digits(14..16)?, digits(17..19)?);
    let year = digits(6..10).filter(|year| *year <= 2200)?;
    let days = days_since_1970(year, digits(0..2)?, digits(3..5)?)?;
    let valid = hour < 24 && minute < 60 && second < 61;
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    valid.then_some(DeviceTime::from_nanos(seconds * 1_000_000_000 + digits(20..23)? * 1_000_000))
}

/// What PTDaemon says of all samples since `Go`, by `Watts`, `Volts`, `Amps`, `PF` or `Uncertainty`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Statistic {
    /// Mean.
    pub mean: f64,
    /// Lowest.
    pub low: f64,
    /// Highest.
    pub high: f64,
    /// Samples.
    pub samples: u64,
    /// Samples that could not be taken.
    pub errors: u64,
    /// Samples that count.
    pub valid: u64,
}

impl Statistic {
    /// Reads `Watts,{mean},{low},{high},{samples},{errors},{valid}`. Takes any text.
    ///
    /// ```
    /// use driver_meter::ptdaemon::protocol::Statistic;
    /// let watts = Statistic::parse("Watts,1100.4,366.9,1135.4,711,0,711", "Watts").unwrap();
    /// assert_eq!((watts.samples, watts.errors), (711, 0));
    /// ```
    pub fn parse(answer: &str, name: &str) -> Option<Self> {
        let mut words = answer.trim().strip_prefix(name)?.strip_prefix(',')?.split(',').map(str::trim);
        let statistic = Self {
            mean: number(words.next()?)?,
            low: number(words.next()?)?,
            high: number(words.next()?)?,
            samples: words.next()?.parse().ok()?,
            errors: words.next()?.parse().ok()?,
            valid: words.next()?.parse().ok()?,
        };
        words.next().is_none().then_some(statistic)
    }
}

/// A finite number in decimal digits.
fn number(text: &str) -> Option<f64> {
    let plain = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E');
    let number: f64 = text.bytes().all(plain).then(|| text.parse().ok())??;
    number.is_finite().then_some(number)
}
