//! Counting what recording costs: latencies in constant memory, and what each source gave.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::run::Latency;

/// The longest time that is told apart: a minute. Longer ones count as that.
const LONGEST_NS: u64 = 60_000_000_000;

/// Two significant digits: the error of a percentile is below 1 %.
const DIGITS: u8 = 2;

/// An empty histogram of nanoseconds, 30 KB, which never grows. `None` cannot be: the bounds are sound.
pub fn histogram() -> Option<Histogram<u64>> {
    Histogram::new_with_bounds(1, LONGEST_NS, DIGITS).ok()
}

/// Counts one time. Does not allocate.
pub fn count(histogram: &mut Histogram<u64>, time: Duration) {
    histogram.saturating_record(u64::try_from(time.as_nanos()).unwrap_or(LONGEST_NS).max(1));
}

/// Nanoseconds as microseconds.
#[expect(clippy::cast_precision_loss, reason = "a minute of nanoseconds fits 53 bits")]
pub fn micros(nanos: u64) -> f64 {
    nanos as f64 * 1e-3
}

/// The distribution in few numbers.
pub(super) fn latency(histogram: &Histogram<u64>) -> Latency {
    let some = |nanos: u64| (!histogram.is_empty()).then(|| micros(nanos));
    Latency {
        count: histogram.len(),
        p50_us: some(histogram.value_at_quantile(0.5)),
        p99_us: some(histogram.value_at_quantile(0.99)),
        max_us: some(histogram.max()),
    }
}

/// What one source gave so far; written by its sampler alone, read by whoever shows it.
#[derive(Debug, Default)]
pub struct Counters {
    pub(super) asked: AtomicU64,
    pub(super) done: AtomicU64,
    pub(super) missed: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) away: AtomicU64,
    pub(super) readings: AtomicU64,
    pub(super) dropped: AtomicU64,
}

/// Adds to a counter that only the calling thread writes.
pub(super) fn add(counter: &AtomicU64, more: u64) {
    counter.store(get(counter).wrapping_add(more), Ordering::Relaxed);
}

/// Reads a counter.
pub(super) fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

impl Counters {
    /// Reads done, of those that were due until now; `None` while none was.
    pub fn sample_ratio(&self) -> Option<f64> {
        let asked = get(&self.asked);
        #[expect(clippy::cast_precision_loss, reason = "a ratio of counts far below 2^53")]
        (asked > 0).then(|| get(&self.done) as f64 / asked as f64)
    }

    /// Reads that were due and not made.
    pub fn missed(&self) -> u64 {
        get(&self.missed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_within_a_per_cent_and_nothing_is_unknown() {
        let mut times = histogram().unwrap();
        assert_eq!(latency(&times), Latency::default());
        for micros in 1..=1000 {
            count(&mut times, Duration::from_micros(micros));
        }
        let found = latency(&times);
        assert_eq!(found.count, 1000);
        assert!((found.p50_us.unwrap() / 500.0 - 1.0).abs() < 0.01, "{found:?}");
        assert!((found.p99_us.unwrap() / 990.0 - 1.0).abs() < 0.01, "{found:?}");
        count(&mut times, Duration::from_secs(3600));
        assert!(latency(&times).max_us.unwrap() >= 60e6 * 0.99);
    }
}
