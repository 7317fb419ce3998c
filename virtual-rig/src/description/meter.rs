//! Meters at the node's rails.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A meter. What is absent is as its kind has it; clock, gain and offset are then drawn from the rig's seed, gain
/// and offset within the meter's accuracy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct MeterDescription {
    /// What it is called here: letters, digits, `-` and `_`.
    pub name: String,
    /// What it is.
    pub kind: MeterKind,
    /// Update period T in ms, of the meter's own clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period_ms: Option<f64>,
    /// Averaging window W in ms; 0 for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_ms: Option<f64>,
    /// Time constant of a first-order low-pass in ms; 0 for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tau_ms: Option<f64>,
    /// From the end of the window to the moment at which the value can be had, in ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<f64>,
    /// Standard deviation of the noise of a value in W.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise_w: Option<f64>,
    /// Watts shown per watt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gain: Option<f64>,
    /// Watts shown at no power.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset_w: Option<f64>,
    /// Power in W above which it is over its range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range_w: Option<f64>,
    /// The meter's time less the host's at the rig's second 0, in s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_offset_s: Option<f64>,
    /// By how many parts in a million its clock is fast.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift_ppm: Option<f64>,
    /// Whether its values carry the time of its own clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stamped: Option<bool>,
    /// Which time of a value's window a stamp is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stamps: Option<StampPosition>,
}

/// Which time of its averaging window a value's stamp is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StampPosition {
    /// Its beginning.
    Start,
    /// Its middle.
    Centre,
    /// Its end.
    #[default]
    End,
}

/// Kinds of meters, by what they speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MeterKind {
    /// ZES LMG450: the short language over TCP, as an RS-232 port behind a terminal server. 100 ms.
    Lmg450,
    /// ZES LMG670: the same with each value's own time and duration. 100 ms.
    Lmg670,
    /// Yokogawa WT310E: SCPI over TCP. 100 ms.
    Wt310,
    /// Eastron SDM630 behind a Modbus TCP gateway. 1 s, with a low-pass.
    Sdm630Tcp,
    /// Eastron SDM630 on a serial line (a pseudo-terminal), Modbus RTU.
    Sdm630Rtu,
    /// An analyser behind SPEC's `PTDaemon`. 1 s.
    Ptdaemon,
    /// Watts up? PRO on a serial line (a pseudo-terminal). 1 s.
    WattsUp,
}

impl MeterKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Lmg450,
        Self::Lmg670,
        Self::Wt310,
        Self::Sdm630Tcp,
        Self::Sdm630Rtu,
        Self::Ptdaemon,
        Self::WattsUp,
    ];
}

impl MeterDescription {
    /// A meter as its kind is.
    pub fn new(name: impl Into<String>, kind: MeterKind) -> Self {
        Self {
            name: name.into(),
            kind,
            period_ms: None,
            window_ms: None,
            tau_ms: None,
            delay_ms: None,
            noise_w: None,
            gain: None,
            offset_w: None,
            range_w: None,
            clock_offset_s: None,
            drift_ppm: None,
            stamped: None,
            stamps: None,
        }
    }

    /// Sets the meter's clock: its time less the host's at the rig's second 0, in s, and its drift in parts in a
    /// million.
    #[must_use]
    pub const fn with_clock(mut self, offset_s: f64, drift_ppm: f64) -> Self {
        self.clock_offset_s = Some(offset_s);
        self.drift_ppm = Some(drift_ppm);
        self
    }

    /// Sets update period and averaging window in ms.
    #[must_use]
    pub const fn with_period_ms(mut self, period_ms: f64, window_ms: f64) -> Self {
        self.period_ms = Some(period_ms);
        self.window_ms = Some(window_ms);
        self
    }

    /// Makes it show the true power, filtered: no error of gain and offset, no noise.
    #[must_use]
    pub const fn perfect(mut self) -> Self {
        self.gain = Some(1.0);
        self.offset_w = Some(0.0);
        self.noise_w = Some(0.0);
        self
    }

    /// Sets the standard deviation of the noise of a value, in W.
    #[must_use]
    pub const fn with_noise_w(mut self, noise_w: f64) -> Self {
        self.noise_w = Some(noise_w);
        self
    }

    /// Sets whether values carry the time of the meter's clock, and which time of their window that is.
    #[must_use]
    pub const fn with_stamps(mut self, stamped: bool, stamps: StampPosition) -> Self {
        self.stamped = Some(stamped);
        self.stamps = Some(stamps);
        self
    }

    pub(crate) fn check(&self) -> Result<()> {
        let fault = |what: &str| Err(Error::new(format!("meter {:?}: {what}", self.name)));
        let word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if self.name.is_empty() || self.name == RAPL || !self.name.chars().all(word) {
            return fault("a name has letters, digits, - and _, and is not rapl");
        }
        let within =
            |value: Option<f64>, low: f64, high: f64| value.is_none_or(|v| (low..=high).contains(&v));
        let checks = [
            (within(self.period_ms, 10.0, 60_000.0), "the update period is 10 to 60000 ms"),
            (within(self.window_ms, 0.0, 60_000.0), "the averaging window is 0 to 60000 ms"),
            (within(self.tau_ms, 0.0, 10_000.0), "the time constant is 0 to 10000 ms"),
            (within(self.delay_ms, 0.0, 10_000.0), "the delay is 0 to 10000 ms"),
            (within(self.noise_w, 0.0, 1_000.0), "the noise is 0 to 1000 W"),
            (within(self.gain, 0.5, 2.0), "the gain is 0.5 to 2"),
            (within(self.offset_w, -1e4, 1e4), "the offset is -10000 to 10000 W"),
            (within(self.range_w, 1.0, 1e6), "the range is 1 to 1000000 W"),
            (within(self.clock_offset_s, -1e6, 1e6), "the clock's offset is -1000000 to 1000000 s"),
            (within(self.drift_ppm, -1e4, 1e4), "the drift is -10000 to 10000 ppm"),
        ];
        checks.iter().find(|(good, _)| !good).map_or(Ok(()), |(_, what)| fault(what))
    }
}

/// Name by which a fault hits the powercap tree; no meter is called so.
pub(crate) const RAPL: &str = "rapl";
