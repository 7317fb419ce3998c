//! A link: the bytes between host and meter, whatever carries them, with a deadline on every operation.

use std::fmt;
use std::time::Instant;

#[cfg(doc)]
use power_core::ErrorKind;
use power_core::Result;

/// A byte link to a meter.
///
/// A protocol is written against this, so that TCP, a serial line, a USB instrument and a script in a test are one
/// thing to it. Every operation ends at its deadline.
pub trait Link: Send + fmt::Debug {
    /// The link in words, for messages: `tcp 192.168.1.9:502`, `/dev/ttyUSB0 9600 8N1`.
    fn name(&self) -> &str;

    /// Sends all of `bytes`. Blocks until they have left this program, at most until `deadline`.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Timeout`] if not all bytes left before the deadline; how many did is unknown.
    /// - [`ErrorKind::Disconnected`] if the other end is gone.
    fn send(&mut self, bytes: &[u8], deadline: Instant) -> Result<()>;

    /// Receives what has come, at least one byte, into the front of `buffer`; gives how many bytes.
    ///
    /// Blocks until a byte comes, at most until `deadline`.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Timeout`] if nothing came before the deadline.
    /// - [`ErrorKind::Disconnected`] if the other end is gone, or has closed its sending half.
    fn receive(&mut self, buffer: &mut [u8], deadline: Instant) -> Result<usize>;

    /// Throws away what has come and was not received. Does not wait.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Disconnected`] if the other end is gone.
    fn discard_input(&mut self) -> Result<()>;

    /// Closes the link and opens it anew, so that no byte of an earlier exchange can come. Blocks at most until
    /// `deadline`.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`], [`ErrorKind::PermissionDenied`], [`ErrorKind::Busy`], [`ErrorKind::Disconnected`],
    ///   [`ErrorKind::Timeout`] as the operating system says.
    fn reopen(&mut self, deadline: Instant) -> Result<()>;
}
