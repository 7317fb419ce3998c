//! From the counters that are open to the descriptor of a source.

use std::time::Duration;

use power_core::{Channel, ChannelId, Descriptor, Error, ErrorKind, Lane, Quantity, Result, Scope, Watts};

use crate::backend::{Line, Opened};
use crate::config::Config;
use crate::domain::{Domain, Kind};
use crate::driver::DRIVER_ID;
use crate::filtering;
use crate::machine::Machine;
use crate::measure::update_periods;
use crate::source::SourceTap;

/// A platform may draw this many times what its packages do: boards, memory, graphics.
const PLATFORM_FACTOR: f64 = 4.0;

/// Power up to which the kernel's own timer reads perf's counters often enough (`rapl_check_hw_unit`, 200 W).
const KERNEL_TIMER_W: f64 = 200.0;

/// The channels of a RAPL source whose sum is the energy of all CPUs and their memory, each counted once: every package
/// (or die) and, where it is counted apart, its DRAM.
///
/// Never in it: psys, which contains packages, and cores and uncore, which packages contain.
///
/// ```
/// use driver_rapl::safe_total;
/// use power_core::{Channel, ChannelId, Descriptor, Joules, Quantity, Scope};
/// let counter = Quantity::EnergyCounter { quantum: Joules::from_joules(1e-6), modulus: None };
/// let channel = |name, scope| Channel::new(name, counter).with_scope(scope);
/// let channels = vec![channel("psys", Scope::Platform), channel("package-0", Scope::Package)];
/// assert_eq!(safe_total(&Descriptor::new("rapl", "example", channels)), [ChannelId(1)]);
/// ```
pub fn safe_total(descriptor: &Descriptor) -> Vec<ChannelId> {
    let parts = descriptor.channels.iter().enumerate().filter(|(_, channel)| {
        matches!(channel.scope, Scope::Package | Scope::Dram)
            && matches!(channel.quantity, Quantity::EnergyCounter { .. })
    });
    parts.filter_map(|(index, _)| u16::try_from(index).ok().map(ChannelId)).collect()
}

/// A descriptor, the descriptors to read, and the longest time between two reads where no modulus says it.
pub(crate) type Described = (Descriptor, Vec<SourceTap>, Option<Duration>);

/// Describes the counters of `package`, or of all where `None`.
pub(crate) fn describe(
    mut opened: Opened,
    package: Option<u32>,
    config: &Config,
    machine: &Machine,
) -> Result<Described> {
    let domains = chosen(&opened, package, config)?;
    opened.taps.retain(|tap| tap.lines.iter().any(|line| domains.contains(&line.domain)));
    opened.taps.sort_by_key(|tap| {
        let Domain { package, die, kind } = tap.lines[0].domain;
        // Each package is read before what follows its updates, and a platform's meter last.
        (package, kind == Kind::Psys, die, kind != Kind::Package, kind)
    });
    let periods = update_periods(&opened.taps, config.measure);

    let lines = opened.taps.iter().flat_map(|tap| &tap.lines);
    let packages = packages(&domains);
    let channel = |domain: &Domain| {
        let line = lines.clone().find(|line| line.domain == *domain)?;
        let period = periods.iter().find(|(known, _)| known == domain).map(|(_, period)| *period);
        Some(channel(line, &domains, packages.len(), config.rated_w, period))
    };
    let channels: Vec<Channel> = domains.iter().filter_map(channel).collect();
    let limit = opened
        .within
        .filter(|_| config.rated_w > KERNEL_TIMER_W)
        .and_then(|energy| Duration::try_from_secs_f64(energy.get() / config.rated_w).ok());

    let device = package.map_or_else(|| "all".to_owned(), |package| format!("package-{package}"));
    let lane = if package.is_some() { format!("{DRIVER_ID}/{device}") } else { DRIVER_ID.to_owned() };
    let count = packages.len();
    let words = format!("{device}: {}, {count} package{}", machine.cpu, if count == 1 { "" } else { "s" });
    let mut descriptor = Descriptor::new(DRIVER_ID, words, channels).with_lane(Lane::new(lane));
    for (name, value) in details(&opened, &descriptor, &periods, config, machine, limit) {
        descriptor = descriptor.with_detail(name, value);
    }
    Ok((descriptor, taps(opened, &domains), limit))
}

/// The domains that become channels, in their order.
fn chosen(opened: &Opened, package: Option<u32>, config: &Config) -> Result<Vec<Domain>> {
    let mut there: Vec<Domain> = opened.domains().copied().collect();
    there.sort_unstable();
    if let Some(package) = package {
        let known = packages(&there);
        // A platform's meter may see more than this package.
        there.retain(|domain| domain.package == package && domain.kind != Kind::Psys);
        if there.is_empty() {
            let known: Vec<_> = known.iter().map(|package| format!("package-{package}")).collect();
            let message = format!("no package-{package} with RAPL; there are all, {}", known.join(", "));
            return Err(Error::new(ErrorKind::NotFound, message));
        }
    }
    let Some(wanted) = &config.channels else { return Ok(there) };
    let names: Vec<String> = there.iter().map(Domain::to_string).collect();
    if let Some(unknown) = wanted.iter().find(|wanted| !names.contains(wanted)) {
        let message = format!("option channels: no channel {unknown:?} here; there are {}", names.join(", "));
        return Err(Error::new(ErrorKind::InvalidConfig, message));
    }
    there.retain(|domain| wanted.contains(&domain.to_string()));
    Ok(there)
}

fn packages(domains: &[Domain]) -> Vec<u32> {
    let mut packages: Vec<u32> = domains.iter().map(|domain| domain.package).collect();
    packages.sort_unstable();
    packages.dedup();
    packages
}

fn id(domains: &[Domain], domain: &Domain) -> Option<ChannelId> {
    let index = domains.iter().position(|known| known == domain)?;
    u16::try_from(index).ok().map(ChannelId)
}

fn channel(
    line: &Line,
    domains: &[Domain],
    packages: usize,
    rated_w: f64,
    period: Option<Duration>,
) -> Channel {
    let Line { domain, quantum, modulus, step } = line;
    #[expect(clippy::cast_precision_loss, reason = "a handful of packages")]
    let rated = if domain.kind == Kind::Psys { rated_w * PLATFORM_FACTOR * packages as f64 } else { rated_w };
    let mut channel =
        Channel::new(domain.to_string(), Quantity::EnergyCounter { quantum: *quantum, modulus: *modulus })
            .with_scope(domain.scope())
            .with_rated_power(Watts::from_watts(rated));
    // What perf rounds to is not known, only what it is at most.
    if let (Some(step), Some(_)) = (step, modulus) {
        #[expect(clippy::cast_precision_loss, reason = "a unit is a few hundred microjoules at most")]
        let step = *step as f64;
        channel = channel.with_resolution(step);
    }
    if let Some(period) = period.filter(|period| !period.is_zero()) {
        channel = channel.with_update_period(period);
    }
    match domain.whole(domains).and_then(|whole| id(domains, whole)) {
        Some(whole) => channel.with_part_of(whole),
        None => channel,
    }
}

fn taps(opened: Opened, domains: &[Domain]) -> Vec<SourceTap> {
    let mut leader = None;
    let tap = |tap: crate::backend::Tap| {
        let Domain { package, die, kind } = tap.lines[0].domain;
        let leads = kind == Kind::Package || (kind != Kind::Psys && leader != Some((package, die)));
        if leads {
            leader = Some((package, die));
        }
        let channels = tap.lines.iter().map(|line| id(domains, &line.domain)).collect();
        SourceTap::new(tap.counter, channels, leads, tap.lines[0].domain.to_string())
    };
    opened.taps.into_iter().map(tap).collect()
}

fn details(
    opened: &Opened,
    descriptor: &Descriptor,
    periods: &[(Domain, Duration)],
    config: &Config,
    machine: &Machine,
    limit: Option<Duration>,
) -> Vec<(String, String)> {
    let mut details = opened.notes.clone();
    let mut add = |name: &str, value: String| details.push((name.to_owned(), value));
    let cpu = &machine.cpu;
    add("backend", opened.way.name().to_owned());
    add("cpu", format!("{cpu}, family {}, model {:#x}", cpu.family, cpu.model));
    let total = safe_total(descriptor);
    let names: Vec<&str> =
        total.iter().filter_map(|id| descriptor.channel(*id)).map(|channel| &*channel.name).collect();
    add(
        "safe_total",
        if names.is_empty() { "unknown: no package is read".to_owned() } else { names.join(" + ") },
    );
    if !descriptor.channels.iter().any(|channel| channel.scope == Scope::Dram) {
        let why = if cpu.vendor.is_amd() { "AMD counts none" } else { "this CPU or way shows none" };
        add("dram", format!("unknown: {why}, so that safe_total is without memory"));
    }
    if !opened.skipped.is_empty() {
        add("skipped", opened.skipped.join("; "));
    }
    add("energy_filtering", filtering::describe(machine, &config.roots));
    add("update_period", period_words(descriptor, periods, config.measure));
    add(
        "rated_w",
        format!("{} a package or memory, by option rated_w: bounds a counter's step", config.rated_w),
    );
    let shortest = descriptor.channels.iter().filter_map(Channel::read_within).chain(limit).min();
    add(
        "read_within_ms",
        shortest.map_or_else(|| "no bound".to_owned(), |time| time.as_millis().to_string()),
    );
    let edge = match config.edge {
        Some(bound) => format!("each read spins for an update, {} ms at most", bound.as_millis()),
        None => "reads do not wait for an update".to_owned(),
    };
    add("edge", edge);
    details
}

fn period_words(descriptor: &Descriptor, periods: &[(Domain, Duration)], time: Duration) -> String {
    if time.is_zero() {
        return "unknown: not measured, option measure_ms=0; nominally 1 ms".to_owned();
    }
    let known: Vec<_> = periods.iter().map(|(domain, period)| format!("{domain} {period:?}")).collect();
    let unknown: Vec<&str> = descriptor
        .channels
        .iter()
        .filter(|channel| channel.update_period.is_none())
        .map(|channel| &*channel.name)
        .collect();
    let mut words = Vec::new();
    if !known.is_empty() {
        words.push(known.join(", "));
    }
    if !unknown.is_empty() {
        words.push(format!("unknown of {} (nominally 1 ms)", unknown.join(", ")));
    }
    format!("measured for {} ms at open: {}", time.as_millis(), words.join("; "))
}
