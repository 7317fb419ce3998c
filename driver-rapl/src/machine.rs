//! The machine: its CPU, which CPUs are in which package, and what this process may do.

use std::fs;
use std::path::Path;

use crate::config::Roots;
use crate::protocol::{Cpu, Vendor, capabilities, cpu_list, decimal, keeps_rapl_in_tpmi};

/// Where a CPU is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) cpu: u32,
    pub(crate) package: u32,
    pub(crate) die: u32,
    pub(crate) core: u32,
}

/// What is known of the machine before any counter is touched.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    pub(crate) cpu: Cpu,
    /// The CPUs that are online.
    pub(crate) places: Vec<Place>,
    /// Effective capabilities of this process, where it can be told.
    capabilities: Option<u64>,
    /// `kernel.perf_event_paranoid`, where it can be told.
    pub(crate) paranoid: Option<String>,
}

/// `CAP_SYS_RAWIO` and `CAP_PERFMON`, include/uapi/linux/capability.h.
pub(crate) const CAP_SYS_RAWIO: u32 = 17;

impl Machine {
    pub(crate) fn look(roots: &Roots) -> Self {
        let text = |path: &Path| fs::read_to_string(path).unwrap_or_default();
        let online = cpu_list(&text(&roots.cpu.join("online"))).unwrap_or_default();
        let paranoid = text(&roots.proc.join("sys/kernel/perf_event_paranoid"));
        Self {
            cpu: Cpu::parse(&text(&roots.proc.join("cpuinfo"))),
            places: online.into_iter().filter_map(|cpu| place(&roots.cpu, cpu)).collect(),
            capabilities: capabilities(&text(&roots.proc.join("self/status"))),
            paranoid: Some(paranoid.trim().to_owned()).filter(|level| !level.is_empty()),
        }
    }

    /// Where a CPU is; `None` if it is offline or the kernel does not say.
    pub(crate) fn place(&self, cpu: u32) -> Option<Place> {
        self.places.iter().find(|place| place.cpu == cpu).copied()
    }

    /// Whether this process has a capability; `None` if it cannot be told.
    pub(crate) fn can(&self, capability: u32) -> Option<bool> {
        Some(self.capabilities? >> capability & 1 == 1)
    }

    /// Whether nothing is known that keeps the CPU from having energy registers.
    pub(crate) fn has_rapl(&self) -> bool {
        let maker = self.cpu.vendor == Vendor::Intel || self.cpu.vendor.is_amd();
        cfg!(target_os = "linux") && maker && !self.cpu.hypervisor && !keeps_rapl_in_tpmi(&self.cpu)
    }

    /// The reason in the machine itself why a way to RAPL is missing, in one sentence, and the line that mends it.
    pub(crate) fn why_not(&self, module: &'static str) -> (String, Option<String>) {
        let cpu = &self.cpu;
        if !cfg!(target_os = "linux") {
            return ("RAPL is read by Linux's interfaces, and this is no Linux".to_owned(), None);
        }
        match cpu.vendor {
            Vendor::NotX86 => {
                return (
                    "this CPU is not x86 (ARM, RISC-V, POWER): only Intel and AMD have RAPL".to_owned(),
                    None,
                );
            }
            Vendor::OtherX86 => return (format!("{cpu} is neither Intel's nor AMD's: it has no RAPL"), None),
            _ => {}
        }
        if cpu.hypervisor {
            let reason =
                "this is a virtual machine and its hypervisor passes no RAPL through: record on its host";
            return (reason.to_owned(), None);
        }
        if keeps_rapl_in_tpmi(cpu) {
            let reason = format!("{cpu} keeps RAPL in TPMI, which only powercap shows (Linux 6.5 or later)");
            return (reason, Some("sudo modprobe intel_rapl_tpmi".to_owned()));
        }
        let reason = format!(
            "the kernel shows none; {module} may not be loaded, or this is a container that hides it"
        );
        (reason, Some(format!("sudo modprobe {module}")))
    }
}

fn place(root: &Path, cpu: u32) -> Option<Place> {
    let folder = root.join(format!("cpu{cpu}/topology"));
    let number = |name| {
        let text = fs::read(folder.join(name)).ok()?;
        u32::try_from(decimal(&text)?).ok()
    };
    // Kernels before 5.2 know no dies.
    let die = number("die_id").unwrap_or_default();
    Some(Place { cpu, package: number("physical_package_id")?, die, core: number("core_id").unwrap_or(cpu) })
}
