//! Proof that the ring is followed without loss, and that the energy counter agrees with its integral.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use driver_nvml::DRIVER;
use power_core::{Anchor, ClockDomain, Driver, Flags, Options, Recorder, Result, SystemClock};
use serde_json::{Value, json};

use crate::overlap::{Overlap, Seen};
use crate::raw::{self, Raw};

/// How often the second reader fetches the whole ring: many times while a sample is in it.
const OVERLAP: Duration = Duration::from_millis(300);

/// Time between two readings of the counter that are compared with the ring; less in a short run.
const WINDOW: Duration = Duration::from_secs(60);

/// Longest time to wait for the counter's next step: many of its update periods.
const STEP: Duration = Duration::from_secs(2);

/// One sample as the source handed it on.
struct Sample {
    stamp_us: u64,
    milliwatts: u32,
    flagged: bool,
    /// Age at the end of its fetch, in the ring's clock.
    age_ns: i64,
    /// On the host's time base.
    host_ns: i64,
}

/// The counter just after a step.
#[derive(Clone, Copy)]
struct Step {
    host_ns: i64,
    joules: f64,
}

/// Follows the ring for `length` with one fetch every `every`, beside a second reader and the counter.
pub(crate) fn run(
    raw: &Raw,
    gpu: &str,
    options: &Options,
    length: Duration,
    every: Duration,
) -> Result<Value> {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let overlapping = scope.spawn(|| {
            let (mut room, mut seen) = (raw::room(), Overlap::default());
            while !stop.load(Ordering::Relaxed) {
                seen.take(&raw.ring(&mut room));
                thread::sleep(OVERLAP);
            }
            seen.take(&raw.ring(&mut room));
            seen
        });
        let window = WINDOW.min(length.saturating_sub(Duration::from_secs(4))).max(Duration::from_secs(1));
        let counter = {
            let stop = &stop;
            scope.spawn(move || steps(gpu, options, window, stop))
        };
        let outcome = follow(gpu, options, length, every);
        stop.store(true, Ordering::Relaxed);
        let mut seen = overlapping.join().unwrap_or_default();
        let steps = counter.join().unwrap_or_default();
        let (samples, clock, fetches) = outcome?;
        let mut result = compare(&samples, &mut seen);
        result["clock"] = json!(clock);
        result["fetches"] = json!(fetches);
        result["energy"] = energy(&samples, &steps);
        Ok(result)
    })
}

fn follow(
    gpu: &str,
    options: &Options,
    length: Duration,
    every: Duration,
) -> Result<(Vec<Sample>, String, usize)> {
    let options = options.clone().with("channels", "power.samples");
    let mut source = DRIVER.open(&format!("{gpu}/ring"), &options)?;
    let clock = source.descriptor().clock.clone();
    let (mut samples, mut readings, mut fetches) = (Vec::new(), Vec::with_capacity(4096), 0_u32);
    let start = Instant::now();
    while start.elapsed() < length {
        fetches += 1;
        thread::sleep((every * fetches).saturating_sub(start.elapsed()));
        readings.clear();
        source.read(&mut Recorder::new(&SystemClock, &mut readings))?;
        let lead = lead_ns(&clock, &SystemClock.anchor());
        for reading in &readings {
            let (Some(time), Some(watts)) = (reading.device_time, reading.value.number()) else { continue };
            let host_ns = time.nanos() - lead;
            samples.push(Sample {
                stamp_us: u64::try_from(time.nanos() / 1_000).unwrap_or_default(),
                milliwatts: milliwatts(watts),
                flagged: reading.flags.contains(Flags::OVERRUN),
                age_ns: reading.stamp.end().nanos() - host_ns,
                host_ns,
            });
        }
    }
    Ok((samples, clock.to_string(), fetches as usize))
}

/// What the ring's clock is ahead of the host's time base.
fn lead_ns(clock: &ClockDomain, anchor: &Anchor) -> i64 {
    let now = match clock {
        ClockDomain::HostRealtime => anchor.realtime_ns,
        ClockDomain::HostBoottime => anchor.boottime_ns.unwrap_or(anchor.monotonic_ns),
        _ => anchor.monotonic_ns,
    };
    now - anchor.monotonic_ns
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a power below 4 MW, as it came")]
fn milliwatts(watts: f64) -> u32 {
    (watts * 1e3).round() as u32
}

/// Compares what the source handed on with what the second reader saw, between the source's first and last sample.
fn compare(samples: &[Sample], seen: &mut Overlap) -> Value {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else {
        return json!({ "samples": 0 });
    };
    let agreement = seen.compare(samples.iter().map(|sample| (sample.stamp_us, sample.milliwatts)));
    let moved = seen.samples().iter().map(Seen::moved_us);
    let mut spacings: Vec<u64> =
        samples.windows(2).map(|pair| pair[1].stamp_us.abs_diff(pair[0].stamp_us)).collect();
    spacings.sort_unstable();
    let at = |percent: usize| spacings.get((spacings.len().saturating_sub(1)) * percent / 100).copied();
    let span = last.stamp_us - first.stamp_us;
    let mut newest_ages: Vec<i64> = samples
        .windows(2)
        .filter(|pair| pair[1].age_ns > pair[0].age_ns)
        .map(|pair| pair[0].age_ns)
        .collect();
    newest_ages.sort_unstable();
    let age =
        |percent: usize| newest_ages.get((newest_ages.len().saturating_sub(1)) * percent / 100).copied();
    json!({
        "samples": samples.len(),
        "seen_by_overlapping_reader": seen.samples().len(),
        "lost": agreement.lost,
        "doubled": agreement.doubled,
        "unseen_by_overlapping_reader": agreement.unseen,
        "differing_values": agreement.differing,
        "stamped_anew": moved.clone().filter(|moved| *moved > 0).count(),
        "stamps_moved_by_at_most_us": moved.max(),
        "out_of_order": samples.windows(2).filter(|pair| pair[1].stamp_us < pair[0].stamp_us).count(),
        "flagged_overrun": samples.iter().filter(|sample| sample.flagged).count(),
        "stamped_after_end_of_fetch": samples.iter().filter(|sample| sample.age_ns < 0).count(),
        "youngest_ns": samples.iter().map(|sample| sample.age_ns).min(),
        "newest_age_ns": { "p50": age(50), "p99": age(99) },
        "spacing_us": { "p5": at(5), "p50": at(50), "p95": at(95), "max": at(100) },
        "span_s": ratio(span, 1_000_000),
        "share_of_grid": at(50).map(|spacing| ratio((samples.len() as u64 - 1) * spacing, span)),
    })
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of less than a century")]
fn ratio(a: u64, b: u64) -> f64 {
    a as f64 / b as f64
}

/// The counter at its steps, a window apart, until the end; one more at the end if there is time.
fn steps(gpu: &str, options: &Options, window: Duration, stop: &AtomicBool) -> Vec<Step> {
    let Ok(mut source) = DRIVER.open(&format!("{gpu}/counter"), options) else { return Vec::new() };
    let mut readings = Vec::with_capacity(16);
    let mut read = || {
        readings.clear();
        source.read(&mut Recorder::new(&SystemClock, &mut readings)).ok()?;
        let reading = readings.first()?;
        Some((reading.stamp.midpoint().nanos(), reading.value.count()?))
    };
    let mut steps = Vec::new();
    // The ring's source starts just behind this one: its first second is not compared.
    thread::sleep(Duration::from_secs(2));
    while !stop.load(Ordering::Relaxed) {
        let Some((_, before)) = read() else { break };
        let patience = Instant::now() + STEP;
        let waiting = std::iter::repeat_with(&mut read).take_while(|_| Instant::now() < patience);
        let next = waiting.flatten().find(|(_, count)| *count != before);
        if let Some((host_ns, count)) = next {
            steps.push(Step { host_ns, joules: power_core::Joules::from_millijoules(count).get() });
        }
        let until = Instant::now() + window;
        while Instant::now() < until && !stop.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(100));
        }
    }
    steps
}

/// Energy by counter and by ring, for each window and for all of them.
fn energy(samples: &[Sample], steps: &[Step]) -> Value {
    let between = |from: &Step, to: &Step| {
        let counter = to.joules - from.joules;
        let ring = integral_j(samples, from.host_ns, to.host_ns)?;
        Some(json!({
            "seconds": seconds(to.host_ns - from.host_ns),
            "counter_j": counter,
            "ring_j": ring,
            "difference_percent": (counter / ring - 1.0) * 100.0,
        }))
    };
    let windows: Vec<_> = steps.windows(2).filter_map(|pair| between(&pair[0], &pair[1])).collect();
    let whole = steps.first().zip(steps.last()).and_then(|(from, to)| between(from, to));
    json!({ "windows": windows, "whole": whole })
}

/// Integral of the samples, straight between them; `None` where they do not cover the window.
fn integral_j(samples: &[Sample], from_ns: i64, to_ns: i64) -> Option<f64> {
    let covered = samples.first()?.host_ns <= from_ns && to_ns <= samples.last()?.host_ns;
    if !covered || from_ns >= to_ns {
        return None;
    }
    let mut energy = 0.0;
    for pair in samples.windows(2) {
        let (a, b) = (&pair[0], &pair[1]);
        let (start, end) = (a.host_ns.max(from_ns), b.host_ns.min(to_ns));
        if start < end {
            let slope = (f64::from(b.milliwatts) - f64::from(a.milliwatts)) / seconds(b.host_ns - a.host_ns);
            let at = |time: i64| f64::from(a.milliwatts) + slope * seconds(time - a.host_ns);
            energy += f64::midpoint(at(start), at(end)) * seconds(end - start) * 1e-3;
        }
    }
    Some(energy)
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds of less than a hundred days")]
fn seconds(nanos: i64) -> f64 {
    nanos as f64 * 1e-9
}
