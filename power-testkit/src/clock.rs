//! A host clock that moves only when told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use power_core::{Clock, HostTime};

use crate::num::nanos;

/// A host clock that moves only when told to; clones share one time.
///
/// ```
/// use power_core::Clock;
/// use power_testkit::VirtualClock;
/// use std::time::Duration;
///
/// let clock = VirtualClock::new();
/// let shared = clock.clone();
/// clock.advance(Duration::from_millis(3));
/// assert_eq!(shared.now().nanos(), 3_000_000);
/// ```
#[derive(Debug, Clone, Default)]
pub struct VirtualClock {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    now_ns: AtomicI64,
    cost_ns: AtomicI64,
}

impl VirtualClock {
    /// A clock at 0 ns.
    pub fn new() -> Self {
        Self::default()
    }

    /// A clock at `now`.
    pub fn starting_at(now: HostTime) -> Self {
        let clock = Self::new();
        clock.set(now);
        clock
    }

    /// Makes every reading of the clock take `cost`: `now` returns the time and then moves the clock on.
    #[must_use]
    pub fn with_cost(self, cost: Duration) -> Self {
        self.inner.cost_ns.store(nanos(cost), Ordering::SeqCst);
        self
    }

    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        self.inner.now_ns.fetch_add(nanos(by), Ordering::SeqCst);
    }

    /// Sets the clock, backwards too: a test may want to see what a broken clock does.
    pub fn set(&self, now: HostTime) {
        self.inner.now_ns.store(now.nanos(), Ordering::SeqCst);
    }

    /// The present time in ns, free of cost.
    pub fn peek_ns(&self) -> i64 {
        self.inner.now_ns.load(Ordering::SeqCst)
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> HostTime {
        let cost = self.inner.cost_ns.load(Ordering::SeqCst);
        HostTime::from_nanos(self.inner.now_ns.fetch_add(cost, Ordering::SeqCst))
    }
}
