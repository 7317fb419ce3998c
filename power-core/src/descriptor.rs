//! What an open source is: device, channels, lane and clock, fixed at open.

use std::collections::BTreeMap;
use std::fmt;

use crate::{Channel, ChannelId, ClockDomain};

/// Sources with the same lane share a bottleneck (a driver lock, a bus) and are read by one thread.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct Lane(String);

impl Lane {
    /// A lane of this name: the name of what is shared, such as `nvml` or `/dev/ttyUSB0`.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The lane's name.
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The fixed description of one source.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Descriptor {
    /// Id of the driver, such as `nvml`.
    pub driver: String,
    /// The device in the maker's words, with what tells it from its twins (UUID, serial number, bus id).
    pub device: String,
    /// Further identity: firmware, driver version, range setting, calibration date.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "BTreeMap::is_empty"))]
    pub details: BTreeMap<String, String>,
    /// The measured points; a [`ChannelId`] is an index into this.
    pub channels: Vec<Channel>,
    /// What the source shares with others.
    pub lane: Lane,
    /// The clock of the device times in this source's readings.
    #[cfg_attr(feature = "serde", serde(default))]
    pub clock: ClockDomain,
}

impl Descriptor {
    /// A source with a lane of its own and no clock but the host's bracket.
    pub fn new(driver: impl Into<String>, device: impl Into<String>, channels: Vec<Channel>) -> Self {
        let device = device.into();
        Self {
            driver: driver.into(),
            lane: Lane::new(device.clone()),
            device,
            details: BTreeMap::new(),
            channels,
            clock: ClockDomain::HostBracket,
        }
    }

    /// The channel with this id, `None` if the source has no such channel.
    pub fn channel(&self, id: ChannelId) -> Option<&Channel> {
        self.channels.get(usize::from(id.0))
    }

    /// The id of the channel with this name.
    pub fn find(&self, name: &str) -> Option<ChannelId> {
        let index = self.channels.iter().position(|channel| channel.name == name)?;
        u16::try_from(index).ok().map(ChannelId)
    }

    /// Sets the lane.
    #[must_use]
    pub fn with_lane(mut self, lane: Lane) -> Self {
        self.lane = lane;
        self
    }

    /// Sets the clock of device times.
    #[must_use]
    pub fn with_clock(mut self, clock: ClockDomain) -> Self {
        self.clock = clock;
        self
    }

    /// Adds one detail of the device's identity.
    #[must_use]
    pub fn with_detail(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.details.insert(name.into(), value.into());
        self
    }
}

impl fmt::Display for Descriptor {
    /// Writes driver and device, for messages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.driver, self.device)
    }
}
