//! `verify` names each fault, where it is, and what to do.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

mod run_support;

use std::path::Path;

use harness::run::{Finding, Mark, MarkEvent, Row, RowValue, RunWriter, Severity, State, verify};
use power_core::{Anchor, Channel, ClockDomain, Descriptor, Flags, Joules, Quantity};
use run_support::{descriptor, energy, fill, new_run, power, small_run};

/// The findings of a run, as `severity where: what`.
fn findings(dir: &Path) -> Vec<String> {
    let verification = verify(dir).unwrap();
    assert!(verification.findings.iter().all(|finding| !finding.mend.is_empty()));
    let shown = |finding: &Finding| {
        let severity = if finding.severity == Severity::Fault { "fault" } else { "remark" };
        format!("{severity} {}: {}", finding.place, finding.what)
    };
    verification.findings.iter().map(shown).collect()
}

/// Fails unless one finding begins as `expected`.
#[track_caller]
fn assert_found(found: &[String], expected: &str) {
    assert!(found.iter().any(|finding| finding.starts_with(expected)), "no {expected:?} in {found:#?}");
}

/// Changes a text file of a run.
fn edit(path: &Path, change: impl Fn(&str) -> String) {
    let text = std::fs::read_to_string(path).unwrap();
    let changed = change(&text);
    assert_ne!(text, changed);
    std::fs::write(path, changed).unwrap();
}

#[test]
fn a_good_run_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("run");
    small_run(&dir);
    let verification = verify(&dir).unwrap();
    assert!(verification.ok());
    assert_eq!(verification.state, Some(State::Finished));
    assert_eq!(findings(&dir), ["remark anchors.jsonl: has no anchor: times cannot be told as Unix times"]);
    let counts = verification.counts;
    assert_eq!((counts.sources, counts.channels, counts.files, counts.rows), (2, 4, 2, 400));
    assert_eq!((counts.missing, counts.nan, counts.marks, counts.phases), (0, 0, 2, 1));
    let json = serde_json::to_value(&verification).unwrap();
    assert_eq!(json["findings"][0]["where"], "anchors.jsonl");
    assert_eq!(json["findings"][0]["severity"], "remark");
    assert_eq!(serde_json::from_value::<harness::run::Verification>(json).unwrap(), verification);
}

#[test]
fn no_run_and_a_newer_run_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("run");
    assert!(verify(&dir).unwrap_err().to_string().contains("is no run"));
    small_run(&dir);
    let manifest = dir.join("manifest.json");
    edit(&manifest, |text| text.replace("\"schema_version\": 1", "\"schema_version\": 9, \"files\": 7"));
    let error = verify(&dir).unwrap_err().to_string();
    assert!(error.contains("format 9") && error.contains("update wattproof"), "{error}");
    std::fs::write(&manifest, "{").unwrap();
    assert_found(&findings(&dir), "fault manifest.json: the manifest cannot be read, EOF");
}

#[test]
fn files_that_are_not_as_written() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("run");
    small_run(&dir);
    let readings = dir.join("readings");
    std::fs::copy(readings.join("gpu0.parquet"), readings.join("stray.parquet")).unwrap();
    // Readings of another source, whole in themselves.
    std::fs::copy(readings.join("meter.parquet"), readings.join("gpu0.parquet")).unwrap();
    let found = findings(&dir);
    assert_found(&found, "fault readings/gpu0.parquet: is not what was written");
    assert_found(
        &found,
        "fault readings/gpu0.parquet: has readings of meter/power_w, which belongs to another lane",
    );
    assert_found(&found, "remark readings/stray.parquet: is not in the manifest");
    assert_found(&found, "remark gpu0/power_w: has no reading");

    std::fs::write(readings.join("gpu0.parquet"), b"PAR1").unwrap();
    assert_found(&findings(&dir), "fault readings/gpu0.parquet:");
    std::fs::remove_file(readings.join("gpu0.parquet")).unwrap();
    assert_found(&findings(&dir), "fault readings/gpu0.parquet: is missing, with the readings of lane gpu0");
}

#[test]
fn manifests_that_do_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("run");
    small_run(&dir);
    let manifest = dir.join("manifest.json");
    let whole = std::fs::read_to_string(&manifest).unwrap();
    let with = |from: &str, to: &str| {
        std::fs::write(&manifest, whole.replacen(from, to, 1)).unwrap();
        findings(&dir)
    };
    assert_found(
        &with("\"rows\": 200", "\"rows\": 201"),
        "fault readings/gpu0.parquet: has 200 readings, 201 were",
    );
    assert_found(
        &with("\"id\": \"meter\"", "\"id\": \"gpu0\""),
        "fault manifest.json: two sources have the id gpu0",
    );
    assert_found(
        &with("\"id\": \"meter\"", "\"id\": \"x\""),
        "fault readings/meter.parquet: has readings of meter/",
    );
    assert_found(
        &with("readings/meter", "readings/gpu0"),
        "fault manifest.json: the file readings/gpu0.parquet is",
    );
    assert_found(&with("readings/meter", "/readings/meter"), "fault manifest.json: the path");
    assert_found(
        &with("\"lane\": \"meter\"", "\"lane\": \"z\""),
        "fault manifest.json: no file holds the lane z",
    );
    let sha = "\"sha256\": \"";
    assert_found(&with(sha, "\"sha256\": \"0"), "fault readings/gpu0.parquet: is not what was written");
}

#[test]
fn values_that_make_no_sense() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("run");
    let mut writer = RunWriter::create(&dir, new_run()).unwrap();
    let counter = Quantity::EnergyCounter { quantum: Joules::from_joules(1.0), modulus: Some(100) };
    let channels = vec![
        Channel::new("power", Quantity::power()),
        Channel::new("energy", counter),
        Channel::new("busy", Quantity::Utilisation),
        Channel::new("t", Quantity::Temperature),
        Channel::new("quiet", Quantity::State),
    ];
    let source = writer.add_source("s", Descriptor::new("test", "Test", channels)).unwrap();
    let number = |channel, number| Row::at(channel, 1, RowValue::Number(number));
    let rows = [
        number(0, 1.0),
        number(0, f64::NAN),
        number(0, f64::INFINITY),
        Row::at(0, 1, RowValue::Missing),
        Row::at(1, 1, RowValue::Count(99)),
        Row::at(1, 1, RowValue::Count(100)),
        number(2, 0.5),
        number(2, 50.0),
        number(3, -300.0),
        number(3, f64::INFINITY),
    ];
    for row in rows {
        writer.push(source, row).unwrap();
    }
    writer.finish().unwrap();
    let found = findings(&dir);
    assert_found(&found, "fault s/power: 1 of 4 readings are infinite, first at row 2");
    assert_found(&found, "remark s/power: 1 of 4 readings are not a number (NaN), first at row 1");
    assert_found(&found, "remark s/energy: 1 of 2 readings reach the count at which");
    assert_found(&found, "remark s/busy: 1 of 2 readings are not between 0 and 1, first at row 7");
    assert_found(&found, "remark s/t: 1 of 2 readings are below absolute zero, first at row 8");
    assert_found(&found, "remark s/t: 1 of 2 readings are infinite");
    assert_found(&found, "remark s/quiet: has no reading");
    let counts = verify(&dir).unwrap().counts;
    assert_eq!((counts.missing, counts.nan), (1, 1));
}

#[test]
fn times_that_run_backwards() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("run");
    let mut writer = RunWriter::create(&dir, new_run()).unwrap();
    let clocked = descriptor("x").with_clock(ClockDomain::Device { tick_hz: None });
    let source = writer.add_source("s", clocked).unwrap();
    let plain = writer.add_source("p", descriptor("y")).unwrap();
    let at = |t_start_ns, t_end_ns, t_device_ns| Row { t_start_ns, t_end_ns, t_device_ns, ..power(0, 1.0) };
    for row in [
        at(10, 12, Some(5)),
        at(9, 11, Some(6)),
        at(20, 19, Some(4)),
        at(15, 16, None),
        at(i64::MAX, i64::MIN, None),
    ] {
        writer.push(source, row).unwrap();
    }
    writer.push(source, energy(5, 1)).unwrap();
    writer.push(plain, at(1, 1, Some(1))).unwrap();
    writer.finish().unwrap();
    let found = findings(&dir);
    assert_found(&found, "fault s/power_w: 2 of 5 readings start before the one before them, first at row 1");
    assert_found(&found, "fault s/power_w: 2 of 5 readings end before they start, first at row 2");
    assert_found(&found, "remark s/power_w: 1 of 5 readings have a device time before that of");
    assert_found(&found, "remark s/energy: no reading has a device time");
    assert_found(&found, "remark p/power_w: 1 of 1 readings have a device time, and its clock is not said");
}

#[test]
fn marks_that_do_not_pair() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("run");
    let mut writer = RunWriter::create(&dir, new_run()).unwrap();
    fill(&mut writer);
    let mut mark =
        |t_ns, event, name: &str| writer.mark(Mark { t_ns, event, name: name.to_owned() }).unwrap();
    mark(i64::MIN, MarkEvent::Begin, "long");
    mark(i64::MAX, MarkEvent::End, "long");
    mark(5, MarkEvent::End, "unbegun");
    mark(6, MarkEvent::Begin, "unended");
    let run = writer.finish();
    run.unwrap().phases().unwrap_err();
    let found = findings(&dir);
    assert_found(&found, "fault marks.jsonl: the phase long is longer than 2^63 ns");
    assert_found(&found, "remark marks.jsonl: the phase unbegun that ended at 5 ns never began");
    assert_found(&found, "remark marks.jsonl: the phase unended that began at 6 ns never ended");
    assert_found(&found, "remark marks.jsonl: 2 of 6 marks are before the first reading or after the last");

    let marks = dir.join("marks.jsonl");
    edit(&marks, |text| text.replacen("\"end\"", "\"stop\"", 1) + "{\"t_ns\":1");
    let found = findings(&dir);
    assert_found(&found, "fault marks.jsonl: line 2 cannot be read, unknown variant `stop`");
    assert_found(&found, "fault marks.jsonl: line 7 is cut off");
    std::fs::remove_file(&marks).unwrap();
    assert_found(&findings(&dir), "remark marks.jsonl: is missing");
}

#[test]
fn clocks_that_step() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("run");
    let mut writer = RunWriter::create(&dir, new_run()).unwrap();
    fill(&mut writer);
    let second = 1_000_000_000;
    let mut anchor = |monotonic_ns, realtime_off, boottime_off| {
        let width_ns = Some(100);
        let realtime_ns = monotonic_ns + realtime_off;
        let boottime_ns = Some(monotonic_ns + boottime_off);
        writer.anchor(Anchor { monotonic_ns, realtime_ns, boottime_ns, raw_ns: None, width_ns }).unwrap();
    };
    anchor(0, 7 * second, 0);
    anchor(second, 7 * second + 400_000, 0); // slewed
    anchor(2 * second, 9 * second, 0); // set
    anchor(3 * second, 9 * second, 60 * second); // slept
    anchor(second, 9 * second, 60 * second); // another boot
    writer.finish().unwrap();
    let found = findings(&dir);
    assert_found(
        &found,
        "remark anchors.jsonl: the real-time clock was set 1 times, first by 1999600000 ns at anchor 2",
    );
    assert_found(
        &found,
        "remark anchors.jsonl: the host slept 1 times, first for 60000000000 ns at anchor 3",
    );
    assert_found(&found, "fault anchors.jsonl: the monotonic clock went back at anchor 4");
}

#[test]
fn alignments_of_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("run");
    small_run(&dir);
    let path = dir.join("alignment.json");
    std::fs::write(&path, r#"{"x":{"offset_ns":1,"uncertainty_ns":null,"method":"guess"}}"#).unwrap();
    assert_found(&findings(&dir), "fault alignment.json: names the source x, which the run has not");
    std::fs::write(&path, "[]").unwrap();
    assert_found(&findings(&dir), "fault alignment.json: the alignment cannot be read");
}

#[test]
fn an_unflagged_missing_value_is_flagged_by_the_writer() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = RunWriter::create(&folder.path().join("run"), new_run()).unwrap();
    let source = writer.add_source("s", descriptor("x")).unwrap();
    let row = Row { flags: Flags::COARSE, ..Row::at(0, 1, RowValue::Missing) };
    writer.push(source, row).unwrap();
    let run = writer.finish().unwrap();
    assert_eq!(run.rows("s/power_w").unwrap()[0].flags, Flags::COARSE | Flags::MISSING);
}

/// Replaces `name` in every batch of a Parquet file.
fn rewrite(path: &Path, name: &str, column: impl Fn(usize) -> arrow_array::ArrayRef) {
    let file = std::fs::File::open(path).unwrap();
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file)
        .unwrap()
        .build()
        .unwrap();
    let batches: Vec<_> = reader
        .map(|batch| {
            let batch = batch.unwrap();
            let schema = batch.schema();
            let columns = schema.fields().iter().zip(batch.columns()).map(|(field, array)| {
                let array = if field.name() == name { column(batch.num_rows()) } else { array.clone() };
                (field.name().clone(), array)
            });
            arrow_array::RecordBatch::try_from_iter(columns).unwrap()
        })
        .collect();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batches[0].schema(), None).unwrap();
    for batch in &batches {
        writer.write(batch).unwrap();
    }
    writer.close().unwrap();
}

#[test]
fn files_that_another_program_wrote() {
    use std::sync::Arc;
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("run");
    small_run(&dir);
    let file = dir.join("readings/gpu0.parquet");
    rewrite(&file, "value", |rows| Arc::new(arrow_array::Float64Array::from(vec![Some(1.0); rows])));
    assert_found(
        &findings(&dir),
        "fault gpu0/energy: 100 of 100 readings are not held as raw counts, first at row 1",
    );
    rewrite(&file, "value", |rows| Arc::new(arrow_array::Float64Array::from(vec![None; rows])));
    assert_found(
        &findings(&dir),
        "remark gpu0/power_w: 100 of 100 readings have no value and are not flagged",
    );
    rewrite(&file, "t_end_ns", |rows| Arc::new(arrow_array::Int64Array::from(vec![None; rows])));
    assert_found(&findings(&dir), "fault readings/gpu0.parquet: has an empty t_end_ns");
    rewrite(&file, "t_end_ns", |rows| Arc::new(arrow_array::Float32Array::from(vec![0.0; rows])));
    assert_found(&findings(&dir), "fault readings/gpu0.parquet: column t_end_ns is Float32, not Int64");
}
