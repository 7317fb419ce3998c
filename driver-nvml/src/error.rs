//! What NVML's calls fail with, in terms of what the caller can do about it.

use power_core::{Error, ErrorKind};

/// Why a call to NVML gave no value. Copied, never allocated: it arises while reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    #[error("no such function in this libnvidia-ml, a newer NVIDIA driver has it")]
    MissingFunction,
    #[error("NVML is not initialised")]
    Uninitialised,
    #[error("NVML rejects the call: it does not know this GPU or this argument")]
    InvalidArgument,
    #[error("not supported by this GPU")]
    NotSupported,
    #[error("no permission; the files /dev/nvidia* must be readable and writable for this user")]
    NoPermission,
    #[error("blocked by the operating system or a cgroup; a container needs the GPU passed to it")]
    Blocked,
    #[error("NVML found nothing")]
    NotFound,
    #[error("NVML's answer needs more room")]
    InsufficientSize,
    #[error("external power cables are not properly attached")]
    InsufficientPower,
    #[error("NVIDIA's kernel driver is not loaded; `sudo modprobe nvidia` loads it where it is installed")]
    DriverNotLoaded,
    #[error("NVML did not answer in time")]
    Timeout,
    #[error("the kernel detected an interrupt issue with the GPU")]
    IrqIssue,
    #[error("the GPU's infoROM is corrupted")]
    CorruptInfoRom,
    #[error(
        "the GPU is lost: it fell off the bus; `sudo dmesg | grep -i xid` says why, a reboot brings it back"
    )]
    Lost,
    #[error("the GPU needs a reset: `sudo nvidia-smi --gpu-reset`, or reboot")]
    ResetRequired,
    #[error(
        "libnvidia-ml and the loaded kernel driver differ in version, as after an upgrade; reboot, or unload and load \
         the kernel modules"
    )]
    VersionMismatch,
    #[error("the GPU is in use by another client")]
    InUse,
    #[error("NVML is out of memory")]
    OutOfMemory,
    #[error("NVML has no data now")]
    NoData,
    #[error("NVIDIA's driver reports an internal error; `sudo dmesg | grep -i xid` may say why")]
    Internal,
    #[error("NVML answered with something that is no such value")]
    Nonsense,
    #[error("it is stamped by another clock than the first ring")]
    OtherClock,
    #[error("NVML returned code {0}, which this driver does not know")]
    Other(u32),
}

impl Failure {
    /// The failure behind NVML's return code, by `nvmlReturn_t` in nvml.h.
    pub(crate) const fn from_code(code: u32) -> Self {
        match code {
            1 => Self::Uninitialised,
            2 => Self::InvalidArgument,
            // 25 is a struct version that the library does not know, 26 a function that it has given up.
            3 | 25 | 26 => Self::NotSupported,
            4 => Self::NoPermission,
            6 => Self::NotFound,
            7 => Self::InsufficientSize,
            8 => Self::InsufficientPower,
            9 => Self::DriverNotLoaded,
            10 => Self::Timeout,
            11 => Self::IrqIssue,
            12 | 13 => Self::MissingFunction,
            14 => Self::CorruptInfoRom,
            15 | 28 => Self::Lost,
            16 => Self::ResetRequired,
            17 => Self::Blocked,
            18 => Self::VersionMismatch,
            19 | 27 => Self::InUse,
            20 => Self::OutOfMemory,
            21 => Self::NoData,
            999 => Self::Internal,
            other => Self::Other(other),
        }
    }

    /// Whether the device says that it has no value, as against a call that went wrong.
    pub(crate) const fn is_no_value(self) -> bool {
        matches!(self, Self::NotSupported | Self::NotFound | Self::NoData)
    }

    /// Whether the GPU is gone for as long as this source is open.
    pub(crate) const fn is_gone(self) -> bool {
        matches!(
            self,
            Self::Lost
                | Self::ResetRequired
                | Self::InvalidArgument
                | Self::Uninitialised
                | Self::DriverNotLoaded
                | Self::VersionMismatch
        )
    }

    /// The kind of a failed open or discovery.
    pub(crate) const fn kind(self) -> ErrorKind {
        match self {
            Self::NoPermission | Self::Blocked => ErrorKind::PermissionDenied,
            Self::MissingFunction | Self::NotSupported | Self::OtherClock => ErrorKind::Unsupported,
            Self::NotFound => ErrorKind::NotFound,
            Self::Timeout => ErrorKind::Timeout,
            Self::InUse | Self::OutOfMemory => ErrorKind::Busy,
            Self::Lost | Self::ResetRequired | Self::InvalidArgument => ErrorKind::Disconnected,
            Self::Uninitialised
            | Self::DriverNotLoaded
            | Self::VersionMismatch
            | Self::InsufficientPower
            | Self::IrqIssue
            | Self::CorruptInfoRom
            | Self::NoData => ErrorKind::Unavailable,
            Self::InsufficientSize | Self::Internal | Self::Nonsense | Self::Other(_) => ErrorKind::Protocol,
        }
    }

    /// The line that mends it, ready to be typed, where there is one.
    pub(crate) const fn mend(self) -> Option<&'static str> {
        match self {
            Self::DriverNotLoaded => Some("sudo modprobe nvidia"),
            Self::NoPermission => Some("sudo chmod a+rw /dev/nvidia*"),
            Self::VersionMismatch | Self::Lost => Some("sudo reboot"),
            Self::ResetRequired => Some("sudo nvidia-smi --gpu-reset"),
            _ => None,
        }
    }

    /// The error of a failed open or discovery.
    pub(crate) fn opening(self, what: &'static str, device: &str) -> Error {
        Error::new(self.kind(), what).with_context("device", device).with_source(self)
    }

    /// The error of a failed read: what makes the GPU gone is `Disconnected`.
    // Kept out of the reads themselves, whose way through is then one without jumps.
    #[cold]
    #[inline(never)]
    pub(crate) fn reading(self, what: &'static str, device: &str) -> Error {
        let kind = if self.is_gone() { ErrorKind::Disconnected } else { self.kind() };
        Error::new(kind, what).with_context("device", device).with_source(self)
    }
}

/// Keeps a source that lost its GPU disconnected: NVML may answer for such a handle again after a reset.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Gone(Option<Failure>);

impl Gone {
    /// Refuses every read after the one that found the GPU gone.
    #[inline]
    pub(crate) fn check(self, what: &'static str, device: &str) -> Result<(), Error> {
        match self.0 {
            None => Ok(()),
            Some(failure) => Err(failure.reading(what, device)),
        }
    }

    /// Remembers a failure that is final, and turns it into the read's error.
    pub(crate) fn note(&mut self, failure: Failure, what: &'static str, device: &str) -> Error {
        if failure.is_gone() {
            self.0 = Some(failure);
        }
        failure.reading(what, device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_nvml_says_what_to_do_or_that_it_is_unknown() {
        for (code, kind) in [
            (3, ErrorKind::Unsupported),
            (4, ErrorKind::PermissionDenied),
            (9, ErrorKind::Unavailable),
            (10, ErrorKind::Timeout),
            (15, ErrorKind::Disconnected),
            (17, ErrorKind::PermissionDenied),
            (18, ErrorKind::Unavailable),
            (19, ErrorKind::Busy),
            (999, ErrorKind::Protocol),
            (4711, ErrorKind::Protocol),
        ] {
            let failure = Failure::from_code(code);
            assert_eq!(failure.kind(), kind, "{code}");
            assert!(!failure.to_string().is_empty());
        }
        let unknown = format!("{:#}", Failure::from_code(4711).reading("cannot read", "gpu0"));
        assert!(unknown.contains("4711") && unknown.contains("gpu0"), "{unknown}");
    }

    #[test]
    fn a_lost_gpu_stays_lost_and_a_hiccup_does_not() {
        let mut gone = Gone::default();
        assert_eq!(gone.note(Failure::Timeout, "cannot read", "gpu0").kind(), ErrorKind::Timeout);
        assert!(gone.check("cannot read", "gpu0").is_ok());
        assert_eq!(
            gone.note(Failure::DriverNotLoaded, "cannot read", "gpu0").kind(),
            ErrorKind::Disconnected
        );
        let later = gone.check("cannot read", "gpu0").unwrap_err();
        assert_eq!(later.kind(), ErrorKind::Disconnected);
    }
}
