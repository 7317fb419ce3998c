//! The gauges: channels by name, the calls that give them, and what a GPU answers.
//!
//! Names are those of `nvidia-smi --query-gpu`, so that both ways of reading compare by name.

use power_core::{Channel, ChannelId, Quantity, Scope};

use crate::architecture::{Architecture, Figure, meaning};
use crate::buffers::FieldBatch;
use crate::error::Failure;
use crate::port::{ClockOf, Gpu};

/// One transaction with the GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    PowerUsage,
    /// One call for all fields.
    Fields,
    /// One call for GPU and memory.
    Utilisation,
    Memory,
    Temperature,
    Clock(ClockOf),
    Limit,
    EventReasons,
    PerformanceState,
}

/// One channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gauge {
    pub(crate) name: &'static str,
    pub(crate) call: Call,
    /// Field id and scope id, for [`Call::Fields`]; `NVML_FI_DEV_POWER_*` and `NVML_POWER_SCOPE_*` of nvml.h.
    pub(crate) field: (u32, u32),
}

const fn gauge(name: &'static str, call: Call) -> Gauge {
    Gauge { name, call, field: (0, 0) }
}

const fn field(name: &'static str, id: u32, scope: u32) -> Gauge {
    Gauge { name, call: Call::Fields, field: (id, scope) }
}

const AVERAGE: u32 = 185;
const SCOPE_GPU: u32 = 0;
const SCOPE_MODULE: u32 = 1;
const SCOPE_MEMORY: u32 = 2;

/// All gauges, in the order in which they are read: power first, so that its calls are close together.
pub(crate) const GAUGES: [Gauge; 16] = [
    gauge("power.draw", Call::PowerUsage),
    field("power.draw.average", AVERAGE, SCOPE_GPU),
    field("power.draw.instant", 186, SCOPE_GPU),
    field("module.power.draw.average", AVERAGE, SCOPE_MODULE),
    field("module.power.draw.instant", 186, SCOPE_MODULE),
    field("memory.power.draw.average", AVERAGE, SCOPE_MEMORY),
    field("memory.power.draw.instant", 186, SCOPE_MEMORY),
    gauge("utilization.gpu", Call::Utilisation),
    gauge("utilization.memory", Call::Utilisation),
    gauge("memory.used", Call::Memory),
    gauge("temperature.gpu", Call::Temperature),
    gauge("clocks.current.sm", Call::Clock(ClockOf::Sm)),
    gauge("clocks.current.memory", Call::Clock(ClockOf::Memory)),
    gauge("enforced.power.limit_mw", Call::Limit),
    gauge("clocks_event_reasons.active", Call::EventReasons),
    gauge("pstate", Call::PerformanceState),
];

impl Gauge {
    /// Whether it is power, rather than what goes with it.
    pub(crate) fn is_power(&self) -> bool {
        matches!(self.call, Call::PowerUsage | Call::Fields)
    }

    /// The figure whose meaning depends on the architecture, if it is one.
    pub(crate) fn figure(&self) -> Option<Figure> {
        match self.call {
            Call::PowerUsage => Some(Figure::PowerUsage),
            Call::Fields if self.field.0 == AVERAGE => Some(Figure::Average),
            Call::Fields => Some(Figure::Instant),
            _ => None,
        }
    }

    fn scope(&self) -> Scope {
        match (self.call, self.field.1) {
            // NVML: "power usage for this GPU and its associated circuitry (e.g. memory)".
            (Call::PowerUsage | Call::Limit, _) | (Call::Fields, SCOPE_GPU) => Scope::Board,
            (Call::Fields, SCOPE_MODULE) => Scope::Module,
            (Call::Memory, _) | (Call::Fields, SCOPE_MEMORY) => Scope::Dram,
            _ => Scope::Chip,
        }
    }

    /// The channel's description, still without what it is part of.
    pub(crate) fn channel(&self, architecture: Architecture, branch: Option<u32>) -> Channel {
        let channel = match self.figure() {
            Some(figure) => {
                let meaning = meaning(figure, architecture, branch);
                let channel = Channel::new(self.name, meaning.quantity).with_resolution(1e-3);
                let channel = match meaning.update_period {
                    Some(period) => channel.with_update_period(period),
                    None => channel,
                };
                match meaning.accuracy {
                    Some(accuracy) => channel.with_accuracy(accuracy),
                    None => channel,
                }
            }
            None => match self.call {
                Call::Utilisation => Channel::new(self.name, Quantity::Utilisation).with_resolution(0.01),
                Call::Memory => Channel::new(self.name, Quantity::MemoryUsed),
                Call::Temperature => Channel::new(self.name, Quantity::Temperature).with_resolution(1.0),
                Call::Clock(_) => Channel::new(self.name, Quantity::Frequency).with_resolution(1e6),
                // A limit is a setting: as a quantity of power it would be integrated like one.
                _ => Channel::new(self.name, Quantity::State),
            },
        };
        channel.with_scope(self.scope())
    }
}

/// Says of each power channel which other contains it, so that a sum over channels without a whole counts once: memory
/// is part of the board, the board of the module.
///
/// NVML's power usage includes memory, and the scope "module" is the whole module. Two figures of one scope are views
/// of one rail: the first stands for it, and the others are part of the first.
pub(crate) fn nest(channels: &mut [Channel]) {
    let first = |channels: &[Channel], scope: &Scope| {
        let of_scope = |channel: &Channel| channel.scope == *scope && channel.quantity.has_energy();
        channels.iter().position(of_scope).and_then(|at| u16::try_from(at).ok()).map(ChannelId)
    };
    let views = [Scope::Dram, Scope::Board, Scope::Module].map(|scope| first(channels, &scope));
    let [_, board, module] = views;
    for (id, channel) in (0..).map(ChannelId).zip(channels) {
        let (of_rail, around) = match channel.scope {
            Scope::Dram => (views[0], board.or(module)),
            Scope::Board => (board, module),
            Scope::Module => (module, None),
            _ => continue,
        };
        if channel.quantity.has_energy() {
            channel.part_of = if of_rail == Some(id) { around } else { of_rail };
        }
    }
}

/// What a GPU answers to each gauge that is wanted, asked once; calls that give none of them are not made.
pub(crate) fn probe(gpu: &dyn Gpu, wanted: impl Fn(&str) -> bool) -> Vec<(Gauge, Result<(), Failure>)> {
    let wanted: Vec<Gauge> = GAUGES.into_iter().filter(|gauge| wanted(gauge.name)).collect();
    let of = |call: Call| wanted.iter().filter(move |gauge| gauge.call == call);
    let mut batch = FieldBatch::new(of(Call::Fields).map(|gauge| gauge.field));
    let fields = if batch.raw.is_empty() { Ok(()) } else { gpu.fields(&mut batch) };
    let utilisation = of(Call::Utilisation).next().map_or(Ok(()), |_| gpu.utilisation_percent().map(drop));
    let mut position = 0;
    let mut answer = |gauge: &Gauge| match gauge.call {
        Call::PowerUsage => gpu.power_mw().map(drop),
        Call::Fields => {
            let answer = fields.and_then(|()| batch.answer(position)?.milliwatts());
            position += 1;
            answer.map(drop)
        }
        Call::Utilisation => utilisation,
        Call::Memory => gpu.memory_used_bytes().map(drop),
        Call::Temperature => gpu.temperature_celsius().map(drop),
        Call::Clock(clock) => gpu.clock_mhz(clock).map(drop),
        Call::Limit => gpu.enforced_limit_mw().map(drop),
        Call::EventReasons => gpu.event_reasons().map(drop),
        // A GPU that does not know its state now may know it later.
        Call::PerformanceState => match gpu.performance_state() {
            Ok(_) | Err(Failure::NoData) => Ok(()),
            Err(failure) => Err(failure),
        },
    };
    wanted.iter().map(|gauge| (*gauge, answer(gauge))).collect()
}
