//! PTDaemon's own log: which meter, which ranges, and which samples it could not vouch for.

use super::LogTime;

/// What a PTDaemon log says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PtdLog {
    /// Maker, model, serial number and firmware, as the meter gave them.
    pub identity: Option<String>,
    /// The driver that PTDaemon chose for the meter.
    pub model: Option<String>,
    /// Version of PTDaemon.
    pub version: Option<String>,
    /// Whether PTDaemon checks the uncertainty of each sample.
    pub checks_uncertainty: bool,
    /// Whether the meter's calibration date is given as unknown.
    pub no_calibration_date: bool,
    /// The measurements, in the order of the log.
    pub sections: Vec<Section>,
}

/// One measurement, from `Go` to the next one.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Section {
    /// The mark that the samples carry.
    pub mark: String,
    /// The range of voltage in force.
    pub volt_range: Option<String>,
    /// The range of current in force.
    pub amp_range: Option<String>,
    /// Time between samples that was asked for.
    pub interval_ms: Option<u32>,
    /// When PTDaemon could not evaluate the uncertainty of a sample, in Unix nanoseconds.
    pub uncertain_ns: Vec<i64>,
    /// Samples that PTDaemon counted.
    pub samples: Option<u64>,
}

impl PtdLog {
    /// Reads a log. Takes any bytes: what it does not know it passes over.
    pub fn parse(bytes: &[u8], time: &LogTime) -> Self {
        let mut log = Self::default();
        let (mut volt_range, mut amp_range) = (None, None);
        for line in bytes.split(|byte| *byte == b'\n' || *byte == b'\r') {
            let Ok(line) = std::str::from_utf8(line) else { continue };
            let line = line.trim();
            let (stamp, text) = match line.split_once(": ") {
                Some((stamp, text)) => match time.parse(stamp.as_bytes()) {
                    Some(t_ns) => (Some(t_ns), text),
                    None => (None, line),
                },
                None => (None, line),
            };
            if let Some(identity) =
                after(text, "Analyzer identity response of ").and_then(|it| it.split_once(": "))
            {
                log.identity = Some(identity.1.trim().to_owned());
            } else if let Some(model) =
                after(text, "Selected power meter '").and_then(|it| it.split('\'').next())
            {
                log.model = Some(model.to_owned());
            } else if let Some(version) = text.strip_prefix("Version ") {
                log.version = Some(version.to_owned());
            } else if text.starts_with("Uncertainty checking for ") && text.ends_with("is activated") {
                log.checks_uncertainty = true;
            } else if text.contains(",no_cal_date") {
                log.no_calibration_date = true;
            } else if let Some(range) = after(text, "Volt range set to ") {
                volt_range = Some(range.to_owned());
            } else if let Some(range) =
                after(text, "Amp range set to ").or_else(|| after(text, "Ampere range set to "))
            {
                amp_range = Some(range.to_owned());
            } else if let Some(mark) = after(text, "Go with mark '") {
                log.sections.push(Section {
                    mark: mark.trim_end_matches('\'').to_owned(),
                    volt_range: volt_range.clone(),
                    amp_range: amp_range.clone(),
                    ..Section::default()
                });
            } else if let Some(section) = log.sections.last_mut() {
                section.line(text, stamp);
            }
        }
        log
    }

    /// The measurement whose samples carry this mark.
    pub fn section(&self, mark: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.mark == mark)
    }
}

impl Section {
    fn line(&mut self, text: &str, stamp: Option<i64>) {
        if let (true, Some(stamp)) = (text.contains("Can't evaluate uncertainty of this sample"), stamp) {
            self.uncertain_ns.push(stamp);
        } else if let Some(rest) = after(text, " samples at ") {
            self.interval_ms = rest.split_once("ms").and_then(|(number, _)| number.parse().ok());
        } else if let Some(rest) = after(text, ", samples ") {
            self.samples = rest.split(',').next().and_then(|number| number.trim().parse().ok());
        }
    }
}

fn after<'a>(text: &'a str, words: &str) -> Option<&'a str> {
    text.split_once(words).map(|(_, rest)| rest)
}
