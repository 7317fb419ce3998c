//! The sensors that an estimator reads: energy counters, by the difference since it looked last, and power.

use power_core::{
    Channel, ChannelId, Options, PowerSource, Quantity, Reading, Recorder, Result, Scope, Step, SystemClock,
};

use super::wrong;
use crate::drivers;

/// NVML's power usage, as the driver nvml calls it.
const POWER_USAGE: &str = "power.draw";

/// Sensors of other drivers' sources, whose sum is asked for.
#[derive(Debug, Default)]
pub(super) struct Sensors {
    sources: Vec<Box<dyn PowerSource>>,
    taps: Vec<Tap>,
    readings: Vec<Reading>,
}

/// One channel of one of the sources.
#[derive(Debug)]
struct Tap {
    source: usize,
    channel: ChannelId,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// Energy of a count in joules, and what it showed last.
    Counter { quantum_j: f64, last: Option<Reading> },
    /// Power.
    Gauge,
}

impl Sensors {
    /// The energy counters of GPUs: devices of the driver nvml, separated by commas.
    pub(super) fn gpu_counters(devices: &str, options: &Options) -> Result<Self> {
        Self::open("nvml", devices, &only(options, "library"), |channel| counter(channel, &Scope::Board))?
            .some()
    }

    /// The power usage of GPUs: devices of the driver nvml, separated by commas.
    pub(super) fn gpu_gauges(devices: &str, options: &Options) -> Result<Self> {
        Self::open("nvml", devices, &only(options, "library"), |channel| {
            (channel.name == POWER_USAGE).then_some(Kind::Gauge)
        })?
        .some()
    }

    /// The energy counters of all CPU packages, or of their memory; none where the machine has none.
    pub(super) fn rapl(options: &Options, scope: &Scope) -> Result<Self> {
        Self::open("rapl", "all", &only(options, "powercap_root"), |channel| counter(channel, scope))
    }

    /// Opens devices separated by commas; `kind` says of a channel whether it is read, and as what.
    fn open(
        driver: &str,
        devices: &str,
        options: &Options,
        kind: impl Fn(&Channel) -> Option<Kind>,
    ) -> Result<Self> {
        let found = drivers::find(driver).ok_or_else(|| wrong(format!("there is no driver {driver}")))?;
        let mut sensors = Self::default();
        for device in devices.split(',').map(str::trim) {
            let opened = found.open(device, options)?;
            let source = sensors.sources.len();
            for (id, channel) in (0_u16..).zip(&opened.descriptor().channels) {
                sensors.taps.extend(kind(channel).map(|kind| Tap { source, channel: ChannelId(id), kind }));
            }
            sensors.sources.push(opened);
        }
        Ok(sensors)
    }

    /// Itself, if every device has something that is read.
    pub(super) fn some(self) -> Result<Self> {
        let read = |source: usize| self.taps.iter().any(|tap| tap.source == source);
        let idle = self.sources.iter().enumerate().find(|(at, _)| !read(*at));
        match idle.map(|(_, source)| source.descriptor().device.clone()) {
            None => Ok(self),
            Some(device) => Err(wrong(format!(
                "{device} has nothing that this estimator reads: codecarbon reads energy counters, such as gpu0/counter, \
                 carbontracker power usage, such as gpu0/gauges"
            ))),
        }
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.taps.is_empty()
    }

    /// The power of all in watts, of counters since the call before; `None` where one does not tell, as a counter at the
    /// first call.
    pub(super) fn power_w(&mut self) -> Option<f64> {
        let mut sum_w = Some(0.0);
        for (at, source) in self.sources.iter_mut().enumerate() {
            self.readings.clear();
            let _ = source.read(&mut Recorder::new(&SystemClock, &mut self.readings));
            for tap in self.taps.iter_mut().filter(|tap| tap.source == at) {
                let now = self.readings.iter().rev().find(|reading| reading.channel == tap.channel).copied();
                let watts = match &mut tap.kind {
                    Kind::Gauge => now.and_then(|now| now.value.number()),
                    Kind::Counter { quantum_j, last } => {
                        let channel = source.descriptor().channel(tap.channel);
                        let watts = channel.zip(last.as_ref()).zip(now.as_ref()).and_then(
                            |((channel, last), now)| {
                                let counts = channel.step(last, now).and_then(Step::counts)?;
                                let seconds =
                                    now.stamp.midpoint().since(last.stamp.midpoint())?.as_secs_f64();
                                (seconds > 0.0).then(|| *quantum_j * float(counts) / seconds)
                            },
                        );
                        *last = now.or(*last);
                        watts
                    }
                };
                sum_w = sum_w.zip(watts).map(|(sum, watts)| sum + watts);
            }
        }
        sum_w
    }
}

/// A channel that counts energy of this scope.
fn counter(channel: &Channel, scope: &Scope) -> Option<Kind> {
    match channel.quantity {
        Quantity::EnergyCounter { quantum, .. } if channel.scope == *scope => {
            Some(Kind::Counter { quantum_j: quantum.get(), last: None })
        }
        _ => None,
    }
}

/// One of the options, if it is given.
fn only(options: &Options, name: &str) -> Options {
    options.text(name).map(|value| Options::new().with(name, value)).unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "counts of some seconds are far below 2^53")]
fn float(counts: u64) -> f64 {
    counts as f64
}
