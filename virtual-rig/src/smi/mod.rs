//! The executable: `nvidia-smi` of a virtual node.
//!
//! Its texts are those of a real `nvidia-smi` 580.159.04, recorded on an H200, in which the values are replaced;
//! what older and newer drivers print differently is marked line by line in `templates/`.

mod arguments;
mod csv;
mod dmon;
mod fields;
mod local_time;
mod log;
mod table;
mod view;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;
use std::time::Duration;

use crate::node::{Node, now_ns, rig_file};
use crate::num::nanos_of_ms;
use arguments::{Arguments, Mode};
use view::View;

/// Exit codes of `nvidia-smi`; others are NVML's return codes.
const USAGE: u8 = 2;
const NO_DEVICES: u8 = 6;
const LOST: u8 = 15;

/// Runs `nvidia-smi` with this process's arguments, on the rig whose file lies beside the executable, or that the
/// environment names, or on the default one.
pub fn nvidia_smi() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let mut out = io::stdout();
    let code = match run(&arguments, &mut out) {
        Ok(()) => 0,
        // Whoever read our output has gone; there is nobody to tell.
        Err(End::Output) => 1,
        Err(End::Code(code, text)) => {
            let told = if text.is_empty() { Ok(()) } else { writeln!(out, "{text}") };
            let told = told.and_then(|()| out.flush());
            if told.is_err() { 1 } else { code }
        }
    };
    ExitCode::from(code)
}

/// Why it ends other than by having done what was asked.
enum End {
    /// With this exit code and this text.
    Code(u8, String),
    /// Because its output cannot be written.
    Output,
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Output
    }
}

fn run(arguments: &[OsString], stdout: &mut dyn Write) -> Result<(), End> {
    let arguments = Arguments::parse(arguments).map_err(|text| End::Code(USAGE, text))?;
    if arguments.mode == Mode::Probe {
        return Ok(());
    }
    let mut view = open()?;
    if let Mode::HelpQueryGpu = arguments.mode {
        return Ok(stdout.write_all(fields::HELP.as_bytes())?);
    }
    let query = match &arguments.mode {
        Mode::Query(query) => {
            Some(csv::Query::parse(query, view.generation()).map_err(|text| End::Code(USAGE, text))?)
        }
        _ => None,
    };
    let selected = view.select(&arguments.ids).ok_or_else(no_devices)?;
    let mut file;
    let out: &mut dyn Write = match &arguments.output {
        None => stdout,
        Some(path) => {
            file = File::create(path)
                .map_err(|_| End::Code(USAGE, format!("Failed to open file {}", path.display())))?;
            &mut file
        }
    };
    let mut out = BufWriter::new(out);
    let mut selected = view.present(&selected, &mut out)?;
    if selected.is_empty() {
        out.flush()?;
        return Err(End::Code(LOST, String::new()));
    }
    let mut reports = 0_u64;
    loop {
        if view.smi().any_order {
            let by = now_ns().unsigned_abs() % u64::try_from(selected.len()).unwrap_or(u64::MAX);
            selected.rotate_left(usize::try_from(by).unwrap_or(0));
        }
        if matches!(arguments.mode, Mode::Log { .. }) {
            view.hide_publications();
        }
        let report = match (&arguments.mode, &query) {
            (Mode::Query(_), Some(query)) => query.report(&mut view, &selected, reports == 0),
            (Mode::Log { xml: true, display }, _) => log::xml(&mut view, &selected, display),
            (Mode::Log { xml: false, display }, _) => log::text(&mut view, &selected, display),
            (Mode::List, _) => table::list(&mut view, &selected),
            (Mode::Monitor(monitor), _) => monitor.report(&mut view, &selected, reports),
            _ => table::table(&mut view, &selected),
        };
        if view.truncated() && reports > 0 {
            let half = report.len() / 2;
            out.write_all(&report.as_bytes()[..half])?;
            return Ok(out.flush()?);
        }
        out.write_all(report.as_bytes())?;
        out.flush()?;
        reports += 1;
        match arguments.every {
            Some(every) if arguments.count.is_none_or(|count| reports < count) => {
                std::thread::sleep(every);
                pause(view.smi().report_ms);
            }
            _ => break,
        }
    }
    if view.lost() { Err(End::Code(LOST, String::new())) } else { Ok(()) }
}

fn no_devices() -> End {
    End::Code(NO_DEVICES, "No devices were found".to_owned())
}

fn pause(ms: f64) {
    std::thread::sleep(Duration::from_nanos(nanos_of_ms(ms).unsigned_abs()));
}

/// Starts: takes its time, and fails as the driver does.
fn open() -> Result<View, End> {
    let executable = std::env::current_exe().ok();
    let beside = executable.as_deref().and_then(std::path::Path::parent);
    let mut node = Node::open(rig_file(beside).as_deref())
        .map_err(|error| End::Code(USAGE, format!("virtual nvidia-smi: {error}")))?;
    let now = now_ns();
    node.refresh(now);
    pause(node.description.smi.start_ms);
    std::thread::sleep(
        node.faults.delay("nvidia-smi", None, now) + node.faults.delay("nvmlInit_v2", None, now),
    );
    if let Some(code) = node.faults.code("nvidia-smi", None, now) {
        return Err(End::Code(u8::try_from(code).unwrap_or(u8::MAX), "Failed to run nvidia-smi".to_owned()));
    }
    match node.faults.code("nvmlInit_v2", None, now) {
        None => Ok(View::new(node)),
        Some(9) => Err(End::Code(
            9,
            "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the \
             latest NVIDIA driver is installed and running.\n"
                .to_owned(),
        )),
        Some(code) => {
            let text = crate::nvml::code_text(code).to_string_lossy();
            let mut text = format!("Failed to initialize NVML: {text}");
            if code == 18 {
                let version: Vec<&str> = node.description.driver.split('.').take(2).collect();
                text = format!("{text}\nNVML library version: {}", version.join("."));
            }
            Err(End::Code(u8::try_from(code).unwrap_or(u8::MAX), text))
        }
    }
}
