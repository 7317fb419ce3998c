//! Which channels of a run each tool of the study reads, by what their drivers say of them.

use power_core::Scope;

use crate::run::{ChannelRef, Run};

/// The channels of one GPU, as `source/channel`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GpuChannels {
    /// Power by NVML as most tools ask for it.
    pub draw: Option<String>,
    /// Power by NVML over the shortest window.
    pub instant: Option<String>,
    /// NVML's energy counter.
    pub counter: Option<String>,
    /// NVML's ring of samples.
    pub ring: Option<String>,
    /// Utilisation of the GPU.
    pub used: Option<String>,
    /// Utilisation of its memory.
    pub memory_used: Option<String>,
    /// Its power limit in mW.
    pub limit: Option<String>,
    /// Power by nvidia-smi in loop mode.
    pub smi_loop: Option<String>,
    /// Power by nvidia-smi in the way of EA-HAS-Bench.
    pub smi_tracer: Option<String>,
}

/// The channels of a node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Instruments {
    /// The GPUs, by index.
    pub gpus: Vec<GpuChannels>,
    /// RAPL's packages.
    pub cpu: Vec<String>,
    /// RAPL's memory.
    pub dram: Vec<String>,
    /// The meter of the node.
    pub meter: Option<String>,
}

impl Instruments {
    /// Finds the channels of a run.
    pub fn of(run: &Run) -> Self {
        let mut found = Self::default();
        for channel in run.channels() {
            match run.source_of(channel).descriptor.driver.as_str() {
                "nvml" => found.nvml(run, channel),
                "smi" => found.smi(run, channel),
                "rapl" => found.rapl(run, channel),
                _ => {}
            }
        }
        found.meter = run.manifest().reference.clone().or_else(|| {
            let of_node = |channel: &ChannelRef| {
                let described = run.describe(*channel);
                described.scope == Scope::NodeAc && described.quantity.has_energy()
            };
            run.channels().find(of_node).map(|channel| run.key(channel))
        });
        found
    }

    fn gpu(&mut self, index: usize) -> &mut GpuChannels {
        if self.gpus.len() <= index {
            self.gpus.resize_with(index + 1, GpuChannels::default);
        }
        &mut self.gpus[index]
    }

    fn nvml(&mut self, run: &Run, channel: ChannelRef) {
        // A node has at most some dozen GPUs; an index beyond is none.
        let index = run.source_of(channel).descriptor.details.get("index").and_then(|text| text.parse().ok());
        let Some(index) = index.filter(|index: &usize| *index < 256) else { return };
        let key = run.key(channel);
        let name = run.describe(channel).name.clone();
        let gpu = self.gpu(index);
        let place = match &*name {
            "power.draw" => &mut gpu.draw,
            "power.draw.instant" => &mut gpu.instant,
            "energy.total" => &mut gpu.counter,
            "power.samples" => &mut gpu.ring,
            "utilization.gpu" => &mut gpu.used,
            "utilization.memory" => &mut gpu.memory_used,
            "enforced.power.limit_mw" => &mut gpu.limit,
            _ => return,
        };
        place.get_or_insert(key);
    }

    fn smi(&mut self, run: &Run, channel: ChannelRef) {
        let (key, name) = (run.key(channel), run.describe(channel).name.clone());
        let (index, field) = match name.split_once('/') {
            Some((gpu, field)) => (gpu.strip_prefix("gpu").and_then(|index| index.parse().ok()), field),
            None => (Some(0), &*name),
        };
        let Some(index) = index.filter(|index: &usize| *index < 256) else { return };
        let way = run.source_of(channel).descriptor.details.get("way").map(String::as_str);
        let gpu = self.gpu(index);
        let place = match way {
            Some("tracer") => &mut gpu.smi_tracer,
            Some("loop") => &mut gpu.smi_loop,
            _ => return,
        };
        // Drivers since 570 have no plain draw in their logs: EA-HAS-Bench's successor is the average.
        match field {
            "power.draw" => *place = Some(key),
            "power.draw.average" => {
                place.get_or_insert(key);
            }
            _ => {}
        }
    }

    fn rapl(&mut self, run: &Run, channel: ChannelRef) {
        let described = run.describe(channel);
        match (&described.scope, described.part_of) {
            (Scope::Package, None) => self.cpu.push(run.key(channel)),
            (Scope::Dram, None) => self.dram.push(run.key(channel)),
            _ => {}
        }
    }
}
