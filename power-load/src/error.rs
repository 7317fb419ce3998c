//! What can go wrong with a load.

use std::ffi::OsString;
use std::io;
use std::time::Duration;

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a load cannot do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A demand is not 0 to 1: correct it.
    #[error("a demand of the {part} is {share}, and has to be 0 to 1")]
    Share {
        /// The part of the machine.
        part: String,
        /// What was asked.
        share: f64,
    },
    /// A step has no length that can be waited for: give it 0 to 1 000 000 seconds.
    #[error("step {index} of the schedule is {seconds} s long, and has to be 0 to 1000000 s")]
    Length {
        /// Its position, from 0.
        index: usize,
        /// What it was given.
        seconds: f64,
    },
    /// The driver's library is not there: install NVIDIA's driver, or name the library.
    #[error("NVIDIA's driver is not installed here: no {} can be loaded", .library.display())]
    NoLibrary {
        /// What was looked for.
        library: OsString,
        /// What the system says.
        #[source]
        cause: libloading::Error,
    },
    /// No such GPU: name one of those that there are.
    #[error("there is no {asked}; there {}", listed(.there))]
    NoDevice {
        /// What was asked for.
        asked: String,
        /// The GPUs that there are.
        there: Vec<String>,
    },
    /// The GPU cannot do this: leave it out.
    #[error("{device} is of compute capability {}.{}: {why}", .capability.0, .capability.1)]
    Unsupported {
        /// The GPU.
        device: String,
        /// Its compute capability, major and minor.
        capability: (i32, i32),
        /// What it would need.
        why: &'static str,
    },
    /// The GPU's memory is taken by others: end them, or ask for compute alone.
    #[error("{device} has not got {} MiB of memory free: end what uses it", .asked_bytes >> 20)]
    OutOfMemory {
        /// The GPU.
        device: String,
        /// What the load needs.
        asked_bytes: u64,
    },
    /// The driver does not take the kernels: report the log.
    #[error("{device} does not take the kernels ({cause}); the driver's compiler says: {log}")]
    PtxRejected {
        /// The GPU.
        device: String,
        /// CUDA's word for it.
        cause: String,
        /// What the driver's compiler said.
        log: String,
    },
    /// The GPU failed while it was working, and this process cannot use it any more: see `nvidia-smi` and the kernel's log.
    #[error("{device} was lost while it was under load: {cause}")]
    DeviceLost {
        /// The GPU.
        device: String,
        /// CUDA's word for it.
        cause: String,
    },
    /// CUDA refuses.
    #[error("{call} fails: {cause}")]
    Cuda {
        /// The function of the driver's interface.
        call: &'static str,
        /// CUDA's word for it.
        cause: String,
    },
    /// The command cannot be started, told or ended: check it by hand.
    #[error("{program}: {what}")]
    Command {
        /// The program, with its arguments.
        program: String,
        /// What failed.
        what: String,
        /// The cause, where there is one.
        #[source]
        cause: Option<io::Error>,
    },
    /// The system gives no thread, or does not say which CPUs there are.
    #[error("{what}")]
    System {
        /// What failed.
        what: &'static str,
        /// The cause.
        #[source]
        cause: io::Error,
    },
    /// Threads did not take up what they were told: the machine is overloaded, or one has failed.
    #[error("the {part} load did not follow within {} s", .within.as_secs_f64())]
    Stuck {
        /// Which load.
        part: &'static str,
        /// How long it was waited for.
        within: Duration,
    },
}

fn listed(there: &[String]) -> String {
    match there {
        [] => "is none at all".to_owned(),
        [one] => format!("is only {one}"),
        more => format!("are {}", more.join(", ")),
    }
}
