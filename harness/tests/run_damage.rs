//! Whatever is done to the files of a run, reading and verifying it ends, and without a panic.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

mod run_support;

use std::path::{Path, PathBuf};

use harness::run::{Manifest, Mark, Run, RunWriter, verify};
use proptest::prelude::*;
use run_support::{fill, new_run, small_run};

/// Reads all that can be read; every outcome but a panic is fine.
fn read_all(dir: &Path) -> Vec<String> {
    let mut errors = Vec::new();
    match Run::open(dir) {
        Ok(run) => {
            let wanted: Vec<_> = run.channels().collect();
            errors.extend(run.visit(&wanted, |_| Ok(())).err().map(|error| error.to_string()));
            errors.extend(run.phases().err().map(|error| error.to_string()));
            errors.extend(run.alignment().err().map(|error| error.to_string()));
            let mut out = Vec::new();
            let exported = harness::export::export(&run, harness::export::Format::Csv, &mut out);
            errors.extend(exported.err().map(|error| error.to_string()));
        }
        Err(error) => errors.push(error.to_string()),
    }
    match verify(dir) {
        Ok(verification) => assert_eq!(verification.ok(), errors.is_empty(), "{verification:?} {errors:?}"),
        Err(error) => errors.push(error.to_string()),
    }
    errors
}

/// A finished run, or one whose recorder died, and one of its files of readings.
fn run_with_file(folder: &Path, finished: bool) -> (PathBuf, PathBuf) {
    let dir = folder.join("run");
    if finished {
        small_run(&dir);
        (dir.clone(), dir.join("readings/gpu0.parquet"))
    } else {
        let mut writer = RunWriter::create(&dir, new_run()).unwrap();
        fill(&mut writer);
        drop(writer);
        (dir.clone(), dir.join("readings/gpu0.arrows"))
    }
}

#[test]
fn a_truncated_parquet_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let (dir, file) = run_with_file(folder.path(), true);
    let whole = std::fs::read(&file).unwrap();
    for length in (0..whole.len()).step_by(13) {
        std::fs::write(&file, &whole[..length]).unwrap();
        let errors = read_all(&dir);
        assert!(errors.iter().any(|error| error.contains("gpu0.parquet")), "{length}: {errors:?}");
    }
    std::fs::remove_file(&file).unwrap();
    assert!(read_all(&dir).iter().any(|error| error.contains("gpu0.parquet")));
}

#[test]
fn a_truncated_stream_is_read_up_to_its_last_whole_batch() {
    let folder = tempfile::tempdir().unwrap();
    let (dir, file) = run_with_file(folder.path(), false);
    let whole = std::fs::read(&file).unwrap();
    let mut counts = Vec::new();
    for length in (0..=whole.len()).step_by(7).chain([whole.len()]) {
        std::fs::write(&file, &whole[..length]).unwrap();
        let run = Run::open(&dir).unwrap();
        counts.push(run.rows("gpu0/power_w").unwrap().len());
        verify(&dir).unwrap();
    }
    assert!(counts.is_sorted());
    assert_eq!((counts.first(), counts.last()), (Some(&0), Some(&100)));
}

/// Changes that a disk, a copy program or a person makes.
#[derive(Debug, Clone)]
enum Damage {
    Flip { at: prop::sample::Index, with: u8 },
    Cut { at: prop::sample::Index, bytes: usize },
    Insert { at: prop::sample::Index, bytes: Vec<u8> },
}

fn any_damage() -> impl Strategy<Value = Damage> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        4 => (at(), 1..=u8::MAX).prop_map(|(at, with)| Damage::Flip { at, with }),
        1 => (at(), 1..64_usize).prop_map(|(at, bytes)| Damage::Cut { at, bytes }),
        1 => (at(), prop::collection::vec(any::<u8>(), 1..32)).prop_map(|(at, bytes)| Damage::Insert { at, bytes }),
    ]
}

fn damage(bytes: &mut Vec<u8>, damages: &[Damage]) {
    for damage in damages {
        if bytes.is_empty() {
            return;
        }
        match damage {
            Damage::Flip { at, with } => {
                let at = at.index(bytes.len());
                bytes[at] ^= with;
            }
            Damage::Cut { at, bytes: count } => {
                let at = at.index(bytes.len());
                bytes.drain(at..(at + count).min(bytes.len()));
            }
            Damage::Insert { at, bytes: new } => {
                let at = at.index(bytes.len());
                bytes.splice(at..at, new.iter().copied());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn damaged_readings_never_panic(
        finished: bool,
        damages in proptest::collection::vec(proptest::collection::vec(any_damage(), 1..4), 24),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (dir, file) = run_with_file(folder.path(), finished);
        let whole = std::fs::read(&file).unwrap();
        for damages in damages {
            let mut bytes = whole.clone();
            damage(&mut bytes, &damages);
            std::fs::write(&file, &bytes).unwrap();
            let verification = verify(&dir).unwrap();
            prop_assert!(bytes == whole || !verification.ok());
            if let Ok(run) = Run::open(&dir) {
                let wanted: Vec<_> = run.channels().collect();
                let _ = run.visit(&wanted, |_| Ok(()));
                let _ = harness::export::export(&run, harness::export::Format::Ndjson, &mut std::io::sink());
            }
        }
    }

    #[test]
    fn damaged_texts_never_panic(
        name in prop_oneof![
            Just("manifest.json"), Just("marks.jsonl"), Just("anchors.jsonl"), Just("alignment.json")
        ],
        damages in proptest::collection::vec(proptest::collection::vec(any_damage(), 1..6), 8),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (dir, _) = run_with_file(folder.path(), true);
        std::fs::write(dir.join("alignment.json"), r#"{"gpu0":{"offset_ns":3,"uncertainty_ns":null,"method":"x"}}"#).unwrap();
        std::fs::write(
            dir.join("anchors.jsonl"),
            "{\"monotonic_ns\":1,\"realtime_ns\":2,\"boottime_ns\":null,\"raw_ns\":null,\"width_ns\":0}\n",
        ).unwrap();
        let whole = std::fs::read(dir.join(name)).unwrap();
        for damages in damages {
            let mut bytes = whole.clone();
            damage(&mut bytes, &damages);
            std::fs::write(dir.join(name), &bytes).unwrap();
            let _ = verify(&dir);
            if let Ok(run) = Run::open(&dir) {
                let wanted: Vec<_> = run.channels().collect();
                let _ = (run.visit(&wanted, |_| Ok(())), run.phases(), run.alignment());
            }
        }
    }

    #[test]
    fn any_bytes_can_be_parsed(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Manifest::parse(&bytes);
        let marks = Mark::parse_all(&bytes);
        prop_assert!(marks.bad.len() + marks.items.len() <= bytes.split(|&byte| byte == b'\n').count());
        let _ = harness::alignment::Alignment::parse(&bytes);
    }
}
