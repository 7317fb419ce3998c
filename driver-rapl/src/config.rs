//! The options of this driver.

use std::path::PathBuf;
use std::time::Duration;

use power_core::{Error, ErrorKind, Options, Result};

const KNOWN: &[&str] = &[
    "backend",
    "channels",
    "cores",
    "cpu_root",
    "edge",
    "edge_ms",
    "event_source_root",
    "measure_ms",
    "msr_root",
    "powercap_root",
    "proc_root",
    "rated_w",
    "root",
];

/// Power that no package and no memory of a package exceeds, in watts: twice the 500 W of the largest sockets of 2025.
const RATED_W: f64 = 1_000.0;
/// Longest spin for an edge: ten times the nominal update period of 1 ms.
const EDGE_MS: u64 = 10;
/// Time that opening measures update periods for: 25 nominal ones.
const MEASURE_MS: u64 = 25;

/// A way to the counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Perf,
    Powercap,
    Msr,
}

impl Way {
    /// The cheapest read first: perf needs no interrupt to another CPU from within the package, powercap formats and
    /// parses text, MSR interrupts another CPU for each register.
    pub(crate) const ALL: [Self; 3] = [Self::Perf, Self::Powercap, Self::Msr];

    /// The word for it in options, and for people.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Perf => "perf",
            Self::Powercap => "powercap",
            Self::Msr => "msr",
        }
    }
}

/// Where the kernel's files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Roots {
    pub(crate) powercap: PathBuf,
    pub(crate) event_source: PathBuf,
    pub(crate) msr: PathBuf,
    pub(crate) cpu: PathBuf,
    pub(crate) proc: PathBuf,
}

/// The options, checked.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// The only way to try; `None` for the best.
    pub(crate) way: Option<Way>,
    /// The channels to read; `None` for all.
    pub(crate) channels: Option<Vec<String>>,
    /// Whether AMD's counters of single cores are read.
    pub(crate) cores: bool,
    /// How long a read spins for the next update; `None` if it does not.
    pub(crate) edge: Option<Duration>,
    /// How long opening measures update periods.
    pub(crate) measure: Duration,
    pub(crate) rated_w: f64,
    pub(crate) roots: Roots,
}

impl Config {
    pub(crate) fn new(options: &Options) -> Result<Self> {
        options.only(KNOWN)?;
        let way = match options.text("backend") {
            None | Some("auto") => None,
            Some(name) => Some(Way::ALL.into_iter().find(|way| way.name() == name).ok_or_else(|| {
                invalid(format!("option backend = {name:?}: it is auto, perf, powercap or msr"))
            })?),
        };
        let channels: Option<Vec<String>> =
            options.text("channels").map(|text| text.split(',').map(|name| name.trim().to_owned()).collect());
        let bound = options.parse("edge_ms")?.unwrap_or(EDGE_MS);
        if bound == 0 || bound > 1_000 {
            return Err(invalid(format!("option edge_ms = {bound}: 1 to 1000, the longest spin of a read")));
        }
        let measure = options.parse("measure_ms")?.unwrap_or(MEASURE_MS);
        if measure > 10_000 {
            return Err(invalid(format!("option measure_ms = {measure}: 10000 at most, 0 not to measure")));
        }
        let rated_w = options.parse("rated_w")?.unwrap_or(RATED_W);
        if !(rated_w > 0.0 && rated_w <= 1e6) {
            return Err(invalid(format!(
                "option rated_w = {rated_w}: watts that no package exceeds, above 0"
            )));
        }
        Ok(Self {
            way,
            channels,
            cores: switch(options, "cores")?,
            edge: switch(options, "edge")?.then_some(Duration::from_millis(bound)),
            measure: Duration::from_millis(measure),
            rated_w,
            roots: roots(options),
        })
    }
}

fn roots(options: &Options) -> Roots {
    let root = PathBuf::from(options.text("root").unwrap_or("/"));
    let path = |name, usual| options.text(name).map_or_else(|| root.join(usual), PathBuf::from);
    Roots {
        powercap: path("powercap_root", "sys/class/powercap"),
        event_source: path("event_source_root", "sys/bus/event_source/devices"),
        msr: path("msr_root", "dev/cpu"),
        cpu: path("cpu_root", "sys/devices/system/cpu"),
        proc: path("proc_root", "proc"),
    }
}

fn switch(options: &Options, name: &str) -> Result<bool> {
    match options.text(name) {
        None | Some("off") => Ok(false),
        Some("on") => Ok(true),
        Some(other) => Err(invalid(format!("option {name} = {other:?}: it is on or off"))),
    }
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidConfig, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_options_are_refused_by_name() {
        for (name, value) in [
            ("backend", "rapl"),
            ("cores", "yes"),
            ("edge", "1"),
            ("edge_ms", "0"),
            ("measure_ms", "10001"),
            ("measure_ms", "-1"),
            ("rated_w", "0"),
            ("rated_w", "nan"),
            ("unknown", "1"),
        ] {
            let error = Config::new(&Options::new().with(name, value)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{name}");
            assert!(error.to_string().contains(name), "{error}");
        }
    }

    #[test]
    fn roots_can_be_moved_together_and_apart() {
        let options = Options::new().with("root", "/fake").with("msr_root", "/msr");
        let roots = Config::new(&options).unwrap().roots;
        assert_eq!(roots.powercap, PathBuf::from("/fake/sys/class/powercap"));
        assert_eq!(roots.msr, PathBuf::from("/msr"));
        let usual = Config::new(&Options::new()).unwrap();
        assert_eq!(usual.roots.event_source, PathBuf::from("/sys/bus/event_source/devices"));
        assert_eq!((usual.edge, usual.way), (None, None));
    }
}
