//! What a comparison costs, by the number of readings: in memory, and whole, from the run on disk.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use harness::comparison::{self, Request};
use harness::run::Run;
use power_analysis::{Publications, Reference, Settings, Trace, compare};

/// Numbers of readings, a factor of ten apart, so that the growth shows.
const SIZES: [u32; 3] = [100_000, 1_000_000, 10_000_000];

fn in_memory(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("compare readings");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    for size in SIZES {
        let (sensor, meter) = benches::readings(size);
        group.throughput(Throughput::Elements(u64::from(size)));
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter(|| {
                let reference = Reference::new(&meter);
                reference.map(|reference| black_box(compare(&sensor, &reference, &Settings::default())))
            });
        });
    }
    group.finish();
}

fn steps(criterion: &mut Criterion) {
    let (sensor, _) = benches::readings(1_000_000);
    let mut group = criterion.benchmark_group("half a million readings");
    group.sample_size(20);
    group.bench_function("publications", |bencher| bencher.iter(|| black_box(Publications::find(&sensor))));
    group.bench_function("trace", |bencher| bencher.iter(|| black_box(Trace::naive(&sensor))));
    group.finish();
}

#[expect(clippy::expect_used, reason = "a bench that cannot set up its input has nothing to measure")]
fn from_disk(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("compare a run");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    for size in SIZES {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let dir = folder.path().join("run");
        benches::write_run(&dir, size).expect("the run is written");
        group.throughput(Throughput::Elements(u64::from(size)));
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter(|| {
                let run = Run::open(&dir).expect("the run opens");
                let request = Request { reference: "meter/power".into(), seed: 1, ..Request::default() };
                black_box(comparison::compare(&run, &request).expect("the run compares"))
            });
        });
    }
    group.finish();
}

criterion_group!(all, steps, in_memory, from_disk);
criterion_main!(all);
