//! Measures this driver on a real GPU: cost against the raw C calls, allocations, the ring's completeness, and the
//! energy counter against the ring. The result is JSON on standard output, progress goes to standard error.
//!
//! `measure [--device GPU] [--library PATH] [--seconds 600] [--fetch-ms 1000]`; build it with
//! `cargo build --release -p driver-nvml --example measure`. At run time it needs NVIDIA's driver alone.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program's result and progress")]

mod cost;
mod overlap;
mod raw;
mod ring;

use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use driver_nvml::DRIVER;
use power_core::{Driver, Options, PowerSource, SystemClock};
use power_testkit::alloc::CountingAllocator;
use serde_json::{Value, json};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// The targets that the result is held to.
const CHEAP_RATIO: f64 = 1.3;
const RING_RATIO: f64 = 1.1;
const ENERGY_PERCENT: f64 = 0.5;

fn main() -> ExitCode {
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse(std::env::args().skip(1))?;
    let options =
        arguments.library.iter().fold(Options::new(), |options, library| options.with("library", library));
    let started = Instant::now();
    let found = DRIVER.discover_with(&options)?;
    let discover_ms = started.elapsed().as_secs_f64() * 1e3;
    for found in &found {
        eprintln!("{}: {} ({:?})", found.device, found.name, found.access);
    }
    let started = Instant::now();
    let probe = DRIVER.open(&format!("{}/gauges", arguments.device), &options)?;
    let open_ms = started.elapsed().as_secs_f64() * 1e3;
    let details = probe.descriptor().details.clone();
    let raw = raw::Raw::new(&details["library"], &details["uuid"])?;
    let started = Instant::now();
    let ring_details =
        DRIVER.open(&format!("{}/ring", arguments.device), &options)?.descriptor().details.clone();
    let open_ring_ms = started.elapsed().as_secs_f64() * 1e3;
    let options = cost::quick(&options);

    eprintln!("costs of the gauges");
    let gauges = cost::gauges(&raw, &arguments.device, &options)?;
    eprintln!("costs of the energy counter");
    let counter = cost::counter(&raw, &arguments.device, &options)?;
    eprintln!("costs of the ring, 20 s");
    let fetch = cost::ring(&raw, &arguments.device, &options)?;
    eprintln!("following the ring for {:?}, one fetch every {:?}", arguments.length, arguments.fetch);
    let followed = ring::run(&raw, &arguments.device, &options, arguments.length, arguments.fetch)?;

    let costs = json!({ "gauges": gauges, "counter": counter, "ring": fetch });
    let result = json!({
        "device": probe.descriptor().device,
        "unix_time_s": SystemClock.anchor().realtime_ns / 1_000_000_000,
        "details": details,
        "clock_read_ns": cost::clock_ns(),
        "discover_ms": discover_ms,
        "open_gauges_ms": open_ms,
        "open_ring_ms": open_ring_ms,
        "ring_details": ring_details,
        "costs": costs,
        "ring": followed,
        "targets": targets(&costs, &followed),
    });
    println!("{}", serde_json::to_string_pretty(&result)?);
    Ok(())
}

/// Whether each target was met; null where it could not be told.
fn targets(costs: &Value, ring: &Value) -> Value {
    let at_most = |value: &Value, most: f64| value.as_f64().map(|value| value <= most);
    let none = |name: &str| ring[name].as_u64().map(|count| count == 0);
    let gauges = &costs["gauges"];
    let allocations = [
        &gauges["power_usage"],
        &gauges["field_186"],
        &gauges["all_gauges"],
        &costs["counter"],
        &costs["ring"],
    ]
    .map(|cost| cost["allocations"].as_u64());
    json!({
        "power_usage_at_most_1_3": at_most(&gauges["power_usage"]["ratio"]["value"], CHEAP_RATIO),
        "field_186_at_most_1_3": at_most(&gauges["field_186"]["ratio"]["value"], CHEAP_RATIO),
        "ring_at_most_1_1": at_most(&costs["ring"]["ratio"]["value"], RING_RATIO),
        "no_allocations": allocations.iter().all(|count| *count == Some(0)),
        "none_lost": none("lost"),
        "none_doubled": none("doubled"),
        "none_unseen_or_differing": none("unseen_by_overlapping_reader").zip(none("differing_values")).map(|(a, b)| a && b),
        "none_flagged_overrun": none("flagged_overrun"),
        "none_stamped_after_end_of_fetch": none("stamped_after_end_of_fetch"),
        "energy_within_0_5_percent": ring["energy"]["windows"].as_array().filter(|windows| !windows.is_empty()).map(|windows| {
            windows.iter().all(|window| {
                window["difference_percent"].as_f64().is_some_and(|percent| percent.abs() <= ENERGY_PERCENT)
            })
        }),
    })
}

struct Arguments {
    device: String,
    library: Option<String>,
    length: Duration,
    fetch: Duration,
}

impl Arguments {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut parsed = Self {
            device: "gpu0".into(),
            library: None,
            length: Duration::from_secs(600),
            fetch: Duration::from_secs(1),
        };
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
            match name.as_str() {
                "--device" => parsed.device = value,
                "--library" => parsed.library = Some(value),
                "--seconds" => parsed.length = Duration::from_secs(value.parse()?),
                "--fetch-ms" => parsed.fetch = Duration::from_millis(value.parse()?),
                other => return Err(format!("unknown argument {other}").into()),
            }
        }
        Ok(parsed)
    }
}
