//! A workload written out: what each GPU and the host do at which time, and the phases that there are.

mod marks;
mod stages;
mod track;
mod training;

use power_testkit::Signal;

use super::truth::Pattern;
use super::wave::Wave;
use crate::description::{Description, StageKind};
use crate::num::{mix, nanos};
use crate::{Error, Result};

pub use marks::Mark;
pub(crate) use marks::Marks;
use track::{Track, sum};

/// Most steps that a workload may have on one track: some 100 MB.
const MOST_STEPS: usize = 2_000_000;

/// A workload written out.
#[derive(Debug)]
pub(crate) struct Script {
    /// What each GPU does; taken out by whoever makes the GPU.
    pub(crate) gpus: Vec<Option<Pattern>>,
    /// Utilisation of the CPUs, 0 to 1.
    pub(crate) cpu: Wave,
    /// Share of the memory's bandwidth, 0 to 1.
    pub(crate) memory: Wave,
    pub(crate) marks: Marks,
}

/// A script as it is being written.
struct Writer {
    seed: u64,
    /// Idle power and power limit of each GPU in W.
    spans_w: Vec<(f64, f64)>,
    gpus: Vec<GpuTracks>,
    /// What the stages themselves ask of the host.
    cpu: Track,
    memory: Track,
    marks: Vec<Mark>,
    trainings: usize,
}

/// The tracks of one GPU: power, utilisation of GPU and memory in %, and what its trainings ask of the host.
struct GpuTracks {
    power: Track,
    used: Track,
    memory_used: Track,
    cpu: Track,
    memory: Track,
}

/// What a GPU and its process do in a phase.
#[derive(Debug, Clone, Copy)]
struct Doing {
    power_w: f64,
    used: f64,
    memory_used: f64,
    cpu: f64,
    memory: f64,
}

impl GpuTracks {
    fn new(idle_w: f64) -> Self {
        let zero = || Track::new(0.0);
        Self { power: Track::new(idle_w), used: zero(), memory_used: zero(), cpu: zero(), memory: zero() }
    }

    fn set(&mut self, t: i64, doing: Doing) {
        self.power.set(t, doing.power_w);
        self.used.set(t, doing.used);
        self.memory_used.set(t, doing.memory_used);
        self.cpu.set(t, doing.cpu);
        self.memory.set(t, doing.memory);
    }

    fn idle(&mut self, t: i64, idle_w: f64) {
        self.set(t, Doing { power_w: idle_w, used: 0.0, memory_used: 0.0, cpu: 0.0, memory: 0.0 });
    }
}

impl Script {
    /// Writes out the workload of a description, if it has one.
    pub(crate) fn of(description: &Description) -> Result<Option<Self>> {
        let Some(workload) = &description.workload else { return Ok(None) };
        let spans_w: Result<Vec<(f64, f64)>> =
            (0..description.gpu_count()).map(|gpu| description.gpu_span_w(gpu)).collect();
        let spans_w = spans_w?;
        let mut writer = Writer {
            seed: mix(&[description.seed, 0x5C21]),
            gpus: spans_w.iter().map(|(idle_w, _)| GpuTracks::new(*idle_w)).collect(),
            spans_w,
            cpu: Track::new(0.0),
            memory: Track::new(0.0),
            marks: Vec::new(),
            trainings: 0,
        };
        let mut t = 0;
        for (index, stage) in workload.stages.iter().enumerate() {
            let begin = t;
            t = writer.stage(index, stage, t)?;
            writer.rest(t);
            let name = stage.name.clone().unwrap_or_else(|| stage.kind.name().to_owned());
            if stage.kind != StageKind::Idle || stage.name.is_some() {
                writer.marks.push(Mark { begin_ns: begin, end_ns: t, name, depth: 0 });
            }
            if writer.gpus.iter().any(|gpu| gpu.power.len() > MOST_STEPS) || writer.cpu.len() > MOST_STEPS {
                return Err(Error::new(
                    "the workload has more than 2000000 steps: make it shorter and repeat it",
                ));
            }
        }
        Ok(Some(writer.finish(t, workload.repeat)))
    }
}

impl Writer {
    /// Has everything idle from `t` on.
    fn rest(&mut self, t: i64) {
        for (gpu, (idle_w, _)) in self.gpus.iter_mut().zip(&self.spans_w) {
            gpu.idle(t, *idle_w);
        }
        self.cpu.set(t, 0.0);
        self.memory.set(t, 0.0);
    }

    fn finish(mut self, end: i64, repeat: bool) -> Script {
        let length = repeat.then_some(end);
        let wave = |track: Track| Wave::new(track.signal(), length);
        let host = |own: Track, of_gpus: Vec<Track>| {
            Wave::new(sum(std::iter::once(own).chain(of_gpus)).clamped(0.0, 1.0).signal(), length)
        };
        let (mut patterns, mut cpu, mut memory) = (Vec::new(), Vec::new(), Vec::new());
        for gpu in self.gpus {
            let utilisation = Some([wave(gpu.used), wave(gpu.memory_used)]);
            patterns.push(Some(Pattern { power: wave(gpu.power), utilisation }));
            cpu.push(gpu.cpu);
            memory.push(gpu.memory);
        }
        self.marks.sort_by_key(|mark| (mark.begin_ns, mark.depth));
        Script {
            gpus: patterns,
            cpu: host(self.cpu, cpu),
            memory: host(self.memory, memory),
            marks: Marks::new(self.marks, length),
        }
    }
}

/// A host that does nothing of its own.
pub(crate) fn resting() -> Wave {
    Wave::new(Signal::constant(0.0), None)
}

/// Nanoseconds of a time that a workload gives, 1 at least.
fn span(seconds: f64) -> i64 {
    nanos(seconds).max(1)
}
