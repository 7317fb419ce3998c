//! The three ways to the counters, and the choice among them.

mod msr;
mod perf;
mod powercap;

use std::path::Path;
use std::{env, fs};

use power_core::Joules;

use crate::config::{Config, Way};
use crate::counter::Counter;
use crate::domain::{Domain, Kind};
use crate::error::Barrier;
use crate::machine::Machine;

/// What opening energy counters to everybody gives away; stands behind every line that does.
const EXPOSES: &str = "lets every local user infer secrets of others from energy (PLATYPUS, CVE-2020-8694)";

/// One counter that a descriptor gives.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) domain: Domain,
    /// Energy of one count.
    pub(crate) quantum: Joules,
    /// Count at which it returns to 0.
    pub(crate) modulus: Option<u64>,
    /// Counts of its smallest step, where known.
    pub(crate) step: Option<u64>,
}

/// One descriptor and its counters, in the order in which a read gives them.
#[derive(Debug)]
pub(crate) struct Tap {
    pub(crate) counter: Counter,
    pub(crate) lines: Vec<Line>,
}

/// All counters that one way gives.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) way: Way,
    pub(crate) taps: Vec<Tap>,
    /// Further details for the descriptor.
    pub(crate) notes: Vec<(String, String)>,
    /// What was found and is not read, and why.
    pub(crate) skipped: Vec<String>,
    /// Energy within which a counter must be read again, where its modulus does not say.
    pub(crate) within: Option<Joules>,
}

impl Opened {
    fn new(way: Way) -> Self {
        Self { way, taps: Vec::new(), notes: Vec::new(), skipped: Vec::new(), within: None }
    }

    pub(crate) fn domains(&self) -> impl Iterator<Item = &Domain> {
        self.taps.iter().flat_map(|tap| &tap.lines).map(|line| &line.domain)
    }

    /// How many of the domains are there that make up a machine's energy.
    fn completeness(&self) -> usize {
        self.domains().filter(|domain| matches!(domain.kind, Kind::Package | Kind::Dram | Kind::Psys)).count()
    }
}

/// Tries one way: opens all its counters and reads each once.
pub(crate) fn open(way: Way, config: &Config, machine: &Machine) -> Result<Opened, Barrier> {
    match way {
        Way::Perf => perf::open(config, machine),
        Way::Powercap => powercap::open(config, machine),
        Way::Msr => msr::open(config, machine),
    }
}

/// Tries the ways that the options allow, in the order of their cost.
pub(crate) fn survey(config: &Config, machine: &Machine) -> Vec<Result<Opened, Barrier>> {
    let ways = Way::ALL.into_iter().filter(|way| config.way.is_none_or(|only| only == *way));
    ways.map(|way| open(way, config, machine)).collect()
}

/// The cheapest of the most complete; the barriers where every way is barred.
pub(crate) fn best(survey: Vec<Result<Opened, Barrier>>) -> Result<Opened, Vec<Barrier>> {
    let mut barriers = Vec::new();
    let mut best: Option<Opened> = None;
    for outcome in survey {
        match outcome {
            Ok(opened) if best.as_ref().is_none_or(|best| opened.completeness() > best.completeness()) => {
                best = Some(opened);
            }
            Ok(_) => {}
            Err(barrier) => barriers.push(barrier),
        }
    }
    best.ok_or(barriers)
}

/// Text of a small file of sysfs without the white space at its end.
fn text(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim_end().to_owned())
}

/// This program's path, for a line that gives it a capability.
fn program() -> String {
    env::current_exe().map_or_else(|_| "PROGRAM".to_owned(), |path| path.display().to_string())
}
