//! Prints what a meter shows.
//!
//! `cargo run -p driver-meter --example probe` lists what may be a meter on this machine;
//! `cargo run -p driver-meter --example probe -- sdm120@serial:/dev/ttyUSB0 baud=9600` reads that one five times.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "an example shows what it reads, or why it cannot"
)]

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use driver_meter::{DRIVER, uncertainty};
use power_core::{Access, Driver, Options, PowerSource, Reading, Recorder, Result, SystemClock};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let outcome = match arguments.next() {
        None => {
            list();
            Ok(())
        }
        Some(device) => {
            let pairs: Vec<String> = arguments.collect();
            let options = pairs.iter().map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect();
            print(&device, &options)
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn list() {
    for found in DRIVER.discover() {
        match found.access {
            Access::Denied { mend } => println!("{}  {}: denied; try: {mend}", found.device, found.name),
            Access::Unavailable { reason, mend } => {
                let mend = mend.map_or_else(String::new, |mend| format!("; {mend}"));
                println!("{}  {}: {reason}{mend}", found.device, found.name);
            }
            _ => println!("{}  {}", found.device, found.name),
        }
    }
}

fn print(device: &str, options: &Options) -> Result<()> {
    let mut source = DRIVER.open(device, options)?;
    println!("{}", source.descriptor().device);
    for (name, value) in &source.descriptor().details {
        println!("  {name}: {value}");
    }
    let mut readings = Vec::new();
    for _ in 0..5 {
        readings.clear();
        source.read(&mut Recorder::new(&SystemClock, &mut readings))?;
        println!();
        for reading in &readings {
            print_reading(&*source, reading);
        }
        thread::sleep(Duration::from_secs(1));
    }
    Ok(())
}

/// One line a channel: its name, what it shows with its uncertainty (k = 2) by the data sheet, and what it is.
fn print_reading(source: &dyn PowerSource, reading: &Reading) {
    let Some(channel) = source.descriptor().channel(reading.channel) else { return };
    let number = reading.value.number();
    let limits = number.and_then(|number| uncertainty::of_reading(channel, number));
    let limits = limits.map_or_else(String::new, |limits| format!(" ± {:.2}", limits.expanded()));
    let flags = if reading.flags.bits() == 0 { String::new() } else { format!(" [{}]", reading.flags) };
    println!(
        "  {:<16} {:>14}{limits:<9}  {}, {}, read within {:?}{flags}",
        channel.name,
        format!("{:.2}", reading.value),
        channel.quantity,
        channel.scope,
        reading.stamp.half_width() * 2,
    );
}
