//! Counters by registers, read by the `msr` driver's file of a CPU in the package.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use power_core::Joules;

use super::{EXPOSES, Line, Opened, Tap, program};
use crate::config::{Config, Way};
use crate::counter::{Counter, Layout, MOST, read_register};
use crate::domain::{Domain, Kind};
use crate::error::Barrier;
use crate::machine::{CAP_SYS_RAWIO, Machine, Place};
use crate::protocol::{Register, Registers, energy_unit, registers};

pub(super) fn open(config: &Config, machine: &Machine) -> Result<Opened, Barrier> {
    let absent = |reason: String, mend: Option<&str>| Err(Barrier::absent(Way::Msr, reason, mend));
    let Some(registers) = registers(&machine.cpu) else {
        if machine.has_rapl() {
            return absent(format!("{} has no energy registers that this driver knows", machine.cpu), None);
        }
        let (reason, mend) = machine.why_not("msr");
        return absent(reason, mend.as_deref());
    };
    if machine.places.is_empty() {
        return absent(format!("{} does not say which CPUs are online", config.roots.cpu.display()), None);
    }
    let mut opened = Opened::new(Way::Msr);
    let mut readers: Vec<(Place, Option<u32>)> = Vec::new();
    for place in &machine.places {
        let die = die(*place, machine);
        if !readers.iter().any(|(other, known)| other.package == place.package && *known == die) {
            readers.push((*place, die));
        }
    }
    for (place, die) in readers {
        opened
            .notes
            .push((format!("cpu.{}", Domain::new(place.package, die, Kind::Package)), place.cpu.to_string()));
        package(config, machine, &registers, place, die, &mut opened)?;
    }
    if config.cores && machine.cpu.vendor.is_amd() {
        cores(config, machine, &registers, &mut opened)?;
    } else if machine.cpu.vendor.is_amd() {
        opened.notes.push(("cores".into(), "counters of single cores left out, option cores=on".into()));
    }
    if opened.taps.is_empty() {
        let (reason, _) = machine.why_not("msr");
        let reason =
            if machine.cpu.hypervisor { reason } else { "its energy registers all read 0".to_owned() };
        return absent(reason, None);
    }
    Ok(opened)
}

/// The die, where the package has several: Intel counts per die, AMD per package (rapl.c, `rapl_pkg_pmu_is_pkg_scope`).
fn die(place: Place, machine: &Machine) -> Option<u32> {
    let other = |there: &Place| there.package == place.package && there.die != place.die;
    (!machine.cpu.vendor.is_amd() && machine.places.iter().any(other)).then_some(place.die)
}

/// Opens the registers of one package or die; one that cannot be read or reads 0 is none of this model's, as the kernel
/// decides too (`rapl_check_domain`).
fn package(
    config: &Config,
    machine: &Machine,
    registers: &Registers,
    place: Place,
    die: Option<u32>,
    opened: &mut Opened,
) -> Result<(), Barrier> {
    let path = path(config, place.cpu);
    for (address, register) in registers.energy {
        let kind = match register {
            Register::Package => Kind::Package,
            Register::Dram => Kind::Dram,
            Register::Cores => Kind::Cores,
            Register::Uncore => Kind::Uncore,
            Register::Psys => Kind::Psys,
            Register::OneCore => continue,
        };
        let die = die.filter(|_| kind != Kind::Psys);
        let domain = Domain::new(place.package, die, kind);
        if opened.domains().any(|known| *known == domain) {
            continue;
        }
        opened.taps.extend(tap(machine, registers, &path, (*address, *register), domain)?);
    }
    Ok(())
}

/// Opens the core register of one CPU of each core.
fn cores(
    config: &Config,
    machine: &Machine,
    registers: &Registers,
    opened: &mut Opened,
) -> Result<(), Barrier> {
    let mut seen = Vec::new();
    for place in &machine.places {
        let core = (place.package, place.die, place.core);
        if seen.contains(&core) {
            continue;
        }
        seen.push(core);
        let domain = Domain::new(place.package, None, Kind::OneCore(place.cpu));
        for (address, register) in
            registers.energy.iter().filter(|(_, register)| *register == Register::OneCore)
        {
            let path = path(config, place.cpu);
            opened.taps.extend(tap(machine, registers, &path, (*address, *register), domain)?);
        }
    }
    Ok(())
}

fn path(config: &Config, cpu: u32) -> PathBuf {
    config.roots.msr.join(cpu.to_string()).join("msr")
}

fn tap(
    machine: &Machine,
    registers: &Registers,
    path: &Path,
    (address, register): (u64, Register),
    domain: Domain,
) -> Result<Option<Tap>, Barrier> {
    let file = File::open(path).map_err(|error| barrier(path, &error, machine))?;
    let unit = read_register(&file, registers.unit).unwrap_or_default();
    let counter = Counter::new(file, Layout::Register(address));
    let mut counts = [0; MOST];
    if unit == 0 || counter.read(&mut counts).is_err() || counts[0] == 0 {
        return Ok(None);
    }
    let quantum = Joules::from_joules(energy_unit(&machine.cpu, unit, register));
    let line = Line { domain, quantum, modulus: Some(1 << 32), step: Some(1) };
    Ok(Some(Tap { counter, lines: vec![line] }))
}

fn barrier(path: &Path, error: &io::Error, machine: &Machine) -> Barrier {
    match error.kind() {
        io::ErrorKind::NotFound if !machine.has_rapl() => {
            let (reason, mend) = machine.why_not("msr");
            Barrier::absent(Way::Msr, reason, mend.as_deref())
        }
        io::ErrorKind::NotFound => {
            let reason = format!("there is no {}: the module msr is not loaded", path.display());
            Barrier::absent(
                Way::Msr,
                reason,
                Some("sudo modprobe msr  # gives root every register of the CPU"),
            )
        }
        io::ErrorKind::PermissionDenied => {
            let has = match machine.can(CAP_SYS_RAWIO) {
                Some(true) => "which this process has",
                Some(false) => "which this process lacks",
                None => "which this process may lack",
            };
            let reason = format!("{} is for root with CAP_SYS_RAWIO, {has}", path.display());
            let mend = format!(
                "sudo chmod a+r {}/*/msr && sudo setcap cap_sys_rawio=ep {}  # gives this program every register; {EXPOSES}",
                path.parent().and_then(Path::parent).unwrap_or(path).display(),
                program()
            );
            Barrier::denied(Way::Msr, reason, mend)
        }
        _ => Barrier::absent(Way::Msr, format!("cannot open {}: {error}", path.display()), None),
    }
}
