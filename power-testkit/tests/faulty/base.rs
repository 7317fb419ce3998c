//! A healthy source that a test can twist.

use std::time::Duration;

use power_core::{
    Channel, ChannelId, ClockDomain, Delivery, Descriptor, DeviceTime, Joules, PowerSource, Quantity, Ratio,
    Reading, Recorder, Result, Scope, Stamp, Value, Watts,
};
use power_testkit::VirtualClock;
use power_testkit::alloc::CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

pub(crate) const BOARD: usize = 0;
pub(crate) const CHIP: usize = 1;
pub(crate) const ENERGY: usize = 2;
pub(crate) const BUSY: usize = 3;
pub(crate) const STREAM: usize = 4;

pub(crate) type Readings = [Reading; 5];
pub(crate) type Read = fn(&mut Base, &mut Recorder<'_>) -> Result<()>;

/// A source with a channel of each kind, whose reading a test replaces.
#[derive(Debug)]
pub(crate) struct Base {
    pub(crate) descriptor: Descriptor,
    pub(crate) clock: VirtualClock,
    pub(crate) read: Read,
    /// Number of reads so far.
    pub(crate) reads: u64,
    /// Stamp of the read before.
    pub(crate) kept: Option<Stamp>,
}

pub(crate) fn descriptor() -> Descriptor {
    let period = Duration::from_millis(100);
    let counter = Quantity::EnergyCounter { quantum: Joules::from_millijoules(1), modulus: Some(1 << 32) };
    let channels = vec![
        Channel::new("board", Quantity::average_power(Duration::from_millis(25)))
            .with_scope(Scope::Board)
            .with_update_period(period)
            .with_range(0.0, 500.0)
            .with_resolution(0.001),
        Channel::new("chip", Quantity::power()).with_scope(Scope::Chip).with_part_of(ChannelId(0)),
        Channel::new("energy", counter).with_update_period(period),
        Channel::new("busy", Quantity::Utilisation),
        Channel::new("samples", Quantity::instantaneous_power()).with_delivery(Delivery::Streamed),
    ];
    Descriptor::new("base", "board 0", channels).with_clock(ClockDomain::Device { tick_hz: Some(1e6) })
}

impl Base {
    pub(crate) fn new(clock: &VirtualClock, descriptor: Descriptor, read: Read) -> Self {
        Self { descriptor, clock: clock.clone(), read, reads: 0, kept: None }
    }

    /// One transaction of 200 µs.
    pub(crate) fn bracket(&self, recorder: &Recorder<'_>) -> Result<Stamp> {
        recorder
            .bracket(|| {
                self.clock.advance(Duration::from_micros(200));
                Ok(())
            })
            .map(|((), stamp)| stamp)
    }

    /// What a healthy read gives, under `stamp`.
    pub(crate) fn readings(stamp: Stamp) -> Readings {
        let t_ns = stamp.start().nanos();
        let power = Watts::from_watts(250.0);
        let millijoules = (t_ns / 1_000_000).unsigned_abs() * 250;
        [
            Reading::new(ChannelId(0), power, stamp),
            Reading::new(ChannelId(1), power * 0.6, stamp),
            Reading::new(ChannelId(2), Value::Count(millijoules), stamp),
            Reading::new(ChannelId(3), Ratio::from_percent(40.0), stamp),
            Reading::new(ChannelId(4), power, stamp).at_device(DeviceTime::from_nanos(t_ns)),
        ]
    }

    /// A transaction and its readings.
    pub(crate) fn fetch(&self, recorder: &Recorder<'_>) -> Result<Readings> {
        Ok(Self::readings(self.bracket(recorder)?))
    }

    /// Whether this is the read that a fault is to hit.
    pub(crate) fn is_turn(&self) -> bool {
        self.reads == 2
    }
}

pub(crate) fn push(recorder: &mut Recorder<'_>, readings: impl IntoIterator<Item = Reading>) {
    readings.into_iter().for_each(|reading| recorder.push(reading));
}

pub(crate) fn healthy(base: &mut Base, recorder: &mut Recorder<'_>) -> Result<()> {
    let readings = base.fetch(recorder)?;
    push(recorder, readings);
    Ok(())
}

impl PowerSource for Base {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn read(&mut self, recorder: &mut Recorder<'_>) -> Result<()> {
        let outcome = (self.read)(self, recorder);
        self.reads += 1;
        outcome
    }
}
