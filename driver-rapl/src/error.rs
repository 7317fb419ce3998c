//! What bars the way to the counters, and what to do about it.

use std::{fmt, io};

use power_core::{Access, Error, ErrorKind};

use crate::config::Way;

/// What an open counter can answer with instead of a count.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("the counter is gone: its CPU may be offline; open the source again")]
    Gone,
    #[error("cannot read the counter")]
    Io(#[from] io::Error),
    #[error("the counter is not a number that it can show")]
    Nonsense,
}

impl Failure {
    pub(crate) fn into_error(self, counter: &str) -> Error {
        let message = self.to_string();
        let error = match self {
            Self::Gone => Error::new(ErrorKind::Disconnected, message),
            Self::Nonsense => Error::new(ErrorKind::Protocol, message),
            // A file that was open and does not exist any more belongs to a CPU that went offline.
            Self::Io(cause) if cause.kind() == io::ErrorKind::NotFound => {
                Error::new(ErrorKind::Disconnected, message).with_source(cause)
            }
            Self::Io(cause) => Error::from_io(ErrorKind::Disconnected, message, cause),
        };
        error.with_context("counter", counter)
    }
}

/// Why one way to the counters does not work here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Barrier {
    pub(crate) way: Way,
    pub(crate) kind: ErrorKind,
    /// One clause: what is missing.
    pub(crate) reason: String,
    /// The line that mends it, where one does.
    pub(crate) mend: Option<String>,
}

impl Barrier {
    /// The way is not there on this machine as it is.
    pub(crate) fn absent(way: Way, reason: impl Into<String>, mend: Option<&str>) -> Self {
        let mend = mend.map(str::to_owned);
        Self { way, kind: ErrorKind::Unavailable, reason: reason.into(), mend }
    }

    /// The way is there, and this user may not take it.
    pub(crate) fn denied(way: Way, reason: impl Into<String>, mend: String) -> Self {
        Self { way, kind: ErrorKind::PermissionDenied, reason: reason.into(), mend: Some(mend) }
    }

    /// The kernel says something that no kernel says.
    pub(crate) fn nonsense(way: Way, reason: impl Into<String>) -> Self {
        Self { way, kind: ErrorKind::Protocol, reason: reason.into(), mend: None }
    }

    pub(crate) fn access(&self) -> Access {
        match (self.kind, &self.mend) {
            (ErrorKind::PermissionDenied, Some(mend)) => Access::Denied { mend: mend.clone() },
            (_, mend) => Access::Unavailable { reason: self.reason.clone(), mend: mend.clone() },
        }
    }

    pub(crate) fn into_error(self) -> Error {
        let message = match &self.mend {
            Some(mend) => format!("{self}; try: {mend}"),
            None => self.to_string(),
        };
        Error::new(self.kind, message)
    }
}

impl fmt::Display for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no RAPL by {}: {}", self.way.name(), self.reason)
    }
}
