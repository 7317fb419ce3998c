//! A benchmark whose measurements are right, and the faults that can be put into it one at a time.

mod faults;

pub(crate) use faults::Fault;

use power_analysis::audit::{
    Benchmark, Column, Component, Evaluation, Hardware, Measure, Part, Poll, Record, Sampling, held_mean_w,
};
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Limit of the GPU's board in watts.
pub(crate) const LIMIT_W: f64 = 350.0;

/// Time between two readings in seconds.
pub(crate) const PERIOD_S: f64 = 0.02;

const ARCHITECTURES: usize = 8;
const REPEATS: usize = 2;
const EPOCHS: u32 = 12;

/// Rounds to a number of decimals, as a tool prints.
pub(crate) fn printed(value: f64, decimals: i32) -> f64 {
    let scale = 10_f64.powi(decimals);
    (value * scale).round() / scale
}

/// A standard normal number, by the sum of twelve uniform ones.
fn normal(random: &mut impl RngExt) -> f64 {
    (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0
}

/// A benchmark without faults: 8 architectures, each trained twice for 12 epochs on one GPU of 350 W.
///
/// The energy of an epoch is its power over its window. GPU, CPU and memory are measured, the total is their sum; the
/// first evaluation has the readings of its epochs.
pub(crate) fn clean(seed: u64) -> Benchmark {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut evaluations = Vec::new();
    for architecture in 0..ARCHITECTURES {
        let (power_w, window_s) = (random.random_range(90.0..330.0), random.random_range(3.0..40.0));
        for repeat in 0..REPEATS {
            let with_polls = evaluations.is_empty();
            let scatter = 1.0 + 0.003 * normal(&mut random);
            let records = (1..=EPOCHS)
                .map(|epoch| record(&mut random, epoch, power_w * scatter, window_s, with_polls))
                .collect();
            evaluations.push(evaluation(&mut random, architecture, repeat, records));
        }
    }
    let columns = [
        (Measure::Energy, "epoch_energy", "J", 0.005),
        (Measure::Power, "power", "W", 5e-5),
        (Measure::Window, "window", "s", 5e-5),
        (Measure::Training, "training", "s", 5e-5),
        (Measure::GpuUtilisation, "gpu_util", "%", 5e-5),
        (Measure::MemoryUtilisation, "mem_util", "%", 5e-5),
        (Measure::Temperature, "temp", "°C", 5e-5),
    ];
    Benchmark {
        name: format!("clean {seed}"),
        source: "generated".into(),
        evaluations,
        columns: columns
            .map(|(measure, key, unit, half)| Column::new(measure, key, unit).rounded(half))
            .to_vec(),
        sampling: Some(Sampling { period_s: PERIOD_S, from: "the tool".into() }),
        oddities: Vec::new(),
        records_of: Part::Gpu,
        hardware: Hardware {
            gpus: Some(1),
            gpu_limit_w: Some(LIMIT_W),
            gpu_idle_w: Some(25.0),
            memory_gib: Some(503.0),
            ..Hardware::default()
        },
    }
}

fn record(random: &mut impl RngExt, epoch: u32, power_w: f64, window_s: f64, with_polls: bool) -> Record {
    let window_s = printed(window_s * (1.0 + 0.01 * normal(random)), 4);
    let mean_w = power_w * (1.0 + 0.01 * normal(random));
    let span = (f64::from(epoch) * 100.0, f64::from(epoch) * 100.0 + window_s);
    let polls = if with_polls { regular(random, span, mean_w) } else { Vec::new() };
    let within: Vec<Poll> =
        polls.iter().filter(|poll| poll.begin_s >= span.0 && poll.end_s <= span.1).copied().collect();
    let power = printed(held_mean_w(&within, span).unwrap_or(mean_w), 4);
    Record {
        name: format!("epoch {epoch}"),
        epochs: Some(f64::from(epoch)),
        energy_j: Some(printed(power * window_s, 2)),
        running_j: None,
        power_w: Some(power),
        window_s: Some(window_s),
        training_s: Some(printed(window_s * (1.0 - 0.004 * random.random::<f64>()), 4)),
        gpu_percent: Some(printed(random.random_range(30.0..99.0), 4)),
        memory_percent: Some(printed(random.random_range(5.0..80.0), 4)),
        temperature_c: Some(printed(random.random_range(40.0..80.0), 4)),
        span_s: Some(span),
        polls,
    }
}

/// Readings each 20 ms of a power that wanders, from before the window to after it.
fn regular(random: &mut impl RngExt, span: (f64, f64), mean_w: f64) -> Vec<Poll> {
    let mut begin_s = span.0 - 10.0 * PERIOD_S - PERIOD_S * random.random::<f64>();
    let mut polls = Vec::new();
    while begin_s < span.1 + 10.0 * PERIOD_S {
        let inside = begin_s >= span.0 && begin_s < span.1;
        let power_w = if inside { mean_w + 15.0 * normal(random) } else { 60.0 + 2.0 * normal(random) };
        polls.push(Poll { begin_s, end_s: begin_s + 0.002, power_w: printed(power_w, 3) });
        begin_s += PERIOD_S;
    }
    polls
}

fn evaluation(
    random: &mut impl RngExt,
    architecture: usize,
    repeat: usize,
    records: Vec<Record>,
) -> Evaluation {
    let sum = |figure: fn(&Record) -> Option<f64>| -> f64 { records.iter().filter_map(figure).sum() };
    let (gpu_j, seconds) = (sum(|record| record.energy_j), sum(|record| record.window_s));
    // Shares that differ from one architecture to the next, and scatter as little as the GPU does.
    let mut part = |part: Part, watts: f64| {
        Component::new(part, Some(printed(watts * seconds * (1.0 + 0.003 * normal(random)), 2)))
    };
    let at = |low: f64, step: u32| low + f64::from(step);
    let step = u32::try_from(architecture * 7 % 5).unwrap_or(0);
    let components = vec![
        Component::new(Part::Gpu, Some(gpu_j)),
        part(Part::Cpu, at(95.0, 11 * step)),
        part(Part::Memory, at(21.0, 3 * step)),
    ];
    let total: f64 = components.iter().filter_map(|component| component.energy_j).sum();
    Evaluation {
        architecture: format!("architecture {architecture}"),
        at: format!("architecture {architecture}, repeat {repeat}"),
        records,
        total_j: Some(printed(total, 2)),
        total_s: Some(seconds),
        components,
        memory_gib: None,
        pue: Some(1.0),
    }
}
