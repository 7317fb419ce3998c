//! Sensor cards at work on the bundled recording: what short epochs lose in a 1 s average comes back.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use harness::comparison::{Judged, Request, compare};
use harness::correction::{Cards, CorrectedGroup};
use harness::run::Run;

fn bundled() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../recordings/h200-short-epochs")
}

fn cards() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cards")
}

fn wattproof(arguments: &[&str]) -> (String, String, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wattproof"));
    let empty = tempfile::tempdir().unwrap();
    let output = command.args(arguments).env("XDG_DATA_HOME", empty.path()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let unwrapped = |bytes: &[u8]| text(bytes).split_whitespace().collect::<Vec<_>>().join(" ");
    (unwrapped(&output.stdout), unwrapped(&output.stderr), output.status.code())
}

fn judged(sensor: &str) -> Judged {
    let request = Request {
        reference: "ring/power".into(),
        sensors: vec![sensor.into()],
        seed: 1,
        cards: Cards::read(&[cards()]).unwrap(),
        ..Request::default()
    };
    compare(&Run::open(&bundled()).unwrap(), &request).unwrap().sensors.remove(0)
}

fn epochs(judged: &Judged) -> &CorrectedGroup {
    let corrected = judged.corrected.as_ref().unwrap();
    corrected.groups.iter().find(|group| group.group == "epoch").unwrap()
}

#[test]
fn epochs_by_power_usage_come_back_to_within_3_percent_with_intervals_that_hold_the_ring() {
    let judged = judged("nvml/power_usage");
    let comparison = judged.comparison.as_ref().unwrap();
    let raw = comparison.groups.iter().find(|group| group.group == "epoch").unwrap();
    assert!((raw.error.as_ref().unwrap().value + 0.262).abs() < 0.005, "{raw:?}");
    let epochs = epochs(&judged);
    let error = epochs.error.unwrap();
    assert!(error.value.abs() < 0.03 && error.contains(0.0), "{epochs:?}");
    let (held, of) = epochs.held.unwrap();
    assert!(held * 10 >= of * 9 && of >= 60, "{epochs:?}");
    // An interval that holds everything would be no merit.
    assert!(epochs.half_width_share.unwrap() < 0.15, "{epochs:?}");
}

#[test]
fn no_phase_is_a_point() {
    for name in ["nvml/power_usage", "nvml/power_instant", "counter/energy"] {
        let judged = judged(name);
        for phase in &judged.corrected.as_ref().unwrap().phases {
            match phase.energy_j {
                Some(energy) => assert!(energy.half_width() > 0.0 && phase.refused.is_none(), "{phase:?}"),
                None => assert!(phase.refused.is_some(), "{phase:?}"),
            }
        }
        let (held, of) = epochs(&judged).held.unwrap();
        assert!(held * 10 >= of * 9, "{name}: {held} of {of}");
    }
}

#[test]
fn the_terminal_tells_what_is_corrected_and_raw_what_was_shown() {
    let (run, cards) = (bundled(), cards());
    let (run, cards) = (run.to_str().unwrap(), cards.to_str().unwrap());
    let arguments = ["compare", run, "--sensor", "nvml/power_usage", "--card", cards];
    let (out, err, code) = wattproof(&arguments);
    assert_eq!(code, Some(0), "{err}");
    assert!(
        out.contains("Corrected phases epoch (72 of 72)") && out.contains("no calibrated reference"),
        "{out}"
    );
    assert!(!out.contains("-26.2 %"), "{out}");
    let (out, _, _) = wattproof(&[&arguments[..], &["--raw", "--phases"]].concat());
    assert!(out.contains("Uncorrected: Phases epoch (72): -26.2 %") && out.contains("holds"), "{out}");
    let (out, _, _) = wattproof(&["energy", run, "--channel", "nvml/power_usage", "--card", cards]);
    assert!(out.contains("corrected by its card") && out.contains("seen too little"), "{out}");
}

#[test]
fn a_card_of_another_sensor_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let run = bundled();
    let card = cards().join("nvml-nvidia-h200-power-usage-580.159.04.json");
    let other = std::fs::read_to_string(card).unwrap().replace("NVIDIA H200", "NVIDIA B200");
    let path = folder.path().join("other.json");
    std::fs::write(&path, other).unwrap();
    let (_, err, code) = wattproof(&["compare", run.to_str().unwrap(), "--card", path.to_str().unwrap()]);
    assert_eq!(code, Some(2));
    assert!(err.contains("card of power_usage of a NVIDIA B200") && err.contains("has not"), "{err}");
    let (_, err, code) =
        wattproof(&["compare", run.to_str().unwrap(), "--card", folder.path().join("no").to_str().unwrap()]);
    assert_eq!(code, Some(2));
    assert!(err.contains("check the path"), "{err}");
}
