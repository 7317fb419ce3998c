//! The driver behind the library: one node, one lock, and what every call has to go through.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::abi::Return;
use super::code::{Code, Result};
use crate::description::Calls;
use crate::node::{Gpu, Node, now_ns, rig_file};

/// The driver of this process. Every call holds its lock from beginning to end, as calls into the real driver do.
static DRIVER: Mutex<Driver> = Mutex::new(Driver { node: None, users: 0 });

#[derive(Debug)]
struct Driver {
    node: Option<Node>,
    /// How many initialisations are not shut down yet.
    users: usize,
}

/// How long a call takes.
pub(super) type Cost = fn(&Calls) -> f64;

/// A call inside the driver.
#[derive(Debug)]
pub(super) struct Call<'driver> {
    pub(super) node: &'driver mut Node,
    /// When it happens, in ns of host time.
    pub(super) now_ns: i64,
}

/// What a handle stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handle {
    Gpu(usize),
    /// A MIG instance of a GPU.
    Mig(usize, usize),
}

impl Handle {
    const GPU: usize = 0x4750_5500;
    const MIG: usize = 0x4D49_0000;

    /// The number that goes through the C interface in place of a pointer.
    pub(super) const fn token(self) -> usize {
        match self {
            Self::Gpu(gpu) => Self::GPU + gpu,
            Self::Mig(gpu, instance) => Self::MIG + gpu * 16 + instance,
        }
    }

    /// The handle of a number; none if it is not one.
    pub(super) fn of(token: usize, node: &Node) -> Option<Self> {
        let found = if let Some(offset) = token.checked_sub(Self::MIG) {
            Self::Mig(offset / 16, offset % 16)
        } else {
            Self::Gpu(token.checked_sub(Self::GPU)?)
        };
        match found {
            Self::Gpu(gpu) => node.gpus.get(gpu).map(|_| found),
            Self::Mig(gpu, instance) => node.gpus.get(gpu)?.mig.get(instance).map(|_| found),
        }
    }

    /// The GPU that it is, or is a part of.
    pub(super) const fn gpu(self) -> usize {
        match self {
            Self::Gpu(gpu) | Self::Mig(gpu, _) => gpu,
        }
    }
}

impl Call<'_> {
    pub(super) fn gpu(&mut self, handle: Handle) -> Result<&mut Gpu> {
        self.node.gpus.get_mut(handle.gpu()).ok_or(Code::INVALID_ARGUMENT)
    }

    /// Spends the time of a call that begins now: busy, as the real driver is.
    pub(super) fn spend(&mut self, name: &str, gpu: Option<usize>, us: f64) {
        let extra = self.node.faults.delay(name, gpu, self.now_ns);
        let us = us * self.node.description.calls.scale;
        let whole = Duration::from_secs_f64(us / 1e6) + extra;
        if whole > Duration::from_nanos(100) {
            let start = Instant::now();
            if extra > Duration::from_millis(5) {
                std::thread::sleep(extra);
            }
            while start.elapsed() < whole {
                std::hint::spin_loop();
            }
        }
        self.now_ns = now_ns();
    }

    /// Fails as the faults of a rig say.
    pub(super) fn fail(&self, name: &str, gpu: Option<usize>) -> Result<()> {
        if gpu.is_some_and(|gpu| self.node.faults.lost(gpu, self.now_ns)) {
            return Err(Code::GPU_IS_LOST);
        }
        self.node.faults.code(name, gpu, self.now_ns).map_or(Ok(()), |code| Err(Code(code)))
    }
}

/// Turns what a call did into its return code. A panic must not pass into C: it is an unknown error.
pub(super) fn returned(body: impl FnOnce() -> Result<()>) -> Return {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => 0,
        Ok(Err(code)) => code.0,
        Err(_) => Code::UNKNOWN.0,
    }
}

/// Runs a call of no particular GPU.
pub(super) fn system<T>(name: &str, cost: Cost, body: impl FnOnce(&mut Call<'_>) -> Result<T>) -> Result<T> {
    let mut driver = DRIVER.lock().unwrap_or_else(PoisonError::into_inner);
    let node = driver.node.as_mut().ok_or(Code::UNINITIALIZED)?;
    let mut call = begin(node);
    let us = cost(&call.node.description.calls);
    call.spend(name, None, us);
    call.fail(name, None)?;
    body(&mut call)
}

/// Runs a call on a handle. `parts` says whether it also works on a MIG instance.
pub(super) fn device<T>(
    name: &str,
    token: usize,
    cost: Cost,
    parts: bool,
    body: impl FnOnce(&mut Call<'_>, Handle) -> Result<T>,
) -> Result<T> {
    let mut driver = DRIVER.lock().unwrap_or_else(PoisonError::into_inner);
    let node = driver.node.as_mut().ok_or(Code::UNINITIALIZED)?;
    let handle = Handle::of(token, node).ok_or(Code::INVALID_ARGUMENT)?;
    let mut call = begin(node);
    let us = cost(&call.node.description.calls);
    call.spend(name, Some(handle.gpu()), us);
    call.fail(name, Some(handle.gpu()))?;
    if !parts && matches!(handle, Handle::Mig(..)) {
        return Err(Code::NOT_SUPPORTED);
    }
    body(&mut call, handle)
}

fn begin(node: &mut Node) -> Call<'_> {
    let now_ns = now_ns();
    node.refresh(now_ns);
    Call { node, now_ns }
}

/// Initialises; `allow_no_gpus` as the flag of `nvmlInitWithFlags`.
pub(super) fn initialise() -> Result<()> {
    let mut driver = DRIVER.lock().unwrap_or_else(PoisonError::into_inner);
    if driver.node.is_none() {
        let beside = super::place::directory();
        let file = rig_file(beside.as_deref());
        driver.node = Some(Node::open(file.as_deref()).map_err(|error| complain(&error))?);
    }
    let users = driver.users;
    let Some(node) = driver.node.as_mut() else { return Err(Code::UNKNOWN) };
    let mut call = begin(node);
    if users == 0 {
        let us = call.node.description.calls.init_us;
        call.spend("nvmlInit_v2", None, us);
    }
    let failed = call.fail("nvmlInit_v2", None);
    if failed.is_ok() {
        driver.users += 1;
    } else if users == 0 {
        driver.node = None;
    }
    failed
}

/// Shuts down one initialisation.
pub(super) fn shut_down() -> Result<()> {
    let mut driver = DRIVER.lock().unwrap_or_else(PoisonError::into_inner);
    driver.users = driver.users.checked_sub(1).ok_or(Code::UNINITIALIZED)?;
    if driver.users == 0 {
        driver.node = None;
    }
    Ok(())
}

#[expect(clippy::print_stderr, reason = "NVML has no other way to say what is wrong with the rig's file")]
fn complain(error: &crate::Error) -> Code {
    eprintln!("virtual NVML: {error}");
    Code::UNKNOWN
}
