//! The answers of an LMG, for a simulated one.

/// An LMG450 or LMG670 as far as a driver sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Lmg {
    /// What it answers to `*idn?`.
    pub identity: String,
    /// Measuring cycle in seconds.
    pub cycle_s: f64,
    /// Whether it speaks the short language.
    pub short: bool,
    /// The values that each line holds, such as `p1`.
    pub values: Vec<String>,
    /// Whether it sends a line each cycle.
    pub continuous: bool,
    /// Messages in the error queue.
    pub errors: Vec<String>,
}

impl Lmg {
    /// An instrument of this identity, as it is when switched on, with a cycle of 0.5 s.
    pub fn new(identity: impl Into<String>) -> Self {
        Self {
            identity: identity.into(),
            cycle_s: 0.5,
            short: false,
            values: Vec::new(),
            continuous: false,
            errors: Vec::new(),
        }
    }

    /// The answer to one line of commands, without terminator; `None` for what has none.
    ///
    /// ```
    /// use driver_meter::scpi::zes::server::Lmg;
    /// let mut meter = Lmg::new("ZES ZIMMER Electronic Systems GmbH,LMG450,12345678,3.090");
    /// assert_eq!(meter.answer("syst:lang short"), None);
    /// assert_eq!(meter.answer("cycl 0.1;*opc?").as_deref(), Some("1"));
    /// assert_eq!(meter.answer("actn;p1?"), None);
    /// meter.answer("cont on");
    /// assert_eq!(meter.line(|value| format!("{value}=1")), "p1=1");
    /// ```
    pub fn answer(&mut self, line: &str) -> Option<String> {
        let line = line.trim();
        if let Some(values) = line.strip_prefix("actn;").filter(|_| self.short) {
            self.values =
                values.split(';').map(|value| value.trim().trim_end_matches('?').to_owned()).collect();
            return None;
        }
        let mut answers = Vec::new();
        for command in line.split(';') {
            let (head, argument) = command.trim().split_once(' ').unwrap_or((command.trim(), ""));
            match (head, argument) {
                ("*idn?", _) => answers.push(self.identity.clone()),
                ("*opc?", _) => answers.push("1".into()),
                ("*cls", _) => self.errors.clear(),
                ("syst:err:all?", _) if !self.short && self.errors.is_empty() => {
                    answers.push("0,\"No error\"".into());
                }
                ("syst:err:all?", _) if !self.short => {
                    answers.push(std::mem::take(&mut self.errors).join(","));
                }
                (range, wanted) if self.short && (range.starts_with("urng") || range.starts_with("irng")) => {
                    // No range is greater than 1000 V or 32 A.
                    let most = if range.starts_with('u') { 1000.0 } else { 32.0 };
                    if !wanted.parse().is_ok_and(|wanted: f64| wanted <= most) {
                        self.errors.push("-222,\"Data out of range\"".into());
                    }
                }
                ("syst:lang" | "*zlang" | "lang", language) => self.short = language == "short",
                ("cont", state) if self.short => self.continuous = state == "on",
                ("cycl?", _) if self.short => answers.push(format!("{:E}", self.cycle_s)),
                ("cycl", seconds) if self.short => self.cycle_s = seconds.parse().unwrap_or(self.cycle_s),
                // Everything else is a setting that does not matter here.
                _ => {}
            }
        }
        (!answers.is_empty()).then(|| answers.join(";"))
    }

    /// One line of values, without terminator; `measure` gives the text of each.
    pub fn line(&self, mut measure: impl FnMut(&str) -> String) -> String {
        self.values.iter().map(|value| measure(value)).collect::<Vec<_>>().join(";")
    }
}
