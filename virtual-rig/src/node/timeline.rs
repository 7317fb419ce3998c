//! The truth of the whole node at all times.

mod chunk;
mod live;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use power_testkit::Signal;

use super::rail::{Layout, Rail};
use super::script::{Mark, Marks, Script, resting};
use super::truth::Truth;
use super::wave::Wave;
use crate::description::{CpuLoad, NodeDescription};
use crate::num::seconds;
use chunk::{Chunk, State};
use live::Live;

/// Length of a stretch that is worked out at once, in ns.
const CHUNK_NS: i64 = 10_000_000_000;

/// How many stretches are kept; others are worked out anew when they are asked for.
const KEPT: usize = 32;

/// A GPU in the node: its truth, and its power from idle to limit in W.
#[derive(Debug, Clone)]
pub(crate) struct GpuRail {
    pub(crate) truth: Truth,
    pub(crate) span_w: (f64, f64),
}

/// What the host's CPUs and memory do.
#[derive(Debug, Clone)]
enum Host {
    Scripted { cpu: Arc<Wave>, memory: Arc<Wave> },
    Live { cpu: Live, memory: Arc<Wave> },
}

/// True power and energy of every rail of the node, exact at all times.
///
/// Times are host times (`CLOCK_MONOTONIC`) in ns. All follows from the rig's description, from the loads that were
/// set while it runs and, where the description says so, from what this machine's CPUs did. Before the rig's second
/// 0 the node idles. It is worked out as far as it is asked for: memory grows by some 100 bytes for each 10 s.
#[derive(Debug)]
pub struct NodeTruth {
    known: Known,
    cache: Mutex<Cache>,
}

/// What the truth follows from.
#[derive(Debug, Clone)]
struct Known {
    node: NodeDescription,
    layout: Layout,
    gpus: Vec<GpuRail>,
    host: Host,
    marks: Arc<Marks>,
    origin_ns: i64,
}

/// What has been worked out of it.
#[derive(Debug, Clone)]
struct Cache {
    /// State at the beginning of each chunk, the first at the origin.
    states: Vec<State>,
    /// Chunks with their number, the latest used last.
    chunks: VecDeque<(usize, Arc<Chunk>)>,
}

impl Clone for NodeTruth {
    fn clone(&self) -> Self {
        Self { known: self.known.clone(), cache: Mutex::new(self.cache().clone()) }
    }
}

impl NodeTruth {
    pub(crate) fn new(
        node: &NodeDescription,
        gpus: Vec<GpuRail>,
        script: Option<Script>,
        origin_ns: i64,
    ) -> Self {
        let (cpu, memory, marks) = match script {
            Some(script) => (script.cpu, script.memory, script.marks),
            None => (resting(), resting(), Marks::default()),
        };
        let memory = Arc::new(memory);
        let host = match node.cpu_load {
            CpuLoad::Workload => Host::Scripted { cpu: Arc::new(cpu), memory },
            CpuLoad::Host => Host::Live { cpu: Live::default(), memory },
        };
        let layout = Layout { gpus: gpus.len(), packages: node.packages };
        let known = Known { node: node.clone(), layout, gpus, host, marks: Arc::new(marks), origin_ns };
        let first = chunk::idle(&known);
        Self { known, cache: Mutex::new(Cache { states: vec![first], chunks: VecDeque::new() }) }
    }

    /// Every rail of the node.
    pub fn rails(&self) -> Vec<Rail> {
        self.known.layout.rails()
    }

    /// Host time of the rig's second 0 in ns.
    pub const fn origin_ns(&self) -> i64 {
        self.known.origin_ns
    }

    /// True power of a rail in W at `t_ns`; at a step, the power after it. None if the node has no such rail.
    pub fn power_w(&self, rail: Rail, t_ns: i64) -> Option<f64> {
        self.known.layout.has(rail).then(|| self.with(t_ns, |chunk| chunk.power_w(rail, t_ns)))
    }

    /// True energy of a rail in J from `from_ns` to `to_ns`. None if the node has no such rail.
    pub fn energy_j(&self, rail: Rail, from_ns: i64, to_ns: i64) -> Option<f64> {
        Some(self.total_j(rail, to_ns)? - self.total_j(rail, from_ns)?)
    }

    /// True mean power of a rail in W from `from_ns` to `to_ns`, the power itself where both are the same. None if
    /// the node has no such rail.
    pub fn mean_w(&self, rail: Rail, from_ns: i64, to_ns: i64) -> Option<f64> {
        match to_ns - from_ns {
            0 => self.power_w(rail, from_ns),
            length => Some(self.energy_j(rail, from_ns, to_ns)? / seconds(length)),
        }
    }

    /// Temperature of the air behind the heat sinks in °C at `t_ns`.
    pub fn temperature_c(&self, t_ns: i64) -> f64 {
        self.with(t_ns, |chunk| chunk.temperature_c(&self.known.node, t_ns))
    }

    /// Speed of the fans at `t_ns`, 0 to 1.
    pub fn fan_speed(&self, t_ns: i64) -> f64 {
        self.with(t_ns, |chunk| chunk.fan_speed(t_ns))
    }

    /// The truth about one GPU; none if there is no such GPU.
    pub fn gpu(&self, index: usize) -> Option<&Truth> {
        self.known.gpus.get(index).map(|gpu| &gpu.truth)
    }

    /// The phases of the workload that lie within `from_ns` to `to_ns` as a whole, in the order in which they
    /// begin; one that lies within another comes after it.
    pub fn marks(&self, from_ns: i64, to_ns: i64) -> Vec<Mark> {
        self.known.marks.within(self.known.origin_ns, from_ns, to_ns)
    }

    /// Power of a rail from `from_ns` to `to_ns` as a signal; outside, it means nothing. None if the node has no
    /// such rail.
    pub fn signal(&self, rail: Rail, from_ns: i64, to_ns: i64) -> Option<Signal> {
        let steps = self.steps(rail, from_ns, to_ns)?;
        Some(Signal::steps(steps.first().map_or(0.0, |step| step.1), steps))
    }

    /// The levels of a rail from `from_ns` to `to_ns` in W, each with its time, the first at `from_ns`. None if the
    /// node has no such rail.
    pub fn steps(&self, rail: Rail, from_ns: i64, to_ns: i64) -> Option<Vec<(i64, f64)>> {
        let mut steps = vec![(from_ns, self.power_w(rail, from_ns)?)];
        let mut t = from_ns.max(self.known.origin_ns);
        while t < to_ns {
            t = self.with(t, |chunk| {
                chunk.steps(rail, t, to_ns, &mut steps);
                chunk.end_ns()
            });
        }
        Some(steps)
    }

    /// Energy of a rail since the origin in J; negative before it.
    pub(crate) fn total_j(&self, rail: Rail, t_ns: i64) -> Option<f64> {
        self.known.layout.has(rail).then(|| self.with(t_ns, |chunk| chunk.total_j(rail, t_ns)))
    }

    /// Takes in that a GPU's truth has changed from `at_ns` on.
    pub(crate) fn set_gpu(&mut self, gpu: usize, truth: Truth, at_ns: i64) {
        if let Some(rail) = self.known.gpus.get_mut(gpu) {
            rail.truth = truth;
            self.forget(at_ns);
        }
    }

    /// Takes in what the host's CPUs do from `at_ns` on, 0 to 1, which is later than all such times before. Has no
    /// effect where the workload says what they do.
    pub(crate) fn set_cpu(&mut self, at_ns: i64, utilisation: f64) {
        if let Host::Live { cpu, .. } = &mut self.known.host {
            cpu.set(at_ns, utilisation);
            self.forget(at_ns);
        }
    }

    /// Drops what was worked out for times from `at_ns` on.
    fn forget(&mut self, at_ns: i64) {
        let number = self.known.chunk_number(at_ns);
        let cache = self.cache.get_mut().unwrap_or_else(PoisonError::into_inner);
        cache.states.truncate(number + 1);
        cache.chunks.retain(|(kept, _)| *kept < number);
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has `look` look at the chunk of `t_ns`.
    fn with<T>(&self, t_ns: i64, look: impl FnOnce(&Chunk) -> T) -> T {
        let mut cache = self.cache();
        if t_ns < self.known.origin_ns {
            return look(&chunk::before(&self.known));
        }
        let chunk = cache.chunk(&self.known, self.known.chunk_number(t_ns));
        drop(cache);
        look(&chunk)
    }
}

impl Known {
    /// Number of the chunk of `t_ns`; 0 before the origin.
    fn chunk_number(&self, t_ns: i64) -> usize {
        usize::try_from((t_ns - self.origin_ns) / CHUNK_NS).unwrap_or(0)
    }

    fn chunk_begin_ns(&self, number: usize) -> i64 {
        self.origin_ns + i64::try_from(number).unwrap_or(i64::MAX / CHUNK_NS) * CHUNK_NS
    }
}

impl Cache {
    fn chunk(&mut self, known: &Known, number: usize) -> Arc<Chunk> {
        if let Some(at) = self.chunks.iter().rposition(|(kept, _)| *kept == number) {
            return Arc::clone(&self.chunks[at].1);
        }
        // Each chunk begins with the state at the end of the one before.
        for earlier in self.states.len() - 1..number {
            self.work_out(known, earlier);
        }
        self.work_out(known, number)
    }

    fn work_out(&mut self, known: &Known, number: usize) -> Arc<Chunk> {
        let (chunk, end) = chunk::work_out(known, number, &self.states[number]);
        if self.states.len() == number + 1 {
            self.states.push(end);
        }
        let chunk = Arc::new(chunk);
        self.keep(number, Arc::clone(&chunk));
        chunk
    }

    fn keep(&mut self, number: usize, chunk: Arc<Chunk>) {
        if self.chunks.len() >= KEPT {
            self.chunks.pop_front();
        }
        self.chunks.push_back((number, chunk));
    }
}

#[cfg(test)]
mod tests;
