//! What characterising costs, by the length of a run of eight channels at 1 kHz, from the run on disk.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use harness::characterise::{Request, characterise};
use harness::run::Run;

/// Lengths in seconds, so that the growth shows.
const LENGTHS: [u32; 3] = [20, 100, 600];

/// Readings of a run of one second.
const READINGS: u64 = 8_000;

#[expect(clippy::expect_used, reason = "a bench that cannot set up its input has nothing to measure")]
fn a_run(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("characterise a run");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    for length in LENGTHS {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let dir = folder.path().join("run");
        benches::write_sensors_run(&dir, i64::from(length)).expect("the run is written");
        group.throughput(Throughput::Elements(u64::from(length) * READINGS));
        group.bench_function(BenchmarkId::from_parameter(length), |bencher| {
            bencher.iter(|| {
                let run = Run::open(&dir).expect("the run opens");
                black_box(characterise(&run, &Request { seed: 1, ..Request::default() }).expect("cards"))
            });
        });
    }
    group.finish();
}

criterion_group!(all, a_run);
criterion_main!(all);
