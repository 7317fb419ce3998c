//! Prints ten rounds of live readings, by any way: `cargo run -p driver-smi --example print -- --help`.

use std::io::{self, Write};
use std::process::ExitCode;

use driver_smi::DRIVER;
use power_core::{Access, Driver, Options, PowerSource, Recorder, SystemClock};

const HELP: &str = "print [--way loop|query|tracer|dmon] [DEVICE] [OPTION=VALUE]…

loop    one long-lived nvidia-smi (the default)
query   one nvidia-smi --query-gpu a reading
tracer  sleep 0.1; nvidia-smi -q -x, as EA-HAS-Bench reads
dmon    nvidia-smi dmon, a line a second
DEVICE  an index, uuid or PCI bus id, a list of them, or all (the default)
OPTION  period_ms, fields, binary, deadline_ms, keys: see the README
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match print(&arguments, &mut io::stdout()) {
        Ok(true) => ExitCode::SUCCESS,
        // It was not to be had; or whoever read this has gone.
        Ok(false) | Err(_) => ExitCode::FAILURE,
    }
}

/// Prints what `arguments` ask for; gives whether it was to be had.
pub(crate) fn print(arguments: &[String], out: &mut dyn Write) -> io::Result<bool> {
    let (mut device, mut options) = ("all", Options::new());
    let mut words = arguments.iter().map(String::as_str);
    while let Some(word) = words.next() {
        match (word, word.split_once('=')) {
            ("--help", _) => return write!(out, "{HELP}").map(|()| true),
            ("--way", _) => options = options.with("mode", words.next().unwrap_or_default()),
            (_, Some((name, value))) => options = options.with(name, value),
            _ => device = word,
        }
    }
    let mut source = match DRIVER.open(device, &options) {
        Ok(source) => source,
        Err(error) => {
            writeln!(out, "{error}")?;
            what_there_is(out)?;
            return Ok(false);
        }
    };
    writeln!(out, "{}", source.descriptor().device)?;
    let mut readings = Vec::new();
    for _ in 0..10 {
        readings.clear();
        if let Err(error) = source.read(&mut Recorder::new(&SystemClock, &mut readings)) {
            writeln!(out, "{error}")?;
            return Ok(false);
        }
        for reading in &readings {
            let Some(channel) = source.descriptor().channel(reading.channel) else { continue };
            let (name, quantity, value) = (&channel.name, channel.quantity, reading.value);
            let width = reading.stamp.half_width();
            writeln!(out, "{name}: {value:.2}, {quantity}, ± {width:?} {}", reading.flags)?;
        }
    }
    Ok(true)
}

/// Says which GPUs could be opened, or what to type so that they can.
fn what_there_is(out: &mut dyn Write) -> io::Result<()> {
    for found in DRIVER.discover() {
        match found.access {
            Access::Ready => writeln!(out, "there is {}: {}", found.device, found.name)?,
            Access::Denied { mend } | Access::Unavailable { mend: Some(mend), .. } => {
                writeln!(out, "{}: try: {mend}", found.name)?;
            }
            other => writeln!(out, "{}: {other:?}", found.name)?,
        }
    }
    Ok(())
}
