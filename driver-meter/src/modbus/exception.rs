//! What a device says when it refuses.

use std::fmt;

use modbus::ExceptionCode;
use power_core::{Error, ErrorKind};

/// A refusal by the device, found as the [`source`](std::error::Error::source) of the [`Error`] that reports it.
///
/// ```
/// use driver_meter::modbus::Exception;
/// use modbus::ExceptionCode;
/// use power_core::ErrorKind;
/// let refused = Exception::new(2);
/// assert_eq!(refused.code(), Some(ExceptionCode::IllegalDataAddress));
/// assert_eq!(refused.kind(), ErrorKind::Unsupported);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Exception(u8);

impl Exception {
    /// The refusal with this code on the wire.
    pub const fn new(code: u8) -> Self {
        Self(code)
    }

    /// The code on the wire.
    pub const fn raw(self) -> u8 {
        self.0
    }

    /// The code as the crate `modbus` names it; `None` for one that the specification does not know.
    pub const fn code(self) -> Option<ExceptionCode> {
        Some(match self.0 {
            1 => ExceptionCode::IllegalFunction,
            2 => ExceptionCode::IllegalDataAddress,
            3 => ExceptionCode::IllegalDataValue,
            4 => ExceptionCode::SlaveOrServerFailure,
            5 => ExceptionCode::Acknowledge,
            6 => ExceptionCode::SlaveOrServerBusy,
            7 => ExceptionCode::NegativeAcknowledge,
            8 => ExceptionCode::MemoryParity,
            9 => ExceptionCode::NotDefined,
            10 => ExceptionCode::GatewayPath,
            11 => ExceptionCode::GatewayTarget,
            _ => return None,
        })
    }

    /// What the caller can do about it.
    pub const fn kind(self) -> ErrorKind {
        match self.0 {
            5 | 6 => ErrorKind::Busy,
            // A device that fails, or a gateway that has no way to it, may do better later.
            11 => ErrorKind::Timeout,
            4 | 8 | 10 => ErrorKind::Unavailable,
            _ => ErrorKind::Unsupported,
        }
    }

    /// The error that reports it.
    pub(crate) fn into_error(self) -> Error {
        Error::new(self.kind(), "the meter refuses the request").with_source(self)
    }

    /// The refusal that `error` reports, if it reports one.
    pub fn of(error: &Error) -> Option<Self> {
        std::error::Error::source(error)?.downcast_ref().copied()
    }

    /// Whether `error` reports a refusal.
    pub(crate) fn is_behind(error: &Error) -> bool {
        Self::of(error).is_some()
    }
}

impl From<ExceptionCode> for Exception {
    fn from(code: ExceptionCode) -> Self {
        Self(code as u8)
    }
}

impl fmt::Display for Exception {
    /// The specification's words and what they mean here.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self.0 {
            1 => "illegal function: it has no such table of registers; look at the profile's function",
            2 => "illegal data address: it has no such register; look at model and profile",
            3 => "illegal data value: it gives fewer registers at once; lower the profile's max_registers",
            4 => "device failure",
            5 => "acknowledge: it needs more time",
            6 => "device busy",
            7 => "negative acknowledge",
            8 => "memory parity error",
            10 => "gateway path unavailable: the gateway is misconfigured or overloaded",
            11 => "gateway target did not answer: the meter behind the gateway is off, or has another unit",
            _ => "unknown exception",
        };
        write!(f, "exception {}, {words}", self.0)
    }
}

impl std::error::Error for Exception {}
