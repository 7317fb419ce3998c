//! The clock inside a device: its offset, drift and resolution against the host's.

use std::time::Duration;

use power_core::{ClockDomain, DeviceTime, HostTime};

use crate::num::{float, nanos, rounded};

/// A device's clock: `t_device = offset + (1 + drift) * t_host`, cut down to whole ticks.
///
/// ```
/// use power_testkit::DeviceClock;
/// // 5 s ahead of the host and 50 ppm fast: 180 ms more an hour later.
/// let clock = DeviceClock::new(5_000_000_000, 50.0);
/// assert_eq!(clock.device_ns(0), 5_000_000_000);
/// assert_eq!(clock.device_ns(3_600_000_000_000), 3_605_180_000_000);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceClock {
    offset_ns: i64,
    drift_ppm: f64,
    tick_ns: i64,
    steps: Vec<(i64, i64)>,
}

impl DeviceClock {
    /// A clock that shows `offset_ns` at host time 0 and runs fast by `drift_ppm` parts in a million; 1 ns
    /// ticks.
    pub const fn new(offset_ns: i64, drift_ppm: f64) -> Self {
        Self { offset_ns, drift_ppm, tick_ns: 1, steps: Vec::new() }
    }

    /// Sets the resolution: times are cut down to a multiple of `tick`, 1 ns at least.
    #[must_use]
    pub fn with_tick(mut self, tick: Duration) -> Self {
        self.tick_ns = nanos(tick).max(1);
        self
    }

    /// Sets the clock forward by `by_ns` (back if negative) at host time `at_ns`, as a time daemon does.
    #[must_use]
    pub fn with_step(mut self, at_ns: i64, by_ns: i64) -> Self {
        self.steps.push((at_ns, by_ns));
        self
    }

    /// Device time in ns at host time `host_ns`; exact to 1 ns and the tick.
    pub fn device_ns(&self, host_ns: i64) -> i64 {
        let exact = self.offset_at(host_ns) + host_ns + rounded(float(host_ns) * self.drift_ppm * 1e-6);
        exact.div_euclid(self.tick_ns) * self.tick_ns
    }

    /// Device time at host time `host`.
    pub fn device_time(&self, host: HostTime) -> DeviceTime {
        DeviceTime::from_nanos(self.device_ns(host.nanos()))
    }

    /// Device time less host time, in ns, at host time `host_ns`: what an estimator of offsets has to find.
    pub fn offset_ns(&self, host_ns: i64) -> i64 {
        self.device_ns(host_ns) - host_ns
    }

    /// The drift in parts in a million.
    pub const fn drift_ppm(&self) -> f64 {
        self.drift_ppm
    }

    /// The clock domain that a source with this clock declares.
    pub fn domain(&self) -> ClockDomain {
        ClockDomain::Device { tick_hz: Some(1e9 / float(self.tick_ns)) }
    }

    fn offset_at(&self, host_ns: i64) -> i64 {
        let stepped: i64 = self.steps.iter().filter(|(at, _)| *at <= host_ns).map(|(_, by)| by).sum();
        self.offset_ns + stepped
    }
}

impl Default for DeviceClock {
    /// The host's own clock.
    fn default() -> Self {
        Self::new(0, 0.0)
    }
}
