//! A thread that does something again and again, at absolute times.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::{Error, Result};

/// The thread; it ends when dropped.
#[derive(Debug)]
pub(super) struct Periodic {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Stop {
    stopped: AtomicBool,
    lock: Mutex<()>,
    changed: Condvar,
}

/// Periods shorter than this are slept; longer ones can be interrupted.
const SHORT: Duration = Duration::from_millis(5);

impl Periodic {
    /// Has `work` done every `period`. What could not be done in time is left out, not made up for.
    pub(super) fn start(
        name: &str,
        period: Duration,
        mut work: impl FnMut() + Send + 'static,
    ) -> Result<Self> {
        let stop = Arc::new(Stop::default());
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let mut due = Instant::now();
                while !stopped.stopped.load(Ordering::Acquire) {
                    work();
                    let now = Instant::now();
                    due += period;
                    if due <= now {
                        due = now + period;
                    }
                    stopped.wait(due.saturating_duration_since(now));
                }
            })
            .map_err(|error| Error::because("cannot start a thread", error))?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Stop {
    fn wait(&self, time: Duration) {
        if time < SHORT {
            std::thread::sleep(time);
            return;
        }
        let held = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.stopped.load(Ordering::Acquire) {
            // Woken early it does its work early: harmless, and rare.
            let _ = self.changed.wait_timeout(held, time);
        }
    }
}

impl Drop for Periodic {
    fn drop(&mut self) {
        let held = self.stop.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.stop.stopped.store(true, Ordering::Release);
        drop(held);
        self.stop.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
