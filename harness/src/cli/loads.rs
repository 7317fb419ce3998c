//! Which load a command is to use.

use power_load::{CommandLoad, CpuLoad, CudaLoad, CudaOptions, Demand, GpuDemand, GpuId, MemoryLoad};

use crate::Result;
use crate::record::{OpenedLoad, load_error};

/// A load, as it is named on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NamedLoad {
    /// All CPUs that this process may use.
    Cpu,
    /// The memory.
    Memory,
    /// NVIDIA GPUs; all if none is named.
    Cuda(Vec<GpuId>),
    /// The virtual rig around this process.
    #[cfg(feature = "virtual")]
    VirtualRig,
    /// A command that is started for each time on, by a shell.
    Started(String),
    /// A command that is told `on` and `off` on its stdin, by a shell.
    Told(String),
}

impl NamedLoad {
    /// Reads `cpu`, `memory`, `cuda`, `cuda:0,1`, or a command that is told.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match (text.trim(), text.strip_prefix("cuda:")) {
            ("", _) => Err("name cpu, cuda, or a command".to_owned()),
            ("cpu", _) => Ok(Self::Cpu),
            ("memory", _) => Ok(Self::Memory),
            ("cuda", _) => Ok(Self::Cuda(Vec::new())),
            (_, Some(gpus)) => Ok(Self::Cuda(gpus.split(',').map(|gpu| GpuId::from(gpu.trim())).collect())),
            (command, None) => Ok(Self::Told(command.to_owned())),
        }
    }

    /// Its name for a reader.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Cpu => "the CPUs".to_owned(),
            Self::Memory => "the memory".to_owned(),
            Self::Cuda(gpus) if gpus.is_empty() => "all NVIDIA GPUs".to_owned(),
            Self::Cuda(gpus) => gpus.iter().map(GpuId::to_string).collect::<Vec<_>>().join(", "),
            #[cfg(feature = "virtual")]
            Self::VirtualRig => "the virtual rig's GPUs".to_owned(),
            Self::Started(command) | Self::Told(command) => format!("`{command}`"),
        }
    }

    /// Makes it ready, to do `level` of what it can while it is on.
    ///
    /// # Errors
    ///
    /// - if that load is not to be had here.
    pub(super) fn open(&self, level: f64) -> Result<OpenedLoad> {
        let cpu = || Demand { cpu: level, ..Demand::IDLE };
        let shell = |command: &String| ["sh".to_owned(), "-c".to_owned(), command.clone()];
        let opened = match self {
            Self::Cpu => CpuLoad::start().map(|load| OpenedLoad { load: Box::new(load), on: cpu() }),
            Self::Memory => MemoryLoad::start().map(|load| OpenedLoad {
                load: Box::new(load),
                on: Demand { memory: level, ..Demand::IDLE },
            }),
            Self::Cuda(gpus) => {
                let options = CudaOptions { gpus: gpus.clone(), ..CudaOptions::default() };
                CudaLoad::start(&options).map(|load| {
                    let gpu = GpuDemand { compute: level, memory: 0.0 };
                    let on = Demand::IDLE.with_gpus(load.gpus().count(), gpu);
                    OpenedLoad { load: Box::new(load), on }
                })
            }
            #[cfg(feature = "virtual")]
            Self::VirtualRig => return Ok(crate::rig::virtual_load::VirtualLoad::from_env()?.opened(level)),
            Self::Started(command) => CommandLoad::started(shell(command))
                .map(|load| OpenedLoad { load: Box::new(load), on: cpu() }),
            Self::Told(command) => {
                CommandLoad::told(shell(command)).map(|load| OpenedLoad { load: Box::new(load), on: cpu() })
            }
        };
        opened.map_err(load_error)
    }
}
