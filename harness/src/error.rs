//! One error for all that the harness does: what went wrong, and what to do about it.

use std::fmt;
use std::path::Path;

/// A result whose error is [`Error`] unless said otherwise.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, and what to do about it; the cause is in [`source`](std::error::Error::source).
///
/// ```
/// let error = harness::Error::new("run.csv has no column power_w").mend("name the column in the map");
/// assert_eq!(error.to_string(), "run.csv has no column power_w: name the column in the map");
/// ```
#[derive(Debug)]
pub struct Error {
    what: String,
    mend: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error that says what went wrong: lower case unless it begins with a name, no full stop.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), mend: None, source: None }
    }

    /// An error about a file.
    pub fn file(path: &Path, what: impl fmt::Display) -> Self {
        Self::new(format!("{}: {what}", path.display()))
    }

    /// An error of reading or writing a file, with its cause.
    pub fn io(path: &Path, action: &str, source: std::io::Error) -> Self {
        let error = Self::new(format!("cannot {action} {}", path.display()));
        let mend = match source.kind() {
            std::io::ErrorKind::NotFound => Some("check the path"),
            std::io::ErrorKind::PermissionDenied => Some("check who may read and write it"),
            std::io::ErrorKind::StorageFull => Some("make room on the disk"),
            _ => None,
        };
        let error = match mend {
            Some(mend) => error.mend(mend),
            None => error,
        };
        error.because(source)
    }

    /// What went wrong, without what to do about it.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// The error and its causes in one line.
    pub fn in_full(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(next) = cause {
            let words = next.to_string();
            if !text.contains(&words) {
                text = format!("{text} ({words})");
            }
            cause = next.source();
        }
        text
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn mend(mut self, mend: impl Into<String>) -> Self {
        self.mend = Some(mend.into());
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.mend {
            Some(mend) => write!(f, ": {mend}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<power_core::Error> for Error {
    fn from(error: power_core::Error) -> Self {
        Self::new(error.to_string()).because(error)
    }
}
