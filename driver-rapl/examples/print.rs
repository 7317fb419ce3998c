//! Prints what RAPL there is and the power of every domain: `cargo run -p driver-rapl --example print -- [DEVICE
//! [OPTION=VALUE…]]`. Where there is no RAPL it says why, and what mends it.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "an example shows what it reads, or why it cannot"
)]

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use driver_rapl::{DRIVER, safe_total};
use power_core::{
    Access, ChannelId, Driver, Options, PowerSource, Quantity, Reading, Recorder, Result, SystemClock,
};

fn main() -> ExitCode {
    match run(std::env::args().skip(1).collect()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether there was something to read.
fn run(mut arguments: Vec<String>) -> Result<bool> {
    let pairs = |text: &String| text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    let options: Options = arguments.iter().filter_map(pairs).collect();
    arguments.retain(|argument| !argument.contains('='));
    let mut ready = false;
    for found in DRIVER.discover_with(&options)? {
        match &found.access {
            Access::Ready => ready = true,
            Access::Denied { mend } => println!("{}: {}\n  denied; try: {mend}", found.device, found.name),
            Access::Unavailable { reason, mend } => {
                println!("{}: {}\n  {reason}", found.device, found.name);
                if let Some(mend) = mend {
                    println!("  try: {mend}");
                }
            }
            _ => {}
        }
        if ready {
            println!("{}: {}", found.device, found.name);
        }
    }
    if !ready {
        return Ok(false);
    }
    let mut source = DRIVER.open(arguments.first().map_or("all", String::as_str), &options)?;
    for (name, value) in &source.descriptor().details {
        println!("  {name}: {value}");
    }
    let mut before = Vec::new();
    source.read(&mut Recorder::new(&SystemClock, &mut before))?;
    for _ in 0..5 {
        thread::sleep(Duration::from_secs(1));
        let mut now = Vec::new();
        source.read(&mut Recorder::new(&SystemClock, &mut now))?;
        print(&*source, &before, &now);
        before = now;
    }
    Ok(true)
}

/// One line a channel, then the sum of those that count nothing twice.
fn print(source: &dyn PowerSource, before: &[Reading], now: &[Reading]) {
    let descriptor = source.descriptor();
    let total = safe_total(descriptor);
    let mut sum = Some(0.0);
    for (index, channel) in (0..).zip(&descriptor.channels) {
        let of_channel = |readings: &[Reading]| {
            readings.iter().find(|reading| reading.channel == ChannelId(index)).copied()
        };
        let (Some(earlier), Some(later)) = (of_channel(before), of_channel(now)) else { continue };
        let power = power(channel, &earlier, &later);
        let words = power.map_or_else(|| "unknown".to_owned(), |power| format!("{power:.3} W"));
        println!("  {:<28} {words:>14}  {}, ± {:?}", channel.name, channel.scope, later.stamp.half_width());
        if total.contains(&ChannelId(index)) {
            sum = sum.zip(power).map(|(sum, power)| sum + power);
        }
    }
    let words =
        sum.filter(|_| !total.is_empty()).map_or_else(|| "unknown".to_owned(), |sum| format!("{sum:.3} W"));
    println!("  {:<28} {words:>14}", "safe total");
}

/// Mean power between two readings of a counter; `None` where the step is not known.
fn power(channel: &power_core::Channel, earlier: &Reading, later: &Reading) -> Option<f64> {
    let Quantity::EnergyCounter { quantum, .. } = channel.quantity else { return None };
    let counts = channel.step(earlier, later)?.counts()?;
    let time = later.stamp.midpoint().since(earlier.stamp.midpoint())?;
    #[expect(clippy::cast_precision_loss, reason = "a second's counts are far below 2^53")]
    let energy = quantum * counts as f64;
    Some((energy / time)?.get())
}
