//! A source: an open device that can be read.

use std::fmt;

#[cfg(doc)]
use crate::ErrorKind;
use crate::{Descriptor, Recorder, Result};

/// An open device that can be read.
///
/// # For driver authors
///
/// - Stamp by [`Recorder::bracket`], as tightly around the transaction as possible.
/// - Report what the device gives: never integrate, smooth, drop repeats, or turn a failure into 0.
/// - Allocate nothing in `read` after the first call.
///
/// # For callers
///
/// One thread reads all sources of a [`Lane`](crate::Lane). After an error, readings already in the buffer are valid.
pub trait PowerSource: Send + fmt::Debug {
    /// Device, channels, lane and clock; the same at every call.
    fn descriptor(&self) -> &Descriptor;

    /// One transaction with the device: appends 0 to n readings.
    ///
    /// Blocks as long as the device takes; each driver states how long that is.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Disconnected`] if the device is gone, and at every later call.
    /// - [`ErrorKind::Timeout`] if it did not answer in time.
    /// - [`ErrorKind::Protocol`] if its answer makes no sense.
    /// - [`ErrorKind::Overrange`] if it says that the quantity exceeds its range.
    fn read(&mut self, recorder: &mut Recorder<'_>) -> Result<()>;
}

macro_rules! forward_source {
    ($($pointer:ty),*) => {
        $(impl<S: PowerSource + ?Sized> PowerSource for $pointer {
            fn descriptor(&self) -> &Descriptor {
                (**self).descriptor()
            }

            fn read(&mut self, recorder: &mut Recorder<'_>) -> Result<()> {
                (**self).read(recorder)
            }
        })*
    };
}

forward_source!(&mut S, Box<S>);
