//! Counters by powercap: a file of microjoules for each zone.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use power_core::Joules;

use super::{EXPOSES, Line, Opened, Tap, text};
use crate::config::{Config, Way};
use crate::counter::{Counter, Layout, MOST};
use crate::domain::{Domain, Kind};
use crate::error::Barrier;
use crate::machine::Machine;
use crate::protocol::{ZoneName, decimal, zone_name, zone_parent};

/// Greatest raw count, `ENERGY_STATUS_MASK` in `intel_rapl_common.c`: `max_energy_range_uj` is this times the unit.
const MASK: u64 = 0xffff_ffff;

pub(super) fn open(config: &Config, machine: &Machine) -> Result<Opened, Barrier> {
    let root = &config.roots.powercap;
    let mut opened = Opened::new(Way::Powercap);
    for folder in zones(root) {
        let name = text(&root.join(&folder).join("name")).unwrap_or_default();
        match domain(root, &folder, &name, machine) {
            Err(reason) => opened.skipped.push(format!("{folder} ({name}): {reason}")),
            Ok(domain) if opened.domains().any(|known| *known == domain) => {
                let reason = if is_mmio(&folder) {
                    "the same counter once more, by memory-mapped registers"
                } else {
                    "the same counter once more"
                };
                opened.skipped.push(format!("{folder} ({name}): {reason}"));
            }
            Ok(domain) => opened.taps.push(tap(&root.join(&folder), domain)?),
        }
    }
    if opened.taps.is_empty() {
        let (reason, mend) = machine.why_not("intel_rapl_msr");
        let reason = if opened.skipped.is_empty() { reason } else { opened.skipped.join("; ") };
        return Err(Barrier::absent(Way::Powercap, reason, mend.as_deref()));
    }
    Ok(opened)
}

/// The folders of RAPL's zones: packages before what is in them, the memory-mapped twins last.
fn zones(root: &Path) -> Vec<String> {
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut zones: Vec<String> =
        names.filter(|name| name.split_once(':').is_some_and(|(kind, _)| kind.contains("rapl"))).collect();
    zones.sort_by_key(|name| (is_mmio(name), name.matches(':').count(), order(name)));
    zones
}

/// Numbers of a zone, so that zone 10 comes after zone 9.
fn order(name: &str) -> Vec<u64> {
    name.split(':').skip(1).map(|part| decimal(part.as_bytes()).unwrap_or(u64::MAX)).collect()
}

fn is_mmio(folder: &str) -> bool {
    folder.split(':').next().is_some_and(|kind| kind.ends_with("-mmio"))
}

/// What a zone counts, or why it is not read.
fn domain(root: &Path, folder: &str, name: &str, machine: &Machine) -> Result<Domain, &'static str> {
    let amd = machine.cpu.vendor.is_amd();
    let kind = match zone_name(name).ok_or("a name that RAPL does not give")? {
        ZoneName::Package { package, die } => return package_of(package, die, amd),
        ZoneName::Psys { package } => return Ok(Domain::new(package, None, Kind::Psys)),
        // MSR_AMD_CORE_ENERGY_STATUS read on the package's first CPU, intel_rapl_msr.c.
        ZoneName::Core if amd => {
            return Err("on AMD this is one core of the package, by whichever CPU reads it");
        }
        ZoneName::Core => Kind::Cores,
        ZoneName::Uncore => Kind::Uncore,
        ZoneName::Dram => Kind::Dram,
    };
    let parent = zone_parent(folder).and_then(|parent| text(&root.join(parent).join("name")));
    match parent.as_deref().and_then(zone_name) {
        Some(ZoneName::Package { package, die }) => {
            package_of(package, die, amd).map(|whole| Domain::new(whole.package, whole.die, kind))
        }
        _ => Err("it lies in no package"),
    }
}

/// The package or die; AMD counts per package, so its dies show one counter under several names.
fn package_of(package: u32, die: Option<u32>, amd: bool) -> Result<Domain, &'static str> {
    match die {
        Some(0) | None if amd => Ok(Domain::new(package, None, Kind::Package)),
        Some(_) if amd => Err("AMD counts per package: this is die 0's counter once more"),
        die => Ok(Domain::new(package, die, Kind::Package)),
    }
}

fn tap(zone: &Path, domain: Domain) -> Result<Tap, Barrier> {
    let range = fs::read(zone.join("max_energy_range_uj")).ok().and_then(|text| decimal(&text));
    let Some(range) = range.filter(|range| *range > 0) else {
        return Err(Barrier::nonsense(
            Way::Powercap,
            format!("{} has no max_energy_range_uj", zone.display()),
        ));
    };
    let path = zone.join("energy_uj");
    let file = File::open(&path).map_err(|error| barrier(&path, &error))?;
    let counter = Counter::new(file, Layout::Text);
    if let Err(failure) = counter.read(&mut [0; MOST]) {
        let cause = std::error::Error::source(&failure).map(|cause| format!(": {cause}")).unwrap_or_default();
        let reason = format!("{}: {failure}{cause}", path.display());
        return Err(Barrier::absent(Way::Powercap, reason, None));
    }
    // The counter shows raw × unit, and wraps one raw count after the greatest: one unit beyond the range.
    let unit = range.saturating_add(MASK / 2) / MASK;
    let modulus = range.saturating_add(unit.max(1));
    let line =
        Line { domain, quantum: Joules::from_joules(1e-6), modulus: Some(modulus), step: Some(unit.max(1)) };
    Ok(Tap { counter, lines: vec![line] })
}

fn barrier(path: &Path, error: &io::Error) -> Barrier {
    if error.kind() == io::ErrorKind::PermissionDenied {
        let folder = path.parent().and_then(Path::parent).unwrap_or(path);
        let mend =
            format!("sudo chmod a+r {}/*rapl*:*/energy_uj  # until reboot; {EXPOSES}", folder.display());
        let reason = "energy_uj is for root only since Linux 5.10 and its stable kernels, against PLATYPUS";
        return Barrier::denied(Way::Powercap, reason, mend);
    }
    Barrier::absent(Way::Powercap, format!("cannot open {}: {error}", path.display()), None)
}
