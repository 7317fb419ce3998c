//! The protocol for a kernel by a card, and what a card is compared with.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use assert_cmd::Command;
use harness::comparison::{Request, compare};
use harness::run::{Mark, MarkEvent, NewRun, Origin, Row, RowValue, Run, RunWriter, TimeBase};
use power_analysis::plan::Plan;
use power_core::{Channel, Descriptor, Flags, Quantity};

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

/// A sensor that publishes every 100 ms, read every 10, beside a meter, under kernels that begin every `pace_ms`.
fn kernels(dir: &Path, pace_ms: i64) -> Run {
    let mut writer = RunWriter::create(
        dir,
        NewRun::new(TimeBase::HostMonotonic, Origin::Recorded { command: Vec::new(), exit_code: None }),
    )
    .unwrap();
    let channel = |period: u64| {
        Channel::new("power", Quantity::power()).with_update_period(Duration::from_millis(period))
    };
    let meter = writer.add_source("meter", Descriptor::new("test", "a meter", vec![channel(10)])).unwrap();
    let gpu = writer.add_source("gpu", Descriptor::new("test", "a GPU", vec![channel(100)])).unwrap();
    let watts = |ms: i64| if ms % pace_ms < pace_ms / 2 { 300.0 } else { 100.0 };
    // What is never twice the same is a publication each.
    let odd = |ms: i64| f64::from(i32::try_from(ms % 97).unwrap()) * 1e-3;
    for ms in (0..10_000).step_by(10) {
        for (source, shown) in [(meter, ms), (gpu, ms - ms % 100)] {
            let row = Row {
                channel: 0,
                t_start_ns: ms * 1_000_000,
                t_end_ns: ms * 1_000_000 + 1_000,
                t_device_ns: None,
                value: RowValue::Number(watts(shown) + odd(shown)),
                flags: Flags::NONE,
            };
            writer.push(source, row).unwrap();
        }
    }
    for index in 0..9_000 / pace_ms {
        for (event, ms) in
            [(MarkEvent::Begin, index * pace_ms), (MarkEvent::End, index * pace_ms + pace_ms / 2)]
        {
            writer.mark(Mark { t_ns: ms * 1_000_000, event, name: format!("kernel {index}") }).unwrap();
        }
    }
    writer.finish().unwrap()
}

#[test]
fn compare_warns_of_kernels_that_keep_step_with_a_sensor_and_of_no_others() {
    for (pace_ms, warned) in [(100, true), (50, true), (162, false)] {
        let folder = tempfile::tempdir().unwrap();
        let run = kernels(&folder.path().join("run"), pace_ms);
        let request = Request { reference: "meter/power".into(), ..Request::default() };
        let verdict = compare(&run, &request).unwrap().sensors[0].verdict.join(" ");
        assert_eq!(verdict.contains("looks at the same part of each"), warned, "{pace_ms} ms: {verdict}");
    }
}
