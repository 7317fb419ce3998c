//! Load of the CPUs.

use std::hint::black_box;

use crate::workers::Workers;
use crate::{Demand, Error, Load, Result};

/// Keeps every CPU that this process may use busy for a share of the time.
///
/// One thread for each CPU, held there, does sums of products in registers for that share of every 5 ms, and sleeps for
/// the rest; where the share is 0 nothing wakes up. [`Load::set`] returns when every thread follows: in some 0.1 ms
/// where the CPUs are free, later by what others keep them for.
#[derive(Debug)]
pub struct CpuLoad {
    workers: Workers,
    cpus: usize,
}

impl CpuLoad {
    /// Makes the threads, which rest.
    ///
    /// # Errors
    ///
    /// - [`Error::System`] if the CPUs are not known or there is no thread to be had.
    pub fn start() -> Result<Self> {
        let cpus = allowed_cpus()?;
        let count = cpus.len();
        let workers = Workers::start("CPU", count, move |number| {
            stay_at(cpus[number]);
            Box::new(products())
        })?;
        Ok(Self { workers, cpus: count })
    }

    /// Number of CPUs that it loads.
    pub fn cpus(&self) -> usize {
        self.cpus
    }
}

impl Load for CpuLoad {
    fn set(&mut self, demand: &Demand) -> Result<()> {
        demand.check()?;
        self.workers.set(demand.cpu)
    }
}

/// Sums of products in vectors: what takes most power without instructions that not every CPU has. 10 to 30 µs a piece.
fn products() -> impl FnMut() {
    let mut values = [0.0_f64; 32];
    for (value, seed) in values.iter_mut().zip(0_u32..) {
        *value = 0.5 + f64::from(seed.wrapping_mul(2_654_435_761) >> 8) * 2_f64.powi(-25);
    }
    move || {
        let factor = black_box(-0.7);
        for _ in 0..1_000 {
            for value in &mut values {
                *value = *value * factor + 0.9;
            }
        }
        black_box(&mut values);
    }
}

/// The CPUs that this process may use.
pub(crate) fn allowed_cpus() -> Result<Vec<usize>> {
    #[cfg(target_os = "linux")]
    {
        let set = rustix::thread::sched_getaffinity(None).map_err(|cause| Error::System {
            what: "the CPUs of this process are not known",
            cause: cause.into(),
        })?;
        Ok((0..rustix::thread::CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu)).collect())
    }
    #[cfg(not(target_os = "linux"))]
    {
        let count = std::thread::available_parallelism()
            .map_err(|cause| Error::System { what: "the CPUs of this machine are not known", cause })?;
        Ok((0..count.get()).collect())
    }
}

/// Holds the calling thread at a CPU; where that is refused it stays free, and the load is as great.
pub(crate) fn stay_at(cpu: usize) {
    #[cfg(target_os = "linux")]
    {
        let mut set = rustix::thread::CpuSet::new();
        set.set(cpu);
        let _ = rustix::thread::sched_setaffinity(None, &set);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = cpu;
}
