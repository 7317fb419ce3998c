//! Threads that work for a share of the time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::clock::{self, precise_timers};
use crate::{Error, Result};

/// Time in which a thread works once and rests once: short beside any sensor's window.
const PERIOD_NS: i64 = 5_000_000;

/// How long threads may take to follow; only a machine that starves them takes longer.
const FOLLOW: Duration = Duration::from_secs(10);

/// One small piece of work, of 0.1 ms at the most.
pub(crate) type Work = Box<dyn FnMut()>;

/// Threads that work for a share of each period of 5 ms, and rest without waking up where the share is 0.
#[derive(Debug)]
pub(crate) struct Workers {
    part: &'static str,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    /// Counts the orders; what is being worked at is left as soon as it changes.
    order: AtomicU64,
    state: Mutex<State>,
    ordered: Condvar,
    followed: Condvar,
}

#[derive(Debug)]
struct State {
    share: f64,
    /// How many threads have taken up the latest order.
    following: usize,
    /// How many threads have failed.
    failed: usize,
    end: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Workers {
    /// Makes `count` threads, and returns once all rest. `make` is called on each, with its number.
    pub(crate) fn start(
        part: &'static str,
        count: usize,
        make: impl Fn(usize) -> Work + Send + Sync + 'static,
    ) -> Result<Self> {
        let shared = Arc::new(Shared {
            order: AtomicU64::new(1),
            state: Mutex::new(State { share: 0.0, following: 0, failed: 0, end: false }),
            ordered: Condvar::new(),
            followed: Condvar::new(),
        });
        let make = Arc::new(make);
        let mut workers = Self { part, shared, threads: Vec::new() };
        for number in 0..count {
            let (shared, make) = (Arc::clone(&workers.shared), Arc::clone(&make));
            // Shifted against each other, so that the whole is as even as can be.
            let shift_ns = PERIOD_NS * i64::try_from(number).unwrap_or(0) / i64::try_from(count).unwrap_or(1);
            let thread = thread::Builder::new().name(format!("{part} load")).spawn(move || {
                let _failed = Failing(&shared);
                precise_timers();
                go_on(&shared, make(number), shift_ns);
            });
            let thread =
                thread.map_err(|cause| Error::System { what: "no thread can be made for a load", cause })?;
            workers.threads.push(thread);
        }
        workers.wait(workers.shared.state())?;
        Ok(workers)
    }

    /// Has all threads work for `share` of the time, and returns once each has taken that up.
    ///
    /// # Errors
    ///
    /// - [`Error::Stuck`] if one does not.
    pub(crate) fn set(&self, share: f64) -> Result<()> {
        let mut state = self.shared.state();
        if state.share.to_bits() == share.to_bits() && state.failed == 0 {
            return Ok(());
        }
        state.share = share;
        state.following = 0;
        self.shared.order.fetch_add(1, Ordering::Release);
        self.shared.ordered.notify_all();
        self.wait(state)
    }

    /// Waits until every thread follows.
    fn wait(&self, mut state: MutexGuard<'_, State>) -> Result<()> {
        let until = Instant::now() + FOLLOW;
        while state.following < self.threads.len() {
            let wait = until.saturating_duration_since(Instant::now());
            if wait.is_zero() || state.failed > 0 {
                return Err(Error::Stuck { part: self.part, within: FOLLOW });
            }
            let waited = self.shared.followed.wait_timeout(state, wait);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(())
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.end = true;
        self.shared.order.fetch_add(1, Ordering::Release);
        self.shared.ordered.notify_all();
        drop(state);
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}

/// Tells of a thread that panics.
struct Failing<'a>(&'a Shared);

impl Drop for Failing<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.state().failed += 1;
            self.0.followed.notify_all();
        }
    }
}

/// Works and rests until the end.
fn go_on(shared: &Shared, mut work: Work, shift_ns: i64) {
    let mut taken_up = 0;
    let mut share = 0.0;
    loop {
        let mut state = shared.state();
        loop {
            if state.end {
                return;
            }
            let order = shared.order.load(Ordering::Acquire);
            if order != taken_up {
                taken_up = order;
                share = state.share;
                state.following += 1;
                shared.followed.notify_all();
            }
            let within = (clock::now_ns() + shift_ns).rem_euclid(PERIOD_NS);
            if share > 0.0 && within < busy_ns(share) {
                break;
            }
            state = if share > 0.0 {
                let rest = Duration::from_nanos(u64::try_from(PERIOD_NS - within).unwrap_or(0));
                shared.ordered.wait_timeout(state, rest).unwrap_or_else(PoisonError::into_inner).0
            } else {
                shared.ordered.wait(state).unwrap_or_else(PoisonError::into_inner)
            };
        }
        drop(state);
        let begin = clock::now_ns();
        let end = begin - (begin + shift_ns).rem_euclid(PERIOD_NS) + busy_ns(share);
        while shared.order.load(Ordering::Relaxed) == taken_up && (share >= 1.0 || clock::now_ns() < end) {
            work();
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a few milliseconds")]
fn busy_ns(share: f64) -> i64 {
    clock::nanos(share * PERIOD_NS as f64 * 1e-9)
}
