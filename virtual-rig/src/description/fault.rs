//! What goes wrong on command.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Something that goes wrong: of what kind, with which GPU and call, and when.
///
/// In a rig's file a table, on the control socket and in the journal `key=value` pairs, each with the same keys:
/// `kind`, `gpu`, `call`, `code`, `by_ms`, `from_s`, `until_s`.
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
    /// `nvidia-smi` stops in the middle of its last line, after its first report.
    Truncated,
}

impl Fault {
    const fn of(kind: FaultKind) -> Self {
        Self { kind, gpu: None, call: None, code: None, by_ms: None, from_s: None, until_s: None }
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
        match self.kind {
            FaultKind::Error if self.code.is_none() => Err(Error::new("a fault of kind error needs a code")),
            FaultKind::Slow if !self.by_ms.is_some_and(|by| by.is_finite() && by >= 0.0) => {
                Err(Error::new("a fault of kind slow needs by_ms of 0 or more"))
            }
            _ => Ok(()),
        }
    }
}

impl FaultKind {
    const ALL: [(Self, &'static str); 4] =
        [(Self::Lost, "lost"), (Self::Error, "error"), (Self::Slow, "slow"), (Self::Truncated, "truncated")];

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
        pair("call", self.call.clone())?;
        pair("code", self.code.map(|code| code.to_string()))?;
        pair("by_ms", self.by_ms.map(|by| by.to_string()))?;
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
                "call" => fault.call = Some(value.to_owned()),
                "code" => fault.code = number(key, value)?,
                "by_ms" => fault.by_ms = number(key, value)?,
                "from_s" => fault.from_s = number(key, value)?,
                "until_s" => fault.until_s = number(key, value)?,
                _ => return Err(Error::new(format!("a fault has no {key}"))),
            }
        }
        fault.kind = kind.ok_or_else(|| Error::new("a fault needs kind=lost, error, slow or truncated"))?;
        fault.check()?;
        Ok(fault)
    }
}
