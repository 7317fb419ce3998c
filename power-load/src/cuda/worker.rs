//! The thread that keeps one GPU busy.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::api::Device;
use super::codes::Failure;
use super::gpu::{Gpu, Kernel};
use super::kernels::{Activity, Kernels};
use crate::{Error, GpuDemand, Result};

/// How long a GPU may take to be prepared: its driver may have to be woken up, and the kernels compiled.
const READY: Duration = Duration::from_secs(120);
/// How long it may take to follow: launches take 1 ms.
const FOLLOW: Duration = Duration::from_secs(10);

/// A GPU with its thread.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) gpu: Gpu,
    pub(super) kernel: Kernel,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    ordered: Condvar,
    followed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    demand: GpuDemand,
    /// Counts the orders; what is prepared has followed the first.
    order: u64,
    followed: u64,
    activity: Activity,
    /// Why the thread has ended before it was told to.
    unprepared: Option<Error>,
    lost: Option<String>,
    ended: bool,
    end: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Worker {
    /// Makes the thread, which prepares the GPU.
    pub(super) fn start(gpu: Gpu, device: Device, kernel: Kernel) -> Result<Self> {
        let shared = Arc::new(Shared::default());
        shared.state().order = 1;
        let (theirs, named) = (Arc::clone(&shared), gpu.clone());
        let thread = thread::Builder::new()
            .name(format!("GPU {} load", gpu.index))
            .spawn(move || {
                let _ending = Ending(&theirs);
                match Kernels::prepare(&named, device, kernel) {
                    Ok(kernels) => {
                        let lost = go_on(&theirs, kernels).err();
                        theirs.state().lost = lost.map(|failure| failure.words);
                    }
                    Err(error) => theirs.state().unprepared = Some(error),
                }
            })
            .map_err(|cause| Error::System { what: "no thread can be made for a load", cause })?;
        Ok(Self { gpu, kernel, shared, thread: Some(thread) })
    }

    pub(super) fn wait_until_ready(&self) -> Result<()> {
        self.wait(READY)
    }

    pub(super) fn tell(&self, demand: GpuDemand) {
        let mut state = self.shared.state();
        if state.demand != demand {
            state.demand = demand;
            state.order += 1;
            self.shared.ordered.notify_all();
        }
    }

    pub(super) fn wait_until_followed(&self) -> Result<()> {
        self.wait(FOLLOW)
    }

    pub(super) fn activity(&self) -> Activity {
        self.shared.state().activity
    }

    fn wait(&self, within: Duration) -> Result<()> {
        let until = Instant::now() + within;
        let mut state = self.shared.state();
        loop {
            if state.ended {
                if let Some(error) = state.unprepared.take() {
                    return Err(error);
                }
                let cause = state.lost.clone().unwrap_or_else(|| "its thread has failed".to_owned());
                return Err(Error::DeviceLost { device: self.gpu.to_string(), cause });
            }
            if state.followed == state.order {
                return Ok(());
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Error::Stuck { part: "GPU", within });
            }
            state = self.shared.followed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.shared.state().end = true;
        self.shared.ordered.notify_all();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}

/// Tells that the thread has ended, however that came.
struct Ending<'a>(&'a Shared);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.state().ended = true;
        self.0.followed.notify_all();
    }
}

/// Follows the orders until the end.
fn go_on(shared: &Shared, mut kernels: Kernels) -> Result<(), Failure> {
    let mut busy_since: Option<Instant> = None;
    let mut busy = Duration::ZERO;
    let mut state = shared.state();
    loop {
        if state.end {
            drop(state);
            return kernels.drain();
        }
        let (demand, order) = (state.demand, state.order);
        let is_idle = demand.compute <= 0.0 && demand.memory <= 0.0;
        let is_new = state.followed != order;
        if is_idle && !is_new {
            state = shared.ordered.wait(state).unwrap_or_else(PoisonError::into_inner);
            continue;
        }
        drop(state);
        if is_new {
            // What was asked before ends first, so that the change lies between the order and its answer.
            kernels.drain()?;
        }
        if !is_idle {
            busy_since.get_or_insert_with(Instant::now);
            kernels.feed(demand.compute, demand.memory)?;
        } else if let Some(since) = busy_since.take() {
            busy += since.elapsed();
            shared.state().activity = kernels.activity(busy.as_secs_f64())?;
        }
        if is_new {
            shared.state().followed = order;
            shared.followed.notify_all();
        }
        if !is_idle {
            kernels.wait()?;
        }
        state = shared.state();
    }
}
