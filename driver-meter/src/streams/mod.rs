//! Instruments that send binary samples without being asked, thousands a second.

mod intake;
pub mod pmd;
pub mod pmd_source;
pub mod power_sensor3;
pub mod power_sensor3_config;
pub mod power_sensor3_source;
pub mod ticks;

use std::time::{Duration, Instant};

use power_core::{ErrorKind, Result};

use crate::link::Link;

pub(crate) use intake::Intake;

/// An instrument that has been told to stop is silent for this long.
const SILENCE: Duration = Duration::from_millis(30);

/// Throws away what comes until nothing comes for a while, so that the next bytes answer what is asked next.
pub(crate) fn drain(link: &mut dyn Link, deadline: Instant) -> Result<()> {
    link.discard_input()?;
    let mut rest = [0; 1024];
    while Instant::now() < deadline {
        match link.receive(&mut rest, (Instant::now() + SILENCE).min(deadline)) {
            Ok(_) => link.discard_input()?,
            Err(error) if error.kind() == ErrorKind::Timeout => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    let message = "the meter does not stop sending; is this the right meter and rate?";
    Err(power_core::Error::new(ErrorKind::Protocol, message))
}

/// Receives exactly `bytes.len()` bytes.
pub(crate) fn receive_exact(link: &mut dyn Link, bytes: &mut [u8], deadline: Instant) -> Result<()> {
    let mut filled = 0;
    while filled < bytes.len() {
        filled += link.receive(&mut bytes[filled..], deadline)?;
    }
    Ok(())
}
