//! A rig that runs: its files, its control, its truth.

mod image;

mod control;
#[cfg(unix)]
mod host;
#[cfg(unix)]
mod instruments;
#[cfg(unix)]
mod periodic;
#[cfg(unix)]
mod powercap;
#[cfg(unix)]
mod serve;
#[cfg(unix)]
mod socket;
#[cfg(unix)]
mod sources;
#[cfg(unix)]
mod truth_file;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::description::{Description, Fault};
use crate::node::{Node, NodeTruth, RIG_FILE, RIG_VARIABLE, Truth, now_ns, stamp_offset_ns};
use crate::{Error, Result};
use control::Control;
use image::{Directory, NVIDIA_SMI, NVML};

#[cfg(unix)]
use instruments::Instruments;
#[cfg(unix)]
pub use instruments::Meter;
#[cfg(unix)]
pub use serve::serve;
#[cfg(unix)]
pub use socket::RigControl;

/// Environment variable that names the socket by which a rig is driven.
pub const SOCKET_VARIABLE: &str = "WATTPROOF_RIG_SOCKET";

/// Name of the socket in a rig's directory.
const SOCKET: &str = "control";

/// A virtual node that other programs can use until it is dropped.
#[derive(Debug)]
pub struct VirtualRig {
    origin_ns: i64,
    stamp_offset_ns: i64,
    control: Arc<Control>,
    #[cfg(unix)]
    _server: socket::Server,
    #[cfg(unix)]
    instruments: Arc<Instruments>,
    directory: Directory,
}

/// Number of a fault that was switched on at run time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FaultId(u64);

impl VirtualRig {
    /// Starts a rig: its second 0 is now.
    ///
    /// Writes library, executable and description into a private directory of the system's directory of
    /// temporary files. Takes some 10 ms.
    ///
    /// # Errors
    ///
    /// If the description makes no sense, if the directory cannot be written or executed from, or if this program
    /// was built without the library and the executable (the message says why).
    pub fn start(description: Description) -> Result<Self> {
        description.check()?;
        let directory = Directory::new()?;
        directory.extract()?;
        let origin_ns = description.origin_ns.unwrap_or_else(now_ns);
        let journal = directory.path().join("journal");
        let offset = description.stamp_offset_ns.map_or_else(|| stamp_offset_ns(description.stamps), Ok)?;
        let description = Description {
            origin_ns: Some(origin_ns),
            stamp_offset_ns: Some(offset),
            journal: Some(journal.clone()),
            ..description
        };
        let file = directory.path().join(RIG_FILE);
        let text = description.to_toml()?;
        let description = Description { journal: None, ..description };
        let control = Arc::new(Control::new(&journal, Node::new(description.clone())?)?);
        std::fs::write(&file, text)
            .map_err(|error| Error::because(format!("cannot write {}", file.display()), error))?;
        #[cfg(unix)]
        let instruments = {
            let shared = control.shared();
            Arc::new(Instruments::start(directory.path(), &description, origin_ns, &shared)?)
        };
        Ok(Self {
            origin_ns,
            stamp_offset_ns: offset,
            #[cfg(unix)]
            _server: socket::Server::start(
                directory.path().join(SOCKET),
                Arc::clone(&control),
                Arc::clone(&instruments),
            )?,
            #[cfg(unix)]
            instruments,
            control,
            directory,
        })
    }

    /// The library, to be loaded by this path. It serves this rig whatever the environment says.
    pub fn nvml_path(&self) -> PathBuf {
        self.directory.path().join(NVML)
    }

    /// The executable. It serves this rig whatever the environment says.
    pub fn nvidia_smi_path(&self) -> PathBuf {
        self.directory.path().join(NVIDIA_SMI)
    }

    /// The rig's file.
    pub fn file(&self) -> PathBuf {
        self.directory.path().join(RIG_FILE)
    }

    /// What is added to host time in ns to get the time of the sample ring's stamps.
    pub const fn stamp_offset_ns(&self) -> i64 {
        self.stamp_offset_ns
    }

    /// Host time (`CLOCK_MONOTONIC`) of the rig's second 0 in ns.
    pub const fn origin_ns(&self) -> i64 {
        self.origin_ns
    }

    /// The socket by which other processes drive it: see [`RigControl`].
    #[cfg(unix)]
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join(SOCKET)
    }

    /// Environment for programs that are to use this rig in place of the machine's GPUs: the rig's file and socket,
    /// and `PATH` and `LD_LIBRARY_PATH` with its executable and library first.
    pub fn env(&self) -> Vec<(&'static str, OsString)> {
        let first = |variable: &str| {
            let mut value = self.directory.path().as_os_str().to_owned();
            if let Some(rest) = std::env::var_os(variable).filter(|rest| !rest.is_empty()) {
                value.push(":");
                value.push(rest);
            }
            value
        };
        vec![
            (RIG_VARIABLE, self.file().into_os_string()),
            (SOCKET_VARIABLE, self.directory.path().join(SOCKET).into_os_string()),
            ("PATH", first("PATH")),
            ("LD_LIBRARY_PATH", first("LD_LIBRARY_PATH")),
        ]
    }

    /// Gives GPU `gpu` a constant load of `power_w` W in place of what it had, and returns from which host time on,
    /// in ns. That is 1 ms or more from the call, and has passed when this returns.
    ///
    /// # Errors
    ///
    /// If there is no such GPU, if the power is negative or above 100 kW, or if the journal cannot be written.
    pub fn set_load(&self, gpu: usize, power_w: f64) -> Result<i64> {
        self.control.set_loads(&[(gpu, power_w)])
    }

    /// Sets the loads of several GPUs at the same time; as [`set_load`](Self::set_load).
    ///
    /// # Errors
    ///
    /// As [`set_load`](Self::set_load).
    pub fn set_loads(&self, loads: &[(usize, f64)]) -> Result<i64> {
        self.control.set_loads(loads)
    }

    /// Switches a fault on, from its own time on if it has a later one. It has begun when this returns.
    ///
    /// # Errors
    ///
    /// If the fault makes no sense, or if the journal cannot be written.
    pub fn fault(&self, fault: Fault) -> Result<FaultId> {
        self.control.fault(fault).map(FaultId)
    }

    /// Switches a fault off.
    ///
    /// # Errors
    ///
    /// If the journal cannot be written.
    pub fn clear(&self, fault: FaultId) -> Result<()> {
        self.control.clear(Some(fault.0))
    }

    /// Switches off every fault that was switched on at run time.
    ///
    /// # Errors
    ///
    /// If the journal cannot be written.
    pub fn clear_faults(&self) -> Result<()> {
        self.control.clear(None)
    }

    /// The truth about a GPU, with the loads that were set until now; none if there is no such GPU.
    pub fn truth(&self, gpu: usize) -> Option<Truth> {
        self.control.truth(gpu)
    }

    /// The truth about the whole node, with the loads that were set and what the host did until now: a copy, which
    /// knows nothing of what comes later.
    pub fn node(&self) -> NodeTruth {
        self.control.shared().truth().clone()
    }

    /// The meters, and where they are.
    #[cfg(unix)]
    pub fn meters(&self) -> Vec<Meter> {
        self.instruments.meters()
    }

    /// What stands for `/sys/class/powercap`, if the rig has RAPL.
    #[cfg(unix)]
    pub fn powercap_root(&self) -> Option<&Path> {
        self.instruments.powercap_root()
    }

    /// The rig's instruments as the sources of a recorder, in TOML; the first meter is the reference.
    #[cfg(unix)]
    pub fn sources(&self) -> String {
        let gpus = self.control.gpu_count();
        let (nvml, smi) = (self.nvml_path(), self.nvidia_smi_path());
        sources::text(gpus, &nvml, &smi, self.powercap_root(), &self.meters())
    }

    /// Writes [`sources`](Self::sources) into the rig's directory, and returns the file.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    #[cfg(unix)]
    pub fn write_sources(&self) -> Result<PathBuf> {
        let path = self.directory.path().join("sources.toml");
        std::fs::write(&path, self.sources())
            .map_err(|error| Error::because(format!("cannot write {}", path.display()), error))?;
        Ok(path)
    }

    /// Writes the truth from `from_ns` to `to_ns` (host time) into `directory`, which exists: `truth.csv` with the
    /// power of every rail, `truth-marks.csv` with the phases of the workload that lie within as a whole,
    /// `truth-meters.toml` with what the meters are like.
    ///
    /// # Errors
    ///
    /// If a file cannot be written.
    #[cfg(unix)]
    pub fn write_truth(&self, directory: &Path, from_ns: i64, to_ns: i64) -> Result<()> {
        let meters: Vec<_> = self.meters().into_iter().map(|meter| meter.truth).collect();
        truth_file::write(directory, &self.node(), &meters, from_ns, to_ns)
    }
}
