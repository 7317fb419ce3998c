//! Writes a made-up run: `cargo run --release -p benches --example make_run -- RUN READINGS`.

use std::process::ExitCode;

fn main() -> ExitCode {
    benches::example("make_run RUN READINGS", benches::write_run)
}
