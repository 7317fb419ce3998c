//! Writes a run to characterise: `cargo run --release -p benches --example make_sensors_run -- RUN SECONDS`.

use std::process::ExitCode;

fn main() -> ExitCode {
    benches::example("make_sensors_run RUN SECONDS", benches::write_sensors_run)
}
