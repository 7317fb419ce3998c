//! Work whose slowdown is measured: the CPUs', the GPUs', or the user's command.

use std::ffi::OsString;
use std::fmt;
use std::hint::black_box;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use power_load::{CudaLoad, CudaOptions, Demand, GpuDemand, Load};

use super::Plan;
use super::target::Target;
use crate::{Error, Result};

/// Something that works, and tells how fast.
pub(super) trait Work: fmt::Debug {
    /// What it is, in words.
    fn name(&self) -> String;

    /// Works for `window`, or until it is done; gives work a second.
    fn speed(&mut self, window: Duration) -> Result<f64>;
}

/// The user's command, or the built-in loads of what there is.
pub(super) fn all(plan: &Plan, target: &Target, notes: &mut Vec<String>) -> Result<Vec<Box<dyn Work>>> {
    if !plan.command.is_empty() {
        return Ok(vec![Box::new(UsersCommand(plan.command.clone()))]);
    }
    let mut all: Vec<Box<dyn Work>> = vec![Box::new(CpuWork::start()?)];
    if !target.gpus.is_empty() {
        match CudaLoad::start(&CudaOptions::default()) {
            Ok(load) => all.push(Box::new(CudaWork(load))),
            Err(error) => {
                notes.push(format!("no load on the GPUs, whose slowdown was not measured: {error}"));
            }
        }
    }
    Ok(all)
}

/// The user's command, as often as it takes.
#[derive(Debug)]
struct UsersCommand(Vec<OsString>);

impl Work for UsersCommand {
    fn name(&self) -> String {
        let words: Vec<_> = self.0.iter().map(|word| word.to_string_lossy()).collect();
        words.join(" ")
    }

    fn speed(&mut self, _: Duration) -> Result<f64> {
        let begin = Instant::now();
        let mut command = Command::new(&self.0[0]);
        let status = command.args(&self.0[1..]).stdin(Stdio::null()).stdout(Stdio::null()).status();
        let status = status.map_err(|error| {
            Error::new(format!("{} cannot be started", self.name())).mend("check the command").because(error)
        })?;
        if !status.success() {
            return Err(Error::new(format!("{} ended with {status}", self.name()))
                .mend("a command whose slowdown is measured has to end well each time"));
        }
        Ok(1.0 / begin.elapsed().as_secs_f64())
    }
}

/// Kernels on every GPU.
#[derive(Debug)]
struct CudaWork(CudaLoad);

impl Work for CudaWork {
    fn name(&self) -> String {
        match self.0.gpus().count() {
            1 => "kernels on the GPU".to_owned(),
            gpus => format!("kernels on {gpus} GPUs"),
        }
    }

    fn speed(&mut self, window: Duration) -> Result<f64> {
        let gpus = self.0.gpus().count();
        let launches = |load: &CudaLoad| {
            load.activity()
                .iter()
                .map(|gpu| (gpu.flop, gpu.busy_s))
                .fold((0.0, 0.0), |sum, (flop, busy_s)| (sum.0 + flop, sum.1 + busy_s))
        };
        let before = launches(&self.0);
        let cannot = |error| Error::new("the load on the GPUs failed").because(error);
        self.0.set(&Demand::IDLE.with_gpus(gpus, GpuDemand { compute: 1.0, memory: 0.0 })).map_err(cannot)?;
        thread::sleep(window);
        self.0.set(&Demand::IDLE).map_err(cannot)?;
        let after = launches(&self.0);
        let busy_s = after.1 - before.1;
        if busy_s > 0.0 {
            Ok((after.0 - before.0) / busy_s)
        } else {
            Err(Error::new("the load on the GPUs did no work"))
        }
    }
}

/// Sums on every CPU, counted.
#[derive(Debug)]
struct CpuWork {
    counters: Vec<Arc<AtomicU64>>,
    go: Arc<AtomicBool>,
    end: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl CpuWork {
    fn start() -> Result<Self> {
        let cpus = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let mut work =
            Self { counters: Vec::new(), go: Arc::default(), end: Arc::default(), threads: Vec::new() };
        for _ in 0..cpus {
            let counter = Arc::<AtomicU64>::default();
            let (mine, go, end) = (Arc::clone(&counter), Arc::clone(&work.go), Arc::clone(&work.end));
            let thread = thread::Builder::new().name("work".into()).spawn(move || sums(&mine, &go, &end));
            work.threads
                .push(thread.map_err(|error| Error::new("no thread can be made to work").because(error))?);
            work.counters.push(counter);
        }
        Ok(work)
    }

    fn done(&self) -> u64 {
        self.counters.iter().map(|counter| counter.load(Ordering::Relaxed)).sum()
    }
}

/// Pieces of some 10 µs while it is to go, and sleep else.
fn sums(counter: &AtomicU64, go: &AtomicBool, end: &AtomicBool) {
    let mut value = 1_u64;
    while !end.load(Ordering::Relaxed) {
        if !go.load(Ordering::Relaxed) {
            thread::park();
            continue;
        }
        for _ in 0..10_000 {
            // Knuth's linear congruential generator, MMIX: each step needs the one before.
            value = black_box(
                value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407),
            );
        }
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl Work for CpuWork {
    fn name(&self) -> String {
        format!("sums on {} CPUs", self.threads.len())
    }

    fn speed(&mut self, window: Duration) -> Result<f64> {
        self.go.store(true, Ordering::Relaxed);
        self.threads.iter().for_each(|thread| thread.thread().unpark());
        let (begin, before) = (Instant::now(), self.done());
        thread::sleep(window);
        let (after, seconds) = (self.done(), begin.elapsed().as_secs_f64());
        self.go.store(false, Ordering::Relaxed);
        #[expect(clippy::cast_precision_loss, reason = "a count far below 2^53")]
        Ok((after - before) as f64 / seconds)
    }
}

impl Drop for CpuWork {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

/// Lengths of a load that goes on and off so often that hardly two publications in a row are equal, in ms: of no common
/// measure with an update period.
const DWELLS_MS: [u64; 7] = [37, 61, 23, 89, 41, 29, 71];

/// Makes the first GPU's power change all the time, until it is dropped.
#[derive(Debug)]
pub(super) struct Shaker {
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Shaker {
    /// Begins, where there is a load for the GPUs; without one a note says what that means.
    pub(super) fn start(target: &Target, notes: &mut Vec<String>) -> Self {
        let end = Arc::<AtomicBool>::default();
        // The virtual rig's GPUs, which no real load reaches, have a load of their own.
        let is_software = target.subject.options.text("library").is_some();
        let load = if is_software { None } else { Some(CudaLoad::start(&CudaOptions::default())) };
        let thread = match load {
            Some(Ok(load)) => {
                let end = Arc::clone(&end);
                thread::Builder::new().name("shaker".into()).spawn(move || shake(load, &end)).ok()
            }
            Some(Err(error)) => {
                notes.push(format!(
                    "no load moved the GPU's power ({error}): publications that repeat a value were not seen"
                ));
                None
            }
            None => None,
        };
        Self { end, thread }
    }
}

fn shake(mut load: CudaLoad, end: &AtomicBool) {
    let on = Demand::IDLE.with_gpus(1, GpuDemand { compute: 1.0, memory: 0.0 });
    for (turn, dwell) in DWELLS_MS.iter().cycle().enumerate() {
        let demand = if turn % 2 == 0 { &on } else { &Demand::IDLE };
        if end.load(Ordering::Relaxed) || load.set(demand).is_err() {
            return;
        }
        thread::sleep(Duration::from_millis(*dwell));
    }
}

impl Drop for Shaker {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
