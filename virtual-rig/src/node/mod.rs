//! A running node: what every process that loads the same rig computes alike.

mod faults;
mod gpu;
mod hidden;
mod journal;
mod meter;
mod physics;
mod rail;
mod rapl;
mod script;
mod shared;
mod timeline;
mod truth;
mod wave;

use std::path::{Path, PathBuf};

use power_core::{Anchor, Clock, SystemClock};

use crate::description::{Description, Stamps};
use crate::{Error, Result};

pub(crate) use faults::{Faults, GPU_IS_LOST};
pub(crate) use gpu::{Gpu, RING_DEPTH, Sample, Sensors, mean};
pub(crate) use journal::{Entry, LEAD_NS};
pub(crate) use meter::MeterModel;
pub use meter::MeterTruth;
pub use rail::Rail;
pub(crate) use rapl::RaplCounter;
pub use script::Mark;
pub(crate) use shared::Shared;
pub use timeline::NodeTruth;
pub use truth::Truth;

use journal::Reader;
use script::Script;
use timeline::GpuRail;

/// Environment variable that names a rig's TOML file.
pub const RIG_VARIABLE: &str = "WATTPROOF_RIG";

/// Name of a rig's file beside the library and the executable that serve it.
pub(crate) const RIG_FILE: &str = "rig.toml";

/// A node as one process sees it.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) description: Description,
    pub(crate) gpus: Vec<Gpu>,
    pub(crate) faults: Faults,
    /// From host time to the time of the sample ring's stamps, in ns.
    pub(crate) stamp_offset_ns: i64,
    origin_ns: i64,
    journal: Option<Reader>,
    /// The workload written out, less what the GPUs have taken of it.
    script: Option<Script>,
}

/// The rig's file for a library or executable in `beside`: the one in the same directory, else the one that the
/// environment names, else none.
pub(crate) fn rig_file(beside: Option<&Path>) -> Option<PathBuf> {
    let own = beside.map(|directory| directory.join(RIG_FILE)).filter(|file| file.is_file());
    own.or_else(|| std::env::var_os(RIG_VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from))
}

/// Host time in ns.
pub(crate) fn now_ns() -> i64 {
    SystemClock.now().nanos()
}

impl Node {
    /// The node of a rig's file; the default one without a file.
    pub(crate) fn open(file: Option<&Path>) -> Result<Self> {
        let description = file.map_or_else(|| Ok(Description::default()), Description::from_file)?;
        Self::new(description)
    }

    pub(crate) fn new(description: Description) -> Result<Self> {
        let origin_ns = description.origin_ns.unwrap_or(0);
        let mut script = Script::of(&description)?;
        let gpus: Result<Vec<Gpu>> = (0..description.gpu_count())
            .map(|index| {
                let scripted = script.as_mut().and_then(|script| script.gpus[index].take());
                Gpu::new(index, &description, origin_ns, scripted)
            })
            .collect();
        let faults = Faults::new(&description.faults, origin_ns);
        let journal = description.journal.as_deref().map(Reader::open).transpose()?;
        let stamp_offset_ns =
            description.stamp_offset_ns.map_or_else(|| stamp_offset_ns(description.stamps), Ok)?;
        Ok(Self { description, gpus: gpus?, faults, stamp_offset_ns, origin_ns, journal, script })
    }

    /// The truth of the whole node, as it is known now.
    pub(crate) fn truth(&mut self) -> NodeTruth {
        let rail = |gpu: &Gpu| GpuRail { truth: gpu.truth.clone(), span_w: gpu.span_w() };
        let gpus = self.gpus.iter().map(rail).collect();
        NodeTruth::new(&self.description.node, gpus, self.script.take(), self.origin_ns)
    }

    /// Takes in what happened since the last time.
    pub(crate) fn refresh(&mut self, now_ns: i64) {
        let Some(journal) = &mut self.journal else { return };
        for entry in journal.new_entries(now_ns) {
            self.take(&entry);
        }
    }

    /// Takes in one entry of the journal.
    pub(crate) fn take(&mut self, entry: &Entry) {
        match entry {
            Entry::Load { t_ns, gpu, power_w } => {
                if let Some(gpu) = self.gpus.get_mut(*gpu) {
                    gpu.set_load(*t_ns, *power_w);
                }
            }
            Entry::Fault { t_ns, id, fault } => self.faults.add(*id, *t_ns, fault, self.origin_ns),
            Entry::Clear { t_ns, id } => self.faults.clear(*id, *t_ns),
            Entry::Hide { t_ns, nanos } => self.gpus.iter_mut().for_each(|gpu| gpu.hide(*t_ns, *nanos)),
        }
    }
}

/// From host time to the clock of the stamps, cut down to whole ms: the same at every call of a process, and in
/// every process, as long as nobody sets the clock.
pub(crate) fn stamp_offset_ns(stamps: Stamps) -> Result<i64> {
    let Anchor { monotonic_ns, realtime_ns, boottime_ns, .. } = SystemClock.anchor();
    let clock = match stamps {
        Stamps::Realtime => realtime_ns,
        Stamps::Boottime => boottime_ns.ok_or_else(|| Error::new("this system has no CLOCK_BOOTTIME"))?,
    };
    Ok((clock - monotonic_ns).div_euclid(1_000_000) * 1_000_000)
}

/// The bus of a PCI address such as `00000000:01:00.0`, `0000:01:00.0` or `01:00`; none if it is no address on
/// domain 0, device 0.
pub(crate) fn bus_number(address: &str) -> Option<u8> {
    let (rest, device) = address.rsplit_once(':')?;
    let (domain, bus) = rest.rsplit_once(':').unwrap_or(("0", rest));
    let device = device.strip_suffix(".0").unwrap_or(device);
    let zero = |digits: &str| u32::from_str_radix(digits, 16) == Ok(0);
    if zero(domain) && zero(device) { u8::from_str_radix(bus, 16).ok() } else { None }
}
