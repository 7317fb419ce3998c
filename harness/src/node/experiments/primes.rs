//! A calculation of prime numbers, by which the paper gets its prior estimate of the load.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use power_load::{Demand, Load};

/// Numbers that are sieved at once: a byte each, within the first caches of any CPU that has one.
const SEGMENT: usize = 1 << 15;

/// A sieve of Eratosthenes on every CPU that this process may use, while anything is asked of the CPUs.
///
/// It finds the primes of one segment after the other without end. Ends within a segment, below 1 ms.
#[derive(Debug, Default)]
pub struct PrimeLoad {
    running: Option<(Arc<AtomicBool>, Vec<JoinHandle<u64>>)>,
    found: u64,
}

impl PrimeLoad {
    /// How many primes were found until it rested last.
    pub const fn found(&self) -> u64 {
        self.found
    }

    fn rest(&mut self) {
        if let Some((stop, threads)) = self.running.take() {
            stop.store(true, Ordering::Relaxed);
            // A thread that failed has found nothing.
            self.found += threads.into_iter().filter_map(|thread| thread.join().ok()).sum::<u64>();
        }
    }
}

impl Load for PrimeLoad {
    fn set(&mut self, demand: &Demand) -> power_load::Result<()> {
        demand.check()?;
        if demand.cpu <= 0.0 {
            self.rest();
        } else if self.running.is_none() {
            let stop = Arc::new(AtomicBool::new(false));
            let count = thread::available_parallelism().map_or(1, NonZeroUsize::get);
            let threads = (0..count).map(|_| {
                let stop = Arc::clone(&stop);
                thread::spawn(move || sieve(&stop))
            });
            self.running = Some((Arc::clone(&stop), threads.collect()));
        }
        Ok(())
    }
}

impl Drop for PrimeLoad {
    fn drop(&mut self) {
        self.rest();
    }
}

/// Counts primes until `stop`.
fn sieve(stop: &AtomicBool) -> u64 {
    let (mut primes, mut composite) = (Vec::<usize>::new(), vec![false; SEGMENT]);
    let (mut low, mut count) = (2_usize, 0_u64);
    while !stop.load(Ordering::Relaxed) {
        let high = low.saturating_add(SEGMENT);
        composite.fill(false);
        for &prime in primes.iter().take_while(|&&prime| prime.saturating_mul(prime) < high) {
            strike(&mut composite, low, prime);
        }
        for at in 0..SEGMENT {
            if !composite[at] {
                let prime = low + at;
                count += 1;
                if prime < SEGMENT {
                    primes.push(prime);
                    strike(&mut composite, low, prime);
                }
            }
        }
        // Primes of the first segment suffice up to its square; then from the beginning again.
        low = if high >= SEGMENT * SEGMENT { 2 } else { high };
        if low == 2 {
            primes.clear();
        }
    }
    count
}

/// Strikes the multiples of `prime`, from its square on, out of the segment that begins at `low`.
fn strike(composite: &mut [bool], low: usize, prime: usize) {
    let first = (prime * prime).max(low.div_ceil(prime) * prime);
    composite.iter_mut().skip(first - low).step_by(prime).for_each(|struck| *struck = true);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_finds_primes_while_it_is_asked_to() {
        let mut load = PrimeLoad::default();
        load.set(&Demand { cpu: 1.0, ..Demand::IDLE }).unwrap();
        thread::sleep(std::time::Duration::from_millis(50));
        load.set(&Demand::IDLE).unwrap();
        // There are 3512 below 2^15.
        assert!(load.found() >= 3_512, "{}", load.found());
    }

    #[test]
    fn the_multiples_are_struck() {
        let mut composite = vec![false; 10];
        strike(&mut composite, 20, 3);
        let struck: Vec<usize> =
            composite.iter().enumerate().filter(|it| *it.1).map(|it| 20 + it.0).collect();
        assert_eq!(struck, [21, 24, 27]);
    }
}
