//! Counters by `perf_event_open`: the PMUs `power` and `power_core`, one group of events for each package or die.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use power_core::Joules;

use super::{EXPOSES, Line, Opened, Tap, program, text};
use crate::config::{Config, Way};
use crate::counter::{Counter, Layout, MOST};
use crate::domain::{Domain, Kind};
use crate::error::Barrier;
use crate::machine::{Machine, Place};
use crate::protocol::{cpu_list, decimal, event_config, scale};
use crate::sys;

/// Events of `power`, packages first: the first of a group leads it.
const PACKAGE_EVENTS: [(&str, Kind); 5] = [
    ("energy-pkg", Kind::Package),
    ("energy-ram", Kind::Dram),
    ("energy-cores", Kind::Cores),
    ("energy-gpu", Kind::Uncore),
    ("energy-psys", Kind::Psys),
];

/// The kernel adds up 31 bits of a counter that it has not read for a while (`rapl_event_update` in
/// arch/x86/events/rapl.c sign-extends the difference), and the finest unit is 2^-16 J.
const KERNEL_BITS_J: f64 = 32_768.0;

/// Coarsest unit of a counter behind perf but for psys, 2^-14 J, in joules: what its smallest step is at most.
const COARSEST_UNIT_J: f64 = 6.103_515_625e-5;

/// Longest wait for psys to count: 1 J, its coarsest unit, at 10 W, less than any machine that has one draws.
const PSYS_WAIT: Duration = Duration::from_millis(100);

/// What is said of a psys that does not count. Linux lists it on Sapphire and Emerald Rapids without looking
/// (`no_check` of `intel_rapl_spr_msrs` in arch/x86/events/rapl.c), in virtual machines too; as a whole of all packages
/// it would make everything 0.
const GHOST: &str = "listed, but it did not count for 100 ms: this board or virtual machine has none";

/// One event of a PMU.
#[derive(Debug, Clone, Copy)]
struct Event {
    kind: Kind,
    config: u64,
    quantum: f64,
}

/// A PMU as sysfs describes it.
#[derive(Debug)]
struct Pmu {
    kind: u32,
    cpus: Vec<u32>,
    events: Vec<Event>,
}

pub(super) fn open(config: &Config, machine: &Machine) -> Result<Opened, Barrier> {
    let mut opened = Opened::new(Way::Perf);
    opened.within = Some(Joules::from_joules(KERNEL_BITS_J));
    let folder = config.roots.event_source.join("power");
    let pmu = match pmu(&folder, &PACKAGE_EVENTS, &mut opened.skipped)? {
        Some(pmu) if !pmu.events.is_empty() => pmu,
        found => {
            let (reason, mend) = machine.why_not("rapl");
            let reason = match found {
                None => reason,
                Some(_) => format!("the PMU power has no event: {reason}"),
            };
            return Err(Barrier::absent(Way::Perf, reason, mend.as_deref()));
        }
    };
    for (place, die) in places(&pmu.cpus, machine, &mut opened.skipped) {
        opened
            .notes
            .push((format!("cpu.{}", Domain::new(place.package, die, Kind::Package)), place.cpu.to_string()));
        let events: Vec<_> = pmu.events.iter().map(|event| line(*event, place, die)).collect();
        // A platform's meter is one for the package, whatever its dies.
        let known = |line: &Line| opened.domains().any(|known| *known == line.domain);
        let mut events: Vec<_> = events.into_iter().filter(|(_, line)| !known(line)).collect();
        if let Some(at) = events.iter().position(|(_, line)| line.domain.kind == Kind::Psys)
            && !counts(pmu.kind, events[at].0, place.cpu).map_err(|error| barrier(&error, machine))?
        {
            let (_, ghost) = events.remove(at);
            opened.skipped.push(format!("{}: {GHOST}", ghost.domain));
        }
        opened.taps.extend(group(pmu.kind, place.cpu, &events, machine)?);
    }
    if opened.taps.is_empty() {
        let (reason, mend) = if machine.has_rapl() {
            (format!("nothing of the PMU power counts: {}", opened.skipped.join("; ")), None)
        } else {
            machine.why_not("rapl")
        };
        return Err(Barrier::absent(Way::Perf, reason, mend.as_deref()));
    }
    cores(config, machine, &mut opened)?;
    Ok(opened)
}

/// The counters of single cores, which AMD has, where the options ask for them.
fn cores(config: &Config, machine: &Machine, opened: &mut Opened) -> Result<(), Barrier> {
    let folder = config.roots.event_source.join("power_core");
    let events = [("energy-core", Kind::OneCore(0))];
    let Some(pmu) = pmu(&folder, &events, &mut opened.skipped)? else { return Ok(()) };
    if !config.cores {
        let cores = pmu.cpus.len();
        opened
            .notes
            .push(("cores".into(), format!("{cores} counters of single cores left out, option cores=on")));
        return Ok(());
    }
    for cpu in pmu.cpus {
        let Some(place) = machine.place(cpu) else { continue };
        let events = pmu.events.iter().map(|event| Event { kind: Kind::OneCore(cpu), ..*event });
        let events: Vec<_> = events.map(|event| line(event, place, None)).collect();
        opened.taps.extend(group(pmu.kind, cpu, &events, machine)?);
    }
    Ok(())
}

/// What sysfs says of a PMU; `None` if there is none of this name.
fn pmu(folder: &Path, known: &[(&str, Kind)], skipped: &mut Vec<String>) -> Result<Option<Pmu>, Barrier> {
    let Some(kind) = text(&folder.join("type")) else { return Ok(None) };
    let nonsense =
        |what: &str| Barrier::nonsense(Way::Perf, format!("{}/{what} makes no sense", folder.display()));
    let kind =
        decimal(kind.as_bytes()).and_then(|kind| u32::try_from(kind).ok()).ok_or_else(|| nonsense("type"))?;
    let cpus =
        text(&folder.join("cpumask")).and_then(|list| cpu_list(&list)).ok_or_else(|| nonsense("cpumask"))?;
    let format = |name: &str| text(&folder.join("format").join(name));
    let mut events = Vec::new();
    for (name, kind) in known {
        let file = |end: &str| -> PathBuf { folder.join("events").join(format!("{name}{end}")) };
        let Some(event) = text(&file("")) else { continue };
        let unit = text(&file(".unit")).unwrap_or_default();
        let quantum = text(&file(".scale")).and_then(|text| scale(&text, &unit));
        match (event_config(&event, format), quantum) {
            (Some(config), Some(quantum)) => events.push(Event { kind: *kind, config, quantum }),
            _ => skipped.push(format!("{name}: its event, scale or unit makes no sense")),
        }
    }
    Ok(Some(Pmu { kind, cpus, events }))
}

/// The CPUs to open on, each with its die where its package has several in the mask. AMD counts per package, so that a
/// second CPU of one would give its counter once more.
fn places(cpus: &[u32], machine: &Machine, skipped: &mut Vec<String>) -> Vec<(Place, Option<u32>)> {
    let mut there: Vec<Place> = Vec::new();
    let mut per_package: BTreeMap<u32, usize> = BTreeMap::new();
    for cpu in cpus {
        let Some(place) = machine.place(*cpu) else {
            skipped.push(format!("CPU {cpu} of the cpumask: offline"));
            continue;
        };
        let twin = |other: &&Place| {
            other.package == place.package && (machine.cpu.vendor.is_amd() || other.die == place.die)
        };
        if let Some(first) = there.iter().find(twin) {
            skipped.push(format!("CPU {cpu} of the cpumask: the counters of CPU {} once more", first.cpu));
            continue;
        }
        *per_package.entry(place.package).or_default() += 1;
        there.push(place);
    }
    let die = |place: &Place| (per_package.get(&place.package) > Some(&1)).then_some(place.die);
    there.into_iter().map(|place| (place, die(&place))).collect()
}

/// Whether an event counts at all, within [`PSYS_WAIT`].
fn counts(kind: u32, config: u64, cpu: u32) -> io::Result<bool> {
    let layout = Layout::Group { count: 1, _members: Vec::new() };
    let counter = Counter::new(sys::open_event(kind, config, cpu, None)?, layout);
    let (mut first, mut now) = ([0; MOST], [0; MOST]);
    let start = Instant::now();
    if counter.read(&mut first).is_err() {
        return Ok(false);
    }
    while start.elapsed() < PSYS_WAIT {
        if counter.read(&mut now).is_ok() && now[0] != first[0] {
            return Ok(true);
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(false)
}

fn line(event: Event, place: Place, die: Option<u32>) -> (u64, Line) {
    let die = die.filter(|_| event.kind != Kind::Psys);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float cast saturates; both are positive"
    )]
    let step = (event.kind != Kind::Psys).then_some((COARSEST_UNIT_J / event.quantum) as u64);
    // 64 bits of 2^-32 J are 4.3 GJ since the counter was opened: 49 days at 1 kW.
    let quantum = Joules::from_joules(event.quantum);
    (event.config, Line { domain: Domain::new(place.package, die, event.kind), quantum, modulus: None, step })
}

/// Opens the events on one CPU as one group; an event that joins no group stands alone.
fn group(kind: u32, cpu: u32, events: &[(u64, Line)], machine: &Machine) -> Result<Vec<Tap>, Barrier> {
    let mut lead: Option<(File, Vec<Line>)> = None;
    let (mut members, mut alone) = (Vec::new(), Vec::new());
    for (config, line) in events {
        let leader = lead.as_ref().map(|(file, _)| file);
        match (sys::open_event(kind, *config, cpu, leader), &mut lead) {
            (Ok(file), None) => lead = Some((file, vec![line.clone()])),
            (Ok(file), Some((_, lines))) => {
                members.push(file);
                lines.push(line.clone());
            }
            (Err(_), Some(_)) => {
                let file =
                    sys::open_event(kind, *config, cpu, None).map_err(|error| barrier(&error, machine))?;
                alone.push((file, vec![line.clone()], Vec::new()));
            }
            (Err(error), None) => return Err(barrier(&error, machine)),
        }
    }
    let group = lead.map(|(file, lines)| (file, lines, members));
    let mut taps = Vec::new();
    for (file, lines, members) in group.into_iter().chain(alone) {
        let counter = Counter::new(file, Layout::Group { count: lines.len(), _members: members });
        counter.read(&mut [0; MOST]).map_err(|failure| {
            Barrier::absent(Way::Perf, format!("an event of CPU {cpu}: {failure}"), None)
        })?;
        taps.push(Tap { counter, lines });
    }
    Ok(taps)
}

fn barrier(error: &io::Error, machine: &Machine) -> Barrier {
    match error.raw_os_error() {
        Some(libc::EACCES | libc::EPERM) => denied(machine),
        Some(libc::ENOSYS) => {
            Barrier::absent(Way::Perf, "this kernel is built without perf_event_open", None)
        }
        _ => Barrier::absent(Way::Perf, format!("perf_event_open failed: {error}"), None),
    }
}

/// A counter of a whole CPU needs `CAP_PERFMON` or `perf_event_paranoid` of 0 or less (`perf_allow_cpu`).
fn denied(machine: &Machine) -> Barrier {
    const CAP_PERFMON: u32 = 38;
    let paranoid = machine.paranoid.as_deref().unwrap_or("unknown");
    if machine.can(CAP_PERFMON) == Some(true) {
        let reason = "perf_event_open is refused though this process has CAP_PERFMON: a seccomp filter, as \
                      containers have one, or a security module forbids it";
        let mend = "docker run --cap-add PERFMON --security-opt seccomp=unconfined …  # lifts every system call filter";
        return Barrier::denied(Way::Perf, reason, mend.into());
    }
    let reason = format!(
        "counters of a whole CPU need CAP_PERFMON, or perf_event_paranoid at 0 or less; it is {paranoid}"
    );
    let mend = format!(
        "sudo setcap cap_perfmon=ep {}  # this program alone; sudo sysctl kernel.perf_event_paranoid=0 {EXPOSES}",
        program()
    );
    Barrier::denied(Way::Perf, reason, mend)
}
