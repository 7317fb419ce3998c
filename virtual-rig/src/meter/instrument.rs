//! A meter that runs: what it shows now, faults included.

use std::sync::Arc;
use std::time::Duration;

use crate::description::{Fault, FaultKind};
use crate::node::{MeterModel, Rail, Shared, now_ns};
use crate::num::{float, nanos_of_ms};

/// A running meter at the mains of a rig.
#[derive(Debug)]
pub(crate) struct Instrument {
    pub(crate) model: MeterModel,
    shared: Arc<Shared>,
    mains_v: f64,
}

/// What a meter shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shown {
    /// The power is above the range, and so are the current and the apparent power.
    pub(super) overrange: bool,
    /// Active power in W.
    pub(super) power_w: f64,
    pub(super) volts: f64,
    pub(super) amps: f64,
    /// Apparent power in VA.
    pub(super) apparent_va: f64,
    pub(super) power_factor: f64,
    pub(super) hertz: f64,
    /// Time of the value in ns of Unix time, by the meter's clock.
    pub(super) unix_ns: i64,
    /// Averaging window by the meter's clock, in ns.
    pub(super) window_ns: i64,
}

impl Instrument {
    pub(crate) fn new(model: MeterModel, shared: Arc<Shared>, mains_v: f64) -> Self {
        Self { model, shared, mains_v }
    }

    /// What is wrong with it now.
    pub(super) fn faults(&self) -> Faults {
        Faults(self.shared.faults(&self.model.name, now_ns()))
    }

    /// Number of the newest publication.
    pub(super) fn newest(&self) -> i64 {
        self.model.newest(now_ns())
    }

    /// How long until publication `index` can be had.
    pub(super) fn until(&self, index: i64) -> Duration {
        Duration::from_nanos((self.model.time_ns(index) - now_ns()).max(0).unsigned_abs())
    }

    /// What it shows now.
    pub(super) fn now(&self) -> Shown {
        self.at(self.newest())
    }

    /// What publication `index` shows, which is in the past.
    pub(super) fn at(&self, index: i64) -> Shown {
        let t_ns = self.model.time_ns(index);
        let signal = self.shared.truth().signal(Rail::NodeAc, t_ns - self.model.reach_ns(), t_ns + 1);
        // The mains are a rail of every node.
        let sensor = self.model.sensor(signal.unwrap_or_else(|| power_testkit::Signal::constant(0.0)));
        let published = self.model.published(&sensor, index);
        let (volts, hertz) = mains(self.mains_v, index);
        let mut power_w = published.power_w;
        let mut overrange = power_w > self.model.range_w;
        for fault in self.faults().0 {
            match fault.kind {
                FaultKind::Saturated => power_w = power_w.min(fault.at_w.unwrap_or(f64::INFINITY)),
                FaultKind::Kilowatts => power_w /= 1e3,
                FaultKind::Overrange => overrange = true,
                _ => {}
            }
        }
        let power_factor = power_factor(published.power_w);
        let apparent_va = power_w / power_factor;
        Shown {
            overrange,
            power_w,
            volts,
            amps: apparent_va / volts,
            apparent_va,
            power_factor,
            hertz,
            unix_ns: published.device_ns + self.shared.unix_offset_ns(),
            window_ns: self.model.window_ns,
        }
    }

    /// Energy that it has counted since the rig's second 0, up to its newest publication, in J.
    pub(super) fn energy_j(&self) -> f64 {
        let t_ns = self.model.time_ns(self.newest()) - self.model.delay_ns;
        let truth = self.shared.truth();
        let counted = truth.energy_j(Rail::NodeAc, truth.origin_ns(), t_ns).unwrap_or(0.0);
        (counted * self.model.gain).max(0.0)
    }
}

/// Voltage and frequency of the mains at a publication: they wander a little, and slowly.
fn mains(nominal_v: f64, index: i64) -> (f64, f64) {
    let turn = float(index);
    let volts = nominal_v * (1.0 + 0.004 * (turn / 97.0).sin() + 0.001 * (turn / 13.0).sin());
    (volts, 50.0 + 0.02 * (turn / 61.0).sin())
}

/// Power factor of server power supplies: good with a load, bad without.
fn power_factor(power_w: f64) -> f64 {
    0.99 - 0.25 * (-power_w.max(0.0) / 350.0).exp()
}

/// What is wrong with a meter at a time.
#[derive(Debug)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    pub(super) fn has(&self, kind: FaultKind) -> bool {
        self.0.iter().any(|fault| fault.kind == kind)
    }

    /// The exception that it answers with.
    pub(super) fn exception(&self) -> Option<u32> {
        self.0.iter().find(|fault| fault.kind == FaultKind::Error).and_then(|fault| fault.code)
    }

    /// By how much its replies are late.
    pub(super) fn late(&self) -> Duration {
        let slow = self.0.iter().filter(|fault| fault.kind == FaultKind::Slow);
        let ns = slow.filter_map(|fault| fault.by_ms).map(nanos_of_ms).fold(0_i64, i64::saturating_add);
        Duration::from_nanos(ns.unsigned_abs())
    }
}
