//! Which faults hit a call.

use std::time::Duration;

use crate::description::{Fault, FaultKind};
use crate::num::{nanos, nanos_of_ms};

/// A fault with its time in host time.
#[derive(Debug, Clone)]
struct Timed {
    id: Option<u64>,
    from_ns: i64,
    until_ns: i64,
    fault: Fault,
}

/// All faults of a node, past and future.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    all: Vec<Timed>,
}

/// NVML's code for a GPU that has fallen off the bus.
pub(crate) const GPU_IS_LOST: u32 = 15;

impl Faults {
    /// The faults of a description whose second 0 is `origin_ns`.
    pub(crate) fn new(described: &[Fault], origin_ns: i64) -> Self {
        let timed = |fault: &Fault| Timed {
            id: None,
            from_ns: fault.from_s.map_or(i64::MIN, |s| origin_ns.saturating_add(nanos(s))),
            until_ns: fault.until_s.map_or(i64::MAX, |s| origin_ns.saturating_add(nanos(s))),
            fault: fault.clone(),
        };
        Self { all: described.iter().map(timed).collect() }
    }

    /// Adds one that begins at `at_ns`, unless it says a later time of its own.
    pub(crate) fn add(&mut self, id: u64, at_ns: i64, fault: &Fault, origin_ns: i64) {
        let Some(mut timed) = Self::new(std::slice::from_ref(fault), origin_ns).all.pop() else { return };
        timed.id = Some(id);
        timed.from_ns = timed.from_ns.max(at_ns);
        self.all.push(timed);
    }

    /// Ends the one with this id, or all that were added, at `at_ns`.
    pub(crate) fn clear(&mut self, id: Option<u64>, at_ns: i64) {
        for timed in &mut self.all {
            if timed.id.is_some() && (id.is_none() || timed.id == id) {
                timed.until_ns = timed.until_ns.min(at_ns);
            }
        }
    }

    /// Whether there is any fault, now or at another time.
    pub(crate) fn any(&self) -> bool {
        !self.all.is_empty()
    }

    /// What is wrong with a meter, or with the powercap tree as `rapl`.
    pub(crate) fn of_meter(&self, meter: &str, now_ns: i64) -> Vec<Fault> {
        let of = |fault: &&Fault| fault.meter.as_deref() == Some(meter);
        self.at(now_ns).filter(of).cloned().collect()
    }

    /// The faults of GPUs.
    fn active(&self, now_ns: i64) -> impl Iterator<Item = &Fault> {
        self.at(now_ns).filter(|fault| fault.meter.is_none())
    }

    fn at(&self, now_ns: i64) -> impl Iterator<Item = &Fault> {
        self.all
            .iter()
            .filter(move |timed| timed.from_ns <= now_ns && now_ns < timed.until_ns)
            .map(|timed| &timed.fault)
    }

    /// Whether a GPU is lost.
    pub(crate) fn lost(&self, gpu: usize, now_ns: i64) -> bool {
        self.active(now_ns)
            .any(|fault| fault.kind == FaultKind::Lost && fault.gpu.is_none_or(|hit| hit == gpu))
    }

    /// The code that a call returns because of a fault, less [`lost`](Self::lost).
    pub(crate) fn code(&self, call: &str, gpu: Option<usize>, now_ns: i64) -> Option<u32> {
        self.active(now_ns)
            .find(|fault| fault.kind == FaultKind::Error && hits(fault, call, gpu))
            .and_then(|fault| fault.code)
    }

    /// By how much a call is slower.
    pub(crate) fn delay(&self, call: &str, gpu: Option<usize>, now_ns: i64) -> Duration {
        let slow =
            self.active(now_ns).filter(|fault| fault.kind == FaultKind::Slow && hits(fault, call, gpu));
        let ns = slow.filter_map(|fault| fault.by_ms).map(nanos_of_ms).fold(0_i64, i64::saturating_add);
        Duration::from_nanos(ns.unsigned_abs())
    }

    /// Whether `nvidia-smi` stops in the middle of a line.
    pub(crate) fn truncated(&self, now_ns: i64) -> bool {
        self.active(now_ns).any(|fault| fault.kind == FaultKind::Truncated)
    }
}

/// A fault that names no call hits every call but initialisation and the process itself: those are of no GPU,
/// and a rig whose every call fails is had by naming them.
fn hits(fault: &Fault, call: &str, gpu: Option<usize>) -> bool {
    let named = match &fault.call {
        Some(name) => name == call,
        None => !matches!(call, "nvmlInit_v2" | "nvidia-smi"),
    };
    named && fault.gpu.is_none_or(|hit| gpu.is_none_or(|gpu| hit == gpu))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_have_their_time_and_their_gpu() {
        let described = [Fault::lost(1).since(2.0).until(3.0), Fault::slow("nvidia-smi", 5.0)];
        let mut faults = Faults::new(&described, 1_000_000_000);
        assert!(!faults.lost(1, 2_999_999_999));
        assert!(faults.lost(1, 3_000_000_000));
        assert!(!faults.lost(0, 3_000_000_000));
        assert!(!faults.lost(1, 4_000_000_000));
        assert_eq!(faults.delay("nvidia-smi", None, 0), Duration::from_millis(5));
        assert_eq!(faults.delay("nvmlDeviceGetName", None, 0), Duration::ZERO);
        faults.add(4, 100, &Fault::not_supported("nvmlDeviceGetName").on_gpu(2), 0);
        assert_eq!(faults.code("nvmlDeviceGetName", Some(2), 100), Some(3));
        assert_eq!(faults.code("nvmlDeviceGetName", Some(1), 100), None);
        faults.clear(None, 200);
        assert_eq!(faults.code("nvmlDeviceGetName", Some(2), 200), None);
        assert!(faults.lost(1, 3_000_000_000), "described faults are not cleared");
    }
}
