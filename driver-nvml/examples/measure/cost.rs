//! What a read costs through `PowerSource::read`, against the raw C call, and how often it allocates.

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use driver_nvml::DRIVER;
use power_core::{Clock, Driver, Options, PowerSource, Reading, Recorder, Result, SystemClock};
use power_testkit::alloc;
use serde_json::{Value, json};

use crate::raw::{self, Raw};

/// Blocks of cheap calls, and calls in a block; slow calls are timed one by one.
const BLOCKS: usize = 601;
const CALLS: u32 = 1_000;

/// Slow calls, each beside a raw one.
const PAIRS: usize = 101;

/// Options that open quickly: aliases are not what is measured here.
pub(crate) fn quick(options: &Options) -> Options {
    options.clone().with("alias_ms", "0")
}

/// Nanoseconds of one call of `clock_gettime`, which a read makes twice a transaction.
pub(crate) fn clock_ns() -> f64 {
    block_ns(|| discard(SystemClock.now()))
}

/// Costs of the gauges: power usage alone, field 186 alone, all.
pub(crate) fn gauges(raw: &Raw, gpu: &str, options: &Options) -> Result<Value> {
    let open =
        |channels: &str| DRIVER.open(&format!("{gpu}/gauges"), &options.clone().with("channels", channels));
    let mut usage = open("power.draw")?;
    let mut instant = open("power.draw.instant")?;
    let mut both = open("power.draw.average,power.draw.instant")?;
    let mut all = DRIVER.open(&format!("{gpu}/gauges"), options)?;
    let mut one_field = raw::fields(&[(186, 0)]);
    let mut two_fields = raw::fields(&[(185, 0), (186, 0)]);
    Ok(json!({
        "power_usage": pair(|| discard(raw.power_usage()), &mut usage)?,
        "field_186": pair(|| raw.field_values(black_box(&mut one_field)), &mut instant)?,
        "fields_185_186": pair(|| raw.field_values(black_box(&mut two_fields)), &mut both)?,
        "all_gauges": alone(&mut all)?,
    }))
}

/// Costs of the energy counter.
pub(crate) fn counter(raw: &Raw, gpu: &str, options: &Options) -> Result<Value> {
    let mut source = DRIVER.open(&format!("{gpu}/counter"), options)?;
    let mut readings = Vec::with_capacity(16);
    let (mut raw_ns, mut read_ns) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        raw_ns.push(once_ns(|| discard(raw.total_energy())));
        readings.clear();
        let mut outcome = Ok(());
        read_ns.push(once_ns(|| outcome = source.read(&mut Recorder::new(&SystemClock, &mut readings))));
        outcome?;
    }
    let allocations = allocations(&mut source, 20, Duration::ZERO)?;
    Ok(compare(&mut raw_ns, &mut read_ns, allocations))
}

/// Costs of the ring: both fetch what has come since the last time, so both hand over the same samples.
pub(crate) fn ring(raw: &Raw, gpu: &str, options: &Options) -> Result<Value> {
    let options = options.clone().with("channels", "power.samples");
    let mut source = DRIVER.open(&format!("{gpu}/ring"), &options)?;
    let mut readings: Vec<Reading> = Vec::with_capacity(4096);
    let mut room = raw::room();
    let (mut raw_ns, mut read_ns, mut samples) = (Vec::new(), Vec::new(), 0);
    let mut since_us = 0;
    for pair in 0..PAIRS {
        thread::sleep(Duration::from_millis(200));
        let mut raw_call = || once_ns(|| discard(raw.samples(since_us, &mut room)));
        let mut outcome = Ok(());
        readings.clear();
        let mut read = || once_ns(|| outcome = source.read(&mut Recorder::new(&SystemClock, &mut readings)));
        // The second of two fetches may find the first one's work in the caches.
        let (raw_time, read_time) = if pair % 2 == 0 {
            let raw_time = raw_call();
            (raw_time, read())
        } else {
            let read_time = read();
            (raw_call(), read_time)
        };
        outcome?;
        samples += readings.len();
        let newest = readings.last().and_then(|reading| reading.device_time);
        if let Some(newest) = newest {
            since_us = u64::try_from(newest.nanos() / 1_000).unwrap_or(0) - 1;
        }
        // The first raw call fetched the whole ring.
        if pair > 0 {
            raw_ns.push(raw_time);
            read_ns.push(read_time);
        }
    }
    let allocations = allocations(&mut source, 20, Duration::from_millis(50))?;
    let mut result = compare(&mut raw_ns, &mut read_ns, allocations);
    result["samples_a_fetch"] = json!(samples / PAIRS);
    Ok(result)
}

/// A cheap call: blocks of raw calls, of raw calls between two readings of the clock, and of reads take turns.
fn pair(mut raw: impl FnMut(), source: &mut Box<dyn PowerSource>) -> Result<Value> {
    let (mut raw_ns, mut stamped_ns, mut read_ns) = (Vec::new(), Vec::new(), Vec::new());
    let mut outcome = Ok(());
    let mut readings = Vec::with_capacity(64);
    for _ in 0..BLOCKS {
        raw_ns.push(block_ns(&mut raw));
        stamped_ns.push(block_ns(|| {
            discard(SystemClock.now());
            raw();
            discard(SystemClock.now());
        }));
        read_ns.push(block_ns(|| {
            readings.clear();
            let read = source.read(&mut Recorder::new(&SystemClock, &mut readings));
            if read.is_err() {
                outcome = read;
            }
        }));
    }
    outcome?;
    let allocations = allocations(source, 1_000, Duration::ZERO)?;
    let stamped = compare(&mut raw_ns.clone(), &mut stamped_ns, 0);
    let mut result = compare(&mut raw_ns, &mut read_ns, allocations);
    result["stamped_raw_ns"] = stamped["read_ns"].clone();
    result["stamped_raw_ratio"] = stamped["ratio"].clone();
    Ok(result)
}

fn alone(source: &mut Box<dyn PowerSource>) -> Result<Value> {
    let allocations = allocations(source, 1_000, Duration::ZERO)?;
    let mut readings = Vec::with_capacity(64);
    let mut outcome = Ok(());
    let read_ns = block_ns(|| {
        readings.clear();
        let read = source.read(&mut Recorder::new(&SystemClock, &mut readings));
        if read.is_err() {
            outcome = read;
        }
    });
    outcome?;
    Ok(json!({ "read_ns": read_ns, "channels": readings.len(), "allocations": allocations }))
}

fn allocations(source: &mut Box<dyn PowerSource>, reads: usize, pause: Duration) -> Result<u64> {
    let mut readings = Vec::with_capacity(1 << 14);
    let mut total = 0;
    for number in 0..reads + 3 {
        thread::sleep(pause);
        readings.clear();
        let (outcome, count) = alloc::count(|| source.read(&mut Recorder::new(&SystemClock, &mut readings)));
        outcome?;
        // The first reads may fill a source's own buffers.
        total += if number < 3 { 0 } else { count };
    }
    Ok(total)
}

/// Neighbours are compared, since a processor's clock changes within the time that all of them take; two pairs of them at
/// a time, since of two fetches of a ring the second is the quicker one.
fn compare(raw_ns: &mut [f64], read_ns: &mut [f64], allocations: u64) -> Value {
    let pairs: Vec<f64> = raw_ns.iter().zip(&*read_ns).map(|(raw, read)| read / raw).collect();
    let mut ratios: Vec<f64> = pairs.chunks_exact(2).map(|two| (two[0] * two[1]).sqrt()).collect();
    let ratio = median(&mut ratios);
    let (low, high) = median_interval(&ratios);
    let (raw, read) = (median(raw_ns), median(read_ns));
    json!({
        "raw_ns": raw,
        "read_ns": read,
        "ratio": { "value": ratio, "low": low, "high": high, "confidence": 0.95 },
        "raw_p99_ns": raw_ns[(raw_ns.len() - 1) * 99 / 100],
        "read_p99_ns": read_ns[(read_ns.len() - 1) * 99 / 100],
        "allocations": allocations,
    })
}

/// Keeps the compiler from leaving out a call whose value nobody wants.
fn discard<T>(value: T) {
    black_box(value);
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_unstable_by(f64::total_cmp);
    times[times.len() / 2]
}

/// 95 % interval of the median of sorted values, by the binomial distribution of their ranks.
fn median_interval(sorted: &[f64]) -> (f64, f64) {
    // Half the width is 0.98 times the root.
    let half = sorted.len().isqrt() + 1;
    let middle = sorted.len() / 2;
    (sorted[middle.saturating_sub(half)], sorted[(middle + half).min(sorted.len() - 1)])
}

fn block_ns(mut call: impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..CALLS {
        call();
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS)
}

fn once_ns(call: impl FnOnce()) -> f64 {
    let start = Instant::now();
    call();
    start.elapsed().as_secs_f64() * 1e9
}
