//! What goes wrong on command.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Something that goes wrong: of what kind, with which GPU and call, and when.
///
/// In a rig's file a table, on the control socket and in the journal `key=value` pairs, each with the same keys:
/// `kind`, `gpu`, `meter`, `call`, `code`, `by_ms`, `at_w`, `from_s`, `until_s`.
///
/// ```
/// use virtual_rig::Fault;
/// let fault: Fault = "kind=error gpu=1 call=nvmlDeviceGetPowerUsage code=3".parse()?;
/// assert_eq!(fault, Fault::error("nvmlDeviceGetPowerUsage", 3).on_gpu(1));
/// # Ok::<(), virtual_rig::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Fault {
    /// What it is.
    pub kind: FaultKind,
    /// Which GPU it hits; all where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<usize>,
    /// Which meter it hits, by its name, or `rapl` for the powercap tree; none where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meter: Option<String>,
    /// Which call it hits: the name of an NVML function, of a field as
    /// `nvmlDeviceGetFieldValues:186` (or `:186:1` for scope 1 only), or `nvidia-smi` for the process; every call
    /// where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// The code that an [`Error`](FaultKind::Error) returns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u32>,
    /// By how much [`Slow`](FaultKind::Slow) slows, in ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_ms: Option<f64>,
    /// The power in W at which [`Saturated`](FaultKind::Saturated) readings stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_w: Option<f64>,
    /// From when on, in s after the rig's origin; always where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_s: Option<f64>,
    /// Until when, in s after the rig's origin; for ever where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_s: Option<f64>,
}

/// Kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FaultKind {
    /// The GPU has fallen off the bus: each of its calls returns `NVML_ERROR_GPU_IS_LOST`.
    Lost,
    /// The call returns a code. On `nvmlInit_v2` it is the driver that fails: 9 not loaded, 18 other version
    /// than the library, 4 no permission. On `nvidia-smi` the process ends with it.
    Error,
    /// The call takes longer.
    Slow,
    /// `nvidia-smi` stops in the middle of its last line, after its first report. A meter sends half of its
    /// replies.
    Truncated,
    /// A meter sends nothing, and takes in nothing; the counters of the powercap tree stand still.
    Silent,
    /// A meter's replies have a bit flipped; their checksum, if they have one, is that of the right reply.
    Corrupt,
    /// A meter sends bytes of no meaning before each reply.
    Garbage,
    /// A meter closes its connections, and accepts none; a serial line hangs up.
    Disconnect,
    /// A meter's readings stay at a power when it is higher: its range is too small, and it does not say so.
    Saturated,
    /// A meter's readings are over its range, and it says so.
    Overrange,
    /// A meter counts kW where W are expected: its readings are a thousandth.
    Kilowatts,
}

impl Fault {
    const fn of(kind: FaultKind) -> Self {
        Self {
            kind,
            gpu: None,
            meter: None,
            call: None,
            code: None,
            by_ms: None,
            at_w: None,
            from_s: None,
            until_s: None,
        }
    }

    /// GPU `gpu` is lost.
    pub const fn lost(gpu: usize) -> Self {
        Self::of(FaultKind::Lost).on_gpu(gpu)
    }

    /// `call` returns `code`.
    pub fn error(call: impl Into<String>, code: u32) -> Self {
        Self { call: Some(call.into()), code: Some(code), ..Self::of(FaultKind::Error) }
    }

    /// `call` is not supported: `NotSupported` from NVML, `[N/A]` from `nvidia-smi`.
    pub fn not_supported(call: impl Into<String>) -> Self {
        Self::error(call, 3)
    }

    /// The driver is not loaded: no initialisation, `nvidia-smi` ends with 9.
    pub fn no_driver() -> Self {
        Self::error("nvmlInit_v2", 9)
    }

    /// Library and kernel module are of different versions: no initialisation, `nvidia-smi` ends with 18.
    pub fn version_mismatch() -> Self {
        Self::error("nvmlInit_v2", 18)
    }

    /// `call` takes `by_ms` ms longer.
    pub fn slow(call: impl Into<String>, by_ms: f64) -> Self {
        Self { call: Some(call.into()), by_ms: Some(by_ms), ..Self::of(FaultKind::Slow) }
    }

    /// `nvidia-smi` stops in the middle of a line.
    pub const fn truncated() -> Self {
        Self::of(FaultKind::Truncated)
    }

    /// A fault of the meter called `meter`. An exception is a fault of kind [`Error`](FaultKind::Error) with its
    /// [`code`](Self::code), a late reply one of kind [`Slow`](FaultKind::Slow) with its [`by_ms`](Self::by_ms).
    pub fn of_meter(meter: impl Into<String>, kind: FaultKind) -> Self {
        Self { meter: Some(meter.into()), ..Self::of(kind) }
    }

    /// Meter `meter` answers each request with this exception.
    pub fn exception(meter: impl Into<String>, code: u32) -> Self {
        Self { code: Some(code), ..Self::of_meter(meter, FaultKind::Error) }
    }

    /// Meter `meter` answers `by_ms` ms late.
    pub fn late(meter: impl Into<String>, by_ms: f64) -> Self {
        Self { by_ms: Some(by_ms), ..Self::of_meter(meter, FaultKind::Slow) }
    }

    /// Meter `meter` shows no more than `at_w` W.
    pub fn saturated(meter: impl Into<String>, at_w: f64) -> Self {
        Self { at_w: Some(at_w), ..Self::of_meter(meter, FaultKind::Saturated) }
    }

    /// Limits it to GPU `gpu`.
    #[must_use]
    pub const fn on_gpu(mut self, gpu: usize) -> Self {
        self.gpu = Some(gpu);
        self
    }

    /// Makes it begin `from_s` s after the rig's origin.
    #[must_use]
    pub const fn since(mut self, from_s: f64) -> Self {
        self.from_s = Some(from_s);
        self
    }

    /// Makes it end `until_s` s after the rig's origin.
    #[must_use]
    pub const fn until(mut self, until_s: f64) -> Self {
        self.until_s = Some(until_s);
        self
    }

    pub(crate) fn check(&self) -> Result<()> {
        let word = |text: &String| !text.is_empty() && !text.contains(char::is_whitespace);
        if !self.call.as_ref().is_none_or(word) {
            return Err(Error::new("the call of a fault is one word"));
        }
        if !self.meter.as_ref().is_none_or(word) {
            return Err(Error::new("the meter of a fault is one word"));
        }
        if self.meter.is_some() && self.kind == FaultKind::Lost {
            return Err(Error::new("a meter is not lost: see silent and disconnect"));
        }
        if self.meter.is_none() && self.kind.is_of_meters() {
            return Err(Error::new(format!("a fault of kind {} needs a meter", self.kind.name())));
        }
        match self.kind {
            FaultKind::Error if self.code.is_none() => Err(Error::new("a fault of kind error needs a code")),
            FaultKind::Slow if !self.by_ms.is_some_and(|by| by.is_finite() && by >= 0.0) => {
                Err(Error::new("a fault of kind slow needs by_ms of 0 or more"))
            }
            FaultKind::Saturated if !self.at_w.is_some_and(|at| at.is_finite() && at >= 0.0) => {
                Err(Error::new("a fault of kind saturated needs at_w of 0 or more"))
            }
            _ => Ok(()),
        }
    }
}

impl FaultKind {
    const ALL: [(Self, &'static str); 11] = [
        (Self::Lost, "lost"),
        (Self::Error, "error"),
        (Self::Slow, "slow"),
        (Self::Truncated, "truncated"),
        (Self::Silent, "silent"),
        (Self::Corrupt, "corrupt"),
        (Self::Garbage, "garbage"),
        (Self::Disconnect, "disconnect"),
        (Self::Saturated, "saturated"),
        (Self::Overrange, "overrange"),
        (Self::Kilowatts, "kilowatts"),
    ];

    /// Whether only meters have it.
    const fn is_of_meters(self) -> bool {
        !matches!(self, Self::Lost | Self::Error | Self::Slow | Self::Truncated)
    }

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kind={}", self.kind.name())?;
        let mut pair = |key: &str, value: Option<String>| match value {
            Some(value) => write!(f, " {key}={value}"),
            None => Ok(()),
        };
        pair("gpu", self.gpu.map(|gpu| gpu.to_string()))?;
        pair("meter", self.meter.clone())?;
        pair("call", self.call.clone())?;
        pair("code", self.code.map(|code| code.to_string()))?;
        pair("by_ms", self.by_ms.map(|by| by.to_string()))?;
        pair("at_w", self.at_w.map(|at| at.to_string()))?;
        pair("from_s", self.from_s.map(|from| from.to_string()))?;
        pair("until_s", self.until_s.map(|until| until.to_string()))
    }
}

impl FromStr for Fault {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        fn number<T: FromStr>(key: &str, value: &str) -> Result<Option<T>> {
            value.parse().map(Some).map_err(|_| Error::new(format!("{key}={value} is not a number")))
        }
        let mut kind = None;
        let mut fault = Self::of(FaultKind::Lost);
        for pair in text.split_whitespace() {
            let Some((key, value)) = pair.split_once('=') else {
                return Err(Error::new(format!("{pair:?} is not key=value")));
            };
            match key {
                "kind" => {
                    kind = FaultKind::ALL.iter().find(|(_, name)| *name == value).map(|(kind, _)| *kind);
                }
                "gpu" => fault.gpu = number(key, value)?,
                "meter" => fault.meter = Some(value.to_owned()),
                "call" => fault.call = Some(value.to_owned()),
                "code" => fault.code = number(key, value)?,
                "by_ms" => fault.by_ms = number(key, value)?,
                "at_w" => fault.at_w = number(key, value)?,
                "from_s" => fault.from_s = number(key, value)?,
                "until_s" => fault.until_s = number(key, value)?,
                _ => return Err(Error::new(format!("a fault has no {key}"))),
            }
        }
        fault.kind = kind.ok_or_else(|| {
            let known: Vec<&str> = FaultKind::ALL.iter().map(|(_, name)| *name).collect();
            Error::new(format!("a fault needs a kind, of {}", known.join(", ")))
        })?;
        fault.check()?;
        Ok(fault)
    }
}
