//! The protocol for a kernel by a card, and what a card is compared with.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use power_analysis::plan::Plan;

fn card(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cards").join(name)
}

fn wattproof(arguments: &[&str]) -> (String, String, Option<i32>) {
    let output = Command::new(env!("CARGO_BIN_EXE_wattproof")).args(arguments).output().unwrap();
    let text = |bytes: &[u8]| {
        String::from_utf8(bytes.to_vec()).unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    (text(&output.stdout), text(&output.stderr), output.status.code())
}

#[test]
fn a_kernel_that_keeps_step_is_warned_of_and_planned_in_groups() {
    let card = card("commanded/nvml-nvidia-h200-power-instant-580.159.04.json");
    let arguments = ["plan", "--duration", "100ms", "--sensor", card.to_str().unwrap()];
    let (out, err, code) = wattproof(&arguments);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("phase groups: 4 of") && out.contains("Warning: 1 × 100.0 ms"), "{out}");
    let (json, _, _) = wattproof(&[&arguments[..], &["--json", "-"]].concat());
    let plan: Plan = serde_json::from_str(&json).unwrap();
    assert!(plan.expected_error < 0.02 && plan.ungrouped_error > 0.3, "{plan:?}");
}

#[test]
fn a_sensor_that_always_looks_needs_no_groups_and_mistakes_are_told() {
    let card = card("nvml-nvidia-h200-power-usage-580.159.04.json");
    let card = card.to_str().unwrap();
    let (out, _, _) = wattproof(&["plan", "--duration", "30ms", "--sensor", card]);
    assert!(out.contains("none needed, it looks all the time") && !out.contains("Warning"), "{out}");
    let (_, err, code) = wattproof(&["plan", "--duration", "0s", "--sensor", card]);
    assert_eq!(code, Some(2));
    assert!(err.contains("no length") && err.contains("--duration"), "{err}");
    let (_, err, code) = wattproof(&["plan", "--duration", "1s", "--sensor", "nowhere.json"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("check the path"), "{err}");
}

#[test]
fn the_page_of_cards_draws_what_they_rest_on_and_loads_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("cards.html");
    let run = Path::new(env!("CARGO_MANIFEST_DIR")).join("../recordings/h200-short-epochs");
    let arguments = ["characterise", run.to_str().unwrap(), "--channel", "nvml/power_instant", "--report"];
    let (out, err, code) = wattproof(&[&arguments[..], &[page.to_str().unwrap()]].concat());
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("Published of Hopper: update period 100 ms"), "{out}");
    let html = std::fs::read_to_string(page).unwrap();
    for part in ["Step response.", "Lattice.", "Fit.", "Plateaus.", "class=\"surface\""] {
        assert!(html.contains(part), "{part}");
    }
    assert!(!html.contains("http://") && !html.contains("https://") && !html.contains("<script"));
}
