//! Writes a made-up run: `cargo run --release -p benches --example make_run -- RUN READINGS`.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let Some((dir, readings)) = arguments.get(1).zip(arguments.get(2).and_then(|number| number.parse().ok()))
    else {
        return fail("usage: make_run RUN READINGS");
    };
    match benches::write_run(Path::new(dir), readings) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string()),
    }
}

#[expect(clippy::print_stderr, reason = "a program says what went wrong")]
fn fail(message: &str) -> ExitCode {
    eprintln!("{message}");
    ExitCode::from(2)
}
