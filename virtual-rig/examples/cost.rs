//! What a rig costs while nobody asks it, and what a simulated run takes: `cost [SECONDS]`.
#![expect(clippy::print_stdout, reason = "this is what the example is for")]

use std::error::Error;
use std::time::{Duration, Instant};

use virtual_rig::{Description, RaplDescription, Simulation, VirtualRig};

fn main() -> Result<(), Box<dyn Error>> {
    let seconds: u64 = std::env::args().nth(1).map_or(Ok(10), |text| text.parse())?;
    for (what, description) in [
        ("GPUs alone", Description::node(4)),
        ("RAPL each ms", Description::paper_node().with_rapl(RaplDescription::default())),
        (
            "RAPL each 10 ms",
            Description::paper_node().with_rapl(RaplDescription::default().with_period_ms(10.0)),
        ),
    ] {
        let rig = VirtualRig::start(description)?;
        let before = cpu_s()?;
        std::thread::sleep(Duration::from_secs(seconds));
        let share = (cpu_s()? - before) / Duration::from_secs(seconds).as_secs_f64();
        println!("{what}: {:.2} % of a core", share * 100.0);
        drop(rig);
    }
    for (what, simulation) in [
        ("meters alone, 120 s", Simulation::new(Description::paper_node()).gpu_hz(0.0).rapl_hz(0.0)),
        ("all instruments, 120 s", Simulation::new(Description::paper_node())),
    ] {
        let begun = Instant::now();
        for seed in 0..10 {
            simulation.run(120.0, seed)?;
        }
        println!("{what}: {:.1} ms", begun.elapsed().as_secs_f64() * 100.0);
    }
    Ok(())
}

/// Time of this process on processors in s, as the kernel counts it in `schedstat` of each thread.
fn cpu_s() -> Result<f64, Box<dyn Error>> {
    let mut nanos = 0.0;
    for thread in std::fs::read_dir("/proc/self/task")? {
        let text = std::fs::read_to_string(thread?.path().join("schedstat"))?;
        nanos += text.split_whitespace().next().unwrap_or("0").parse::<f64>()?;
    }
    Ok(nanos / 1e9)
}
