//! Puts parts of this machine under load for a while, and says what they did.
//!
//! ```text
//! cargo run --release -p power-load --example load -- --gpu 0 --compute 1 --seconds 5
//! cargo run --release -p power-load --example load -- --cpu 0.5 --memory 0.2 --seconds 10
//! cargo run --release -p power-load --example load -- --ptx-check
//! ```
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is what an example is for")]

use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use power_load::{
    CpuLoad, CudaLoad, CudaOptions, Demand, GpuDemand, GpuId, Kernel, Loads, MemoryLoad, Schedule, Step, play,
};

const USAGE: &str =
    "load [--cpu SHARE] [--memory SHARE] [--gpu N|UUID|PCI]… [--compute SHARE] [--gpu-memory SHARE]
     [--kernel matrix|fma] [--library PATH] [--pulse SECONDS] [--seconds SECONDS] [--ptx-check]";

#[derive(Debug)]
struct Asked {
    cpu: f64,
    memory: f64,
    gpu: GpuDemand,
    cuda: CudaOptions,
    seconds: f64,
    pulse: Option<f64>,
    ptx_check: bool,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let asked = parse(std::env::args().skip(1))?;
    if asked.ptx_check {
        for checked in CudaLoad::check_kernels(&asked.cuda)? {
            println!("{}, {}: taken\n{}", checked.gpu, checked.module, checked.log);
        }
        return Ok(());
    }
    let mut demand = Demand { cpu: asked.cpu, memory: asked.memory, ..Demand::IDLE };
    let mut loads = Loads::new();
    if asked.cpu > 0.0 {
        let load = CpuLoad::start()?;
        println!("{} CPUs at {}", load.cpus(), asked.cpu);
        loads = loads.with(load);
    }
    if asked.memory > 0.0 {
        let load = MemoryLoad::start()?;
        println!("memory at {}, through {} MiB", asked.memory, load.bytes() >> 20);
        loads = loads.with(load);
    }
    let mut cuda = None;
    if asked.gpu.compute > 0.0 || asked.gpu.memory > 0.0 {
        let load = CudaLoad::start(&asked.cuda)?;
        demand = demand.with_gpus(load.gpus().count(), asked.gpu);
        for (gpu, kernel) in load.gpus() {
            println!(
                "{gpu} at {}, capability {}.{}, {} multiprocessors: {kernel} at {}, memory at {}; grids of at most {} \
                 blocks of 512 threads",
                gpu.pci_bus_id,
                gpu.capability.0,
                gpu.capability.1,
                gpu.multiprocessors,
                asked.gpu.compute,
                asked.gpu.memory,
                gpu.multiprocessors
            );
        }
        cuda = Some(load);
    }
    let steps = match asked.pulse {
        None => vec![Step::new(asked.seconds, demand).named("load")],
        Some(pulse) => {
            let mut steps = Vec::new();
            let mut left = asked.seconds;
            while left > 0.0 {
                steps.push(Step::new(pulse, demand.clone()).named("load"));
                steps.push(Step::new(pulse, Demand::IDLE));
                left -= 2.0 * pulse;
            }
            steps
        }
    };
    let mut edges_us = Vec::new();
    let schedule = Schedule::steps(steps);
    let mut both = Both { loads, cuda };
    play(&schedule, &mut both, &AtomicBool::new(false), &mut |event| {
        edges_us.push((event.kind, (event.end_ns - event.start_ns) / 1000));
    })?;
    for (kind, took_us) in edges_us.iter().take(6) {
        println!("{kind:?}: the load followed within {took_us} us");
    }
    for ((gpu, _), done) in both.cuda.iter().flat_map(|load| load.gpus().zip(load.activity())) {
        println!(
            "GPU {}: {} launches in {:.2} s ({:.0} a second), {:.1} TFLOP/s, {:.2} TB/s read",
            gpu.index,
            done.launches,
            done.busy_s,
            f64::from(u32::try_from(done.launches).unwrap_or(u32::MAX)) / done.busy_s,
            done.flop / done.busy_s * 1e-12,
            done.bytes / done.busy_s * 1e-12
        );
    }
    Ok(())
}

/// CPUs and memory, and the GPUs, which are asked afterwards what they did.
struct Both {
    loads: Loads,
    cuda: Option<CudaLoad>,
}

impl power_load::Load for Both {
    fn set(&mut self, demand: &Demand) -> power_load::Result<()> {
        self.loads.set(demand)?;
        self.cuda.as_mut().map_or(Ok(()), |cuda| cuda.set(demand))
    }
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Asked, String> {
    let mut asked = Asked {
        cpu: 0.0,
        memory: 0.0,
        gpu: GpuDemand::default(),
        cuda: CudaOptions::default(),
        seconds: 5.0,
        pulse: None,
        ptx_check: false,
    };
    while let Some(word) = words.next() {
        if word == "--ptx-check" {
            asked.ptx_check = true;
            continue;
        }
        let value = words.next().ok_or(USAGE)?;
        let number = || value.parse::<f64>().map_err(|_| format!("{value} is no number\n{USAGE}"));
        match word.as_str() {
            "--cpu" => asked.cpu = number()?,
            "--memory" => asked.memory = number()?,
            "--compute" => asked.gpu.compute = number()?,
            "--gpu-memory" => asked.gpu.memory = number()?,
            "--seconds" => asked.seconds = number()?,
            "--pulse" => asked.pulse = Some(number()?).filter(|pulse| *pulse >= 0.001),
            "--gpu" => asked.cuda.gpus.push(GpuId::from(value.as_str())),
            "--library" => asked.cuda.library = Some(value.into()),
            "--kernel" if value == "matrix" => asked.cuda.kernel = Some(Kernel::Matrix),
            "--kernel" if value == "fma" => asked.cuda.kernel = Some(Kernel::MultiplyAdd),
            _ => return Err(USAGE.to_owned()),
        }
    }
    Ok(asked)
}
