//! The report page in a browser: `report/check_page.py` reads, zooms, sorts and prints it.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "report/synthetic.rs"]
mod synthetic;

use std::path::{Path, PathBuf};
use std::process::Command;

use harness::comparison::{self, Request};
use harness::correction::Cards;
use harness::report;
use harness::run::{Run, TimeBase};
use power_core::{Channel, Quantity};
use synthetic::swings;

/// Writes the page of a run and has the script check it.
fn check(dir: &Path, run: &Run, reference: &str, options: &[&str]) {
    check_request(dir, run, &Request { reference: reference.into(), seed: 1, ..Request::default() }, options);
}

fn check_request(dir: &Path, run: &Run, request: &Request, options: &[&str]) {
    let comparison = comparison::compare(run, request).unwrap();
    let page = dir.join("report.html");
    std::fs::write(&page, report::page(run, &comparison).unwrap()).unwrap();
    let python = std::env::var_os("WATTPROOF_PYTHON").unwrap_or_else(|| "python3".into());
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/report/check_page.py");
    let output = Command::new(python).arg(script).arg(&page).args(options).output().unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
#[ignore = "needs Chromium and Python with playwright"]
fn a_browser_shows_what_the_data_say() {
    let dir = tempfile::tempdir().unwrap();
    let run = synthetic::typical(&dir.path().join("run"), 120, 10);
    check(dir.path(), &run, "meter/power", &[]);
}

#[test]
#[ignore = "needs Chromium and Python with playwright"]
fn a_browser_copes_with_a_thinned_trace() {
    let dir = tempfile::tempdir().unwrap();
    let run = synthetic::typical(&dir.path().join("run"), 300, 1);
    check(dir.path(), &run, "meter/power", &["--thinned"]);
}

#[test]
#[ignore = "needs Chromium and Python with playwright"]
fn a_browser_shows_what_cards_correct() {
    let dir = tempfile::tempdir().unwrap();
    let there = |path: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    let run = Run::open(&there("recordings/h200-short-epochs")).unwrap();
    let request = Request {
        reference: "ring/power".into(),
        sensors: ["nvml/power_usage", "nvml/power_instant"].map(str::to_owned).to_vec(),
        seed: 1,
        cards: Cards::read(&[there("docs/cards")]).unwrap(),
        ..Request::default()
    };
    check_request(dir.path(), &run, &request, &["--corrected"]);
}

#[test]
#[ignore = "needs Chromium and Python with playwright"]
fn a_browser_opens_what_is_mostly_unknown() {
    let power = || Channel::new("p", Quantity::power());
    for (time_base, other) in [(TimeBase::Unix, swings(200..260)), (TimeBase::Ordinal, swings(0..60))] {
        let dir = tempfile::tempdir().unwrap();
        let channels = vec![
            ("meter", power(), swings(0..60)),
            ("same", power(), swings(0..60)),
            ("other", power(), other),
        ];
        let run = synthetic::run_of(&dir.path().join("run"), time_base, channels);
        check(dir.path(), &run, "meter/p", &["--plain"]);
    }
}
