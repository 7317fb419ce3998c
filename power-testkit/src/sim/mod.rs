//! A whole power source made of simulated channels.

mod builder;

use std::sync::Arc;
use std::time::Duration;

use power_core::{
    Channel, ChannelId, Clock, Descriptor, DeviceTime, Error, ErrorKind, Flags, HostTime, PowerSource,
    Quantity, Reading, Recorder, Result, Value,
};

pub use builder::SimBuilder;

use crate::num::counts;
use crate::{CounterModel, DeviceClock, Fate, SensorModel, VirtualClock};

/// A power source made of simulated sensors and counters whose truth is known.
///
/// One read is one transaction that looks at all channels at the same moment, in the middle of the time that
/// the read takes. On a [`VirtualClock`] the read moves the clock on by its cost; on another clock it takes
/// no time of its own. A streamed channel hands over each publication since the read before, once, as NVML's
/// sample ring does. Nothing is allocated by a read.
///
/// ```
/// use power_core::{PowerSource, Recorder};
/// use power_testkit::{SensorModel, Signal, SimSource, VirtualClock};
/// use std::time::Duration;
///
/// let clock = VirtualClock::new();
/// let sensor = SensorModel::new(Signal::constant(75.0), Duration::from_millis(100));
/// let mut source = SimSource::builder("sim", "board 0", clock.clone())
///     .sensor(sensor.channel("power"), sensor)
///     .read_cost(Duration::from_micros(200))
///     .build();
/// let mut readings = Vec::new();
/// source.read(&mut Recorder::new(&clock, &mut readings))?;
/// assert_eq!(readings[0].value.number(), Some(75.0));
/// assert_eq!(readings[0].stamp.half_width(), Duration::from_micros(100));
/// # Ok::<(), power_core::Error>(())
/// ```
#[derive(Debug)]
pub struct SimSource {
    descriptor: Descriptor,
    clock: SimClock,
    channels: Vec<Model>,
    origin_ns: i64,
    read_cost: Duration,
    device_clock: Option<DeviceClock>,
    failures: Vec<(u64, ErrorKind)>,
    reads: u64,
    gone: bool,
}

#[derive(Debug, Clone)]
enum SimClock {
    Virtual(VirtualClock),
    Other(Arc<dyn Clock>),
}

#[derive(Debug)]
enum Model {
    Sensor(SensorModel),
    Counter(CounterModel),
    Stream(Ring),
}

/// A streamed channel: the device keeps the latest `capacity` publications that have not been fetched.
#[derive(Debug)]
struct Ring {
    model: SensorModel,
    capacity: usize,
    /// Everything published before this simulated time has been fetched.
    fetched_ns: i64,
}

impl SimClock {
    fn now(&self) -> HostTime {
        match self {
            Self::Virtual(clock) => HostTime::from_nanos(clock.peek_ns()),
            Self::Other(clock) => clock.now(),
        }
    }

    fn spend(&self, time: Duration) {
        if let Self::Virtual(clock) = self {
            clock.advance(time);
        }
    }
}

impl SimSource {
    /// Starts a source on a virtual clock; its channels get ids in the order in which they are added.
    pub fn builder(driver: impl Into<String>, device: impl Into<String>, clock: VirtualClock) -> SimBuilder {
        SimBuilder::new(driver.into(), device.into(), SimClock::Virtual(clock))
    }

    /// Starts a source on any clock, such as the host's own.
    pub fn builder_on(
        driver: impl Into<String>,
        device: impl Into<String>,
        clock: Arc<dyn Clock>,
    ) -> SimBuilder {
        SimBuilder::new(driver.into(), device.into(), SimClock::Other(clock))
    }

    /// Number of reads asked of this source so far, failed ones included.
    pub const fn reads(&self) -> u64 {
        self.reads
    }

    /// The failure due at this read, if any.
    fn failure(&mut self) -> Option<ErrorKind> {
        let due = self.failures.iter().find(|(read, _)| *read == self.reads).map(|(_, kind)| *kind);
        self.reads += 1;
        self.gone |= due == Some(ErrorKind::Disconnected);
        if self.gone { Some(ErrorKind::Disconnected) } else { due }
    }

    /// One transaction: the moment at which the device looked, in ns of host time.
    fn transact(&self, failure: Option<ErrorKind>) -> Result<i64> {
        let half = self.read_cost / 2;
        self.clock.spend(half);
        let now = self.clock.now().nanos();
        self.clock.spend(self.read_cost.saturating_sub(half));
        match failure {
            Some(kind) => Err(Error::new(kind, "scripted failure of a simulated source")),
            None => Ok(now),
        }
    }
}

impl PowerSource for SimSource {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn read(&mut self, recorder: &mut Recorder<'_>) -> Result<()> {
        let failure = self.failure();
        let (now_ns, stamp) = recorder.bracket(|| self.transact(failure))?;
        let t_ns = now_ns - self.origin_ns;
        for ((id, channel), model) in (0..).zip(&self.descriptor.channels).zip(&mut self.channels) {
            let id = ChannelId(id);
            match model {
                Model::Sensor(sensor) => {
                    recorder.push(Reading::new(id, shown(channel, sensor.value_at(t_ns)), stamp));
                }
                Model::Counter(counter) => {
                    recorder.push(Reading::new(id, Value::Count(counter.count_at(t_ns)), stamp));
                }
                Model::Stream(ring) => {
                    let clock = self.device_clock.as_ref().map(|clock| (clock, self.origin_ns));
                    ring.fetch(t_ns, |value, published_ns, flags| {
                        let reading = Reading::new(id, shown(channel, value), stamp).flagged(flags);
                        recorder.push(stamped(reading, published_ns, clock));
                    });
                }
            }
        }
        Ok(())
    }
}

impl Ring {
    /// Hands over value, time and flags of each publication up to `until_ns` that has not been fetched.
    fn fetch(&mut self, until_ns: i64, mut hand_over: impl FnMut(Option<f64>, i64, Flags)) {
        let end_ns = until_ns.saturating_add(1);
        let (model, from_ns) = (&self.model, self.fetched_ns);
        let published = || model.lattice_points(from_ns, end_ns).filter(|p| p.fate != Fate::Unpublished);
        let lost = published().count().saturating_sub(self.capacity);
        for (position, publication) in published().skip(lost).enumerate() {
            let overrun = if lost > 0 && position == 0 { Flags::OVERRUN } else { Flags::NONE };
            hand_over(publication.value, publication.t_ns, overrun);
        }
        self.fetched_ns = end_ns.max(from_ns);
    }
}

fn stamped(reading: Reading, published_ns: i64, clock: Option<(&DeviceClock, i64)>) -> Reading {
    match clock {
        Some((clock, origin_ns)) => {
            reading.at_device(DeviceTime::from_nanos(clock.device_ns(published_ns + origin_ns)))
        }
        None => reading,
    }
}

fn shown(channel: &Channel, number: Option<f64>) -> Value {
    number.and_then(|number| value(channel.quantity, number)).unwrap_or(Value::Missing)
}

/// `number` as a value of `quantity`, in its base unit; `None` for a quantity that is not simulated.
fn value(quantity: Quantity, number: f64) -> Option<Value> {
    match quantity {
        Quantity::MemoryUsed | Quantity::State => Some(Value::Count(counts(number.round()))),
        _ => Value::measured(quantity, number),
    }
}
