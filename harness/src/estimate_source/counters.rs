//! The energy counters that an estimator reads: the difference since it looked last, over the time since then.

use power_core::{
    ChannelId, Options, PowerSource, Quantity, Reading, Recorder, Result, Scope, Step, SystemClock,
};

use super::wrong;
use crate::drivers;

/// Energy counters of other drivers' sources.
#[derive(Debug, Default)]
pub(super) struct Counters {
    sources: Vec<Box<dyn PowerSource>>,
    /// Source, channel and energy of a count in joules, with what it showed last.
    taps: Vec<(usize, ChannelId, f64, Option<Reading>)>,
    readings: Vec<Reading>,
}

impl Counters {
    /// The energy counters of GPUs: devices of the driver nvml, separated by commas.
    pub(super) fn gpus(devices: &str, options: &Options) -> Result<Self> {
        let options = only(options, "library");
        let mut counters = Self::default();
        for device in devices.split(',') {
            counters.add("nvml", device.trim(), &options, &Scope::Board)?;
        }
        Ok(counters)
    }

    /// The energy counters of all CPU packages.
    pub(super) fn rapl(options: &Options) -> Result<Self> {
        let mut counters = Self::default();
        counters.add("rapl", "all", &only(options, "powercap_root"), &Scope::Package)?;
        Ok(counters)
    }

    fn add(&mut self, driver: &str, device: &str, options: &Options, scope: &Scope) -> Result<()> {
        let found = drivers::find(driver).ok_or_else(|| wrong(format!("there is no driver {driver}")))?;
        let source = found.open(device, options)?;
        let before = self.taps.len();
        for (id, channel) in (0_u16..).zip(&source.descriptor().channels) {
            if let Quantity::EnergyCounter { quantum, .. } = channel.quantity
                && channel.scope == *scope
            {
                self.taps.push((self.sources.len(), ChannelId(id), quantum.get(), None));
            }
        }
        if self.taps.len() == before {
            return Err(wrong(format!(
                "{driver} {device} has no energy counter; name one such as gpu0/counter"
            )));
        }
        self.sources.push(source);
        Ok(())
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.taps.is_empty()
    }

    /// The mean power of all since the call before, in watts; `None` where one does not tell, as at the first call.
    pub(super) fn power_w(&mut self) -> Option<f64> {
        let mut sum_w = Some(0.0);
        for (at, source) in self.sources.iter_mut().enumerate() {
            self.readings.clear();
            let _ = source.read(&mut Recorder::new(&SystemClock, &mut self.readings));
            for (_, id, quantum_j, last) in self.taps.iter_mut().filter(|counter| counter.0 == at) {
                let now = self.readings.iter().rev().find(|reading| reading.channel == *id).copied();
                let channel = source.descriptor().channel(*id);
                let watts =
                    channel.zip(last.as_ref()).zip(now.as_ref()).and_then(|((channel, last), now)| {
                        let counts = channel.step(last, now).and_then(Step::counts)?;
                        let seconds = now.stamp.midpoint().since(last.stamp.midpoint())?.as_secs_f64();
                        (seconds > 0.0).then(|| *quantum_j * float(counts) / seconds)
                    });
                *last = now.or(*last);
                sum_w = sum_w.zip(watts).map(|(sum, watts)| sum + watts);
            }
        }
        sum_w
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
