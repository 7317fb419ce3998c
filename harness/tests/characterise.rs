//! Sensor cards, as a user meets them: the bundled recording, others' recordings, and what cannot be told.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use harness::card::SensorCard;
use harness::characterise::{Request, RunCharacter, characterise};
use harness::import::{Format, ImportRequest, import, time::parse_utc_offset};
use harness::load::Load;
use harness::run::{NewRun, Origin, Row, RowValue, Run, RunWriter, TimeBase};
use power_analysis::characterise::{PeriodVerdict, TransientClass, TransientRefusal};
use power_analysis::stats::Estimate;
use power_core::{Channel, Descriptor, Quantity, Scope};

fn bundled() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../recordings/h200-short-epochs")
}

fn wattproof(arguments: &[&str], run: &Path) -> (String, String, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wattproof"));
    let output = command.arg(arguments[0]).arg(run).args(&arguments[1..]).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr), output.status.code())
}

fn card<'a>(found: &'a RunCharacter, name: &str) -> &'a SensorCard {
    found.sensors.iter().find(|card| card.name == name).unwrap()
}

fn near(found: Option<Estimate>, value: f64, within: f64) {
    let found = found.unwrap();
    assert!((found.value - value).abs() <= within, "{found:?}, expected {value} within {within}");
}

#[test]
fn the_bundled_recording_gives_cards_that_say_what_disturbed_the_sensors() {
    let found = characterise(&Run::open(&bundled()).unwrap(), &Request::default()).unwrap();
    for name in ["nvml/power_usage", "nvml/power_instant"] {
        // A poller beside it kept it from publishing: a lattice of 100 ms with holes, not a period of 200 ms.
        let period = &card(&found, name).character.update_period;
        assert_eq!(period.verdict, PeriodVerdict::Sparse, "{period:?}");
        near(period.period_ms, 100.0, 1.0);
        assert!((0.4..0.6).contains(&period.missing.unwrap()), "{period:?}");
        assert!((period.interval_ms.unwrap()[1] - 200.0).abs() < 5.0, "{period:?}");
        assert!(card(&found, name).verdict[0].contains("That is no longer period"));
    }
    let usage = card(&found, "nvml/power_usage").character.transient.clone().unwrap();
    assert_eq!((usage.class, usage.decided), (TransientClass::Boxcar, true), "{usage:?}");
    near(usage.window_ms, 1000.0, 20.0);
    near(Some(usage.gain), 1.0, 0.01);
    assert!(usage.ambiguous.is_empty(), "the load is aperiodic: {usage:?}");
    let instant = card(&found, "nvml/power_instant").character.transient.clone().unwrap();
    // No value was ever published: the reference's 20 ms leave the window open up to some 30 ms.
    assert!(instant.window_ms.unwrap().high < 60.0 && instant.window_ms.unwrap().low < 25.0, "{instant:?}");
    let counter = &card(&found, "counter/energy").character;
    near(counter.update_period.period_ms, 100.0, 0.05);
    assert_eq!(counter.transient.as_ref().unwrap().class, TransientClass::SincePrevious);
    near(Some(counter.counter[0].ratio), 1.0, 0.01);
    // By hand from the recorded brackets: 2.8 to 3.3 ms.
    assert!((2_500.0..3_500.0).contains(&counter.call_cost.unwrap().median_us), "{:?}", counter.call_cost);
}

#[test]
fn a_channel_is_not_driven_by_itself_and_the_ring_publishes_every_20_ms() {
    let request = Request { channels: vec!["ring/power".into()], ..Request::default() };
    let found = characterise(&Run::open(&bundled()).unwrap(), &request).unwrap();
    let ring = card(&found, "ring/power");
    near(ring.character.update_period.period_ms, 20.0, 0.1);
    assert!(ring.reference.is_none() && ring.character.transient.is_none());
}

#[test]
fn the_load_as_commanded_is_a_reference_of_its_own() {
    let request = Request {
        reference: Some(Load::Phases { group: "prbs".into() }),
        channels: vec!["ring/power".into(), "nvml/power_instant".into()],
        ..Request::default()
    };
    let found = characterise(&Run::open(&bundled()).unwrap(), &request).unwrap();
    let ring = card(&found, "ring/power").character.transient.clone().unwrap();
    assert!(ring.explained > 0.8 && ring.gain.value > 100.0, "{ring:?}");
    assert!(ring.delay_ms.value > 0.0 && ring.delay_ms.high < 10.0, "{ring:?}");
    // The load's own rise looks like a lag; what window can hide in it is bounded.
    assert_eq!(ring.class, TransientClass::Exponential);
    assert!(ring.window_ms.unwrap().high < 15.0, "{ring:?}");
    // What was published for the H100 holds for the H200.
    let instant = card(&found, "nvml/power_instant").character.transient.clone().unwrap();
    assert!(instant.window_ms.unwrap().contains(25.0), "{instant:?}");
    let verdict = card(&found, "ring/power").verdict.join(" ");
    assert!(verdict.contains("from command to reading"), "{verdict}");
}

#[test]
fn cards_are_saved_and_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let save = format!("--save={}", dir.path().display());
    let arguments = ["characterise", "--channel", "counter/energy", &save];
    let (out, err, code) = wattproof(&arguments, &bundled());
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("It counts all energy"), "{out}");
    let path = dir.path().join("nvml-nvidia-h200-energy-580.159.04.json");
    assert!(err.contains(&path.display().to_string()), "{err}");
    let bytes = std::fs::read(&path).unwrap();
    let saved = SensorCard::parse(&bytes).unwrap();
    assert_eq!(
        (saved.name.as_str(), saved.driver_version.as_deref()),
        ("counter/energy", Some("580.159.04"))
    );
    assert_eq!(saved.file_name(), "nvml-nvidia-h200-energy-580.159.04.json");
    let newer =
        String::from_utf8(bytes).unwrap().replacen("\"schema_version\": 1", "\"schema_version\": 2", 1);
    assert!(SensorCard::parse(newer.as_bytes()).unwrap_err().to_string().contains("update wattproof"));
    assert!(SensorCard::parse(b"{}").is_err());
}

#[test]
fn json_is_what_the_library_gives() {
    let arguments = ["characterise", "--channel", "counter/energy", "--json", "-"];
    let (out, _, code) = wattproof(&arguments, &bundled());
    assert_eq!(code, Some(0));
    let printed: RunCharacter = serde_json::from_str(&out).unwrap();
    let request = Request { channels: vec!["counter/energy".into()], seed: 1, ..Request::default() };
    assert_eq!(printed, characterise(&Run::open(&bundled()).unwrap(), &request).unwrap());
}

#[test]
fn lattices_of_two_gpus_are_laid_beside_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let origin = Origin::Recorded { command: Vec::new(), exit_code: Some(0) };
    let new = NewRun::new(TimeBase::HostMonotonic, origin);
    let mut run = RunWriter::create(&folder.path().join("run"), new).unwrap();
    for (gpu, phase_ms) in [("gpu0", 17), ("gpu1", 47), ("gpu2", 97)] {
        let channels = vec![Channel::new("power.draw", Quantity::power()).with_scope(Scope::Board)];
        let source = run.add_source(gpu, Descriptor::new("nvml", format!("a GPU {gpu}"), channels)).unwrap();
        // Polled each 7 ms, which drifts through the period.
        for poll in 0..4000_i64 {
            let t_ms = 7 * poll;
            let published = (t_ms - phase_ms).div_euclid(100);
            let watts = 100.0 + f64::from(i32::try_from(published * 7919 % 101).unwrap());
            run.push(source, Row::at(0, t_ms * 1_000_000, RowValue::Number(watts))).unwrap();
        }
    }
    let run = run.finish().unwrap();
    let found = characterise(&run, &Request { seed: 1, ..Request::default() }).unwrap();
    let apart: Vec<_> = found.lattices.iter().map(|apart| (apart.second.as_str(), apart.apart_ms)).collect();
    assert_eq!(apart.len(), 2, "{:?}", found.lattices);
    for ((second, apart_ms), (gpu, truth)) in apart.into_iter().zip([("gpu1", 30.0), ("gpu2", -20.0)]) {
        assert_eq!(second, format!("{gpu}/power.draw"));
        assert!(apart_ms.contains(truth) && apart_ms.half_width() < 8.0, "{apart_ms:?}");
    }
    let (out, _, _) = wattproof(&["characterise"], &folder.path().join("run"));
    assert!(out.contains("When several devices publish"), "{out}");
}

#[test]
fn mistakes_are_told() {
    let (_, err, code) = wattproof(&["characterise", "--pulses", "pulse"], &bundled());
    assert_eq!(code, Some(2));
    assert!(err.contains("has no phases pulse"), "{err}");
    let (_, err, code) = wattproof(&["characterise", "--reference", "ring/powr"], &bundled());
    assert_eq!(code, Some(2));
    assert!(err.contains("did you mean ring/power"), "{err}");
}

/// One GPU with its sensor, and the meter on its supply where there is one, in one run.
fn gpu_power_benchmark(folder: &Path, log: &str, meter: Option<&str>) -> RunCharacter {
    let external =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/external/gpu-power-benchmark");
    let dir = folder.join("run");
    let mut log = ImportRequest::new(Format::NvidiaSmi, vec![external.join(log)], &dir);
    log.utc_offset = Some(parse_utc_offset("+01:00").unwrap());
    log.name = Some("smi".into());
    import(&log).unwrap();
    if let Some(meter) = meter {
        let mut meter = ImportRequest::new(Format::Pmd, vec![external.join(meter)], &dir);
        meter.add = true;
        import(&meter).unwrap();
    }
    let reference = meter.map(|_| Load::Channels { channels: vec!["PMD_data/power".into()] });
    characterise(&Run::open(&dir).unwrap(), &Request { reference, ..Request::default() }).unwrap()
}

#[test]
#[ignore = "needs ../shared/data/external"]
fn an_rtx_3090_averages_100_ms_at_a_gain_of_0_95() {
    let folder = tempfile::tempdir().unwrap();
    let meter = Some("square-wave/3090/PMD_data.bin");
    let found = gpu_power_benchmark(folder.path(), "square-wave/3090/gpudata.csv", meter);
    let instant = &card(&found, "smi/power.draw.instant").character;
    near(instant.update_period.period_ms, 99.97, 0.05);
    let transient = instant.transient.clone().unwrap();
    near(transient.window_ms, 99.9, 1.5);
    // 0.944 while it is cool, 0.955 once it is warm: all of the ten seconds give what was published.
    near(Some(transient.gain), 0.945, 0.005);
    assert!(transient.residual_w < 0.5, "{transient:?}");
}

#[test]
#[ignore = "needs ../shared/data/external"]
fn update_periods_of_an_a100_and_of_a_v100_with_its_gaps() {
    let folder = tempfile::tempdir().unwrap();
    let found = gpu_power_benchmark(folder.path(), "update-period/A100_gpudata.csv", None);
    near(card(&found, "smi/power.draw").character.update_period.period_ms, 101.15, 0.05);
    let folder = tempfile::tempdir().unwrap();
    let found = gpu_power_benchmark(folder.path(), "update-period/V100_gpudata.csv", None);
    let period = &card(&found, "smi/power.draw").character.update_period;
    near(period.period_ms, 20.0, 0.1);
    assert!(period.stretches > 50 && period.interval_ms.unwrap()[3] > 400.0, "{period:?}");
}

#[test]
#[ignore = "needs ../shared/data/external"]
fn one_pulse_is_too_little_to_tell_a_window() {
    let folder = tempfile::tempdir().unwrap();
    let meter = Some("transient/A100_TR/PMD_data.bin");
    let found = gpu_power_benchmark(folder.path(), "transient/A100_TR/gpudata.csv", meter);
    let draw = &card(&found, "smi/power.draw").character;
    near(draw.update_period.period_ms, 101.15, 0.15);
    assert!(matches!(draw.transient_refused, Some(TransientRefusal::NoEdges { .. })), "{draw:?}");
}
