//! Prints live readings: `cargo run -p driver-smi --example print -- [DEVICE [OPTION=VALUE…]]`.

use driver_smi::DRIVER;
use power_core::{Driver, Options, PowerSource, Recorder, Result, SystemClock};

#[expect(clippy::print_stdout, reason = "an example shows what it reads")]
fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let device = arguments.next().unwrap_or_else(|| "all".to_owned());
    let pairs: Vec<_> = arguments.collect();
    let options: Options = pairs.iter().filter_map(|pair| pair.split_once('=')).collect();

    for found in DRIVER.discover() {
        println!("{}: {}: {:?}", found.device, found.name, found.access);
    }
    let mut source = DRIVER.open(&device, &options)?;
    let mut readings = Vec::new();
    for _ in 0..10 {
        readings.clear();
        source.read(&mut Recorder::new(&SystemClock, &mut readings))?;
        for reading in &readings {
            let Some(channel) = source.descriptor().channel(reading.channel) else { continue };
            let (name, quantity, value) = (&channel.name, channel.quantity, reading.value);
            println!("{name}: {value:.2}, {quantity}, ± {:?} {}", reading.stamp.half_width(), reading.flags);
        }
    }
    Ok(())
}
