//! Writes a run to characterise: `cargo run --release -p benches --example make_sensors_run -- RUN SECONDS`.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let Some((dir, seconds)) = arguments.get(1).zip(arguments.get(2).and_then(|number| number.parse().ok()))
    else {
        return fail("usage: make_sensors_run RUN SECONDS");
    };
    match benches::write_sensors_run(Path::new(dir), seconds) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string()),
    }
}

#[expect(clippy::print_stderr, reason = "a program says what went wrong")]
fn fail(message: &str) -> ExitCode {
    eprintln!("{message}");
    ExitCode::from(2)
}
