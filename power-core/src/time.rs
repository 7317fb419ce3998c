//! Host time, stamps, device time and the clocks they come from.

use std::fmt;
use std::time::Duration;

/// Nanoseconds on the host's time base, `CLOCK_MONOTONIC`; comparable only within one boot of one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct HostTime(i64);

impl HostTime {
    /// The time `nanos` ns after the origin of the time base.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the origin of the time base.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Time from `earlier` to this one; `None` if `earlier` is later.
    pub fn since(self, earlier: Self) -> Option<Duration> {
        (earlier <= self).then(|| Duration::from_nanos(self.0.abs_diff(earlier.0)))
    }

    /// The time `duration` after this one; `None` past the end of the time base, 292 years after its origin.
    ///
    /// ```
    /// use power_core::HostTime;
    /// use std::time::Duration;
    /// let start = HostTime::from_nanos(5);
    /// assert_eq!(start.checked_add(Duration::from_micros(1)), Some(HostTime::from_nanos(1_005)));
    /// ```
    pub fn checked_add(self, duration: Duration) -> Option<Self> {
        let nanos = u64::try_from(duration.as_nanos()).ok()?;
        self.0.checked_add_unsigned(nanos).map(Self)
    }
}

impl fmt::Display for HostTime {
    /// Writes the nanoseconds with their unit.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ns", self.0)
    }
}

/// The host-clock bracket [start, end] of one transaction with a device.
///
/// The value was taken somewhere between the two. Only [`Recorder::bracket`](crate::Recorder::bracket) makes a
/// stamp, so that none can be invented after the fact:
///
/// ```compile_fail,E0451
/// use power_core::{HostTime, Stamp};
/// let forged = Stamp { start: HostTime::from_nanos(0), end: HostTime::from_nanos(1) };
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    start: HostTime,
    end: HostTime,
}

impl Stamp {
    /// For `Recorder::bracket` alone.
    pub(crate) const fn new(start: HostTime, end: HostTime) -> Self {
        Self { start, end }
    }

    /// Host time just before the transaction.
    pub const fn start(self) -> HostTime {
        self.start
    }

    /// Host time just after the transaction.
    pub const fn end(self) -> HostTime {
        self.end
    }

    /// Best guess of when the value was taken; wrong by at most [`half_width`](Stamp::half_width).
    pub const fn midpoint(self) -> HostTime {
        HostTime(self.start.0.midpoint(self.end.0))
    }

    /// Half the length of the bracket, rounded up to whole nanoseconds so that it still bounds the error.
    pub const fn half_width(self) -> Duration {
        Duration::from_nanos(self.end.0.abs_diff(self.start.0).div_ceil(2))
    }
}

/// A time that the device itself gave, in nanoseconds of its own [`ClockDomain`].
///
/// It cannot be subtracted from a [`HostTime`]: mapping one clock to another needs a stated uncertainty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct DeviceTime(i64);

impl DeviceTime {
    /// A device time from nanoseconds.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// A device time from microseconds (NVML's unit); `None` if it does not fit.
    pub const fn from_micros(micros: i64) -> Option<Self> {
        match micros.checked_mul(1_000) {
            Some(nanos) => Some(Self(nanos)),
            None => None,
        }
    }

    /// Nanoseconds in the device's clock.
    pub const fn nanos(self) -> i64 {
        self.0
    }
}

impl fmt::Display for DeviceTime {
    /// Writes the nanoseconds with their unit.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ns", self.0)
    }
}

/// The clock that a source's device times belong to.
#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum ClockDomain {
    /// The device gives no time: the host's bracket is all there is.
    #[default]
    HostBracket,
    /// `CLOCK_MONOTONIC` of this host.
    HostMonotonic,
    /// `CLOCK_REALTIME` of this host.
    HostRealtime,
    /// `CLOCK_BOOTTIME` of this host.
    HostBoottime,
    /// A clock of the device's own.
    Device {
        /// Ticks a second that the device counts in, where known.
        tick_hz: Option<f64>,
    },
    /// A clock of another host: its real-time clock, unless the source's details name another.
    RemoteHost {
        /// That host's name.
        host: String,
    },
}

impl fmt::Display for ClockDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HostBracket => f.write_str("host bracket"),
            Self::HostMonotonic => f.write_str("host CLOCK_MONOTONIC"),
            Self::HostRealtime => f.write_str("host CLOCK_REALTIME"),
            Self::HostBoottime => f.write_str("host CLOCK_BOOTTIME"),
            Self::Device { tick_hz: Some(hz) } => write!(f, "device clock, {hz} Hz"),
            Self::Device { tick_hz: None } => f.write_str("device clock"),
            Self::RemoteHost { host } => write!(f, "clock of host {host}"),
        }
    }
}

/// Simultaneous times of the host's clocks, all in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Anchor {
    /// `CLOCK_MONOTONIC`.
    pub monotonic_ns: i64,
    /// `CLOCK_REALTIME`.
    pub realtime_ns: i64,
    /// `CLOCK_BOOTTIME`, where the host has it.
    pub boottime_ns: Option<i64>,
    /// `CLOCK_MONOTONIC_RAW`, where the host has it.
    pub raw_ns: Option<i64>,
    /// Time that reading the clocks took: the times above are simultaneous to within this. `None` where nobody says.
    ///
    /// Runs of before write 0 for unknown, and reading several clocks never takes no time: 0 is read as `None`.
    #[cfg_attr(feature = "serde", serde(default, deserialize_with = "known_width"))]
    pub width_ns: Option<i64>,
}

#[cfg(feature = "serde")]
fn known_width<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let width: Option<i64> = serde::Deserialize::deserialize(deserializer)?;
    Ok(width.filter(|width| *width != 0))
}

/// A source of host time, injected so that tests run on a virtual one.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The present host time, never earlier than that of a call before. Does not block.
    fn now(&self) -> HostTime;
}

macro_rules! forward_clock {
    ($($pointer:ty),*) => {
        $(impl<C: Clock + ?Sized> Clock for $pointer {
            fn now(&self) -> HostTime {
                (**self).now()
            }
        })*
    };
}

forward_clock!(&C, Box<C>, std::sync::Arc<C>);
