//! What the recorder's own path costs: the ring from a sampler to the writer, the writer, and bytes at rest.
//!
//! The readings are those of four GPUs' gauges polled at 1 kHz: 13 channels each, a bracket of its own for each.

use std::hint::black_box;
use std::path::Path;

use benches::{CHANNELS, GPUS, gauges, gauges_descriptor};
use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use harness::record::Sample;
use harness::run::{NewRun, Origin, Row, RunWriter, SourceIndex, TimeBase};
use rtrb::RingBuffer;

/// Readings of one bench: two seconds at the rate that is to be sustained.
const READINGS: usize = 4_000_000;

#[expect(clippy::expect_used, reason = "a bench that cannot set up its input has nothing to measure")]
fn begin(dir: &Path) -> (RunWriter, Vec<SourceIndex>) {
    let new = NewRun::new(TimeBase::HostMonotonic, Origin::Recorded { command: Vec::new(), exit_code: None });
    let mut writer = RunWriter::create(dir, new).expect("a new run");
    let add = |gpu| writer.add_source(&format!("gpu{gpu}"), gauges_descriptor());
    let sources = (0..GPUS).map(add).collect::<Result<_, _>>().expect("new sources");
    (writer, sources)
}

#[expect(clippy::expect_used, reason = "a bench whose disk is full has nothing to measure")]
fn push(writer: &mut RunWriter, sources: &[SourceIndex], rows: &[(usize, Row)]) {
    for (gpu, row) in rows {
        writer.push(sources[*gpu], *row).expect("the row is written");
    }
    writer.flush().expect("the rows are flushed");
}

/// Readings a second that can be written while recording, flushes included.
fn writer(criterion: &mut Criterion) {
    let rows = gauges(READINGS / (GPUS * CHANNELS));
    let mut group = criterion.benchmark_group("record");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.throughput(Throughput::Elements(rows.len() as u64));
    #[expect(clippy::expect_used, reason = "a bench without a folder has nothing to measure")]
    group.bench_function("writer", |bencher| {
        bencher.iter_with_large_drop(|| {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let (mut writer, sources) = begin(&folder.path().join("run"));
            push(&mut writer, &sources, &rows);
            folder
        });
    });
    group.finish();
}

/// Readings a second through the ring, from one thread to another.
fn ring(criterion: &mut Criterion) {
    let rows = gauges(2_000);
    let mut group = criterion.benchmark_group("record");
    group.throughput(Throughput::Elements(rows.len() as u64));
    group.bench_function("ring", |bencher| {
        let (mut producer, mut consumer) = RingBuffer::new(1 << 17);
        bencher.iter(|| {
            for (gpu, row) in &rows {
                let source = u16::try_from(*gpu).unwrap_or(0);
                black_box(producer.push(Sample { source, row: *row }).is_ok());
            }
            while let Ok(sample) = consumer.pop() {
                black_box(sample);
            }
        });
    });
    group.finish();
}

/// Bytes a reading in the finished run, told once, and how long finishing takes.
#[expect(clippy::expect_used, reason = "a bench whose run cannot be written has nothing to measure")]
#[expect(clippy::print_stdout, clippy::cast_precision_loss, reason = "it is what this is for")]
fn at_rest(criterion: &mut Criterion) {
    let rows = gauges(20_000);
    let finish = || {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (mut writer, sources) = begin(&folder.path().join("run"));
        push(&mut writer, &sources, &rows);
        let run = writer.finish().expect("the run ends");
        let file = run.dir().join(&run.manifest().files[0].path);
        (folder, std::fs::metadata(file).expect("the readings").len())
    };
    let bytes = finish().1;
    println!("at rest: {:.2} bytes a reading", bytes as f64 / rows.len() as f64);
    let mut group = criterion.benchmark_group("record");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.throughput(Throughput::Elements(rows.len() as u64));
    group.bench_function("write and finish", |bencher| bencher.iter_with_large_drop(finish));
    group.finish();
}

criterion_group!(all, ring, writer, at_rest);
criterion_main!(all);
