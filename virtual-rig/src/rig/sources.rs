//! The rig file by which a recorder opens a virtual rig's instruments.

use std::fmt::Write as _;
use std::path::Path;

use super::instruments::Meter;

/// The sources of a rig: each GPU by NVML in its three parts and all by nvidia-smi, RAPL, and the meters, of which the first is the
/// reference. This is the one place that knows the format.
pub(super) fn text(
    gpus: usize,
    nvml: &Path,
    smi: &Path,
    powercap_root: Option<&Path>,
    meters: &[Meter],
) -> String {
    let mut text = String::new();
    if let Some(reference) = meters.first() {
        // Every kind of meter here calls its total active power so.
        let _ = writeln!(text, "reference = {}\n", quoted(&format!("{}/power", reference.truth.name)));
    }
    for gpu in 0..gpus {
        let name = format!("gpu{gpu}");
        // In three parts, since the counter and the ring each cost more, and change less often.
        for part in ["gauges", "counter", "ring"] {
            let (device, name) = (format!("{name}/{part}"), format!("{name}-{part}"));
            source(&mut text, "nvml", &device, &name, Some(("library", nvml)), None);
        }
    }
    if gpus > 0 {
        source(&mut text, "smi", "all", "smi", Some(("binary", smi)), None);
    }
    if let Some(root) = powercap_root {
        source(&mut text, "rapl", "all", "rapl", Some(("powercap_root", root)), None);
    }
    for meter in meters {
        // What stamps its values hands each over as it comes; of the others, twice per update misses none.
        let rate_hz = (!meter.truth.stamped).then(|| (2_000.0 / meter.truth.period_ms).clamp(0.1, 100.0));
        source(&mut text, "meter", &meter.device(), &meter.truth.name, None, rate_hz);
    }
    text
}

fn source(
    text: &mut String,
    driver: &str,
    device: &str,
    name: &str,
    option: Option<(&str, &Path)>,
    rate_hz: Option<f64>,
) {
    let _ = writeln!(text, "[[source]]\ndriver = \"{driver}\"\ndevice = {}", quoted(device));
    let _ = writeln!(text, "name = {}", quoted(name));
    if let Some((key, path)) = option {
        let _ = writeln!(text, "options = {{ {key} = {} }}", quoted(&path.display().to_string()));
    }
    if let Some(rate_hz) = rate_hz {
        let _ = writeln!(text, "rate_hz = {rate_hz}");
    }
    text.push('\n');
}

/// A string of TOML.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
