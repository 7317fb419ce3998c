//! Exports hold every reading once, in time order, and the last bit of it.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

mod run_support;

use harness::export::{Format, export};
use harness::run::{Row, RowValue, Run, RunWriter};
use power_core::{Channel, Descriptor, Flags, Lane, Quantity};
use proptest::prelude::*;
use run_support::{descriptor, energy, new_run, power, small_run};

fn exported(run: &Run, format: Format) -> Vec<u8> {
    let mut out = Vec::new();
    export(run, format, &mut out).unwrap();
    out
}

fn text(run: &Run, format: Format) -> String {
    String::from_utf8(exported(run, format)).unwrap()
}

#[test]
fn csv_is_the_neutral_form() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = RunWriter::create(&folder.path().join("run"), new_run()).unwrap();
    let a = writer.add_source("a", descriptor("one")).unwrap();
    let quoted =
        Descriptor::new("test", "Test", vec![Channel::new("in, \"W\"", Quantity::instantaneous_power())]);
    let b = writer.add_source("b", quoted.with_lane(Lane::new("two"))).unwrap();
    let full = Row {
        t_start_ns: 2,
        t_end_ns: 3,
        t_device_ns: Some(-4),
        flags: Flags::COARSE | Flags::STALE,
        ..power(0, 0.1 + 0.2)
    };
    writer.push(a, full).unwrap();
    writer.push(a, energy(5, u64::MAX)).unwrap();
    for row in [power(1, 1e300), power(2, f64::NAN), Row::at(0, 9, RowValue::Missing)] {
        writer.push(b, row).unwrap();
    }
    let run = writer.finish().unwrap();
    let expected = "\
        t_ns,channel,quantity,value,t_end_ns,t_device_ns,flags\n\
        1,\"b/in, \"\"W\"\"\",instantaneous power,1e300,1,,0\n\
        2,a/power_w,power,0.30000000000000004,3,-4,24\n\
        2,\"b/in, \"\"W\"\"\",instantaneous power,NaN,2,,0\n\
        5,a/energy,energy counter 0.001 J,18446744073709551615,5,,0\n\
        9,\"b/in, \"\"W\"\"\",instantaneous power,,9,,1\n";
    assert_eq!(text(&run, Format::Csv), expected);
    let lines: Vec<serde_json::Value> =
        text(&run, Format::Ndjson).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        lines[1],
        serde_json::json!({
            "t_start_ns": 2, "t_end_ns": 3, "t_device_ns": -4, "channel": "a/power_w", "quantity": "power", "unit": "W",
            "value": 0.1 + 0.2, "count": null, "flags": 24
        })
    );
    assert_eq!((&lines[2]["value"], &lines[2]["flags"]), (&serde_json::Value::Null, &0.into()));
    assert_eq!(lines[3]["count"], u64::MAX);
    assert_eq!(lines[4]["flags"], 1);
}

#[test]
fn lanes_out_of_order_are_put_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = RunWriter::create_atomic(&folder.path().join("run"), new_run()).unwrap();
    let a = writer.add_source("a", descriptor("shared")).unwrap();
    let b = writer.add_source("b", descriptor("shared")).unwrap();
    // An importer writes one source after the other.
    for source in [a, b] {
        for t_ns in 0..1_000 {
            writer.push(source, power(t_ns, 1.0)).unwrap();
        }
    }
    let run = writer.finish().unwrap();
    let csv = text(&run, Format::Csv);
    let starts: Vec<i64> =
        csv.lines().skip(1).map(|line| line.split(',').next().unwrap().parse().unwrap()).collect();
    assert_eq!(starts.len(), 2_000);
    assert!(starts.is_sorted());
}

#[test]
fn parquet_is_one_file_of_all_lanes() {
    use arrow_array::Array;
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    let folder = tempfile::tempdir().unwrap();
    let run = small_run(&folder.path().join("run"));
    let path = folder.path().join("all.parquet");
    std::fs::write(&path, exported(&run, Format::Parquet)).unwrap();
    let file = std::fs::File::open(&path).unwrap();
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file)
        .unwrap()
        .build()
        .unwrap();
    let batches: Vec<_> = reader.map(Result::unwrap).collect();
    let rows: usize = batches.iter().map(arrow_array::RecordBatch::num_rows).sum();
    assert_eq!(rows, 400);
    let starts: Vec<i64> = batches
        .iter()
        .flat_map(|batch| batch["t_start_ns"].as_primitive::<Int64Type>().values().to_vec())
        .collect();
    assert!(starts.is_sorted());
    assert_eq!(batches[0]["count"].null_count() * 2, batches[0].num_rows());
}

#[test]
fn a_sink_that_is_full_is_an_error() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let run = small_run(&folder.path().join("run"));
    for format in [Format::Csv, Format::Parquet, Format::Ndjson] {
        let error = export(&run, format, &mut Full).unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().downcast_ref::<std::io::Error>().unwrap();
        assert_eq!(cause.kind(), std::io::ErrorKind::StorageFull);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn every_reading_is_exported_once(
        rows in proptest::collection::vec((0..3_usize, any::<i64>(), any::<f64>(), proptest::option::of(any::<i64>())), 0..100),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = RunWriter::create_atomic(&folder.path().join("run"), new_run()).unwrap();
        let sources: Vec<_> = [("a", "x"), ("b", "x"), ("c", "y")]
            .map(|(id, lane)| writer.add_source(id, descriptor(lane)).unwrap())
            .into();
        let mut wrote = Vec::new();
        for (source, t_ns, number, t_device_ns) in rows {
            writer.push(sources[source], Row { t_device_ns, ..power(t_ns, number) }).unwrap();
            wrote.push((["a/power_w", "b/power_w", "c/power_w"][source].to_owned(), t_ns, number.to_string(), t_device_ns));
        }
        let run = writer.finish().unwrap();
        let csv = exported(&run, Format::Csv);
        let mut read = Vec::new();
        for record in csv::Reader::from_reader(&csv[..]).records() {
            let record = record.unwrap();
            let number: f64 = record[3].parse().unwrap();
            read.push((record[1].to_owned(), record[0].parse().unwrap(), number.to_string(), record[5].parse().ok()));
        }
        wrote.sort_by(|left, right| left.partial_cmp(right).unwrap());
        read.sort_by(|left, right| left.partial_cmp(right).unwrap());
        prop_assert_eq!(read, wrote);
    }
}
