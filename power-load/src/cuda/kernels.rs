//! The kernels of one GPU, compiled, with the memory that they need.

use std::ffi::CStr;
use std::rc::Rc;

use super::api::{Buffer, Context, Device, Event, Function, Module, Stream};
use super::codes::{Failure, code};
use super::gpu::{Gpu, Kernel, failed};
use crate::{Error, Result};

/// Kernels for every GPU: `general.ptx`, compiled by the driver.
const GENERAL: &str = concat!(include_str!("general.ptx"), "\0");
/// Kernels for tensor cores.
const MATRIX: &str = concat!(include_str!("matrix.ptx"), "\0");

/// Threads of a block, as the kernels say.
const THREADS: u32 = 512;

/// Length of a launch in ns: short enough to end soon, long beside the 5 µs that it takes to begin.
const LAUNCH_NS: u64 = 1_000_000;
/// Length of a launch in cycles at which it ends whatever the GPU's timer shows: 10 ms at 2 GHz.
const LAUNCH_CYCLES: u64 = 20_000_000;

/// The buffer that is streamed through is this many times the last cache, and at least so large.
const CACHES: usize = 8;
const LEAST_BYTES: usize = 256 << 20;

/// Operations of a round of a block: 16 warps, each 256 products of 16 × 8 × 16, a multiplication and an addition each.
const MATRIX_FLOP: f64 = 16.0 * 256.0 * 2.0 * 16.0 * 8.0 * 16.0;
/// Of 512 threads, each 2048 multiply-adds.
const FMA_FLOP: f64 = 512.0 * 2048.0 * 2.0;
/// Bytes of a round of a block: 512 threads, each 64 vectors of 16.
const STREAM_BYTES: f64 = 512.0 * 64.0 * 16.0;

/// What the driver's compiler said about the kernels for a GPU.
#[derive(Debug, Clone)]
pub struct ModuleLog {
    /// The GPU.
    pub gpu: Gpu,
    /// The file of kernels.
    pub module: &'static str,
    /// What the compiler said.
    pub log: String,
}

/// What a GPU has done under load.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Activity {
    /// Kernels that were launched.
    pub launches: u64,
    /// Time under load in s.
    pub busy_s: f64,
    /// Floating-point operations, by the rounds of one thread of each block.
    pub flop: f64,
    /// Bytes read from memory, likewise.
    pub bytes: f64,
}

/// Compiles what a GPU can take.
pub(super) fn compile(gpu: &Gpu, context: &Context) -> Result<Vec<(Module, ModuleLog)>> {
    let mut files = vec![("general.ptx", GENERAL)];
    if gpu.capability >= (8, 0) {
        files.push(("matrix.ptx", MATRIX));
    }
    let compiled = |(module, text): (&'static str, &str)| {
        let text = CStr::from_bytes_with_nul(text.as_bytes()).unwrap_or_default();
        match context.compile(text) {
            Ok((compiled, log)) => Ok((compiled, ModuleLog { gpu: gpu.clone(), module, log })),
            Err((failure, log)) if failure.code == code::OUT_OF_MEMORY => Err(out_of_memory(gpu, log.len())),
            Err((failure, log)) => {
                Err(Error::PtxRejected { device: gpu.to_string(), cause: failure.words, log })
            }
        }
    };
    files.into_iter().map(compiled).collect()
}

/// The kernels of one GPU, ready to run.
#[derive(Debug)]
pub(super) struct Kernels {
    compute: Lane<4>,
    stream: Lane<7>,
    counters: Buffer,
    /// What was in the counters at first.
    before: [u64; 2],
    sink: Buffer,
    buffer: Buffer,
    vectors: u64,
    multiprocessors: u32,
    flop: f64,
    launches: u64,
}

/// One kernel, launched again and again.
#[derive(Debug)]
struct Lane<const PARAMETERS: usize> {
    kernel: Function<PARAMETERS>,
    stream: Stream,
    /// Ends of launches, used in turns.
    ends: [Event; 2],
    /// How many launches are on their way.
    queued: usize,
    next: usize,
}

impl<const PARAMETERS: usize> Lane<PARAMETERS> {
    fn new(context: &Context, kernel: Function<PARAMETERS>) -> Result<Self, Failure> {
        let ends = [context.event()?, context.event()?];
        Ok(Self { kernel, stream: context.stream()?, ends, queued: 0, next: 0 })
    }

    fn launch(&mut self, blocks: u32, parameters: [u64; PARAMETERS]) -> Result<(), Failure> {
        self.stream.launch(&self.kernel, (blocks, THREADS), parameters)?;
        self.stream.record(&self.ends[self.next])?;
        self.next = (self.next + 1) % self.ends.len();
        self.queued += 1;
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.queued == self.ends.len()
    }

    /// Waits for the oldest launch.
    fn wait(&mut self) -> Result<(), Failure> {
        let oldest = (self.next + self.ends.len() - self.queued) % self.ends.len();
        self.ends[oldest].wait()?;
        self.queued -= 1;
        Ok(())
    }

    fn drain(&mut self) -> Result<(), Failure> {
        while self.queued > 0 {
            self.wait()?;
        }
        Ok(())
    }
}

impl Kernels {
    /// Compiles the kernels and takes the memory, on the thread that will run them.
    pub(super) fn prepare(gpu: &Gpu, device: Device, kernel: Kernel) -> Result<Self> {
        let context = device.enter().map_err(|failure| of_gpu(gpu, failure, 0))?;
        let mut modules = compile(gpu, &context)?.into_iter().map(|(module, _)| Rc::new(module));
        let cannot = |failure| of_gpu(gpu, failure, 0);
        let missing = || Error::Cuda { call: "cuModuleGetFunction", cause: "no module".to_owned() };
        let general = modules.next().ok_or_else(missing)?;
        let (compute, flop) = match kernel {
            Kernel::MultiplyAdd => (general.kernel(c"load_fma").map_err(cannot)?, FMA_FLOP),
            Kernel::Matrix => {
                let matrix = modules.next().ok_or_else(missing)?;
                (matrix.kernel(c"load_mma").map_err(cannot)?, MATRIX_FLOP)
            }
        };
        let bytes = LEAST_BYTES.max(gpu.cache_bytes.saturating_mul(CACHES)).next_power_of_two();
        let take = |bytes: usize| context.allocate(bytes).map_err(|failure| of_gpu(gpu, failure, bytes));
        let threads = usize::try_from(gpu.multiprocessors * THREADS).unwrap_or(usize::MAX);
        let (counters, sink, buffer) = (take(16)?, take(threads * 4)?, take(bytes)?);
        let vectors = u64::try_from(bytes / 16).unwrap_or(u64::MAX);
        let mut fill =
            Lane::new(&context, general.kernel::<2>(c"load_fill").map_err(cannot)?).map_err(cannot)?;
        fill.launch(gpu.multiprocessors, [buffer.address(), vectors]).map_err(cannot)?;
        fill.drain().map_err(cannot)?;
        let before = counters.read().map_err(cannot)?;
        Ok(Self {
            compute: Lane::new(&context, compute).map_err(cannot)?,
            stream: Lane::new(&context, general.kernel(c"load_stream").map_err(cannot)?).map_err(cannot)?,
            counters,
            before,
            sink,
            buffer,
            vectors,
            multiprocessors: gpu.multiprocessors,
            flop,
            launches: 0,
        })
    }

    /// Blocks for a share of the multiprocessors, one at the least.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a number of blocks; a float cast saturates"
    )]
    fn blocks(&self, share: f64) -> u32 {
        // One on each: two would be spread over all before any has both, and one alone keeps its tensor cores busy.
        let all = self.multiprocessors;
        ((f64::from(all) * share).round() as u32).clamp(1, all)
    }

    /// Queues launches, so that there are always two on their way where something is asked.
    pub(super) fn feed(&mut self, compute: f64, memory: f64) -> Result<(), Failure> {
        let (counters, sink) = (self.counters.address(), self.sink.address());
        let blocks = (self.blocks(compute), self.blocks(memory));
        while compute > 0.0 && !self.compute.is_full() {
            self.compute.launch(blocks.0, [counters, sink, LAUNCH_NS, LAUNCH_CYCLES])?;
            self.launches += 1;
        }
        while memory > 0.0 && !self.stream.is_full() {
            // Another place each time: a few blocks alone would stay within the cache.
            let start = self.launches.wrapping_mul(0x9E37_79B9_7F4A_7C15) % self.vectors;
            let place = [self.buffer.address(), self.vectors, start];
            let [buffer, vectors, start] = place;
            let parameters = [counters + 8, sink, LAUNCH_NS, LAUNCH_CYCLES, buffer, vectors, start];
            self.stream.launch(blocks.1, parameters)?;
            self.launches += 1;
        }
        Ok(())
    }

    /// Waits for the oldest launch of each kernel that runs.
    pub(super) fn wait(&mut self) -> Result<(), Failure> {
        if self.compute.is_full() {
            self.compute.wait()?;
        }
        if self.stream.is_full() {
            self.stream.wait()?;
        }
        Ok(())
    }

    /// Waits until nothing runs.
    pub(super) fn drain(&mut self) -> Result<(), Failure> {
        self.compute.drain()?;
        self.stream.drain()
    }

    /// What was done so far; nothing runs.
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    pub(super) fn activity(&self, busy_s: f64) -> Result<Activity, Failure> {
        let now = self.counters.read::<2>()?;
        let [compute, stream] = [0, 1].map(|which: usize| now[which].wrapping_sub(self.before[which]) as f64);
        let (flop, bytes) = (compute * self.flop, stream * STREAM_BYTES);
        Ok(Activity { launches: self.launches, busy_s, flop, bytes })
    }
}

impl Drop for Kernels {
    fn drop(&mut self) {
        // A GPU that is lost has nothing that runs.
        let _ = self.drain();
    }
}

fn out_of_memory(gpu: &Gpu, bytes: usize) -> Error {
    Error::OutOfMemory { device: gpu.to_string(), asked_bytes: u64::try_from(bytes).unwrap_or(u64::MAX) }
}

/// A call that failed while a GPU was prepared.
fn of_gpu(gpu: &Gpu, failure: Failure, bytes: usize) -> Error {
    if failure.code == code::OUT_OF_MEMORY { out_of_memory(gpu, bytes) } else { failed(failure) }
}
