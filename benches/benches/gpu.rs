//! What a read of a GPU costs, on the virtual NVML library: every source against its raw call, in CPU time of the thread;
//! the ways to read a GPU in time; and joules a reading, by RAPL where there is some, else by the virtual rig's.
//!
//! The virtual library spends the time that an H200's calls take.

#[path = "../../driver-nvml/examples/measure/raw.rs"]
#[expect(dead_code, reason = "the driver's own measurement needs more of it")]
mod raw;

use std::hint::black_box;

use benches::cost::{Joules, ThreadCpu, spent_j};
use criterion::measurement::Measurement;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, criterion_group, criterion_main};
use driver_nvml::DRIVER;
use power_core::{Driver, Options, PowerSource, Reading, Recorder, SystemClock};
use virtual_rig::{Description, VirtualRig};

use crate::raw::Raw;

#[expect(clippy::expect_used, reason = "a bench without its peer has nothing to measure")]
fn rig() -> VirtualRig {
    VirtualRig::start(Description::overhead_node()).expect("a virtual rig")
}

fn library(rig: &VirtualRig) -> String {
    rig.nvml_path().display().to_string()
}

#[expect(clippy::expect_used, reason = "as above")]
fn open(rig: &VirtualRig, part: &str, channels: &str) -> Box<dyn PowerSource> {
    let options = Options::new().with("library", library(rig)).with("channels", channels);
    let options = if part == "gauges" { options.with("alias_ms", "0") } else { options };
    DRIVER.open(&format!("gpu0/{part}"), &options).expect("a source of the virtual GPU")
}

fn read<M: Measurement>(group: &mut BenchmarkGroup<'_, M>, name: &str, source: &mut dyn PowerSource) {
    let mut readings: Vec<Reading> = Vec::with_capacity(1024);
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            readings.clear();
            let outcome = source.read(&mut Recorder::new(&SystemClock, &mut readings));
            assert!(outcome.is_ok(), "{outcome:?}");
        });
    });
}

/// Every source beside its raw call, in CPU time of the thread.
#[expect(clippy::expect_used, reason = "as above")]
fn sources(criterion: &mut Criterion<ThreadCpu>) {
    let rig = rig();
    let uuid = open(&rig, "gauges", "power.draw").descriptor().details.get("uuid").cloned();
    let raw = Raw::new(&library(&rig), &uuid.expect("a GPU with its UUID")).expect("the raw calls");
    let mut group = criterion.benchmark_group("gpu, CPU time of a read");
    group.sample_size(20);
    group.bench_function("power usage, raw call", |bencher| bencher.iter(|| black_box(raw.power_usage())));
    read(&mut group, "power usage, read", &mut *open(&rig, "gauges", "power.draw"));
    let mut field = raw::fields(&[(186, 0)]);
    group.bench_function("field 186, raw call", |bencher| {
        bencher.iter(|| raw.field_values(black_box(&mut field)));
    });
    read(&mut group, "field 186, read", &mut *open(&rig, "gauges", "power.draw.instant"));
    group
        .bench_function("energy counter, raw call", |bencher| bencher.iter(|| black_box(raw.total_energy())));
    read(&mut group, "energy counter, read", &mut *open(&rig, "counter", "energy.total"));
    let mut room = raw::room();
    let mut samples = || black_box(raw.samples(0, &mut room));
    group.bench_function("sample ring, raw call for all", |bencher| bencher.iter(&mut samples));
    read(&mut group, "sample ring, read of what is new", &mut *open(&rig, "ring", "power.samples"));
    group.finish();
}

/// The ways to read a GPU's power, in time.
#[expect(clippy::expect_used, reason = "as above")]
fn ways(criterion: &mut Criterion) {
    let rig = rig();
    let smi = |mode: &str| {
        let options =
            Options::new().with("binary", rig.nvidia_smi_path().display().to_string()).with("mode", mode);
        let options = if mode == "query" { options } else { options.with("period_ms", "1") };
        driver_smi::DRIVER.open("all", &options).expect("nvidia-smi opens")
    };
    let mut group = criterion.benchmark_group("ways to read a GPU");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    read(&mut group, "power usage", &mut *open(&rig, "gauges", "power.draw"));
    read(&mut group, "all gauges", &mut *{
        let options = Options::new().with("library", library(&rig)).with("alias_ms", "0");
        DRIVER.open("gpu0/gauges", &options).expect("the gauges")
    });
    read(&mut group, "energy counter", &mut *open(&rig, "counter", "energy.total"));
    read(&mut group, "sample ring", &mut *open(&rig, "ring", "power.samples"));
    read(&mut group, "nvidia-smi spawned", &mut *smi("query"));
    read(&mut group, "nvidia-smi -q -x after 1 ms", &mut *smi("tracer"));
    read(&mut group, "a line of nvidia-smi -lms 1", &mut *smi("loop"));
    group.finish();
}

/// Joules a reading.
fn joules(criterion: &mut Criterion<Joules>) {
    let rig = rig();
    let real = driver_rapl::DRIVER.open("all", &Options::new());
    let (by, counter) = if let Ok(source) = real {
        ("RAPL", Ok(source))
    } else {
        let root = rig.powercap_root().map(|root| root.display().to_string()).unwrap_or_default();
        ("virtual RAPL", driver_rapl::DRIVER.open("all", &Options::new().with("powercap_root", root)))
    };
    let Ok(mut counter) = counter else { return };
    let mut source = open(&rig, "gauges", "power.draw");
    let mut readings: Vec<Reading> = Vec::with_capacity(64);
    let mut group = criterion.benchmark_group(format!("gpu, joules by {by}"));
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.bench_function("1000 reads of power usage", |bencher| {
        bencher.iter_custom(|iterations| {
            let spent = spent_j(&mut *counter, iterations, || {
                for _ in 0..1_000 {
                    readings.clear();
                    black_box(source.read(&mut Recorder::new(&SystemClock, &mut readings)).is_ok());
                }
            });
            // Criterion takes no 0 and no NaN; an energy that is not known ends the bench.
            spent.filter(|joules| *joules > 0.0).unwrap_or_else(|| unreachable!("no energy was counted"))
        });
    });
    group.finish();
}

criterion_group!(name = cpu; config = Criterion::default().with_measurement(ThreadCpu); targets = sources);
criterion_group!(time, ways);
criterion_group!(name = energy; config = Criterion::default().with_measurement(Joules); targets = joules);
criterion_main!(cpu, time, energy);
