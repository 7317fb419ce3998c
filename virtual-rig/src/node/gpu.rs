//! One virtual GPU: who it is, and its sensors over a stretch of time.

use std::time::Duration;

use power_core::Joules;
use power_testkit::{CounterModel, Fault, Filter, Segments, SensorModel, Signal};

use super::hidden::Hidden;
use super::truth::{Pattern, Truth};
use crate::description::{Description, GpuDescription, Model, Restamp, Sensor, SensorDescription};
use crate::num::{float, mix, nanos_of_ms, rounded, whole};
use crate::{Load, Result};

/// Length of a stretch for which sensors are made at once, in ns.
const STRETCH_NS: i64 = 60_000_000_000;

/// How far back before a stretch its sensors can look: further than any window, ring and time constant.
const BEFORE_NS: i64 = 30_000_000_000;

/// Averaging time of the temperature.
const THERMAL_NS: i64 = 15_000_000_000;

/// Utilisation is that of the last sixth of a second.
const UTILISATION: Duration = Duration::from_nanos(166_666_667);

/// Utilisation of the memory per utilisation of the GPU, where no workload says it.
const MEMORY_SHARE: f64 = 0.45;

/// Samples that a ring holds, and how many of them a fetch delivers at most.
pub(crate) const RING_DEPTH: usize = 120;
pub(crate) const RING_DELIVERED: usize = 119;

/// How old a sample of the ring is when it can be had first, in ns.
const RING_LAG_NS: i64 = 800_000;

/// A virtual GPU.
#[derive(Debug)]
pub(crate) struct Gpu {
    pub(crate) index: usize,
    pub(crate) model: Model,
    pub(crate) uuid: String,
    pub(crate) serial: String,
    pub(crate) pci_bus: u8,
    pub(crate) limit_w: f64,
    pub(crate) mig: Vec<String>,
    pub(crate) truth: Truth,
    pub(crate) restamp: Restamp,
    idle_w: f64,
    busy_w: f64,
    seed: u64,
    described: GpuDescription,
    pub(super) sensors: Option<Sensors>,
    pub(super) hidden: Hidden,
}

/// A GPU's sensors over a stretch of time.
#[derive(Debug)]
pub(crate) struct Sensors {
    stretch: i64,
    pub(crate) usage: SensorModel,
    pub(crate) average: Option<SensorModel>,
    pub(crate) instant: Option<SensorModel>,
    pub(crate) memory_average: Option<SensorModel>,
    pub(crate) module_average: Option<SensorModel>,
    pub(crate) module_instant: Option<SensorModel>,
    pub(crate) ring: Option<SensorModel>,
    pub(crate) module_ring: Option<SensorModel>,
    pub(crate) utilisation: SensorModel,
    pub(crate) memory_utilisation: SensorModel,
    pub(crate) counter: Option<CounterModel>,
}

/// One sample of a ring: its host time in ns and its value.
pub(crate) type Sample = (i64, f64);

impl Gpu {
    /// GPU `index`; `scripted` is what the node's workload has it do.
    pub(crate) fn new(
        index: usize,
        node: &Description,
        origin_ns: i64,
        scripted: Option<Pattern>,
    ) -> Result<Self> {
        let described = node.gpus.get(index).cloned().unwrap_or_default();
        let model = Model::find(described.model.as_ref().unwrap_or(&node.model))?;
        let seed = mix(&[node.seed, u64::try_from(index).unwrap_or(u64::MAX)]);
        let load: &Load = described.load.as_ref().unwrap_or(&node.load);
        let scripted = scripted.filter(|_| described.load.is_none());
        let idle_w = described.idle_w.unwrap_or(model.idle_w);
        let limit_w = described.limit_w.unwrap_or(model.limit_w);
        let [a, b] = [mix(&[seed, 1]), mix(&[seed, 2])];
        let uuid = format!(
            "GPU-{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            a >> 32,
            (a >> 16) & 0xffff,
            a & 0xffff,
            b >> 48,
            b & 0xffff_ffff_ffff
        );
        let bus = u8::try_from(index + 1).unwrap_or(u8::MAX);
        Ok(Self {
            index,
            model,
            uuid: described.uuid.clone().unwrap_or(uuid),
            serial: format!("165{:010}", mix(&[seed, 3]) % 10_000_000_000),
            pci_bus: described.pci_bus.unwrap_or(bus),
            limit_w,
            mig: described.mig.clone(),
            restamp: described.restamp.unwrap_or(model.restamp),
            truth: match scripted {
                Some(pattern) => Truth::of_pattern(idle_w, origin_ns, pattern),
                None => Truth::new(idle_w, origin_ns, load, mix(&[seed, 4])),
            },
            idle_w,
            busy_w: described.busy_w.unwrap_or(limit_w),
            seed,
            described,
            sensors: None,
            hidden: Hidden::default(),
        })
    }

    /// Power without a load and power limit in W.
    pub(crate) const fn span_w(&self) -> (f64, f64) {
        (self.idle_w, self.limit_w)
    }

    /// PCI bus id as NVML writes it: domain of 8 digits.
    pub(crate) fn bus_id(&self) -> String {
        format!("00000000:{:02X}:00.0", self.pci_bus)
    }

    /// UUID of a MIG instance.
    pub(crate) fn mig_uuid(&self, instance: usize) -> String {
        let [a, b] = [5, 6].map(|n| mix(&[self.seed, n, u64::try_from(instance).unwrap_or(0)]));
        format!(
            "MIG-{:08x}-{:04x}-5{:03x}-8{:03x}-{:012x}",
            a >> 32,
            a & 0xffff,
            (a >> 16) & 0xfff,
            b >> 52,
            b & 0xffff_ffff_ffff
        )
    }

    /// Sets a load from a time on.
    pub(crate) fn set_load(&mut self, t_ns: i64, power_w: f64) {
        self.truth.set(t_ns, power_w);
        self.sensors = None;
    }

    /// The sensors at `now_ns`.
    pub(crate) fn sensors(&mut self, now_ns: i64) -> &Sensors {
        let stretch = now_ns.div_euclid(STRETCH_NS);
        let old = self.sensors.take().filter(|sensors| sensors.stretch == stretch);
        let sensors = old.unwrap_or_else(|| self.make_sensors(stretch));
        self.sensors.insert(sensors)
    }

    fn make_sensors(&self, stretch: i64) -> Sensors {
        let from = stretch * STRETCH_NS - BEFORE_NS;
        let to = (stretch + 1) * STRETCH_NS;
        let power = self.truth.signal(from, to, None);
        let model = &self.model;
        let sensor = |base: Option<Sensor>, set: Option<SensorDescription>, signal: &Signal, stream| {
            base.map(|base| self.sensor(base, set.unwrap_or_default(), signal.clone(), stream))
        };
        let described = &self.described;
        // The GPU's share of what its memory does, by which an idle H200 has 52.5 W of its 78 W.
        let memory = power.clone() * 0.1 + Signal::constant(0.6 * self.idle_w);
        let module = model.module_w.map(|rest| power.clone() + Signal::constant(rest));
        let busy = |power: f64| (power - self.idle_w) * 100.0 / (self.busy_w - self.idle_w).max(1.0);
        let used = |which, share: f64| {
            let signal = self.truth.utilisation(which, from, to, |power| busy(power) * share);
            SensorModel::new(signal, UTILISATION)
                .with_filter(Filter::Boxcar(UTILISATION))
                .with_phase(self.phase(9, UTILISATION))
        };
        let of_module =
            |base, set, stream| module.as_ref().and_then(|signal| sensor(base, set, signal, stream));
        Sensors {
            stretch,
            usage: self.sensor(model.usage, described.usage.unwrap_or_default(), power.clone(), 1),
            average: sensor(model.average, described.average, &power, 2),
            instant: sensor(model.instant, described.instant, &power, 3),
            memory_average: sensor(model.average.filter(|_| model.memory_power), None, &memory, 4),
            module_average: of_module(model.average, described.average, 5),
            module_instant: of_module(model.instant, described.instant, 6),
            ring: self.ring(&power, 7),
            module_ring: module.as_ref().and_then(|signal| self.ring(signal, 8)),
            utilisation: used(0, 1.0),
            memory_utilisation: used(1, MEMORY_SHARE),
            counter: model.counter.then(|| self.counter(from, to)),
        }
    }

    fn ring(&self, signal: &Signal, stream: u64) -> Option<SensorModel> {
        let mut set = self.described.ring.unwrap_or_default();
        // As seen on an H200: spacing of 20 ms with a few ms of scatter, 99.6 % of the grid.
        set.jitter_ms = set.jitter_ms.or(Some(2.8));
        set.skipped = set.skipped.or(Some(0.004));
        self.model.ring.map(|base| self.sensor(base, set, signal.clone(), stream))
    }

    fn sensor(&self, base: Sensor, set: SensorDescription, signal: Signal, stream: u64) -> SensorModel {
        let period = duration(set.period_ms.unwrap_or(base.period_ms));
        let window_ms = set.window_ms.unwrap_or(if set.tau_ms.is_some() { 0.0 } else { base.window_ms });
        let tau_ms = set.tau_ms.unwrap_or(if set.window_ms.is_some() { 0.0 } else { base.tau_ms });
        let filter = match (window_ms > 0.0, tau_ms > 0.0) {
            (true, false) => Filter::Boxcar(duration(window_ms)),
            (false, true) => Filter::Exponential(duration(tau_ms)),
            (true, true) => Filter::BoxcarExponential { window: duration(window_ms), tau: duration(tau_ms) },
            (false, false) => Filter::Point,
        };
        let sensor = SensorModel::new(signal, period)
            .with_filter(filter)
            .with_phase(self.phase(0, period))
            .with_delay(duration(set.delay_ms.unwrap_or(0.0)))
            .with_jitter(duration(set.jitter_ms.unwrap_or(0.0)))
            .with_gain(set.gain.unwrap_or(1.0))
            .with_offset(set.offset_w.unwrap_or(0.0))
            .with_noise(set.noise_w.unwrap_or(0.0))
            .with_quantum(0.001)
            .with_seed(mix(&[self.seed, stream]));
        match set.skipped.filter(|share| *share > 0.0) {
            Some(share) => sensor.with_fault(Fault::Unpublished, Segments::random(share, 1..=1)),
            None => sensor,
        }
    }

    /// The counter of a stretch. What was counted before is whole counts and a rest below one; the rest is
    /// put into the second before the stretch, so that no count is lost or doubled from stretch to stretch.
    fn counter(&self, from: i64, to: i64) -> CounterModel {
        let set = self.described.counter.unwrap_or_default();
        let gain = set.gain.unwrap_or(1.0);
        let before_mj = (self.truth.total_j(from) * gain * 1e3).max(0.0);
        let counted = before_mj.floor();
        let rest_w = (before_mj - counted) / 1e3 / gain;
        let origin = if before_mj > 0.0 { from - 1_000_000_000 } else { self.truth.origin_ns().max(from) };
        let signal = self.truth.signal(from, to, Some(rest_w));
        let period = duration(set.period_ms.unwrap_or(100.0));
        CounterModel::new(signal, Joules::from_millijoules(1), period)
            .with_phase(self.phase(0, period))
            .with_delay(duration(set.delay_ms.unwrap_or(0.0)))
            .with_gain(gain)
            .with_start(origin, rounded(counted).unsigned_abs())
    }

    /// A phase of its own for each GPU; sensors of one stream and period share it.
    fn phase(&self, stream: u64, period: Duration) -> Duration {
        let period_ns = u64::try_from(period.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(mix(&[self.seed, 100 + stream, period_ns]) % period_ns)
    }

    /// Utilisation of GPU and memory at `now_ns` in %.
    pub(crate) fn utilisation(&mut self, now_ns: i64) -> (u32, u32) {
        let sensors = self.sensors(now_ns);
        let shown = |sensor: &SensorModel| whole(sensor.value_at(now_ns).unwrap_or(0.0).clamp(0.0, 100.0));
        (shown(&sensors.utilisation), shown(&sensors.memory_utilisation))
    }

    /// Temperature of GPU and memory in C, which follows the mean power.
    pub(crate) fn temperature(&mut self, now_ns: i64) -> (u32, u32) {
        let second = 1_000_000_000;
        let t = now_ns.div_euclid(second) * second;
        let mean = self.sensors(now_ns).usage.signal().mean_w(t - THERMAL_NS, t);
        let gpu = 31.0 + 45.0 * mean / self.model.limit_w;
        (whole(gpu), whole(gpu + 2.0))
    }

    /// SM clock in MHz.
    pub(crate) fn sm_mhz(&mut self, now_ns: i64) -> u32 {
        if self.idles(now_ns) { self.model.idle_mhz } else { self.model.sm_mhz }
    }

    /// Video clock in MHz.
    pub(crate) fn video_mhz(&mut self, now_ns: i64) -> u32 {
        if self.idles(now_ns) { self.model.video_mhz / 2 } else { self.model.video_mhz }
    }

    /// Whether nothing runs on it.
    pub(crate) fn idles(&mut self, now_ns: i64) -> bool {
        self.utilisation(now_ns).0 == 0
    }

    /// NVML's bit mask of what holds the clocks down: idle, or the power limit.
    pub(crate) fn clock_reasons(&mut self, now_ns: i64) -> u64 {
        let at_limit = self.sensors(now_ns).usage.signal().power_w(now_ns) >= 0.98 * self.limit_w;
        u64::from(self.idles(now_ns)) | if at_limit { 4 } else { 0 }
    }

    /// Memory used in MiB: as much of it as of the GPU, up to nine tenths, while something runs.
    pub(crate) fn memory_used_mib(&mut self, now_ns: i64) -> u64 {
        let share = u64::from(self.utilisation(now_ns).0);
        self.model.memory_mib * share * 9 / 1_000
    }

    /// The newest samples of a power ring at `now_ns`, oldest first; `None` where there is no such ring.
    pub(crate) fn power_ring(&mut self, module: bool, now_ns: i64) -> Option<Vec<Sample>> {
        let sensors = self.sensors(now_ns);
        let ring = if module { &sensors.module_ring } else { &sensors.ring };
        ring.as_ref().map(|ring| newest(ring, now_ns))
    }

    /// The newest samples of the utilisation in %, oldest first.
    pub(crate) fn utilisation_ring(&mut self, now_ns: i64) -> Vec<Sample> {
        newest(&self.sensors(now_ns).utilisation, now_ns)
    }
}

impl Sensors {
    /// What a sensor shows in W.
    pub(crate) fn shown(sensor: Option<&SensorModel>, now_ns: i64) -> Option<f64> {
        sensor.and_then(|sensor| sensor.value_at(now_ns))
    }
}

fn newest(ring: &SensorModel, now_ns: i64) -> Vec<Sample> {
    let period = i64::try_from(ring.period().as_nanos()).unwrap_or(i64::MAX);
    let until = now_ns - RING_LAG_NS;
    // As far as is enough where few publications are skipped; else as far as where half are.
    let back = |depth: usize| {
        let depth = i64::try_from(depth).unwrap_or(i64::MAX);
        ring.publications(until - depth * period, until + 1)
    };
    let mut shown = back(RING_DEPTH + 5);
    if shown.len() < RING_DELIVERED {
        shown = back(3 * RING_DEPTH);
    }
    let newest = &shown[shown.len().saturating_sub(RING_DELIVERED)..];
    newest.iter().filter_map(|sample| sample.value.map(|value| (sample.t_ns, value))).collect()
}

fn duration(ms: f64) -> Duration {
    Duration::from_nanos(nanos_of_ms(ms).unsigned_abs())
}

/// Mean of values; 0 of none.
pub(crate) fn mean(values: &[f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    values.iter().sum::<f64>() / float(i64::try_from(values.len()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpu(load: Load) -> Gpu {
        Gpu::new(0, &Description::node(1).with_load(load), 3_000_000_000, None).unwrap()
    }

    #[test]
    fn sensors_agree_from_stretch_to_stretch() {
        let mut gpu = gpu(Load::random(90.0, 600.0, 0.2));
        let boundary = 5 * STRETCH_NS;
        for ago in [0, 900_000_000, 2_000_000_000] {
            let t = boundary - ago;
            let (before, after) = (gpu.make_sensors(4), gpu.make_sensors(5));
            assert_eq!(before.usage.value_at(t), after.usage.value_at(t));
            assert_eq!(before.instant.unwrap().value_at(t), after.instant.unwrap().value_at(t));
            assert_eq!(before.counter.unwrap().count_at(t), after.counter.unwrap().count_at(t));
            assert_eq!(newest(before.ring.as_ref().unwrap(), t), newest(after.ring.as_ref().unwrap(), t));
        }
        assert_eq!(gpu.sensors(boundary - 1).stretch, 4);
        assert_eq!(gpu.sensors(boundary).stretch, 5);
    }

    #[test]
    fn the_counter_counts_from_the_origin_and_never_back() {
        let mut gpu = gpu(Load::square(100.0, 400.0, 0.7));
        let mut last = 0;
        for second in 0..400 {
            let now = second * 1_000_000_000;
            let count = gpu.sensors(now).counter.as_ref().unwrap().count_at(now);
            assert!(count >= last, "{second} s: {count} after {last}");
            let true_mj = gpu.truth.total_j(now).max(0.0) * 1e3;
            assert!((true_mj - 40_001.0..=true_mj + 1.0).contains(&float(i64::try_from(count).unwrap())));
            last = count;
        }
    }

    #[test]
    fn every_model_has_sensors_that_work() {
        for name in ["NVIDIA H100 PCIe", "Tesla K40m", "NVIDIA GeForce RTX 3090", "Tesla V100-SXM2-16GB"] {
            let description = Description::node(1).with_model(name).with_load(Load::constant(123.0));
            let mut gpu = Gpu::new(0, &description, 0, None).unwrap();
            let now = 20_000_000_000;
            let shown = gpu.sensors(now).usage.value_at(now).unwrap();
            assert!((shown - 123.0).abs() < 1e-3, "{name} {shown}");
        }
    }
}
