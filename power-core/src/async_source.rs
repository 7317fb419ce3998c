//! A source for programs that live in an async runtime.

use std::fmt;

use async_trait::async_trait;

use crate::{Descriptor, Reading, Result};
#[cfg(doc)]
use crate::{ErrorKind, PowerSource, Recorder, ThreadedSource};

/// A power source whose reads are awaited.
///
/// [`ThreadedSource`] makes one of any [`PowerSource`]. A device that is reached through async I/O can implement it
/// directly and stamp by [`Recorder::bracket_async`], with a clock that was given to it when it was opened.
///
/// The trait is object-safe; in return each call through it allocates one box for its future.
#[async_trait]
pub trait AsyncPowerSource: Send + fmt::Debug {
    /// Device, channels, lane and clock; the same at every call.
    fn descriptor(&self) -> &Descriptor;

    /// One transaction with the device: appends 0 to n readings.
    ///
    /// Waits as long as the device takes, without blocking the runtime. After an error, readings already in the
    /// buffer are valid.
    ///
    /// The future may be dropped at any time. Readings that the device has given by then are not lost: the next
    /// `read` hands them over. At no time are two transactions with the device under way.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Disconnected`] if the device is gone, and at every later call.
    /// - others as [`PowerSource::read`].
    async fn read(&mut self, readings: &mut Vec<Reading>) -> Result<()>;
}

macro_rules! forward_async_source {
    ($($pointer:ty),*) => {
        $(#[async_trait]
        impl<S: AsyncPowerSource + ?Sized> AsyncPowerSource for $pointer {
            fn descriptor(&self) -> &Descriptor {
                (**self).descriptor()
            }

            async fn read(&mut self, readings: &mut Vec<Reading>) -> Result<()> {
                (**self).read(readings).await
            }
        })*
    };
}

forward_async_source!(&mut S, Box<S>);
