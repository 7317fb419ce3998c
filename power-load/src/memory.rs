//! Load of the memory.

use std::fs;
use std::hint::black_box;

use crate::cpu::{allowed_cpus, stay_at};
use crate::workers::Workers;
use crate::{Demand, Load, Result};

/// The buffers of all threads together are at least this large, in bytes.
const LEAST: usize = 128 << 20;

/// They are this many times the last cache.
const CACHES: usize = 4;

/// What is copied at a time: some 0.1 ms, in bytes.
const PIECE: usize = 256 << 10;

/// Streams through memory by every CPU that this process may use, for a share of the time.
///
/// One thread for each CPU copies one half of its buffer into the other, piece by piece, for that share of every 5 ms.
/// The buffers together are four times the last cache and 128 MiB or more, so that the DRAM has to deliver. A CPU that
/// streams is busy, too. [`Load::set`] returns when every thread follows: within 0.3 ms where the CPUs are free.
#[derive(Debug)]
pub struct MemoryLoad {
    workers: Workers,
    bytes: usize,
}

impl MemoryLoad {
    /// Takes the memory and makes the threads, which rest.
    ///
    /// # Errors
    ///
    /// - [`Error::System`](crate::Error::System) if the CPUs are not known or there is no thread to be had.
    pub fn start() -> Result<Self> {
        let cpus = allowed_cpus()?;
        let whole = LEAST.max(CACHES.saturating_mul(last_cache().unwrap_or(0)));
        // Both halves are whole pieces.
        let each = whole.div_ceil(cpus.len().max(1)).next_multiple_of(2 * PIECE);
        let (count, bytes) = (cpus.len(), each * cpus.len());
        let workers = Workers::start("memory", count, move |number| {
            // Before the buffer is there: it is then near its CPU.
            stay_at(cpus[number]);
            Box::new(copies(each))
        })?;
        Ok(Self { workers, bytes })
    }

    /// Size of all buffers in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Load for MemoryLoad {
    fn set(&mut self, demand: &Demand) -> Result<()> {
        demand.check()?;
        self.workers.set(demand.memory)
    }
}

/// Copies of one half of a buffer into the other, a piece at a time.
fn copies(bytes: usize) -> impl FnMut() {
    // Not all alike, and written once, so that every page is there.
    let mut buffer: Vec<u8> = (0..bytes).map(|at| u8::try_from(at * 167 % 251).unwrap_or(0)).collect();
    let mut at = 0;
    move || {
        let (from, to) = buffer.split_at_mut(bytes / 2);
        to[at..at + PIECE].copy_from_slice(&from[at..at + PIECE]);
        black_box(&mut *to);
        at = (at + PIECE) % from.len();
    }
}

/// Size of the largest cache of the first CPU in bytes, as Linux says it.
fn last_cache() -> Option<usize> {
    let caches = fs::read_dir("/sys/devices/system/cpu/cpu0/cache").ok()?;
    let size = |path: std::path::PathBuf| {
        let text = fs::read_to_string(path.join("size")).ok()?;
        text.trim().strip_suffix('K')?.parse::<usize>().ok()?.checked_mul(1024)
    };
    caches.filter_map(|entry| size(entry.ok()?.path())).max()
}
