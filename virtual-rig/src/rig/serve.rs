//! A rig for use by hand.

use std::io::Write;
use std::time::Duration;

use super::VirtualRig;
use crate::description::Description;
use crate::{Error, Result};

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
    let mut text =
        String::from("# A virtual rig. Use it from another shell by these lines; it ends with this one.\n");
    for (name, value) in rig.env() {
        text += &format!("export {name}={}\n", quoted(&value.to_string_lossy()));
    }
    text += &format!("export WATTPROOF_RIG_SOURCES={}\n", quoted(&sources.display().to_string()));
    text += &format!("# NVML: {}\n", rig.nvml_path().display());
    if let Some(root) = rig.powercap_root() {
        text += &format!("# powercap: {}\n", root.display());
    }
    for meter in rig.meters() {
        text += &format!("# meter {}: {}\n", meter.truth.name, meter.device());
    }
    text += &format!("# second 0 is at {} ns of CLOCK_MONOTONIC\n", rig.origin_ns());
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
