//! What a meter makes of the true power of its rail.

use std::time::Duration;

use power_testkit::{DeviceClock, Filter, SensorModel, Signal};
use serde::Serialize;

use crate::description::{MeterDescription, MeterKind, StampPosition};
use crate::num::{float, mix, nanos, nanos_of_ms, rounded, seconds};

/// How many time constants back a low-pass is followed: the rest is below a millionth.
const TAUS: f64 = 15.0;

/// What a kind of meter is like.
struct Kind {
    period_ms: f64,
    window_ms: f64,
    tau_ms: f64,
    delay_ms: f64,
    noise_w: f64,
    range_w: f64,
    /// Limits of error: share of the reading, share of the range.
    accuracy: (f64, f64),
    quantum_w: f64,
    stamped: bool,
}

/// The figures and their sources are in this crate's README.
const fn kind(kind: MeterKind) -> Kind {
    let analyser = Kind {
        period_ms: 100.0,
        window_ms: 100.0,
        tau_ms: 0.0,
        delay_ms: 5.0,
        noise_w: 0.3,
        range_w: 6_000.0,
        accuracy: (0.0007, 0.0004),
        quantum_w: 0.0,
        stamped: false,
    };
    match kind {
        MeterKind::Lmg450 => analyser,
        MeterKind::Lmg670 => Kind { stamped: true, ..analyser },
        MeterKind::Wt310 => Kind { accuracy: (0.001, 0.0005), delay_ms: 20.0, ..analyser },
        MeterKind::Sdm630Tcp | MeterKind::Sdm630Rtu => Kind {
            period_ms: 1_000.0,
            window_ms: 0.0,
            // 1 s to 99 %.
            tau_ms: 217.0,
            delay_ms: 50.0,
            noise_w: 2.0,
            range_w: 69_000.0,
            accuracy: (0.01, 0.0),
            quantum_w: 0.0,
            stamped: false,
        },
        MeterKind::Ptdaemon => Kind {
            period_ms: 1_000.0,
            window_ms: 1_000.0,
            accuracy: (0.001, 0.0005),
            delay_ms: 30.0,
            stamped: true,
            ..analyser
        },
        MeterKind::WattsUp => Kind {
            period_ms: 1_000.0,
            window_ms: 1_000.0,
            delay_ms: 50.0,
            noise_w: 0.5,
            range_w: 3_600.0,
            accuracy: (0.015, 0.0),
            quantum_w: 0.1,
            ..analyser
        },
    }
}

/// A meter as it is: clock, lattice of publications, filter, errors.
#[derive(Debug, Clone)]
pub(crate) struct MeterModel {
    pub(crate) name: String,
    pub(crate) kind: MeterKind,
    /// The meter's clock: its time is what its stamps are.
    pub(crate) clock: DeviceClock,
    pub(crate) stamped: bool,
    pub(crate) range_w: f64,
    /// Limits of error: share of the reading, share of the range.
    pub(crate) accuracy: (f64, f64),
    /// Update period and averaging window, in ns of the meter's clock.
    pub(crate) period_ns: i64,
    pub(crate) window_ns: i64,
    pub(crate) tau_ns: i64,
    pub(crate) delay_ns: i64,
    pub(crate) gain: f64,
    pub(crate) offset_w: f64,
    pub(crate) stamps: StampPosition,
    noise_w: f64,
    quantum_w: f64,
    drift_ppm: f64,
    /// Time of publication 0 in ns of host time.
    phase_ns: i64,
    seed: u64,
}

/// What a meter is like: the truth that an alignment or a comparison has to find.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct MeterTruth {
    /// The meter's name.
    pub name: String,
    /// What it is.
    pub kind: MeterKind,
    /// Update period T in ms, of the meter's own clock.
    pub period_ms: f64,
    /// Averaging window W in ms, of its own clock; 0 for none.
    pub window_ms: f64,
    /// Time constant of its low-pass in ms; 0 for none.
    pub tau_ms: f64,
    /// From the end of the window to the moment at which the value can be had, in ms.
    pub delay_ms: f64,
    /// Watts shown per watt.
    pub gain: f64,
    /// Watts shown at no power.
    pub offset_w: f64,
    /// Standard deviation of the noise of a value in W.
    pub noise_w: f64,
    /// The meter's time less the host's at the rig's second 0, in s.
    pub clock_offset_s: f64,
    /// By how many parts in a million its clock is fast.
    pub drift_ppm: f64,
    /// Whether its values carry the time of its own clock.
    pub stamped: bool,
    /// Which time of a value's window a stamp is.
    pub stamps: StampPosition,
}

/// One publication of a meter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Published {
    /// Its number.
    pub(crate) index: i64,
    /// Host time from which on it can be had, in ns.
    pub(crate) t_ns: i64,
    /// Power in W, with the meter's errors.
    pub(crate) power_w: f64,
    /// The meter's time of the value, in ns.
    pub(crate) device_ns: i64,
}

impl MeterModel {
    /// A meter of a rig whose seed and second 0 these are.
    pub(crate) fn new(described: &MeterDescription, rig_seed: u64, origin_ns: i64) -> Self {
        let kind = kind(described.kind);
        let name_hash = described.name.bytes().fold(7, |hash, byte| mix(&[hash, u64::from(byte)]));
        let seed = mix(&[rig_seed, name_hash]);
        // Uniform on -1 to 1.
        let draw = |stream: u64| {
            let bits = i64::try_from(mix(&[seed, stream]) >> 11).unwrap_or(0);
            float(bits) / float(1 << 52) - 1.0
        };
        let (of_reading, of_range) = kind.accuracy;
        let range_w = described.range_w.unwrap_or(kind.range_w);
        let drift_ppm = described.drift_ppm.unwrap_or_else(|| draw(2) * 50.0);
        let offset_ns = described.clock_offset_s.map_or_else(|| rounded(draw(1) * 2e9), nanos);
        // The offset is meant at the origin; the clock counts it from host time 0.
        let at_zero = offset_ns - rounded(float(origin_ns) * drift_ppm * 1e-6);
        let period_ns = nanos_of_ms(described.period_ms.unwrap_or(kind.period_ms));
        Self {
            name: described.name.clone(),
            kind: described.kind,
            clock: DeviceClock::new(at_zero, drift_ppm),
            stamped: described.stamped.unwrap_or(kind.stamped),
            range_w,
            accuracy: kind.accuracy,
            period_ns,
            window_ns: nanos_of_ms(described.window_ms.unwrap_or(kind.window_ms)),
            tau_ns: nanos_of_ms(described.tau_ms.unwrap_or(kind.tau_ms)),
            delay_ns: nanos_of_ms(described.delay_ms.unwrap_or(kind.delay_ms)),
            // Within half of the limits of error: a meter that has been calibrated.
            gain: described.gain.unwrap_or_else(|| 1.0 + 0.5 * of_reading * draw(3)),
            offset_w: described.offset_w.unwrap_or_else(|| 0.5 * of_range * range_w * draw(4)),
            stamps: described.stamps.unwrap_or_default(),
            noise_w: described.noise_w.unwrap_or(kind.noise_w),
            quantum_w: kind.quantum_w,
            drift_ppm,
            phase_ns: rounded(f64::midpoint(draw(5), 1.0) * float(period_ns)),
            seed,
        }
    }

    /// What it is like, of a rig whose second 0 is `origin_ns`.
    pub(crate) fn truth(&self, origin_ns: i64) -> MeterTruth {
        let ms = |ns: i64| float(ns) / 1e6;
        MeterTruth {
            name: self.name.clone(),
            kind: self.kind,
            period_ms: ms(self.period_ns),
            window_ms: ms(self.window_ns),
            tau_ms: ms(self.tau_ns),
            delay_ms: ms(self.delay_ns),
            gain: self.gain,
            offset_w: self.offset_w,
            noise_w: self.noise_w,
            clock_offset_s: seconds(self.clock.offset_ns(origin_ns)),
            drift_ppm: self.drift_ppm,
            stamped: self.stamped,
            stamps: self.stamps,
        }
    }

    /// A length of the meter's clock in ns of host time.
    fn host_ns(&self, own_ns: i64) -> i64 {
        rounded(float(own_ns) / (1.0 + self.drift_ppm * 1e-6))
    }

    /// How far back from a publication its value reaches, in ns.
    pub(crate) fn reach_ns(&self) -> i64 {
        self.window_ns + self.delay_ns + rounded(TAUS * float(self.tau_ns)) + 1_000_000
    }

    /// Number of the newest publication at `t_ns`.
    pub(crate) fn newest(&self, t_ns: i64) -> i64 {
        (t_ns - self.phase_ns).div_euclid(self.host_ns(self.period_ns))
    }

    /// When publication `index` can be had, in ns of host time.
    pub(crate) fn time_ns(&self, index: i64) -> i64 {
        self.phase_ns + index * self.host_ns(self.period_ns)
    }

    /// The meter at a signal of its rail.
    pub(crate) fn sensor(&self, signal: Signal) -> SensorModel {
        let host = |own_ns: i64| Duration::from_nanos(self.host_ns(own_ns).unsigned_abs());
        let filter = match (self.window_ns > 0, self.tau_ns > 0) {
            (true, false) => Filter::Boxcar(host(self.window_ns)),
            (false, true) => Filter::Exponential(host(self.tau_ns)),
            (true, true) => {
                Filter::BoxcarExponential { window: host(self.window_ns), tau: host(self.tau_ns) }
            }
            (false, false) => Filter::Point,
        };
        SensorModel::new(signal, host(self.period_ns))
            .with_phase(Duration::from_nanos(self.phase_ns.unsigned_abs()))
            .with_filter(filter)
            .with_delay(host(self.delay_ns))
            .with_gain(self.gain)
            .with_offset(self.offset_w)
            .with_noise(self.noise_w)
            .with_quantum(self.quantum_w)
            .with_seed(self.seed)
    }

    /// Publication `index` of a sensor that [`sensor`](Self::sensor) made.
    pub(crate) fn published(&self, sensor: &SensorModel, index: i64) -> Published {
        let publication = sensor.publication(index);
        let end_ns = publication.t_ns - self.host_ns(self.delay_ns);
        let back_ns = match self.stamps {
            StampPosition::Start => self.host_ns(self.window_ns),
            StampPosition::Centre => self.host_ns(self.window_ns) / 2,
            StampPosition::End => 0,
        };
        Published {
            index,
            t_ns: publication.t_ns,
            power_w: publication.value.unwrap_or(0.0),
            device_ns: self.clock.device_ns(end_ns - back_ns),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000_000;

    #[test]
    fn a_clock_that_is_fast_publishes_more_often_and_stamps_its_own_time() {
        let described = MeterDescription::new("m", MeterKind::Lmg670).with_clock(3.0, 1_000.0);
        let meter = MeterModel::new(&described, 1, 1_000 * S);
        assert_eq!(meter.clock.offset_ns(1_000 * S), 3 * S);
        assert!((meter.clock.offset_ns(1_010 * S) - 3 * S - 10_000_000).abs() <= 1);
        let sensor = meter.sensor(Signal::constant(500.0));
        let first = meter.newest(1_000 * S);
        let count = meter.newest(2_000 * S) - first;
        assert_eq!(count, 10_010);
        let (a, b) = (meter.published(&sensor, first), meter.published(&sensor, first + 10_010));
        assert!((b.device_ns - a.device_ns - 1_001 * S).abs() < 20_000);
        assert_eq!(meter.time_ns(first), a.t_ns);
    }

    #[test]
    fn errors_are_drawn_within_the_limits_and_differ_from_rig_to_rig() {
        let mut gains = Vec::new();
        for seed in 0..50 {
            for kind in MeterKind::ALL {
                let meter = MeterModel::new(&MeterDescription::new("m", kind), seed, 0);
                assert!((meter.gain - 1.0).abs() <= meter.accuracy.0, "{kind:?}");
                assert!(meter.offset_w.abs() <= meter.accuracy.1 * meter.range_w);
                assert!(meter.drift_ppm.abs() <= 50.0);
            }
            let meter = MeterModel::new(&MeterDescription::new("m", MeterKind::Lmg450), seed, 0);
            gains.push(meter.gain.to_bits());
        }
        gains.sort_unstable();
        gains.dedup();
        assert_eq!(gains.len(), 50);
    }
}
