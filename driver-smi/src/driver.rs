//! The driver: finds `nvidia-smi` and its GPUs, and opens them.

use power_core::{Access, Driver, ErrorKind, Found, Options, PowerSource, Result};

use crate::config::{Config, Mode};
use crate::error::SmiError;
use crate::inventory::{self, Inventory};
use crate::ways;

/// The driver for NVIDIA GPUs through `nvidia-smi`.
///
/// ```no_run
/// use driver_smi::DRIVER;
/// use power_core::{Driver, Options};
/// let source = DRIVER.open("0", &Options::new().with("period_ms", "50"))?;
/// # Ok::<(), power_core::Error>(())
/// ```
pub static DRIVER: Smi = Smi;

/// The type of [`DRIVER`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Smi;

impl Driver for Smi {
    fn id(&self) -> &'static str {
        "smi"
    }

    /// Every GPU that `nvidia-smi` lists, by uuid, or why there is none. Blocks for one process, 10 s at most.
    fn discover(&self) -> Vec<Found> {
        let config = match Config::new(&Options::new()) {
            Ok(config) => config,
            Err(error) => {
                let access = Access::Unavailable { reason: error.to_string(), mend: None };
                return vec![Found::new("all", "nvidia-smi", access)];
            }
        };
        match inventory::gpus(&config, None) {
            Ok(there) => {
                let version = there.driver_version.as_deref().unwrap_or("unknown");
                let path = config.binary.display();
                let name = |index, name| format!("{name}, GPU {index} of {path}, driver {version}");
                let gpus = there.gpus.iter();
                gpus.map(|gpu| Found::new(&*gpu.uuid, name(gpu.index, &*gpu.name), Access::Ready)).collect()
            }
            Err(error) => {
                let name = format!("NVIDIA GPUs by {}", config.binary.display());
                vec![Found::new("all", name, error.into_access())]
            }
        }
    }

    fn open(&self, device: &str, options: &Options) -> Result<Box<dyn PowerSource>> {
        let config = Config::new(options)?;
        let selection = inventory::selection(device)?;
        // What `--id` takes as a list, or all, is several GPUs even where it comes to one.
        let several = selection.is_none_or(|selection| selection.contains(','));
        let survey = |wanted: &[_]| {
            inventory::survey(&config, selection, wanted)
                .map_err(|error| named(&config, device, selection, error))
        };
        match config.mode {
            Mode::Loop => ways::open_loop(&config, several, survey),
            Mode::Query => ways::open_query(&config, several, survey),
            Mode::Tracer => ways::open_tracer(&config, several, survey),
            Mode::Dmon => ways::open_dmon(&config, several, survey),
        }
    }
}

/// A selection that comes to nothing is answered with what there is.
fn named(config: &Config, device: &str, selection: Option<&str>, error: SmiError) -> power_core::Error {
    let there = |error: &SmiError| match error.kind() {
        ErrorKind::NotFound | ErrorKind::Unsupported if selection.is_some() => {
            inventory::gpus(config, None).ok()
        }
        _ => None,
    };
    match there(&error) {
        Some(there) if !is_there(&there, device) => inventory::not_found(device, Some(&there)),
        _ => error.into(),
    }
}

fn is_there(there: &Inventory, device: &str) -> bool {
    let names = |gpu: &inventory::Gpu, part: &str| {
        gpu.index.to_string() == part || gpu.uuid == part || gpu.bus_id.eq_ignore_ascii_case(part)
    };
    device.split(',').all(|part| there.gpus.iter().any(|gpu| names(gpu, part)))
}
