//! Others' published recordings: figures computed apart from this code have to come out.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};

use harness::import::time::parse_utc_offset;
use harness::import::{Format, ImportRequest, Summary, import};
use harness::run::{Row, RowValue, Run, TimeBase};
use power_core::{Averaging, ClockDomain, Flags, Quantity};

const MLPERF: &str =
    "mlperf-inference-v1.1/DGX-Station-A100_A100-SXM-80GBx4_TRT_MaxQ/resnet50/Offline/performance";

fn external(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/external").join(path)
}

fn import_one(out: &Path, format: Format, path: &str, change: impl FnOnce(&mut ImportRequest)) -> Summary {
    let mut request = ImportRequest::new(format, vec![external(path)], out);
    change(&mut request);
    import(&request).unwrap()
}

/// (time in s, value) of a channel, `offset_ns` plus the device time where it has one.
fn series(rows: &[Row], offset_ns: Option<i64>) -> Vec<(f64, f64)> {
    let point = |row: &Row| {
        let t_ns = match (offset_ns, row.t_device_ns) {
            (Some(offset_ns), Some(device_ns)) => offset_ns + device_ns,
            _ => row.t_start_ns,
        };
        match row.value {
            RowValue::Number(value) => Some((seconds(t_ns), value)),
            _ => None,
        }
    };
    rows.iter().filter_map(point).collect()
}

#[expect(clippy::cast_precision_loss, reason = "some 200 ns at Unix times; the data has 1 ms")]
fn seconds(nanos: i64) -> f64 {
    nanos as f64 * 1e-9
}

/// Energy by trapezoid over the points within [low, high].
fn energy(series: &[(f64, f64)], low: f64, high: f64) -> f64 {
    let inside: Vec<_> = series.iter().filter(|(t, _)| (low..=high).contains(t)).collect();
    inside.windows(2).map(|pair| (pair[1].0 - pair[0].0) * f64::midpoint(pair[0].1, pair[1].1)).sum()
}

fn near(found: f64, wanted: f64, within: f64) {
    assert!((found - wanted).abs() < within, "{found}, not {wanted}");
}

/// Meter and sensor of one recording, over their overlap.
fn meter_and_sensor(folder: &str) -> (f64, f64, Run) {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let meter =
        import_one(&out, Format::Pmd, &format!("{folder}/PMD_data.bin"), |it| it.name = Some("pmd".into()));
    assert_eq!(meter.time_base, Some(TimeBase::Unix));
    let sensor = import_one(&out, Format::NvidiaSmi, &format!("{folder}/gpudata.csv"), |it| {
        it.name = Some("smi".into());
        it.utc_offset = Some(parse_utc_offset("+01:00").unwrap());
        it.add = true;
    });
    assert_eq!(sensor.missing, 0);
    let run = Run::open(&out).unwrap();
    let offset_ns = run.alignment().unwrap().0["pmd"].offset_ns;
    let meter = series(&run.rows("pmd/power").unwrap(), Some(offset_ns));
    let sensor = series(&run.rows("smi/power.draw").unwrap(), None);
    let low = meter[0].0.max(sensor[0].0);
    let high = meter[meter.len() - 1].0.min(sensor[sensor.len() - 1].0);
    (energy(&meter, low, high), energy(&sensor, low, high), run)
}

#[test]
#[ignore = "needs ../shared/data/external"]
fn square_wave_on_a_3090() {
    let (meter, sensor, run) = meter_and_sensor("gpu-power-benchmark/square-wave/3090");
    near(meter, 2_693.4, 0.1);
    near(sensor, 2_529.8, 0.1);
    let smi = &run.manifest().sources[1].descriptor;
    assert_eq!(smi.details["power.draw"], "alias of power.draw.average (99.94 % of rows equal)");
    assert_eq!(smi.channels[0].window(), Some(std::time::Duration::from_secs(1)));
}

#[test]
#[ignore = "needs ../shared/data/external"]
fn transient_on_an_a100() {
    let (meter, sensor, run) = meter_and_sensor("gpu-power-benchmark/transient/A100_TR");
    near(meter, 1_711.6, 0.1);
    near(sensor, 1_613.0, 0.1);
    let smi = &run.manifest().sources[1].descriptor;
    assert_eq!(smi.details["power.draw"], "alias of power.draw.instant (97.83 % of rows equal)");
    let power_draw = smi.channel(smi.find("power.draw").unwrap()).unwrap();
    assert_eq!(power_draw.quantity, Quantity::Power { averaging: Averaging::Unknown });
}

#[test]
#[ignore = "needs ../shared/data/external"]
fn a_log_with_units_and_errors() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let summary =
        import_one(&out, Format::NvidiaSmi, "gpu-power-benchmark/units-and-errors/data.csv", |it| {
            it.utc_offset = Some(parse_utc_offset("+01:00").unwrap());
        });
    assert_eq!(summary.rows, 3 * 12_792);
    let run = Run::open(&out).unwrap();
    let clocks = run.rows("data/clocks.current.sm").unwrap();
    let missing = clocks.iter().filter(|row| row.value == RowValue::Missing).count();
    assert!(missing > 9_000, "{missing}");
    assert_eq!(summary.missing, u64::try_from(missing).unwrap());
    assert!(clocks.iter().all(|row| row.value != RowValue::Missing || row.flags.contains(Flags::MISSING)));
}

#[test]
#[ignore = "needs ../shared/data/external"]
fn mlperf_with_its_meter() {
    for (folder, samples, joules, flagged) in [("run_1", 710, 761_884.7, 0), ("ranging", 708, 758_131.3, 708)]
    {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("run");
        let summary = import_one(&out, Format::Ptdaemon, &format!("{MLPERF}/{folder}/spl.txt"), |_| {});
        assert_eq!(summary.sources[0].rows, 4 * samples);
        assert_eq!(summary.marks, 2);
        let run = Run::open(&out).unwrap();
        let rows = run.rows("spl/watts").unwrap();
        let phase = run.phases().unwrap().remove(0);
        assert_eq!(phase.name, "power");
        // The ends are interpolated, as the figure was.
        let mut watts = series(&rows, None);
        let (begin, end) = (seconds(phase.begin_ns), seconds(phase.end_ns));
        for at in [begin, end] {
            let next = watts.partition_point(|(t, _)| *t < at);
            let (a, b) = (watts[next - 1], watts[next]);
            watts.insert(next, (at, a.1 + (at - a.0) / (b.0 - a.0) * (b.1 - a.1)));
        }
        near(energy(&watts, begin, end), joules, 0.2);
        let uncertain = rows.iter().filter(|row| row.flags.contains(Flags::UNCERTAIN)).count();
        assert_eq!(uncertain, flagged);
        let meter = &run.manifest().sources[0].descriptor;
        assert_eq!(meter.device, "YOKOGAWA,WT333E,C2WC23035V,F1.04");
        assert_eq!(meter.details["PTDaemon version"], "1.9.2-3976349f-20201208");
        assert_eq!(meter.details["NTP offset of the client"], "0.001 to 0.002 s in 3 measurements");
        assert_eq!(meter.details["time difference between client and server"], "34.575 to 49.994 ms");
        assert_eq!(meter.channels[0].accuracy, None);
        assert_eq!(meter.channels[0].update_period, Some(std::time::Duration::from_secs(1)));
        if folder == "run_1" {
            assert_eq!(meter.details["current range"], "10.000000A");
            assert_eq!(meter.details["voltage range"], "300.000000V");
            assert_eq!(meter.details["uncertainty"], "could not be evaluated for 0 of 710 samples");
            assert!(
                summary.notes.iter().any(|note| note == "spl.txt: holds 710 samples, PTDaemon counted 711")
            );
        } else {
            assert_eq!(meter.details["current range"], "20.000000A");
        }
    }
}

#[test]
#[ignore = "needs ../shared/data/external"]
fn several_recordings_of_one_session() {
    let dir = tempfile::tempdir().unwrap();
    let paths = ["run_1", "ranging"].map(|folder| external(MLPERF).join(folder));
    let summary =
        import(&ImportRequest::new(Format::Ptdaemon, paths.to_vec(), dir.path().join("run"))).unwrap();
    let ids: Vec<_> = summary.sources.iter().map(|source| source.id.as_str()).collect();
    assert_eq!(ids, ["run_1", "ranging"]);
}

#[test]
#[ignore = "needs ../shared/data/external"]
fn means_without_time() {
    for gpu in ["L40", "MI210"] {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("run");
        let file = format!("dos-group-gpu-power-benchmark/mfu_aggregated_per_config_{gpu}.csv");
        let summary = import_one(&out, Format::Table, &file, |it| it.map = Some("dos-group".into()));
        assert_eq!(summary.time_base, Some(TimeBase::Ordinal));
        assert_eq!(summary.rows, 5 * 505);
        let run = Run::open(&out).unwrap();
        let id = &run.manifest().sources[0].id;
        let meter = run.rows(&format!("{id}/meter_power")).unwrap();
        let first = if gpu == "L40" { 321.38 } else { 263.68 };
        assert_eq!(meter[0].value, RowValue::Number(first));
        assert_eq!(meter[504].t_start_ns, 504_000_000_000);
    }
}

#[test]
#[ignore = "needs ../shared/data/h200-short-epochs"]
fn the_four_tables_of_the_h200_recording() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let summary = import_one(&out, Format::Table, "../h200-short-epochs", |it| it.map = Some("h200".into()));
    let rows: Vec<_> = summary.sources.iter().map(|it| (it.id.as_str(), it.rows)).collect();
    let wanted = [("nvml", 4 * 234_877), ("ring", 11_702), ("counter", 4_700), ("smi", 3 * 1_126)];
    assert_eq!(rows, wanted);
    assert_eq!((summary.missing, summary.marks, summary.anchors), (0, 1_154, 2));
    let run = Run::open(&out).unwrap();
    assert_eq!(run.manifest().sources[0].descriptor.clock, ClockDomain::HostRealtime);
    assert_eq!(run.manifest().sources[1].descriptor.clock, ClockDomain::HostRealtime);
    let joules = |key: &str| energy(&series(&run.rows(key).unwrap(), None), 25.0, 250.0);
    near(joules("nvml/power_usage"), 73_294.0, 100.0);
    near(joules("nvml/power_instant"), 72_682.0, 100.0);
    let counts: Vec<_> = run.rows("counter/energy").unwrap();
    let inside = |row: &&Row| (25.0..=250.0).contains(&seconds(row.t_start_ns));
    let counts: Vec<u64> = counts
        .iter()
        .filter(inside)
        .filter_map(|row| match row.value {
            RowValue::Count(count) => Some(count),
            _ => None,
        })
        .collect();
    let advance = counts[counts.len() - 1] - counts[0];
    assert!((73_217_000_u64).abs_diff(advance) < 100_000, "{advance}");
}
