//! The answers of PTDaemon, for a simulated one.

use std::fmt::Write;

use super::protocol::GREETING;

/// A PTDaemon as far as a client sees it, with a Yokogawa WT333E.
#[derive(Debug, Clone, PartialEq)]
pub struct Ptd {
    /// What it answers to `Identify`.
    pub identity: String,
    /// Ranges of current and voltage; `None` for automatic.
    pub ranges: [Option<f64>; 2],
    /// Mark of the measurement that is going on.
    pub measuring: Option<String>,
    /// Time between samples of that measurement in milliseconds.
    pub interval_ms: u32,
    /// Samples not yet fetched, one line each.
    unread: Vec<String>,
    watts: Vec<f64>,
    /// Uncertainty of each sample in per cent; `None` where it cannot be stated.
    uncertainties: Vec<Option<f64>>,
    /// Whether it knows the command `RL`.
    pub gives_samples: bool,
}

impl Default for Ptd {
    fn default() -> Self {
        Self {
            identity:
                "YokogawaWT330E,1000,1,1,1,1,0,0,1,version=1.9.2-3976349f-20201208,OS=Linux,mode=power,\
                       1,1,1,0,0,no_cal_date,YOKOGAWA;WT333E;C2WC23035V;F1.04"
                    .into(),
            ranges: [Some(10.0), Some(300.0)],
            measuring: None,
            interval_ms: 1000,
            unread: Vec::new(),
            watts: Vec::new(),
            uncertainties: Vec::new(),
            gives_samples: true,
        }
    }
}

impl Ptd {
    /// Adds a sample to the measurement that is going on, if one is.
    ///
    /// `time` is the text of its time, `08-07-2021 09:51:52.783`.
    pub fn sample(&mut self, time: &str, values: [f64; 4], uncertainty: Option<f64>) {
        let Some(mark) = &self.measuring else { return };
        let [watts, volts, amperes, power_factor] = values;
        self.unread.push(format!(
            "Time,{time},Watts,{watts:.6},Volts,{volts:.6},Amps,{amperes:.6},PF,{power_factor:.6},Mark,{mark}"
        ));
        self.watts.push(watts);
        self.uncertainties.push(uncertainty);
    }

    /// The answer to one command, lines apart by `\r\n` and without the last one.
    ///
    /// ```
    /// use driver_meter::ptdaemon::server::Ptd;
    /// let mut daemon = Ptd::default();
    /// assert_eq!(daemon.answer("Hello"), "Hello, PTDaemon here!");
    /// daemon.answer("Go,1000,0,run");
    /// daemon.sample("08-07-2021 09:51:52.783", [366.9, 206.41, 1.913, 0.9293], Some(0.4));
    /// assert!(daemon.answer("RL").starts_with("Last 1 samples\r\nTime,08-07-2021 09:51:52.783,Watts,366.9"));
    /// ```
    pub fn answer(&mut self, command: &str) -> String {
        let words: Vec<&str> = command.trim().split(',').collect();
        match words.as_slice() {
            ["Hello"] => GREETING.into(),
            ["Identify"] => self.identity.clone(),
            ["RR"] => {
                let range = |range: Option<f64>| match range {
                    Some(range) => format!("0,{range:.6}"),
                    None => "1,5.000000".into(),
                };
                format!("Ranges,{},{}", range(self.ranges[0]), range(self.ranges[1]))
            }
            ["SR", quantity @ ("A" | "V"), range] => {
                let position = usize::from(*quantity == "V");
                match (*range, range.parse()) {
                    ("Auto", _) => self.ranges[position] = None,
                    (_, Ok(range)) => self.ranges[position] = Some(range),
                    (_, Err(_)) => return "Error: invalid range".into(),
                }
                format!("Range {quantity} changed")
            }
            ["Go", interval, _rampup, mark] => {
                let Some(interval) = interval.parse().ok().filter(|_| self.measuring.is_none()) else {
                    return "Error: measurement already in progress".into();
                };
                self.interval_ms = interval;
                self.measuring = Some((*mark).to_owned());
                (self.unread, self.watts, self.uncertainties) = (Vec::new(), Vec::new(), Vec::new());
                format!(
                    "Starting untimed measurement, maximum 500000 samples at {interval}ms with 0 rampup samples"
                )
            }
            ["Stop"] => match self.measuring.take() {
                Some(_) => "Stopping untimed measurement".into(),
                None => "Error: no measurement to stop".into(),
            },
            ["RL"] if self.gives_samples => {
                let mut answer = format!("Last {} samples", self.unread.len());
                for line in self.unread.drain(..) {
                    // Writing into a string cannot fail.
                    let _ = write!(answer, "\r\n{line}");
                }
                answer
            }
            ["Watts"] => statistic("Watts", self.watts.iter().copied(), self.watts.len()),
            ["Uncertainty"] => statistic(
                "Uncertainty",
                self.uncertainties.iter().flatten().copied(),
                self.uncertainties.len(),
            ),
            _ => format!("Error: Unknown command {command}"),
        }
    }
}

/// `Watts,{mean},{low},{high},{samples},{errors},{valid}`.
fn statistic(name: &str, values: impl Iterator<Item = f64> + Clone, samples: usize) -> String {
    let (count, sum) = values.clone().fold((0_u32, 0.0), |(count, sum), value| (count + 1, sum + value));
    let mean = if count == 0 { 0.0 } else { sum / f64::from(count) };
    let low = values.clone().reduce(f64::min).unwrap_or(0.0);
    let high = values.reduce(f64::max).unwrap_or(0.0);
    format!("{name},{mean:.6},{low:.6},{high:.6},{samples},0,{count}")
}
