//! Finds the counters and opens them.

use power_core::{Access, Driver, Error, ErrorKind, Found, Options, PowerSource, Result};

use crate::backend::{self, Opened};
use crate::config::{Config, Way};
use crate::describe::describe;
use crate::error::Barrier;
use crate::machine::Machine;
use crate::protocol::decimal;
use crate::source::{Sleep, Source};

pub(crate) const DRIVER_ID: &str = "rapl";

/// The driver, for a list of drivers.
pub static DRIVER: Rapl = Rapl;

/// CPU and DRAM energy by RAPL.
///
/// A device is `all`, or one package, `package-1`; a way may be named behind it, `all/powercap`. The crate's page has
/// channels and options.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Rapl;

impl Rapl {
    /// What [`Driver::discover`] finds with these options: `backend`, `cores` and the roots.
    ///
    /// Opens every counter and closes it again: blocks for some milliseconds.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidConfig`] if an option is unknown or wrong.
    pub fn discover_with(self, options: &Options) -> Result<Vec<Found>> {
        let config = Config::new(options)?;
        let machine = Machine::look(&config.roots);
        let survey = backend::survey(&config, &machine);
        let words = words(&survey);
        Ok(match backend::best(survey) {
            Ok(opened) => {
                let name = format!("RAPL of {}, by {}{words}", machine.cpu, domains(&opened));
                vec![Found::new("all", name, Access::Ready)]
            }
            Err(barriers) => barred(&barriers, &machine),
        })
    }
}

impl Driver for Rapl {
    fn id(&self) -> &'static str {
        DRIVER_ID
    }

    fn discover(&self) -> Vec<Found> {
        // Without options there is nothing to be wrong.
        self.discover_with(&Options::new()).unwrap_or_default()
    }

    fn open(&self, device: &str, options: &Options) -> Result<Box<dyn PowerSource>> {
        Ok(Box::new(open(device, options, Sleep::of_host())?))
    }
}

/// Opens a source that learns by `sleep` when the host has slept.
pub(crate) fn open(device: &str, options: &Options, sleep: Sleep) -> Result<Source> {
    let mut config = Config::new(options)?;
    let (package, way) = parse(device)?;
    if let (Some(named), Some(only)) = (way, config.way)
        && named != only
    {
        let message = format!("device {device} and option backend = {:?} name two ways", only.name());
        return Err(Error::new(ErrorKind::InvalidConfig, message));
    }
    config.way = way.or(config.way);
    let machine = Machine::look(&config.roots);
    let opened = backend::best(backend::survey(&config, &machine)).map_err(|barriers| closed(&barriers))?;
    Ok(Source::new(describe(opened, package, &config, &machine)?, config.edge, sleep))
}

/// The package, `None` for all, and the way, `None` for the best.
fn parse(device: &str) -> Result<(Option<u32>, Option<Way>)> {
    let unknown = || {
        let message =
            format!("no device {device:?}; a device is all or package-N, with /perf, /powercap or /msr");
        Error::new(ErrorKind::NotFound, message)
    };
    let (name, way) = match device.split_once('/') {
        Some((name, way)) => {
            (name, Some(Way::ALL.into_iter().find(|known| known.name() == way).ok_or_else(unknown)?))
        }
        None => (device, None),
    };
    if name == "all" {
        return Ok((None, way));
    }
    let number = name.strip_prefix("package-").and_then(|number| decimal(number.as_bytes()));
    let package = number.and_then(|number| u32::try_from(number).ok()).ok_or_else(unknown)?;
    Ok((Some(package), way))
}

/// The way and the channels that it gives.
fn domains(opened: &Opened) -> String {
    let mut domains: Vec<_> = opened.domains().copied().collect();
    domains.sort_unstable();
    let names: Vec<_> = domains.iter().map(ToString::to_string).collect();
    format!("{} ({})", opened.way.name(), names.join(", "))
}

/// What the other ways are worth.
fn words(survey: &[Result<Opened, Barrier>]) -> String {
    let also: Vec<_> = survey.iter().flatten().map(|opened| opened.way.name()).collect();
    let also = if also.len() > 1 { format!("; readable: {}", also.join(", ")) } else { String::new() };
    let barriers = survey.iter().filter_map(|outcome| outcome.as_ref().err());
    let barriers: Vec<_> = barriers.map(|barrier| format!("; {barrier}")).collect();
    also + &barriers.concat()
}

/// Findings where no way is open: one for each barrier, or one where they all say the same.
fn barred(barriers: &[Barrier], machine: &Machine) -> Vec<Found> {
    let same = barriers.iter().all(|barrier| barrier.reason == barriers[0].reason);
    if same && barriers.len() > 1 {
        return vec![Found::new("all", format!("RAPL of {}", machine.cpu), barriers[0].access())];
    }
    let found = |barrier: &Barrier| {
        let device = format!("all/{}", barrier.way.name());
        let name = format!("RAPL of {} by {}: {}", machine.cpu, barrier.way.name(), barrier.reason);
        Found::new(device, name, barrier.access())
    };
    barriers.iter().map(found).collect()
}

/// One error for all barriers: that which the caller can do most about gives the kind.
fn closed(barriers: &[Barrier]) -> Error {
    let denied = barriers.iter().find(|barrier| barrier.kind == ErrorKind::PermissionDenied);
    let kind = denied.or(barriers.first()).map_or(ErrorKind::Unavailable, |barrier| barrier.kind);
    if let [only] = barriers {
        return only.clone().into_error();
    }
    if barriers.iter().all(|barrier| barrier.reason == barriers[0].reason) {
        let mend = barriers[0].mend.as_ref().map(|mend| format!("; try: {mend}")).unwrap_or_default();
        return Error::new(kind, format!("no RAPL: {}{mend}", barriers[0].reason));
    }
    let words: Vec<_> =
        barriers.iter().map(|barrier| barrier.clone().into_error().message().to_owned()).collect();
    Error::new(kind, words.join("; "))
}
