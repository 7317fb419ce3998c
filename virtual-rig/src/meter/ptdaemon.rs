//! SPEC's `PTDaemon`: lines of text over TCP, ended by CR and LF.
//!
//! Commands and replies as `mlcommons/power-dev` uses and checks them: `Hello`, `Identify`, `RR`, `SR,V|A,RANGE`,
//! `Go,MS,RAMPUP[,MARK]`, `Stop`, `RL`, `Uncertainty`. The reply to `Watts` follows that of the daemon's
//! temperature mode, which was seen in a log; with `Uncertainty` it is not documented in public.

use super::calendar::Date;
use super::instrument::Shown;
use super::wire::{Over, Wire};
use crate::num::float;

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
    /// Publications of the analyser: the first of it, and the first that was not listed yet.
    first: i64,
    unread: i64,
    /// Every how many publications there is a sample.
    every: i64,
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
            ("watts", []) => self.latest(wire),
            ("uncertainty", []) => format!("Uncertainty,{:.4}", uncertainty(wire, &wire.meter.now()) * 100.0),
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
        self.measuring = Some(Measuring { mark, first, unread: first + samples * every, every });
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

    fn latest(&self, wire: &Wire<'_>) -> String {
        let newest = wire.meter.newest();
        match &self.measuring {
            Some(measuring) if newest >= measuring.first => {
                let done = (newest - measuring.first) / measuring.every;
                values(&wire.meter.at(measuring.first + done * measuring.every))
            }
            _ => "No data".to_owned(),
        }
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
    of_reading + of_range * wire.meter.model.range_w / shown.power_w.max(float(1))
}
