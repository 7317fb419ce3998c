//! Prints what NVIDIA GPUs there are and what their sources show.
//!
//! `cargo run -p driver-nvml --example print` reads every source once a second, five times;
//! `cargo run -p driver-nvml --example print gpu0 gpu1/ring` those named.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "an example shows what it reads, or why it cannot"
)]

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use driver_nvml::DRIVER;
use power_core::{Access, Driver, Options, PowerSource, Recorder, Result, SystemClock};

fn main() -> ExitCode {
    match run(std::env::args().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(named: Vec<String>) -> Result<()> {
    let found = DRIVER.discover();
    for found in &found {
        match &found.access {
            Access::Denied { mend } => println!("{:<52} {}: denied; try: {mend}", found.device, found.name),
            Access::Unavailable { reason, mend } => {
                let mend = mend.as_ref().map_or_else(String::new, |mend| format!("; try: {mend}"));
                println!("{:<52} {}: {reason}{mend}", found.device, found.name);
            }
            _ => println!("{:<52} {}", found.device, found.name),
        }
    }
    let ready = found.into_iter().filter(|found| found.access == Access::Ready).map(|found| found.device);
    let devices: Vec<String> = if named.is_empty() { ready.collect() } else { named };
    let open = |device: &String| DRIVER.open(device, &Options::new());
    let mut sources = devices.iter().map(open).collect::<Result<Vec<_>>>()?;

    let mut readings = Vec::new();
    for _ in 0..if sources.is_empty() { 0 } else { 5 } {
        thread::sleep(Duration::from_secs(1));
        for source in &mut sources {
            readings.clear();
            source.read(&mut Recorder::new(&SystemClock, &mut readings))?;
            print(source, &readings);
        }
    }
    Ok(())
}

/// One line a channel: the last value, what it is, and how many there were.
fn print(source: &dyn PowerSource, readings: &[power_core::Reading]) {
    let descriptor = source.descriptor();
    println!("{} ({}; {} readings)", descriptor.device, descriptor.clock, readings.len());
    for (position, channel) in descriptor.channels.iter().enumerate() {
        let of_channel = |reading: &&power_core::Reading| usize::from(reading.channel.0) == position;
        let Some(last) = readings.iter().rev().find(of_channel) else { continue };
        let flags = if last.flags.bits() == 0 { String::new() } else { format!(" [{}]", last.flags) };
        println!(
            "  {:<30} {:>18}  {}, {}, ± {:?}{flags}",
            channel.name,
            format!("{:.3}", last.value),
            channel.quantity,
            channel.scope,
            last.stamp.half_width(),
        );
    }
}
