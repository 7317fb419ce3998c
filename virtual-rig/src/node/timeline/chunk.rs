//! A stretch of the node's truth, worked out from its beginning to its end.

use super::{CHUNK_NS, Host, Known};
use crate::description::NodeDescription;
use crate::node::physics::{Demand, Thermal, powers};
use crate::node::rail::{Layout, Rail};
use crate::num::seconds;

/// How often the controller of the fans looks at the temperature, in ns.
const FAN_TICK_NS: i64 = 500_000_000;

/// What the time before a chunk has left behind.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct State {
    thermal: Thermal,
    /// Energy of each number of a row since the origin in J.
    energy_j: Vec<f64>,
}

/// A stretch in which powers change at known times.
#[derive(Debug)]
pub(super) struct Chunk {
    layout: Layout,
    begin_ns: i64,
    end_ns: i64,
    /// When the powers change; the first is the beginning.
    times_ns: Vec<i64>,
    /// At each time, powers in W and energies since the origin in J, a row each.
    powers_w: Vec<f64>,
    energies_j: Vec<f64>,
    /// At each time, heat in W, temperature and speed of the fans.
    thermals: Vec<(f64, Thermal)>,
}

/// State at the origin: the idle node, settled.
pub(super) fn idle(known: &Known) -> State {
    let mut row = vec![0.0; known.layout.len()];
    let demand = idle_demand(known);
    let heat_w = powers(&known.node, known.layout, &demand, 0.0, &mut row);
    State { thermal: Thermal::settled(&known.node, heat_w), energy_j: vec![0.0; known.layout.len()] }
}

fn idle_demand(known: &Known) -> Demand {
    let gpus_w: Vec<f64> = known.gpus.iter().map(|gpu| gpu.span_w.0).collect();
    Demand { followed: vec![0.0; gpus_w.len()], gpus_w, cpu: 0.0, memory: 0.0 }
}

/// The time before the origin: all of it is one stretch.
pub(super) fn before(known: &Known) -> Chunk {
    let state = idle(known);
    let mut row = vec![0.0; known.layout.len()];
    let heat_w = powers(&known.node, known.layout, &idle_demand(known), state.thermal.fan_speed, &mut row);
    Chunk {
        layout: known.layout,
        begin_ns: known.origin_ns,
        end_ns: known.origin_ns,
        times_ns: vec![known.origin_ns],
        powers_w: row,
        energies_j: state.energy_j,
        thermals: vec![(heat_w, state.thermal)],
    }
}

/// What changes a demand.
#[derive(Debug, Clone, Copy)]
enum Change {
    Gpu { index: usize, power_w: f64, followed: f64 },
    Cpu(f64),
    Memory(f64),
    FanTick,
}

/// Chunk `number` from the state at its beginning, and the state at its end.
pub(super) fn work_out(known: &Known, number: usize, start: &State) -> (Chunk, State) {
    let begin_ns = known.chunk_begin_ns(number);
    let end_ns = begin_ns + CHUNK_NS;
    let mut changes = changes(known, begin_ns, end_ns);
    // Stable: what changes at one time keeps its order, and the fans' controller comes last.
    changes.sort_by_key(|change| change.0);
    let width = known.layout.len();
    let mut chunk = Chunk {
        layout: known.layout,
        begin_ns,
        end_ns,
        times_ns: Vec::with_capacity(changes.len()),
        powers_w: Vec::with_capacity(changes.len() * width),
        energies_j: Vec::with_capacity(changes.len() * width),
        thermals: Vec::with_capacity(changes.len()),
    };
    let mut demand = idle_demand(known);
    let (mut thermal, mut energy) = (start.thermal, start.energy_j.clone());
    let mut row = vec![0.0; width];
    let (mut at_ns, mut heat_w, mut next) = (begin_ns, 0.0, 0);
    while let Some((t_ns, _)) = changes.get(next).copied() {
        advance(&known.node, seconds(t_ns - at_ns), heat_w, &row, &mut thermal, &mut energy);
        at_ns = t_ns;
        while let Some((_, change)) = changes.get(next).filter(|change| change.0 == t_ns) {
            match *change {
                Change::Gpu { index, power_w, followed } => {
                    demand.gpus_w[index] = power_w;
                    demand.followed[index] = followed;
                }
                Change::Cpu(cpu) => demand.cpu = cpu,
                Change::Memory(memory) => demand.memory = memory,
                Change::FanTick => thermal.control(&known.node, seconds(FAN_TICK_NS)),
            }
            next += 1;
        }
        heat_w = powers(&known.node, known.layout, &demand, thermal.fan_speed, &mut row);
        chunk.times_ns.push(t_ns);
        chunk.powers_w.extend_from_slice(&row);
        chunk.energies_j.extend_from_slice(&energy);
        chunk.thermals.push((heat_w, thermal));
    }
    advance(&known.node, seconds(end_ns - at_ns), heat_w, &row, &mut thermal, &mut energy);
    (chunk, State { thermal, energy_j: energy })
}

/// Lets `dt` seconds of constant powers pass.
fn advance(
    node: &NodeDescription,
    dt: f64,
    heat_w: f64,
    row: &[f64],
    thermal: &mut Thermal,
    energy: &mut [f64],
) {
    if dt > 0.0 {
        thermal.heat(node, heat_w, dt);
        for (energy, power) in energy.iter_mut().zip(row) {
            *energy += power * dt;
        }
    }
}

/// All that changes from `begin_ns` to `end_ns`, each demand at `begin_ns` first.
fn changes(known: &Known, begin_ns: i64, end_ns: i64) -> Vec<(i64, Change)> {
    let mut changes = Vec::new();
    for (index, gpu) in known.gpus.iter().enumerate() {
        let (idle_w, limit_w) = gpu.span_w;
        let share = |power: f64| ((power - idle_w) / (limit_w - idle_w).max(1.0)).clamp(0.0, 1.0);
        for (t, power_w) in gpu.truth.steps(begin_ns, end_ns) {
            let followed = if gpu.truth.is_scripted(t) { 0.0 } else { share(power_w) };
            changes.push((t, Change::Gpu { index, power_w, followed }));
        }
    }
    let origin = known.origin_ns;
    let shifted = |steps: Vec<(i64, f64)>, change: fn(f64) -> Change| {
        steps.into_iter().map(move |(t, level)| (t + origin, change(level)))
    };
    let (cpu, memory) = match &known.host {
        Host::Scripted { cpu, memory } => {
            (shifted(cpu.steps(begin_ns - origin, end_ns - origin), Change::Cpu).collect(), memory)
        }
        Host::Live { cpu, memory } => {
            let steps = cpu.steps(begin_ns, end_ns);
            (steps.into_iter().map(|(t, level)| (t, Change::Cpu(level))).collect::<Vec<_>>(), memory)
        }
    };
    changes.extend(cpu);
    changes.extend(shifted(memory.steps(begin_ns - origin, end_ns - origin), Change::Memory));
    let ticks = (begin_ns..end_ns).step_by(usize::try_from(FAN_TICK_NS).unwrap_or(usize::MAX));
    changes.extend(ticks.map(|t| (t, Change::FanTick)));
    changes
}

impl Chunk {
    pub(super) const fn end_ns(&self) -> i64 {
        self.end_ns
    }

    /// Number of the stretch at `t_ns`; the first before it.
    fn at(&self, t_ns: i64) -> usize {
        self.times_ns.partition_point(|t| *t <= t_ns).saturating_sub(1)
    }

    fn row<'a>(&self, rows: &'a [f64], index: usize) -> &'a [f64] {
        &rows[index * self.layout.len()..(index + 1) * self.layout.len()]
    }

    pub(super) fn power_w(&self, rail: Rail, t_ns: i64) -> f64 {
        self.layout.of(rail, self.row(&self.powers_w, self.at(t_ns)))
    }

    pub(super) fn total_j(&self, rail: Rail, t_ns: i64) -> f64 {
        let index = self.at(t_ns);
        let power_w = self.layout.of(rail, self.row(&self.powers_w, index));
        let before_j = self.layout.of(rail, self.row(&self.energies_j, index));
        before_j + power_w * seconds(t_ns - self.times_ns[index])
    }

    pub(super) fn temperature_c(&self, node: &NodeDescription, t_ns: i64) -> f64 {
        let index = self.at(t_ns);
        let (heat_w, mut thermal) = self.thermals[index];
        thermal.heat(node, heat_w, seconds((t_ns - self.times_ns[index]).max(0)));
        thermal.temperature_c
    }

    pub(super) fn fan_speed(&self, t_ns: i64) -> f64 {
        self.thermals[self.at(t_ns)].1.fan_speed
    }

    /// Adds the levels of a rail in [`from_ns`, `to_ns`) to `steps`, each where it differs from the one before.
    pub(super) fn steps(&self, rail: Rail, from_ns: i64, to_ns: i64, steps: &mut Vec<(i64, f64)>) {
        let first = self.times_ns.partition_point(|t| *t < from_ns);
        for index in first..self.times_ns.len() {
            let t = self.times_ns[index];
            if t >= to_ns {
                return;
            }
            let level = self.layout.of(rail, self.row(&self.powers_w, index));
            match steps.last_mut() {
                Some(last) if last.0 == t => last.1 = level,
                Some(last) if last.1.to_bits() == level.to_bits() => {}
                _ => steps.push((t, level)),
            }
        }
        debug_assert!(self.begin_ns <= from_ns, "the chunk of this time");
    }
}
