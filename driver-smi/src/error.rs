//! What can go wrong with `nvidia-smi`, and what to do about it.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fmt, io};

use power_core::{Access, Error, ErrorKind};

use crate::config::BINARY_VARIABLE;
use crate::protocol::message::{exit_code, first_line};

/// What can go wrong with `nvidia-smi`.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SmiError {
    #[error(
        "there is no nvidia-smi; install the NVIDIA driver's tools, or name it by option binary or {BINARY_VARIABLE}"
    )]
    NoBinary { path: PathBuf },
    #[error("cannot run nvidia-smi")]
    Spawn { path: PathBuf, cause: io::Error },
    #[error("cannot read from nvidia-smi")]
    Pipe(io::Error),
    #[error("nvidia-smi ended with code {code}: {}", exit_code(*code))]
    Exit { code: i32, said: String },
    #[error("nvidia-smi was ended by a signal")]
    Signal { said: String },
    #[error("nvidia-smi gave no answer within {deadline:?} and was ended; a GPU or its driver may hang")]
    Hung { deadline: Duration, said: String },
    #[error("nvidia-smi printed a line, or an answer, without end")]
    Endless,
    #[error("nvidia-smi no longer gives {0}; the driver may have been updated: open the source again")]
    FieldGone(&'static str),
    #[error("no GPU of this source answers any more: it is lost")]
    Lost,
    #[error("what nvidia-smi printed makes no sense")]
    Nonsense { cause: String, said: String },
}

impl SmiError {
    pub(crate) fn spawn(path: &Path, cause: io::Error) -> Self {
        let path = path.to_owned();
        match cause.kind() {
            io::ErrorKind::NotFound => Self::NoBinary { path },
            _ => Self::Spawn { path, cause },
        }
    }

    pub(crate) fn nonsense(cause: impl fmt::Display, said: &str) -> Self {
        Self::Nonsense { cause: cause.to_string(), said: first_line(said).unwrap_or_default().to_owned() }
    }

    pub(crate) fn kind(&self) -> ErrorKind {
        match self {
            Self::Spawn { cause, .. } if cause.kind() == io::ErrorKind::PermissionDenied => {
                ErrorKind::PermissionDenied
            }
            Self::NoBinary { .. } | Self::Spawn { .. } => ErrorKind::Unavailable,
            Self::Pipe(_) | Self::Signal { .. } | Self::Lost => ErrorKind::Disconnected,
            Self::Exit { code, said } => match code {
                2 | 3 | 13 => ErrorKind::Unsupported,
                4 => ErrorKind::PermissionDenied,
                6 => ErrorKind::NotFound,
                15 => ErrorKind::Disconnected,
                _ if said.contains("nsufficient permission") => ErrorKind::PermissionDenied,
                _ => ErrorKind::Unavailable,
            },
            Self::FieldGone(_) => ErrorKind::Unsupported,
            Self::Hung { .. } => ErrorKind::Timeout,
            Self::Endless | Self::Nonsense { .. } => ErrorKind::Protocol,
        }
    }

    /// The same once a source is open: what was there and is not is disconnected.
    pub(crate) fn while_reading(self) -> Error {
        let kind = match self.kind() {
            ErrorKind::Unavailable | ErrorKind::NotFound => ErrorKind::Disconnected,
            kind => kind,
        };
        self.into_error(kind)
    }

    /// What to type or do, where that is known.
    fn mend(&self) -> Option<String> {
        Some(match self {
            Self::NoBinary { .. } => format!("export {BINARY_VARIABLE}=/path/to/nvidia-smi"),
            Self::Spawn { path, cause } if cause.kind() == io::ErrorKind::PermissionDenied => {
                format!("sudo chmod a+rx {}", path.display())
            }
            Self::Exit { code, .. } => match code {
                4 => "sudo chmod a+rw /dev/nvidiactl /dev/nvidia[0-9]*".into(),
                8 => "connect the GPU's power cables".into(),
                9 => "sudo modprobe nvidia".into(),
                12 => "sudo ldconfig, or install the NVML library that comes with the driver".into(),
                13 => "install nvidia-smi and driver of the same version, then reboot".into(),
                18 => "sudo reboot".into(),
                14 | 15 => "sudo nvidia-smi --gpu-reset, or reboot; look for Xid in dmesg".into(),
                _ => return None,
            },
            Self::Lost => "look for Xid in dmesg; sudo nvidia-smi --gpu-reset, or reboot".into(),
            Self::Hung { .. } => "look for Xid in dmesg; sudo nvidia-smi -pm 1 shortens the start".into(),
            _ => return None,
        })
    }

    /// The finding for a machine where this happened.
    pub(crate) fn into_access(self) -> Access {
        let mend = self.mend();
        match (self.kind(), mend) {
            (ErrorKind::PermissionDenied, Some(mend)) => Access::Denied { mend },
            (_, mend) => {
                let kind = self.kind();
                Access::Unavailable { reason: self.into_error(kind).to_string(), mend }
            }
        }
    }

    fn into_error(self, kind: ErrorKind) -> Error {
        let mut error = Error::new(kind, self.to_string());
        match &self {
            Self::NoBinary { path } | Self::Spawn { path, .. } => {
                error = error.with_context("path", path.display().to_string());
            }
            Self::Exit { said, .. } | Self::Signal { said } | Self::Hung { said, .. } => {
                if let Some(line) = first_line(said) {
                    error = error.with_context("it said", line);
                }
            }
            Self::Nonsense { cause, said } => {
                error = error.with_context("cause", cause);
                if !said.is_empty() {
                    error = error.with_context("it said", said);
                }
            }
            Self::Pipe(_) | Self::Endless | Self::FieldGone(_) | Self::Lost => {}
        }
        if let Some(mend) = self.mend() {
            error = error.with_context("mend", mend);
        }
        match self {
            Self::Spawn { cause, .. } | Self::Pipe(cause) => error.with_source(cause),
            _ => error,
        }
    }
}

impl From<SmiError> for Error {
    fn from(error: SmiError) -> Self {
        let kind = error.kind();
        error.into_error(kind)
    }
}

/// Why a source gives nothing any more; told again at every read.
#[derive(Debug, Clone)]
pub(crate) struct Gone(String);

impl Gone {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }

    pub(crate) fn error(&self) -> Error {
        Error::new(ErrorKind::Disconnected, "the GPU can no longer be read")
            .with_context("why", self.0.clone())
    }
}
