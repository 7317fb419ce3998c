//! A run appears whole or not at all, is never overwritten, and can be added to.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

mod run_support;

use std::collections::BTreeMap;
use std::path::Path;

use harness::alignment::{AlignedClock, Alignment};
use harness::run::{
    Input, Manifest, Mark, MarkEvent, NewRun, Origin, Row, RowValue, Run, RunWriter, TimeBase, verify,
};
use power_core::{Anchor, Channel, ChannelId, Descriptor, Lane, Quantity};
use run_support::{descriptor, energy, fill, new_run, power, small_run};

fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn input() -> Input {
    Input { format: "csv".to_owned(), name: "meter.csv".to_owned(), bytes: 3, sha256: "ab".to_owned() }
}

fn clock() -> AlignedClock {
    AlignedClock { offset_ns: 5, drift_ppm: 0.1, method: "edges".to_owned(), ..AlignedClock::default() }
}

#[test]
fn a_recording_has_all_it_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("deep/run");
    let mut new = new_run();
    new.host = BTreeMap::from([("cpu".to_owned(), "test".to_owned())]);
    let mut writer = RunWriter::create(&dir, new).unwrap();
    let sources = fill(&mut writer);
    writer.set_asked_period(sources[0], 10_000_000);
    writer.describe(sources[0], |descriptor| descriptor.device = "Better name".to_owned()).unwrap();
    let anchor =
        Anchor { monotonic_ns: 1, realtime_ns: 2, boottime_ns: Some(3), raw_ns: None, width_ns: Some(4) };
    writer.anchor(anchor).unwrap();
    let alignment = Alignment(BTreeMap::from([("meter".to_owned(), clock())]));
    writer.set_alignment(alignment.clone());
    writer.note("a note");
    writer.host("gpu", "none");
    writer.set_exit_code(3);
    let run = writer.finish().unwrap();

    let manifest = run.manifest();
    assert_eq!(manifest.origin, Origin::Recorded { command: vec!["true".to_owned()], exit_code: Some(3) });
    assert_eq!(manifest.host.len(), 2);
    assert_eq!(manifest.notes, ["a note"]);
    assert_eq!(manifest.sources[0].asked_period_ns, Some(10_000_000));
    assert_eq!(manifest.sources[0].descriptor.device, "Better name");
    assert_eq!(manifest.files.iter().map(|file| file.rows).collect::<Vec<_>>(), [Some(200), Some(200)]);
    assert_eq!(run.anchors(), [anchor]);
    assert_eq!(run.alignment().unwrap(), alignment);
    assert_eq!(run.name(), "run");
    assert_eq!(
        names_in(&dir),
        ["alignment.json", "anchors.jsonl", "manifest.json", "marks.jsonl", "readings"]
    );
    assert_eq!(names_in(&dir.join("readings")), ["gpu0.parquet", "meter.parquet"]);
    assert!(verify(&dir).unwrap().ok());
}

#[test]
fn nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("kept"), "x").unwrap();
    for begin in [RunWriter::create, RunWriter::create_atomic] {
        let error = begin(folder.path(), new_run()).unwrap_err().to_string();
        assert!(error.contains("there is something already: name another folder"), "{error}");
        let error = begin(&folder.path().join("kept"), new_run()).unwrap_err().to_string();
        assert!(error.contains("there is something already"), "{error}");
    }
    assert_eq!(names_in(folder.path()), ["kept"]);

    // Another program takes the place meanwhile.
    let place = folder.path().join("run");
    let mut writer = RunWriter::create_atomic(&place, new_run()).unwrap();
    fill(&mut writer);
    std::fs::create_dir(&place).unwrap();
    std::fs::write(place.join("kept"), "x").unwrap();
    writer.finish().unwrap_err();
    assert_eq!(names_in(folder.path()), ["kept", "run"]);
    assert_eq!(names_in(&place), ["kept"]);
}

#[test]
fn an_atomic_run_leaves_nothing_unless_it_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("run");
    let mut writer = RunWriter::create_atomic(&place, new_run()).unwrap();
    fill(&mut writer);
    let during = names_in(folder.path());
    assert!(during.len() == 1 && during[0].starts_with(".run.partial-"), "{during:?}");
    // A second one beside it is not disturbed.
    let other = RunWriter::create_atomic(&place, new_run()).unwrap();
    drop(writer);
    other.finish().unwrap();
    assert_eq!(names_in(folder.path()), ["run"]);

    let mut writer = RunWriter::create_atomic(&folder.path().join("bad"), new_run()).unwrap();
    writer.set_alignment(Alignment(BTreeMap::from([("nobody".to_owned(), clock())])));
    let error = writer.finish().unwrap_err().to_string();
    assert!(error.contains("names the source nobody"), "{error}");
    assert_eq!(names_in(folder.path()), ["run"]);

    // Into an empty folder that is there.
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    RunWriter::create_atomic(&empty, new_run()).unwrap().finish().unwrap();
    assert!(Run::open(&empty).is_ok());
}

#[test]
fn faulty_sources_and_rows_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = RunWriter::create(&folder.path().join("run"), new_run()).unwrap();
    let source = writer.add_source("gpu0", descriptor("nvml")).unwrap();
    for id in ["", "a/b", "gpu0", "a\nb"] {
        writer.add_source(id, descriptor("nvml")).unwrap_err();
    }
    let with = |channels| Descriptor::new("test", "Test", channels);
    let channel = || Channel::new("a", Quantity::power());
    let faulty = [
        with(vec![channel(), channel()]),
        with(vec![Channel::new("", Quantity::power())]),
        with(vec![channel().with_part_of(ChannelId(0))]),
        with(vec![channel().with_part_of(ChannelId(7))]),
        with(vec![
            channel().with_part_of(ChannelId(1)),
            Channel::new("b", Quantity::power()).with_part_of(ChannelId(0)),
        ]),
        with(vec![channel().with_range(0.0, f64::NAN)]),
    ];
    for descriptor in faulty {
        let shown = format!("{descriptor:?}");
        assert!(writer.add_source("other", descriptor).is_err(), "{shown}");
    }
    let says = |error: harness::Error| error.to_string();
    let count = writer.push(source, Row::at(0, 1, RowValue::Count(1))).unwrap_err();
    assert!(says(count).contains("gpu0/power_w holds numbers, not raw counts"));
    let number = writer.push(source, Row::at(1, 1, RowValue::Number(1.0))).unwrap_err();
    assert!(says(number).contains("gpu0/energy holds raw counts, not numbers"));
    let stranger = writer.push(source, Row::at(2, 1, RowValue::Missing)).unwrap_err();
    assert!(says(stranger).contains("source gpu0 has no channel 2"));

    writer.describe(source, |descriptor| drop(descriptor.channels.pop())).unwrap_err();
    writer.describe(source, |descriptor| descriptor.channels[0].name = "x".into()).unwrap_err();
    writer.describe(source, |descriptor| descriptor.channels[0].quantity = Quantity::State).unwrap_err();
    writer.describe(source, |descriptor| descriptor.lane = Lane::new("x")).unwrap_err();
    writer.describe(source, |descriptor| descriptor.channels[0].resolution = Some(f64::NAN)).unwrap_err();
    assert_eq!(writer.manifest().sources[0].descriptor, descriptor("nvml"));
    let run = writer.finish().unwrap();
    assert_eq!(run.rows("gpu0/power_w").unwrap(), []);
}

#[test]
fn channels_can_be_added_while_recording() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("run");
    let mut writer = RunWriter::create(&dir, new_run()).unwrap();
    let source = writer.add_source("gpu0", descriptor("nvml")).unwrap();
    writer.push(source, power(1, 1.0)).unwrap();
    writer.flush().unwrap();
    let more =
        |descriptor: &mut Descriptor| descriptor.channels.push(Channel::new("t", Quantity::Temperature));
    writer.describe(source, more).unwrap();
    writer.push(source, Row::at(2, 2, RowValue::Number(40.0))).unwrap();
    writer.flush().unwrap();
    assert_eq!(Run::open(&dir).unwrap().rows("gpu0/t").unwrap().len(), 1);
    let run = writer.finish().unwrap();
    assert_eq!(run.rows("gpu0/t").unwrap(), [Row::at(2, 2, RowValue::Number(40.0))]);
    assert_eq!(run.rows("gpu0/power_w").unwrap(), [power(1, 1.0)]);
}

#[test]
fn lanes_have_files_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = RunWriter::create(&folder.path().join("run"), new_run()).unwrap();
    for (id, lane) in [("a", "../x"), ("b", "x"), ("c", "X"), ("d", "")] {
        let source = writer.add_source(id, descriptor(lane)).unwrap();
        writer.push(source, energy(1, 1)).unwrap();
    }
    let run = writer.finish().unwrap();
    let paths: Vec<_> = run.manifest().files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(
        paths,
        ["readings/x.parquet", "readings/x-2.parquet", "readings/X-3.parquet", "readings/lane.parquet"]
    );
    for id in ["a", "b", "c", "d"] {
        assert_eq!(run.rows(&format!("{id}/energy")).unwrap(), [energy(1, 1)]);
    }
    assert!(verify(run.dir()).unwrap().ok());
}

#[test]
fn a_run_is_extended() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("run");
    let old = small_run(&dir);
    let alignment = Alignment(BTreeMap::from([("gpu0".to_owned(), clock())]));
    old.save_alignment(&alignment).unwrap();
    let kept = old.rows("gpu0/power_w").unwrap();

    let error = RunWriter::extend(&dir, TimeBase::Unix).unwrap_err().to_string();
    assert!(error.contains("those of the host's monotonic clock"), "{error}");
    // Dropped: all is as it was.
    drop(RunWriter::extend(&dir, TimeBase::HostMonotonic).unwrap());
    assert_eq!(names_in(folder.path()), ["run"]);

    let mut writer = RunWriter::extend(&dir, TimeBase::HostMonotonic).unwrap();
    writer.add_source("meter", descriptor("meter")).unwrap_err();
    let source = writer.add_source("wall", descriptor("meter")).unwrap();
    writer.push(source, power(7, 70.0)).unwrap();
    writer.mark(Mark { t_ns: 8, event: MarkEvent::Begin, name: "open".to_owned() }).unwrap();
    writer.add_input(input());
    let mut both = writer.alignment().clone();
    both.0.insert("wall".to_owned(), clock());
    writer.set_alignment(both.clone());
    let run = writer.finish().unwrap();

    assert_eq!(names_in(folder.path()), ["run"]);
    assert_eq!(run.dir(), dir);
    assert_eq!(run.rows("gpu0/power_w").unwrap(), kept);
    assert_eq!(run.rows("wall/power_w").unwrap(), [power(7, 70.0)]);
    assert_eq!(run.rows("meter/power_w").unwrap().len(), 100);
    assert_eq!(run.marks().len(), 3);
    assert_eq!(run.alignment().unwrap(), both);
    assert_eq!(run.manifest().sources[2].descriptor.lane, Lane::new("meter 2"));
    let notes = &run.manifest().notes;
    assert!(notes.iter().any(|note| note.contains("meter.csv (csv, 3 bytes, SHA-256 ab)")), "{notes:?}");
    assert!(
        notes.iter().any(|note| note.contains("the phase open that began at 8 ns never ended")),
        "{notes:?}"
    );
    let verification = verify(&dir).unwrap();
    assert!(verification.ok(), "{verification:?}");

    // The end that comes later settles the note.
    let mut writer = RunWriter::extend(&dir, TimeBase::HostMonotonic).unwrap();
    writer.mark(Mark { t_ns: 9, event: MarkEvent::End, name: "open".to_owned() }).unwrap();
    let run = writer.finish().unwrap();
    assert!(run.manifest().notes.iter().all(|note| !note.contains("never ended")));
    assert_eq!(run.phases().unwrap().len(), 2);
}

#[test]
fn an_unfinished_run_is_not_extended() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("run");
    drop(RunWriter::create(&dir, new_run()).unwrap());
    let error = RunWriter::extend(&dir, TimeBase::HostMonotonic).unwrap_err().to_string();
    assert!(error.contains("is not finished"), "{error}");
    assert_eq!(names_in(folder.path()), ["run"]);
}

#[test]
fn inputs_of_an_imported_run_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    let new = NewRun::new(TimeBase::Unix, Origin::Imported { inputs: vec![] });
    let mut writer = RunWriter::create_atomic(&folder.path().join("run"), new).unwrap();
    writer.add_input(input());
    let run = writer.finish().unwrap();
    assert_eq!(run.manifest().origin, Origin::Imported { inputs: vec![input()] });
}

#[test]
fn errors_name_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let says = |result: harness::Result<Run>| result.unwrap_err().to_string();
    assert!(says(Run::open(&folder.path().join("none"))).contains("is no run, as it has no manifest.json"));
    let dir = folder.path().join("run");
    let run = small_run(&dir);
    let error = run.channel("gpu0/powr_w").unwrap_err().to_string();
    assert!(error.contains("did you mean gpu0/power_w? It has gpu0/power_w, gpu0/energy, meter/"), "{error}");
    let twice = [run.channel("gpu0/energy").unwrap(); 2];
    let error = run.visit(&twice, |_| Ok(())).unwrap_err().to_string();
    assert!(error.contains("channel gpu0/energy is asked for twice"), "{error}");

    let manifest = std::fs::read_to_string(dir.join("manifest.json")).unwrap();
    let newer = manifest.replace("\"schema_version\": 1", "\"schema_version\": 2");
    let error = Manifest::parse(newer.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("format 2") && error.contains("update wattproof"), "{error}");
    std::fs::write(dir.join("manifest.json"), manifest.replace("readings/gpu0.parquet", "../gpu0.parquet"))
        .unwrap();
    assert!(says(Run::open(&dir)).contains("does not stay within the run"));
}

#[test]
fn a_quantum_keeps_its_last_bit() {
    let quantum = 6.103_515_625e-5_f64.next_up();
    let quantity =
        Quantity::EnergyCounter { quantum: power_core::Joules::from_joules(quantum), modulus: None };
    let folder = tempfile::tempdir().unwrap();
    let mut writer = RunWriter::create(&folder.path().join("run"), new_run()).unwrap();
    writer.add_source("a", Descriptor::new("test", "Test", vec![Channel::new("e", quantity)])).unwrap();
    let run = writer.finish().unwrap();
    assert_eq!(run.manifest().sources[0].descriptor.channels[0].quantity, quantity);
}

#[cfg(unix)]
#[test]
fn a_folder_that_may_not_be_written_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let locked = folder.path().join("locked");
    std::fs::create_dir(&locked).unwrap();
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o555)).unwrap();
    if std::fs::write(locked.join("probe"), "").is_ok() {
        return; // Root writes everywhere.
    }
    for begin in [RunWriter::create, RunWriter::create_atomic] {
        let error = begin(&locked.join("run"), new_run()).unwrap_err().to_string();
        assert!(
            error.contains("cannot create") && error.contains("check who may read and write it"),
            "{error}"
        );
    }
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "needs root, to mount a small tmpfs"]
fn a_full_disk_is_said_and_nothing_is_lost() {
    use std::process::Command;
    struct Mounted(tempfile::TempDir);
    impl Drop for Mounted {
        fn drop(&mut self) {
            let _ = Command::new("umount").arg(self.0.path()).status();
        }
    }
    let mount = Mounted(tempfile::tempdir().unwrap());
    let status =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(mount.0.path()).status();
    assert!(status.unwrap().success());
    let fill_up = |writer: &mut RunWriter| -> harness::Result<()> {
        let source = writer.add_source("gpu0", descriptor("nvml"))?;
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        for step in 0..10_000_000_i64 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            writer.push(source, energy(step * 1_000_000 + (random % 99_999).cast_signed(), random))?;
            if step % 1_000 == 0 {
                writer.flush()?;
            }
        }
        Ok(())
    };
    let dir = mount.0.path().join("run");
    let mut writer = RunWriter::create(&dir, new_run()).unwrap();
    let error = fill_up(&mut writer).unwrap_err().to_string();
    assert!(error.contains("make room on the disk"), "{error}");
    assert!(writer.flush().unwrap_err().to_string().contains("an earlier write"));
    writer.finish().unwrap_err();
    let run = Run::open(&dir).unwrap();
    assert_eq!(names_in(&dir.join("readings")), ["nvml.arrows"]);
    assert!(run.rows("gpu0/energy").unwrap().len() > 1_000);
    std::fs::remove_dir_all(&dir).unwrap();

    let mut writer = RunWriter::create_atomic(&dir, new_run()).unwrap();
    let error = fill_up(&mut writer).unwrap_err().to_string();
    assert!(error.contains("make room on the disk"), "{error}");
    drop(writer);
    assert_eq!(names_in(mount.0.path()), Vec::<String>::new());
}
