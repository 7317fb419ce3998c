//! How long to wait for what.

use std::time::Duration;

use super::protocol::ReadRequest;
use super::protocol::rtu;
use crate::link::serial::SerialSettings;

/// Waiting times of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timing {
    /// Time that the device may take to answer, besides the time that the bytes take on a serial line.
    pub timeout: Duration,
    /// Silence between two frames of a serial line; 0 where there is none to keep.
    pub silence: Duration,
    /// Time of one character on a serial line; 0 on others.
    pub character: Duration,
    /// Silence after which bytes that came are taken for all that will come; `None` to wait for the deadline.
    pub gap: Option<Duration>,
    /// How long a lost link is tried again; `None` for ever.
    pub reconnect: Option<Duration>,
}

impl Timing {
    /// Over a network.
    pub const fn network(timeout: Duration) -> Self {
        Self { timeout, silence: Duration::ZERO, character: Duration::ZERO, gap: None, reconnect: None }
    }

    /// On a serial line: 3.5 characters between frames, 1.75 ms above 19200 baud (*MODBUS over Serial Line V1.02*,
    /// §2.5.1.1).
    pub fn serial(timeout: Duration, settings: SerialSettings) -> Self {
        let silence =
            if settings.baud > 19_200 { Duration::from_micros(1_750) } else { settings.time_of(7) / 2 };
        let character = settings.time_of(1);
        // USB adapters hand over what they have every 16 ms by default; a pause of several times that is the end.
        let gap = Some(silence + Duration::from_millis(100));
        Self { timeout, silence, character, gap, reconnect: None }
    }

    /// Sets how long a lost link is tried again; 0 to give up at once, `None` for ever.
    #[must_use]
    pub const fn with_reconnect(mut self, reconnect: Option<Duration>) -> Self {
        self.reconnect = reconnect;
        self
    }

    /// The longest that one transaction may take.
    pub(super) fn deadline(&self, request: ReadRequest) -> Duration {
        let characters = 8 + rtu::reply_size(request);
        self.timeout + self.character * u32::try_from(characters).unwrap_or(u32::MAX) + self.silence
    }
}
