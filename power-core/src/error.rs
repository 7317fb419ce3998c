//! One error for the whole workspace, in the caller's terms.

use std::borrow::Cow;
use std::{fmt, io};

/// A result whose error is [`Error`] unless said otherwise.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, in terms of what the caller can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// This machine cannot offer the source at all: no driver, no kernel support. Install what the message names.
    Unavailable,
    /// The driver is there, the named device or channel is not. Check the name against what discovery lists.
    NotFound,
    /// The device is there, but this user may not read it. The message names the right that is missing.
    PermissionDenied,
    /// Somebody else holds the device. Retrying after a short delay may succeed.
    Busy,
    /// The device was there and is gone. Sticky: open the source again.
    Disconnected,
    /// No answer within the deadline. Retrying may succeed; unlike `Disconnected`, the link still stands.
    Timeout,
    /// The answer breaks the device's protocol. Not retried blindly: the link may be out of step.
    Protocol,
    /// The device says that what it measures exceeds its range. Choose a greater range.
    Overrange,
    /// The device does not offer this, and never will.
    Unsupported,
    /// The configuration is wrong. The message names the key and what would be right.
    InvalidConfig,
}

impl ErrorKind {
    /// Whether the same call may succeed when simply made again.
    pub const fn is_transient(self) -> bool {
        matches!(self, Self::Busy | Self::Timeout)
    }

    /// The kind in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::NotFound => "not found",
            Self::PermissionDenied => "permission denied",
            Self::Busy => "busy",
            Self::Disconnected => "disconnected",
            Self::Timeout => "timed out",
            Self::Protocol => "protocol violated",
            Self::Overrange => "out of range",
            Self::Unsupported => "not supported",
            Self::InvalidConfig => "invalid configuration",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// A failure of a power source.
///
/// `Display` is one line without a full stop; the cause is in [`source`](std::error::Error::source). The
/// alternate form, `{:#}`, adds all causes to the line: print that one once, at the top of a program.
///
/// ```
/// use power_core::{Error, ErrorKind};
/// let error = Error::new(ErrorKind::PermissionDenied, "cannot read energy_uj")
///     .with_context("path", "/sys/class/powercap/intel-rapl:0/energy_uj");
/// assert_eq!(
///     error.to_string(),
///     "cannot read energy_uj: permission denied (path: /sys/class/powercap/intel-rapl:0/energy_uj)"
/// );
/// ```
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: Cow<'static, str>,
    context: Vec<(&'static str, String)>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error with a message: lower case, no full stop, what was tried.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, message: message.into(), context: Vec::new(), source: None }
    }

    /// An error for a failed call to the operating system, which becomes its source.
    ///
    /// The kind is that of `error` where it says what the caller can do, else `otherwise`:
    /// [`Disconnected`](ErrorKind::Disconnected) when reading from an open device,
    /// [`Unavailable`](ErrorKind::Unavailable) when opening one.
    ///
    /// ```
    /// use power_core::{Error, ErrorKind};
    /// let denied = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
    /// let error = Error::from_io(ErrorKind::Unavailable, "cannot open the meter", denied);
    /// assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    /// ```
    pub fn from_io(otherwise: ErrorKind, message: impl Into<Cow<'static, str>>, error: io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::NotFound => ErrorKind::NotFound,
            io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
            io::ErrorKind::ResourceBusy => ErrorKind::Busy,
            // A read with a deadline ends in EAGAIN on Unix, in ETIMEDOUT elsewhere.
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => ErrorKind::Timeout,
            io::ErrorKind::InvalidData => ErrorKind::Protocol,
            io::ErrorKind::Unsupported => ErrorKind::Unsupported,
            _ => otherwise,
        };
        Self::new(kind, message).with_source(error)
    }

    /// Adds a fact that helps to find the cause.
    #[must_use]
    pub fn with_context(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.context.push((name, value.into()));
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What the caller can do about it.
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What was tried.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The facts added by [`with_context`](Error::with_context), in order.
    pub fn context(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.context.iter().map(|(name, value)| (*name, value.as_str()))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.message, self.kind)?;
        for (position, (name, value)) in self.context.iter().enumerate() {
            write!(f, "{}{name}: {value}", if position == 0 { " (" } else { ", " })?;
        }
        if !self.context.is_empty() {
            f.write_str(")")?;
        }
        if f.alternate() {
            let causes = std::iter::successors(std::error::Error::source(self), |cause| cause.source());
            for cause in causes {
                write!(f, ": {cause}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
