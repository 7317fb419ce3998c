//! A simulated meter: answers by Modbus TCP as a profile says, and shows a load that rises and falls.
//!
//! `cargo run -p driver-meter --example simulate -- my-meter.toml 5020` serves on port 5020 of 127.0.0.1 until it is
//! interrupted; a third argument ends it after so many seconds. Instead of a path, a shipped profile's name will do.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "an example says where it listens, or why it cannot"
)]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use driver_meter::modbus::Framing;
use driver_meter::profile;
use driver_meter::simulator::{Server, SimulatedMeter};
use power_core::{Channel, Quantity};

fn main() -> ExitCode {
    match serve(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn serve(arguments: &[String]) -> Result<(), Box<dyn std::error::Error>> {
    let [meter, rest @ ..] = arguments else {
        return Err("name a profile: simulate PROFILE [PORT [SECONDS]]".into());
    };
    let profile = match profile::shipped(meter) {
        Some(profile) => profile,
        None => profile::load(Path::new(meter))?,
    };
    let port = rest.first().map_or(Ok(5020), |port| port.parse())?;
    let time = rest.get(1).map_or(Ok(u64::MAX), |seconds| seconds.parse())?;
    let start = Instant::now();
    let show = move |channel: &Channel| Some(shown(channel, start.elapsed().as_secs_f64()));
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let server = Server::on(address, SimulatedMeter::new(profile, show), Framing::Mbap)?;
    println!("tcp:{}", server.address());
    thread::sleep(Duration::from_secs(time));
    Ok(())
}

/// 300 W at 230 V, up and down by 100 W every 10 s; energy from the start on.
fn shown(channel: &Channel, seconds: f64) -> f64 {
    let turn = seconds * std::f64::consts::TAU / 10.0;
    let power_w = 300.0 + 100.0 * turn.sin();
    match channel.quantity {
        Quantity::Power { .. } => power_w,
        Quantity::EnergyCounter { quantum, .. } => (300.0 * seconds / quantum.get()).floor(),
        Quantity::Voltage => 230.0,
        Quantity::Current => power_w / 230.0,
        Quantity::ApparentPower => power_w / 0.95,
        Quantity::PowerFactor => 0.95,
        Quantity::Frequency => 50.0,
        _ => 0.0,
    }
}
