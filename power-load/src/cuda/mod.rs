//! Load of NVIDIA's GPUs, by the driver's own interface.
//!
//! One thread for each GPU launches short kernels, two ahead, so that they follow each other without a gap. A share is a
//! share of the multiprocessors, not of the time: there is nothing that a sensor's window could beat with.

mod api;
mod codes;
mod gpu;
mod kernels;
mod worker;

pub use gpu::{CudaOptions, Gpu, GpuId, Kernel, LIBRARY_VARIABLE};
pub use kernels::{Activity, ModuleLog};

use crate::{Demand, GpuDemand, Load, Result};
use worker::Worker;

/// Loads NVIDIA GPUs: their multiprocessors, and their memory.
///
/// NVIDIA's driver is loaded at run time; its compiler makes the kernels from PTX, which needs no CUDA toolkit.
/// [`Load::set`] returns when the first kernels are queued, which begin some 10 µs later, and when the last have ended:
/// 3 ms at the most, as each takes 1 ms. The first after a long rest finds the GPU's clock low.
#[derive(Debug)]
pub struct CudaLoad {
    workers: Vec<Worker>,
}

impl CudaLoad {
    /// Prepares the GPUs, which rest: compiles the kernels, and takes 256 MiB of memory or eight times the cache of each.
    /// Blocks for seconds where the driver has to be woken up.
    ///
    /// # Errors
    ///
    /// - [`Error::NoLibrary`](crate::Error::NoLibrary) if NVIDIA's driver is not installed.
    /// - [`Error::NoDevice`](crate::Error::NoDevice) if a GPU is not there, or none is.
    /// - [`Error::Unsupported`](crate::Error::Unsupported) if a GPU is too old.
    /// - [`Error::OutOfMemory`](crate::Error::OutOfMemory) if its memory is taken.
    /// - [`Error::PtxRejected`](crate::Error::PtxRejected) if the driver does not take the kernels.
    /// - [`Error::Cuda`](crate::Error::Cuda) with CUDA's own words, if another call fails.
    pub fn start(options: &CudaOptions) -> Result<Self> {
        let chosen = gpu::choose(&gpu::list(options)?, &options.gpus)?;
        let start = |(gpu, device): (Gpu, api::Device)| {
            let kernel = gpu.kernel(options.kernel)?;
            Worker::start(gpu, device, kernel)
        };
        let workers: Vec<Worker> = chosen.into_iter().map(start).collect::<Result<_>>()?;
        // All at once, as each may take seconds.
        workers.iter().try_for_each(Worker::wait_until_ready)?;
        Ok(Self { workers })
    }

    /// The GPUs that there are, in the order of their PCI addresses.
    ///
    /// # Errors
    ///
    /// - [`Error::NoLibrary`](crate::Error::NoLibrary) if NVIDIA's driver is not installed.
    /// - [`Error::Cuda`](crate::Error::Cuda) if a call fails.
    pub fn gpus_there(options: &CudaOptions) -> Result<Vec<Gpu>> {
        Ok(gpu::list(options)?.into_iter().map(|(gpu, _)| gpu).collect())
    }

    /// Compiles the kernels for the GPUs without running any, and gives what the driver's compiler says.
    ///
    /// # Errors
    ///
    /// - as [`CudaLoad::start`].
    pub fn check_kernels(options: &CudaOptions) -> Result<Vec<ModuleLog>> {
        let mut logs = Vec::new();
        for (gpu, device) in gpu::choose(&gpu::list(options)?, &options.gpus)? {
            let context = device.enter().map_err(gpu::failed)?;
            logs.extend(kernels::compile(&gpu, &context)?.into_iter().map(|(_, log)| log));
        }
        Ok(logs)
    }

    /// The GPUs, in the order of a demand's, and what computes on each.
    pub fn gpus(&self) -> impl Iterator<Item = (&Gpu, Kernel)> {
        self.workers.iter().map(|worker| (&worker.gpu, worker.kernel))
    }

    /// What each GPU has done until it last rested.
    pub fn activity(&self) -> Vec<Activity> {
        self.workers.iter().map(Worker::activity).collect()
    }
}

impl Load for CudaLoad {
    fn set(&mut self, demand: &Demand) -> Result<()> {
        demand.check()?;
        let wanted = |number: usize| demand.gpus.get(number).copied().unwrap_or(GpuDemand::default());
        for (number, worker) in self.workers.iter().enumerate() {
            worker.tell(wanted(number));
        }
        // One that fails does not keep the others from being waited for.
        let followed: Vec<Result<()>> = self.workers.iter().map(Worker::wait_until_followed).collect();
        followed.into_iter().collect()
    }
}
