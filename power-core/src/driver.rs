//! A driver: finds the devices of one kind and opens them.

use std::fmt;

#[cfg(doc)]
use crate::ErrorKind;
use crate::{Options, PowerSource, Result};

/// Code for a kind of device; one static per driver crate.
pub trait Driver: Sync + fmt::Debug {
    /// The driver's id, such as `nvml`; the same as in its descriptors.
    fn id(&self) -> &'static str;

    /// All devices of this kind, and why those that cannot be read cannot.
    ///
    /// Never fails: what is missing is itself a finding. Blocks as long as it takes to load the vendor's library
    /// and to ask each device.
    fn discover(&self) -> Vec<Found>;

    /// Opens one device. Blocks until it has answered as far as its descriptor needs, with the driver's own deadline.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if `device` is not among those discovered.
    /// - [`ErrorKind::InvalidConfig`] if an option is unknown or wrong.
    /// - [`ErrorKind::PermissionDenied`], [`ErrorKind::Unavailable`], [`ErrorKind::Busy`] as the device says.
    fn open(&self, device: &str, options: &Options) -> Result<Box<dyn PowerSource>>;
}

/// A device that discovery found, or expected and did not find.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Found {
    /// What to give to [`Driver::open`]; stable across reboots where possible.
    pub device: String,
    /// The device in words.
    pub name: String,
    /// Whether it can be read.
    pub access: Access,
}

impl Found {
    /// A found device.
    pub fn new(device: impl Into<String>, name: impl Into<String>, access: Access) -> Self {
        Self { device: device.into(), name: name.into(), access }
    }
}

/// Whether a found device can be read, and how to mend it if not.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Access {
    /// It can be read.
    Ready,
    /// It is there, this user may not read it.
    Denied {
        /// The line that mends it, ready to be typed.
        mend: String,
    },
    /// It cannot be read on this machine as it is.
    Unavailable {
        /// Why not.
        reason: String,
        /// The line that mends it, where one does.
        mend: Option<String>,
    },
}
