//! SPEC's `PTDaemon`: lines of text over TCP, ended by CR and LF.
//!
//! Commands and replies as `mlcommons/power-dev` uses and checks them: `Hello`, `Identify`, `RR`, `SR,V|A,RANGE`,
//! `Go,MS,RAMPUP[,MARK]`, `Stop`, `RL`. `Watts`, `Volts`, `Amps`, `PF` and `Uncertainty` are answered by mean, least,
//! greatest, samples, errors and samples that count, of all since `Go`; the daemon is not documented in public.

use super::calendar::Date;
use super::instrument::Shown;
use super::wire::{Over, Wire};

/// Most samples of an untimed measurement.
const MOST_SAMPLES: i64 = 500_000;

#[derive(Debug)]
struct Session {
    /// The volt and ampere ranges that were set; automatic where none is.
    volt_range: Option<f64>,
    amp_range: Option<f64>,
    measuring: Option<Measuring>,
}

/// An untimed measurement.
#[derive(Debug, Clone)]
struct Measuring {
    mark: String,
    /// The first publication of the analyser that was not listed yet.
    unread: i64,
    /// Every how many publications there is a sample.
    every: i64,
    /// The first publication that is not in the statistics yet.
    uncounted: i64,
    statistics: [Statistic; NAMES.len()],
}

/// What there are statistics of.
const NAMES: [&str; 5] = ["watts", "volts", "amps", "pf", "uncertainty"];

/// All samples of a measurement.
#[derive(Debug, Clone, Copy, Default)]
struct Statistic {
    sum: f64,
    low: f64,
    high: f64,
    valid: u32,
    errors: u32,
}

impl Statistic {
    fn count(&mut self, value: Option<f64>) {
        let Some(value) = value else {
            self.errors += 1;
            return;
        };
        self.low = if self.valid == 0 { value } else { self.low.min(value) };
        self.high = if self.valid == 0 { value } else { self.high.max(value) };
        self.sum += value;
        self.valid += 1;
    }

    fn text(&self, name: &str) -> String {
        let mean = if self.valid == 0 { -1.0 } else { self.sum / f64::from(self.valid) };
        let samples = self.valid + self.errors;
        let Self { low, high, valid, errors, .. } = self;
        format!("{name},{mean:.6},{low:.6},{high:.6},{samples},{errors},{valid}")
    }
}

/// Serves one client until it is gone.
pub(super) fn serve(wire: &mut Wire<'_>) -> Result<(), Over> {
    let mut session = Session { volt_range: None, amp_range: None, measuring: None };
    loop {
        let Some(line) = wire.line(None)? else { continue };
        for reply in session.answer(&line, wire) {
            wire.reply_text(&reply, "\r\n")?;
        }
    }
}

impl Session {
    fn answer(&mut self, line: &str, wire: &Wire<'_>) -> Vec<String> {
        let words: Vec<&str> = line.split(',').map(str::trim).collect();
        let command = words[0].to_ascii_lowercase();
        let reply = match (command.as_str(), &words[1..]) {
            ("hello", []) => "Hello, PTDaemon here!".to_owned(),
            ("identify", []) => "YokogawaWT310,1000,1,1,1,1,1,1,1,version=1.10.0-00000000-20260101,OS=Linux,\
                mode=power,0,0,1,0,0,no_cal_date,na"
                .to_owned(),
            ("rr", []) => format!("Ranges,{},{}", range(self.amp_range), range(self.volt_range)),
            ("sr", [which, value]) => self.set_range(which, value),
            ("go", [period, ramp_up, mark @ ..]) => self.go(period, ramp_up, mark.first(), wire),
            ("stop", []) => match self.measuring.take() {
                Some(_) => "Stopping untimed measurement".to_owned(),
                None => "Error: no measurement to stop".to_owned(),
            },
            ("rl", []) => return self.unread(wire),
            ("rl", _) => "Error: Invalid number of parameters".to_owned(),
            (name, []) if NAMES.contains(&name) => self.statistic(name, words[0], wire),
            _ => format!("Error: Unknown command {:?}", words[0]),
        };
        vec![reply]
    }

    fn set_range(&mut self, which: &str, value: &str) -> String {
        let range = match value.to_ascii_lowercase().as_str() {
            "auto" => None,
            number => match number.parse::<f64>().ok().filter(|range| range.is_finite() && *range > 0.0) {
                Some(range) => Some(range),
                None => return format!("Error: Invalid range {value:?}"),
            },
        };
        match which.to_ascii_uppercase().as_str() {
            "V" => self.volt_range = range,
            "A" => self.amp_range = range,
            _ => return format!("Error: Invalid range type {which:?}"),
        }
        format!("Range {} changed", which.to_ascii_uppercase())
    }

    fn go(&mut self, period: &str, ramp_up: &str, mark: Option<&&str>, wire: &Wire<'_>) -> String {
        let own_ms = wire.meter.model.period_ns / 1_000_000;
        let (Ok(period_ms), Ok(samples)) = (period.parse::<i64>(), ramp_up.parse::<i64>()) else {
            return "Error: Invalid parameter".to_owned();
        };
        if period_ms < own_ms || !(0..=MOST_SAMPLES).contains(&samples) {
            return format!("Error: the interval is {own_ms} ms or more");
        }
        if self.measuring.is_some() {
            return "Error: measurement in progress".to_owned();
        }
        let first = wire.meter.newest() + 1;
        let mark = mark.filter(|mark| !mark.is_empty()).map_or("notset", |mark| *mark).to_owned();
        let every = (period_ms / own_ms).max(1);
        let first = first + samples * every;
        let statistics = [Statistic::default(); NAMES.len()];
        self.measuring = Some(Measuring { mark, unread: first, every, uncounted: first, statistics });
        format!(
            "Starting untimed measurement, maximum {MOST_SAMPLES} samples at {period_ms}ms with {samples} rampup \
             samples"
        )
    }

    /// The samples that were not listed yet: how many, then a line each.
    fn unread(&mut self, wire: &Wire<'_>) -> Vec<String> {
        let Some(measuring) = &mut self.measuring else {
            return vec!["Error: no measurement".to_owned()];
        };
        let newest = wire.meter.newest();
        let mut lines = Vec::new();
        while measuring.unread <= newest && lines.len() < 10_000 {
            let shown = wire.meter.at(measuring.unread);
            lines.push(format!("Time,{},{},Mark,{}", time(shown.unix_ns), values(&shown), measuring.mark));
            measuring.unread += measuring.every;
        }
        lines.insert(0, format!("Last {} samples", lines.len()));
        lines
    }

    /// The statistics of one quantity since the measurement began.
    fn statistic(&mut self, name: &str, asked: &str, wire: &Wire<'_>) -> String {
        let Some(measuring) = &mut self.measuring else { return "No data".to_owned() };
        let newest = wire.meter.newest();
        while measuring.uncounted <= newest {
            let shown = wire.meter.at(measuring.uncounted);
            let ranged = |value: f64| (!shown.overrange).then_some(value);
            let values = [
                ranged(shown.power_w),
                Some(shown.volts),
                ranged(shown.amps),
                ranged(shown.power_factor),
                ranged(uncertainty(wire, &shown) * 100.0),
            ];
            for (statistic, value) in measuring.statistics.iter_mut().zip(values) {
                statistic.count(value);
            }
            measuring.uncounted += measuring.every;
        }
        let place = NAMES.iter().position(|known| *known == name).unwrap_or(0);
        let statistic = &measuring.statistics[place];
        if statistic.valid + statistic.errors == 0 { "No data".to_owned() } else { statistic.text(asked) }
    }
}

/// Whether a range is automatic, and the range; -1 where it is not known.
fn range(set: Option<f64>) -> String {
    set.map_or_else(|| "1,-1.000000".to_owned(), |range| format!("0,{range:.6}"))
}

fn values(shown: &Shown) -> String {
    // The daemon writes -1 where its analyser is over its range.
    let ranged = |value: f64| if shown.overrange { -1.0 } else { value };
    format!(
        "Watts,{:.6},Volts,{:.6},Amps,{:.6},PF,{:.6}",
        ranged(shown.power_w),
        shown.volts,
        ranged(shown.amps),
        ranged(shown.power_factor)
    )
}

fn time(unix_ns: i64) -> String {
    let Date { year, month, day, hour, minute, second, nanos } = Date::of(unix_ns);
    let ms = nanos / 1_000_000;
    format!("{month:02}-{day:02}-{year:04} {hour:02}:{minute:02}:{second:02}.{ms:03}")
}

/// The limits of error of a reading as a share of it.
fn uncertainty(wire: &Wire<'_>, shown: &Shown) -> f64 {
    let (of_reading, of_range) = wire.meter.model.accuracy;
    of_reading + of_range * wire.meter.model.range_w / shown.power_w.max(1.0)
}
