//! `docs/add-a-meter.md`: what it shows is what is compiled, and its commands do what it says.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

const DOC: &str = include_str!("../../docs/add-a-meter.md");
const PROFILE: &str = include_str!("../examples/my-meter.toml");
const CODE: &str = include_str!("../examples/code_meter.rs");

/// The first block of the page in this language.
fn block(language: &str) -> &'static str {
    let start = DOC.find(&format!("```{language}\n")).unwrap() + language.len() + 4;
    &DOC[start..start + DOC[start..].find("```").unwrap()]
}

/// An example that cargo has built along with this test.
fn example(name: &str) -> Command {
    let mut path: PathBuf = std::env::current_exe().unwrap();
    path.pop();
    path.set_file_name("examples");
    let mut command = Command::new(path.join(name));
    command.stdin(Stdio::null()).current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    command
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_page_shows_the_profile_and_the_code_that_are_compiled() {
    assert_eq!(block("toml"), PROFILE);
    assert!(CODE.contains(block("rust,ignore").trim_end()));
}

#[test]
fn a_mistyped_key_gives_the_message_that_the_page_shows() {
    let wrong = PROFILE.replacen("register", "regster", 1);
    let error = driver_meter::profile::check(&wrong, "my-meter.toml").unwrap_err();
    let shown = block("text").trim_end().trim_end_matches("...");
    assert!(error.message().starts_with(shown), "{error}");
}

#[test]
fn the_profile_is_served_and_printed_as_the_page_shows() {
    let mut server = example("simulate")
        .args(["driver-meter/examples/my-meter.toml", "0", "60"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut link = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut link).unwrap();
    let patient = "timeout_ms=30000"; // a busy machine must not fail a test
    let printed = output(
        example("probe").arg(format!("driver-meter/examples/my-meter.toml@{}", link.trim())).arg(patient),
    );
    server.kill().unwrap();
    server.wait().unwrap();
    for line in ["Acme PM-1, unit 3, tcp 127.0.0.1:", "  profile: my-meter", "energy counter, node AC"] {
        assert!(printed.contains(line), "{line}: {printed}");
    }
    let power = printed.lines().find(|line| line.starts_with("  power ")).unwrap();
    assert!(power.contains(" W ± ") && power.contains("power, node AC"), "{power}");
}

#[test]
fn the_driver_in_code_passes_the_conformance_suite() {
    let printed = output(&mut example("code_meter"));
    assert!(
        printed.contains("0 failed") && printed.contains("150 readings of meter, lab meter"),
        "{printed}"
    );
}
