//! Options and names of devices.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt;
use std::time::Duration;

use power_core::{Error, ErrorKind, Options, Result};

/// Names the library in place of the options.
pub(crate) const LIBRARY_VARIABLE: &str = "WATTPROOF_NVML";

/// Where NVIDIA's driver puts its library: the loader's path, then where WSL and `NixOS` have it.
#[cfg(not(windows))]
const DEFAULT_PATHS: [&str; 3] =
    ["libnvidia-ml.so.1", "/usr/lib/wsl/lib/libnvidia-ml.so.1", "/run/opengl-driver/lib/libnvidia-ml.so.1"];
#[cfg(windows)]
const DEFAULT_PATHS: [&str; 1] = ["nvml.dll"];

/// Longest time that opening may spend on telling fields from their aliases: two publications of 100 ms.
const DEFAULT_ALIAS_TIME: Duration = Duration::from_millis(220);

/// What the options say.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) library: LibraryPath,
    pub(crate) channels: Option<BTreeSet<String>>,
    pub(crate) visible: Visible,
    pub(crate) alias_time: Duration,
}

/// Which GPUs an index counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Visible {
    /// All that NVML lists, in its order.
    All,
    /// Those that `CUDA_VISIBLE_DEVICES` names, in CUDA's order.
    Cuda,
}

impl Config {
    /// Reads the options; `library_variable` is the value of [`LIBRARY_VARIABLE`].
    pub(crate) fn new(options: &Options, library_variable: Option<OsString>) -> Result<Self> {
        options.only(&["alias_ms", "channels", "library", "visible"])?;
        let channels = options.text("channels").map(|text| {
            text.split(',')
                .map(str::trim)
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect::<BTreeSet<_>>()
        });
        if channels.as_ref().is_some_and(BTreeSet::is_empty) {
            return Err(Error::new(
                ErrorKind::InvalidConfig,
                "option channels names no channel; leave it out for all",
            ));
        }
        let visible = match options.text("visible") {
            None | Some("all") => Visible::All,
            Some("cuda") => Visible::Cuda,
            Some(other) => {
                let message =
                    format!("option visible = {other:?}; it is `all`, or `cuda` for CUDA_VISIBLE_DEVICES");
                return Err(Error::new(ErrorKind::InvalidConfig, message));
            }
        };
        Ok(Self {
            library: LibraryPath::new(options.text("library").map(OsString::from), library_variable),
            channels,
            visible,
            alias_time: options.parse("alias_ms")?.map_or(DEFAULT_ALIAS_TIME, Duration::from_millis),
        })
    }

    /// Whether the options ask for this channel.
    pub(crate) fn wants(&self, channel: &str) -> bool {
        self.channels.as_ref().is_none_or(|channels| channels.contains(channel))
    }

    /// Refuses channels that the class of source never has.
    pub(crate) fn check_channels<'a>(&self, known: impl Iterator<Item = &'a str>) -> Result<()> {
        let known: Vec<_> = known.collect();
        let Some(wrong) = self.channels.iter().flatten().find(|name| !known.contains(&name.as_str())) else {
            return Ok(());
        };
        let message = format!("option channels: no channel {wrong:?} here; there are {}", known.join(", "));
        Err(Error::new(ErrorKind::InvalidConfig, message))
    }
}

/// Where to look for the library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LibraryPath {
    /// The option says.
    Option([OsString; 1]),
    /// The environment says.
    Variable([OsString; 1]),
    /// Nobody says.
    Default(Vec<OsString>),
}

impl LibraryPath {
    fn new(option: Option<OsString>, variable: Option<OsString>) -> Self {
        match (option, variable.filter(|path| !path.is_empty())) {
            (Some(path), _) => Self::Option([path]),
            (None, Some(path)) => Self::Variable([path]),
            (None, None) => Self::Default(DEFAULT_PATHS.iter().map(OsString::from).collect()),
        }
    }

    /// What to try, in order.
    pub(crate) fn candidates(&self) -> &[OsString] {
        match self {
            Self::Option(path) | Self::Variable(path) => path,
            Self::Default(paths) => paths,
        }
    }

    /// What to say when none could be loaded.
    pub(crate) fn not_found(&self) -> &'static str {
        match self {
            Self::Option(_) => "option library names no library that can be loaded",
            Self::Variable(_) => "the environment's WATTPROOF_NVML names no library that can be loaded",
            Self::Default(_) => {
                "no libnvidia-ml here, so NVIDIA's driver is not installed; install it, or name the library by \
                 option library or WATTPROOF_NVML"
            }
        }
    }
}

impl fmt::Display for LibraryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paths: Vec<_> = self.candidates().iter().map(|path| path.to_string_lossy()).collect();
        f.write_str(&paths.join(", "))
    }
}

/// The kinds of source that a GPU has: each with calls of one cost, so that a slow one delays no cheap one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Values to be polled; calls of a microsecond.
    Gauges,
    /// The energy counter; calls of milliseconds.
    Counter,
    /// The driver's sample rings, streamed.
    Ring,
}

impl Class {
    pub(crate) const ALL: [Self; 3] = [Self::Gauges, Self::Counter, Self::Ring];

    /// The name behind the slash of a device.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Gauges => "gauges",
            Self::Counter => "counter",
            Self::Ring => "ring",
        }
    }
}

/// Splits `GPU/CLASS`; without a class it is [`Class::Gauges`].
pub(crate) fn split_device(device: &str) -> (&str, Class) {
    let split = device.rsplit_once('/').and_then(|(gpu, name)| {
        let class = Class::ALL.into_iter().find(|class| class.name() == name)?;
        Some((gpu, class))
    });
    split.unwrap_or((device, Class::Gauges))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_a_gpu_and_a_class() {
        assert_eq!(split_device("gpu0"), ("gpu0", Class::Gauges));
        assert_eq!(split_device("0000:3b:00.0/ring"), ("0000:3b:00.0", Class::Ring));
        assert_eq!(split_device("MIG-GPU-5fa1/1/0"), ("MIG-GPU-5fa1/1/0", Class::Gauges));
        assert_eq!(split_device("MIG-GPU-5fa1/1/0/counter"), ("MIG-GPU-5fa1/1/0", Class::Counter));
        assert_eq!(split_device("gpu0/rings"), ("gpu0/rings", Class::Gauges));
    }

    #[test]
    fn the_option_beats_the_environment_and_the_environment_the_default() {
        let path = |option: Option<&str>, variable: Option<&str>| {
            LibraryPath::new(option.map(OsString::from), variable.map(OsString::from)).to_string()
        };
        assert_eq!(path(Some("a"), Some("b")), "a");
        assert_eq!(path(None, Some("b")), "b");
        assert!(path(None, Some("")).starts_with(DEFAULT_PATHS[0]));
    }

    #[test]
    fn wrong_options_name_what_is_right() {
        for (name, value, words) in [
            ("visible", "1", "CUDA_VISIBLE_DEVICES"),
            ("channels", " ,", "leave it out"),
            ("alias_ms", "soon", "alias_ms"),
            ("sources", "ring", "library"),
        ] {
            let error = Config::new(&Options::new().with(name, value), None).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidConfig);
            assert!(error.to_string().contains(words), "{error}");
        }
        let config = Config::new(&Options::new().with("channels", "power.draw, pstat"), None).unwrap();
        let error = config.check_channels(["power.draw", "pstate"].into_iter()).unwrap_err();
        assert!(error.to_string().contains("pstat\" here; there are power.draw, pstate"), "{error}");
    }
}
