//! Builds a simulated source.

use std::time::Duration;

use power_core::{Channel, ClockDomain, Descriptor, ErrorKind, HostTime, Lane};

use super::{Model, Ring, SimClock, SimSource, value};
use crate::{CounterModel, DeviceClock, SensorModel};

/// Builds a [`SimSource`] channel by channel.
#[derive(Debug)]
pub struct SimBuilder {
    driver: String,
    device: String,
    clock: SimClock,
    channels: Vec<Channel>,
    models: Vec<Model>,
    details: Vec<(String, String)>,
    lane: Option<Lane>,
    origin_ns: i64,
    read_cost: Duration,
    device_clock: Option<DeviceClock>,
    domain: Option<ClockDomain>,
    failures: Vec<(u64, ErrorKind)>,
}

impl SimBuilder {
    pub(super) const fn new(driver: String, device: String, clock: SimClock) -> Self {
        Self {
            driver,
            device,
            clock,
            channels: Vec::new(),
            models: Vec::new(),
            details: Vec::new(),
            lane: None,
            origin_ns: 0,
            read_cost: Duration::ZERO,
            device_clock: None,
            domain: None,
            failures: Vec::new(),
        }
    }

    /// Adds a polled channel that shows a sensor's latest publication.
    ///
    /// The channel may be of any quantity but an energy counter; the model's numbers are in the quantity's
    /// base unit (percentages as fractions) and are rounded where the quantity is counted.
    ///
    /// # Panics
    ///
    /// Panics if the channel is an energy counter.
    #[must_use]
    pub fn sensor(self, channel: Channel, model: SensorModel) -> Self {
        assert!(value(channel.quantity, 0.0).is_some(), "a sensor cannot show {}", channel.quantity);
        self.channel(channel, Model::Sensor(model))
    }

    /// Adds a polled channel that shows an energy counter.
    ///
    /// # Panics
    ///
    /// Panics if the channel's quantity is not the counter's own.
    #[must_use]
    pub fn counter(self, channel: Channel, model: CounterModel) -> Self {
        assert!(
            channel.quantity == model.quantity(),
            "channel {} must have the quantity of its counter",
            channel.name
        );
        self.channel(channel, Model::Counter(model))
    }

    /// Adds a streamed channel: each read hands over the publications since the read before, or since the
    /// source was built, each once. The device keeps the latest `capacity`; older ones are lost and the next
    /// is flagged.
    ///
    /// With a [`device_clock`](Self::device_clock) they carry device times.
    ///
    /// # Panics
    ///
    /// Panics if the channel is an energy counter.
    #[must_use]
    pub fn stream(self, channel: Channel, model: SensorModel, capacity: usize) -> Self {
        assert!(value(channel.quantity, 0.0).is_some(), "a sensor cannot show {}", channel.quantity);
        let channel = channel.with_delivery(power_core::Delivery::Streamed);
        self.channel(channel, Model::Stream(Ring { model, capacity, fetched_ns: i64::MIN }))
    }

    /// Gives the device a clock of its own, by which it stamps streamed readings.
    #[must_use]
    pub fn device_clock(mut self, clock: DeviceClock) -> Self {
        self.device_clock = Some(clock);
        self
    }

    /// Sets the clock domain that the source declares; by default that of its device clock.
    #[must_use]
    pub fn clock_domain(mut self, domain: ClockDomain) -> Self {
        self.domain = Some(domain);
        self
    }

    /// Sets the lane; by default the source has one of its own.
    #[must_use]
    pub fn lane(mut self, lane: Lane) -> Self {
        self.lane = Some(lane);
        self
    }

    /// Adds a detail of the device's identity.
    #[must_use]
    pub fn detail(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.details.push((name.into(), text.into()));
        self
    }

    /// Sets the host time at which the models' time is 0.
    #[must_use]
    pub fn origin(mut self, origin: HostTime) -> Self {
        self.origin_ns = origin.nanos();
        self
    }

    /// Sets the time that a read takes on a virtual clock.
    #[must_use]
    pub fn read_cost(mut self, cost: Duration) -> Self {
        self.read_cost = cost;
        self
    }

    /// Makes read number `read` (from 0) fail; after [`ErrorKind::Disconnected`] every later one does too.
    #[must_use]
    pub fn failing_at(mut self, read: u64, kind: ErrorKind) -> Self {
        self.failures.push((read, kind));
        self
    }

    /// The source.
    pub fn build(mut self) -> SimSource {
        let opened_ns = self.clock.now().nanos() - self.origin_ns;
        for model in &mut self.models {
            if let Model::Stream(ring) = model {
                ring.fetched_ns = opened_ns;
            }
        }
        let mut descriptor = Descriptor::new(self.driver, self.device, self.channels);
        if let Some(lane) = self.lane {
            descriptor = descriptor.with_lane(lane);
        }
        if let Some(domain) = self.domain.or_else(|| self.device_clock.as_ref().map(DeviceClock::domain)) {
            descriptor = descriptor.with_clock(domain);
        }
        for (name, text) in self.details {
            descriptor = descriptor.with_detail(name, text);
        }
        SimSource {
            descriptor,
            clock: self.clock,
            channels: self.models,
            origin_ns: self.origin_ns,
            read_cost: self.read_cost,
            device_clock: self.device_clock,
            failures: self.failures,
            reads: 0,
            gone: false,
        }
    }

    fn channel(mut self, channel: Channel, model: Model) -> Self {
        self.channels.push(channel);
        self.models.push(model);
        self
    }
}
