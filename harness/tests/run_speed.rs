//! How fast and how small a run is; prints what it finds.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]
#![expect(clippy::print_stderr, reason = "it is what this test is for")]

mod run_support;

use std::time::Instant;

use harness::export::{Format, export};
use harness::run::{Row, RowValue, Run, RunWriter};
use power_core::Flags;
use run_support::{descriptor, new_run};

const ROWS: u32 = 10_000_000;

/// Two channels polled every 10 ms with jitter; the sensor publishes every 100 ms in milliwatts, with noise.
fn record(dir: &std::path::Path) -> Run {
    let mut writer = RunWriter::create(dir, new_run()).unwrap();
    let source = writer.add_source("gpu0", descriptor("nvml")).unwrap();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let (mut watts, mut count) = (0.0, 0_u64);
    for step in 0..ROWS / 2 {
        let t_start_ns = i64::from(step) * 10_000_000 + i64::try_from(random() % 50_000).unwrap();
        let t_end_ns = t_start_ns + 20_000 + i64::try_from(random() % 10_000).unwrap();
        if step % 10 == 0 {
            watts = f64::from(u32::try_from(random() % 30_000).unwrap() + 250_000) * 1e-3;
            count += 26_000 + random() % 3_000;
        }
        let row = |channel, value| Row {
            channel,
            t_start_ns,
            t_end_ns,
            t_device_ns: Some(t_start_ns / 1_000_000 * 1_000_000),
            value,
            flags: Flags::NONE,
        };
        writer.push(source, row(0, RowValue::Number(watts))).unwrap();
        writer.push(source, row(1, RowValue::Count(count))).unwrap();
    }
    writer.finish().unwrap()
}

fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or_default() / 1024
}

fn seconds(label: &str, work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    let seconds = start.elapsed().as_secs_f64();
    eprintln!("{label}: {seconds:.3} s, peak {} MiB", peak_mib());
    seconds
}

#[test]
#[ignore = "takes a minute unless built for release: cargo test --release -p harness --test run_speed -- --ignored --nocapture"]
fn ten_million_rows() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("run");
    let mut run = None;
    seconds("write", || run = Some(record(&dir)));
    let run = run.unwrap();
    let file = dir.join(&run.manifest().files[0].path);
    let bytes = std::fs::metadata(&file).unwrap().len();
    eprintln!("{bytes} bytes in Parquet, {} a thousand rows", bytes * 1000 / u64::from(ROWS));
    for keys in [&["gpu0/power_w", "gpu0/energy"][..], &["gpu0/power_w"]] {
        let wanted: Vec<_> = keys.iter().map(|key| run.channel(key).unwrap()).collect();
        let mut rows = 0_u64;
        let took = seconds(&format!("read {keys:?}"), || {
            let mut sum = 0.0;
            run.visit(&wanted, |batch| {
                for row in batch.rows() {
                    rows += 1;
                    sum += match row.value {
                        RowValue::Number(number) => number,
                        RowValue::Count(_) | RowValue::Missing => 1.0,
                    };
                }
                Ok(())
            })
            .unwrap();
            assert!(sum > 0.0);
        });
        assert_eq!(rows, u64::from(ROWS) * keys.len() as u64 / 2);
        assert!(took < 4.0, "reading took {took} s");
    }
    seconds("verify", || assert!(harness::run::verify(&dir).unwrap().ok()));
    for format in [Format::Csv, Format::Ndjson, Format::Parquet] {
        seconds(&format!("export {format:?}"), || export(&run, format, &mut std::io::sink()).unwrap());
    }
    assert!(peak_mib() < 200, "{} MiB", peak_mib());
}
