//! The seam between a profile and whatever reads registers.

use std::fmt;

use power_core::Result;

use super::protocol::ReadRequest;

/// Something that reads registers: our [`Client`](super::Client), or anybody's through [`Foreign`](super::Foreign).
pub trait Registers: Send + fmt::Debug {
    /// Makes ready for `request`: opens a broken link anew, waits for silence on a bus. Blocks at most for the
    /// deadline of one transaction.
    ///
    /// Apart from [`exchange`](Registers::exchange), so that what takes time here does not widen a reading's stamp.
    ///
    /// # Errors
    ///
    /// As [`PowerSource::read`](power_core::PowerSource::read).
    fn prepare(&mut self, request: ReadRequest) -> Result<()>;

    /// Sends `request` and puts its answer into `registers`, which has room for just as many. Blocks at most for the
    /// deadline of one transaction.
    ///
    /// # Errors
    ///
    /// As [`PowerSource::read`](power_core::PowerSource::read); a refusal has [`Exception`](super::Exception) as its
    /// source. After an error, `registers` are as they were.
    fn exchange(&mut self, request: ReadRequest, registers: &mut [u16]) -> Result<()>;

    /// How often the link has been opened anew; after a change another device may answer.
    fn generation(&self) -> u64;

    /// What is known about the link, for a descriptor's details.
    fn details(&self) -> Vec<(String, String)>;

    /// Prepares and exchanges.
    ///
    /// # Errors
    ///
    /// Those of the two.
    fn read(&mut self, request: ReadRequest, registers: &mut [u16]) -> Result<()> {
        self.prepare(request)?;
        self.exchange(request, registers)
    }
}
