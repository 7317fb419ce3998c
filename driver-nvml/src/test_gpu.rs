//! A GPU made of software behind the seam, for what no library does on command: rings set back, missing functions,
//! answers of a wrong type.

use std::sync::{Arc, Mutex, MutexGuard};

use power_core::{Anchor, SystemClock};

use crate::buffers::{FieldBatch, SampleBuffer};
use crate::error::Failure;
use crate::port::{ClockOf, Gpu, Ring};

/// Samples that a ring of the default holds, one a millisecond: more than a busy machine delays a test by.
pub(crate) const DEPTH: i64 = 500;

/// What the GPU answers; tests change it while a source is open.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    /// Fails all calls.
    pub(crate) all_fail: Option<Failure>,
    pub(crate) usage_mw: Result<u32, Failure>,
    /// Code of NVML, or milliwatts, by field and scope.
    pub(crate) field: fn(u32, u32, &Script) -> Result<u32, u32>,
    pub(crate) pstate: Result<u32, Failure>,
    pub(crate) energy_mj: Result<u64, Failure>,
    pub(crate) ring: Option<RingScript>,
    pub(crate) module_ring: Option<RingScript>,
}

/// A ring with a sample at every multiple of its spacing; sample number k has k % 1000 mW.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RingScript {
    pub(crate) spacing_ns: i64,
    pub(crate) depth: i64,
    /// Greatest number of samples that it claims to hand over.
    pub(crate) claimed_depth: usize,
    pub(crate) clock: fn(&Anchor) -> i64,
    /// Moves the stamps.
    pub(crate) shift_ns: i64,
    pub(crate) empty: bool,
}

impl RingScript {
    pub(crate) fn new(spacing_ns: i64, depth: i64, clock: fn(&Anchor) -> i64) -> Self {
        let claimed_depth = usize::try_from(depth).unwrap();
        Self { spacing_ns, depth, claimed_depth, clock, shift_ns: 0, empty: false }
    }

    fn held(&self) -> Vec<(u64, u32)> {
        let anchor = SystemClock.anchor();
        let newest = (self.clock)(&anchor) / self.spacing_ns;
        let sample = |k: i64| {
            let stamp = (k * self.spacing_ns + self.shift_ns) / 1_000;
            (u64::try_from(stamp).unwrap(), u32::try_from(k % 1_000).unwrap())
        };
        if self.empty { Vec::new() } else { (newest - self.depth + 1..=newest).map(sample).collect() }
    }
}

/// By field: 185 is power usage, 186 half of it; no scope but that of the GPU.
pub(crate) fn usual_fields(field: u32, scope: u32, script: &Script) -> Result<u32, u32> {
    let usage = script.usage_mw.unwrap_or_default();
    match (field, scope) {
        (185, 0) => Ok(usage),
        (186, 0) => Ok(usage / 2),
        _ => Err(3),
    }
}

impl Default for Script {
    fn default() -> Self {
        Self {
            all_fail: None,
            usage_mw: Ok(300_000),
            field: usual_fields,
            pstate: Ok(0),
            energy_mj: Ok(1_000),
            ring: Some(RingScript::new(1_000_000, DEPTH, |anchor| anchor.realtime_ns)),
            module_ring: None,
        }
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct TestGpu(Arc<Mutex<Script>>);

impl TestGpu {
    pub(crate) fn new(script: Script) -> Self {
        Self(Arc::new(Mutex::new(script)))
    }

    pub(crate) fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap()
    }

    fn answer<T>(&self, answer: impl FnOnce(&Script) -> Result<T, Failure>) -> Result<T, Failure> {
        let script = self.script();
        script.all_fail.map_or_else(|| answer(&script), Err)
    }

    fn ring(&self, ring: Ring) -> Result<RingScript, Failure> {
        self.answer(|script| {
            let ring = if ring == Ring::Board { script.ring } else { script.module_ring };
            ring.ok_or(Failure::NotSupported)
        })
    }
}

impl Gpu for TestGpu {
    fn power_mw(&self) -> Result<u32, Failure> {
        self.answer(|script| script.usage_mw)
    }

    fn fields(&self, batch: &mut FieldBatch) -> Result<(), Failure> {
        self.answer(|script| {
            let requests: Vec<_> = batch.requests().collect();
            for (position, (field, scope)) in requests.into_iter().enumerate() {
                batch.fill(position, (script.field)(field, scope, script));
            }
            Ok(())
        })
    }

    fn utilisation_percent(&self) -> Result<(u32, u32), Failure> {
        self.answer(|_| Ok((97, 31)))
    }

    fn memory_used_bytes(&self) -> Result<u64, Failure> {
        self.answer(|_| Err(Failure::MissingFunction))
    }

    fn temperature_celsius(&self) -> Result<u32, Failure> {
        self.answer(|_| Ok(56))
    }

    fn clock_mhz(&self, clock: ClockOf) -> Result<u32, Failure> {
        self.answer(|_| Ok(if clock == ClockOf::Sm { 1_980 } else { 3_201 }))
    }

    fn enforced_limit_mw(&self) -> Result<u32, Failure> {
        self.answer(|_| Ok(700_000))
    }

    fn event_reasons(&self) -> Result<u64, Failure> {
        self.answer(|_| Ok(1 << 63 | 4))
    }

    fn performance_state(&self) -> Result<u32, Failure> {
        self.answer(|script| script.pstate)
    }

    fn energy_mj(&self) -> Result<u64, Failure> {
        self.answer(|script| script.energy_mj)
    }

    fn ring_depth(&self, ring: Ring) -> Result<usize, Failure> {
        Ok(self.ring(ring)?.claimed_depth)
    }

    fn samples(&self, ring: Ring, since_us: u64, buffer: &mut SampleBuffer) -> Result<(), Failure> {
        let held = self.ring(ring)?.held();
        let younger: Vec<_> = held.into_iter().filter(|(stamp, _)| *stamp > since_us).collect();
        buffer.fill(&younger)
    }
}
