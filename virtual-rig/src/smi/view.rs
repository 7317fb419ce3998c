//! The node as `nvidia-smi` looks at it.

use std::io::{self, Write};

use super::fields::{Field, Shown};
use crate::description::Smi;
use crate::node::{Entry, GPU_IS_LOST, Gpu, LEAD_NS, Node, bus_number, now_ns};
use crate::num::nanos_of_ms;

/// A node, and whether one of its GPUs was found to be lost.
pub(super) struct View {
    pub(super) node: Node,
    lost: bool,
}

impl View {
    pub(super) fn new(node: Node) -> Self {
        Self { node, lost: false }
    }

    pub(super) fn smi(&self) -> Smi {
        self.node.description.smi
    }

    /// First number of the driver's version.
    pub(super) fn generation(&self) -> u32 {
        self.node.description.generation()
    }

    /// Whether a lost GPU was met.
    pub(super) fn lost(&self) -> bool {
        self.lost
    }

    /// Whether the output is to stop in the middle of a line.
    pub(super) fn truncated(&mut self) -> bool {
        let now = now_ns();
        self.node.refresh(now);
        self.node.faults.truncated(now)
    }

    /// Disturbs the GPUs' sensors as this rig's `nvidia-smi -q` does. Where that cannot be written down, it does not.
    pub(super) fn hide_publications(&mut self) {
        let nanos = nanos_of_ms(self.smi().log_hides_ms);
        if let (1.., Some(journal)) = (nanos, &self.node.description.journal) {
            let _ = Entry::Hide { t_ns: now_ns() + LEAD_NS, nanos }.append(journal);
        }
    }

    pub(super) fn gpu(&mut self, index: usize) -> &mut Gpu {
        &mut self.node.gpus[index]
    }

    /// Indices of the GPUs that `ids` name by index, UUID or bus id, in the node's order; none if there are no
    /// GPUs or one is not found.
    pub(super) fn select(&self, ids: &[String]) -> Option<Vec<usize>> {
        let all = &self.node.gpus;
        let find = |id: &String| {
            let by_index = id.parse().ok().filter(|index| *index < all.len());
            by_index
                .or_else(|| all.iter().position(|gpu| gpu.uuid == *id || bus_number(id) == Some(gpu.pci_bus)))
        };
        let mut found: Vec<usize> = if ids.is_empty() {
            (0..all.len()).collect()
        } else {
            ids.iter().map(find).collect::<Option<_>>()?
        };
        found.sort_unstable();
        found.dedup();
        if found.is_empty() { None } else { Some(found) }
    }

    /// Those of `selected` that are there; says of each other one that it is lost.
    pub(super) fn present(&mut self, selected: &[usize], out: &mut dyn Write) -> io::Result<Vec<usize>> {
        let now = now_ns();
        let mut there = Vec::new();
        for index in selected {
            if self.node.faults.lost(*index, now) {
                self.lost = true;
                let number = if self.generation() >= 545 { format!("{index}: ") } else { " ".to_owned() };
                let bus_id = &self.node.gpus[*index].bus_id()[4..];
                writeln!(
                    out,
                    "Unable to determine the device handle for GPU{number}{bus_id}: GPU is lost.  Reboot the system \
                     to recover this GPU"
                )?;
            } else {
                there.push(*index);
            }
        }
        Ok(there)
    }

    /// Reads a field of a GPU: what it shows, or NVML's code for why it does not.
    pub(super) fn read(&mut self, gpu: usize, field: &Field) -> Result<Shown, u32> {
        let now = now_ns();
        self.node.refresh(now);
        // The time of the query is not the GPU's to lose.
        if !field.call.is_empty() && self.node.faults.lost(gpu, now) {
            self.lost = true;
            return Err(GPU_IS_LOST);
        }
        // A call such as `nvmlDeviceGetFieldValues:186:1` is also the call of its field and of its function.
        let ends = field.call.match_indices(':').map(|(end, _)| end).chain([field.call.len()]);
        let names = ends.map(|end| &field.call[..end]).chain([field.names[0]]);
        for name in names.filter(|name| !name.is_empty()) {
            std::thread::sleep(self.node.faults.delay(name, Some(gpu), now));
            if let Some(code) = self.node.faults.code(name, Some(gpu), now) {
                return Err(code);
            }
        }
        (field.read)(self, gpu, now_ns()).ok_or(3)
    }
}

/// What stands in place of a value that could not be had.
pub(super) const fn failure(code: u32) -> &'static str {
    match code {
        3 => "N/A",
        4 => "Insufficient Permissions",
        6 => "Not Found",
        15 => "GPU is lost",
        16 => "GPU requires reset",
        _ => "Unknown Error",
    }
}
