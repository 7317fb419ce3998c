//! A rig for use by hand.

use std::io::Write;
use std::time::Duration;

use super::{Meter, VirtualRig};
use crate::description::Description;
use crate::{Error, Result};

/// Where programs are looked for, and libraries.
const SEARCHED: [&str; 2] = ["PATH", "LD_LIBRARY_PATH"];

/// Starts a rig, writes to `out` what is needed to use it from another shell, and keeps it until `until` says so,
/// which is asked each 50 ms.
///
/// What is written are lines of shell: the environment as `export` lines, all else as comments. The sources of a
/// recorder are in the file that `WATTPROOF_RIG_SOURCES` names.
///
/// # Errors
///
/// As [`VirtualRig::start`], or if `out` cannot be written.
pub fn serve(description: Description, out: &mut dyn Write, until: &dyn Fn() -> bool) -> Result<()> {
    let rig = VirtualRig::start(description)?;
    let sources = rig.write_sources()?;
    let mut lines =
        vec!["# A virtual rig, for other shells by these lines; it ends with this one.".to_owned()];
    let export = |name: &str, value: &str| format!("export {name}={}", quoted(value));
    let own = rig.env().into_iter().filter(|(name, _)| !SEARCHED.contains(name));
    lines.extend(own.map(|(name, value)| export(name, &value.to_string_lossy())));
    // What the other shell has there stays.
    let directory = quoted(&rig.directory.path().display().to_string());
    lines.extend(SEARCHED.map(|name| format!("export {name}={directory}\"${{{name}:+:${name}}}\"")));
    lines.push(export("WATTPROOF_RIG_SOURCES", &sources.display().to_string()));
    lines.push("# wattproof record --rig \"$WATTPROOF_RIG_SOURCES\" --for 10s    records it".to_owned());
    lines.push(format!("# NVML: {}", rig.nvml_path().display()));
    lines.push(format!("# nvidia-smi: {}", rig.nvidia_smi_path().display()));
    lines.extend(rig.powercap_root().map(|root| format!("# powercap: {}", root.display())));
    let meter = |meter: Meter| format!("# meter {}: {}", meter.truth.name, meter.device());
    lines.extend(rig.meters().into_iter().map(meter));
    lines.push(format!("# second 0 is at {} ns of CLOCK_MONOTONIC", rig.origin_ns()));
    let text = format!("{}\n", lines.join("\n"));
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| Error::because("cannot say where the rig is", error))?;
    while !until() {
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// A word of shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
