//! What can be read on this machine: every device that a driver finds, under the name that a run would give it.

use std::collections::BTreeSet;
use std::path::Path;
use std::thread;
use std::time::Duration;

use power_core::{Access, Descriptor, Driver, Found, Options};
use serde::Serialize;

use crate::rig::{Rig, SourceSpec, rate};
use crate::{Result, drivers};

/// Everything that the drivers of this program find, in their order.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inventory {
    /// Version of this structure.
    pub schema_version: u32,
    /// The devices.
    pub sources: Vec<Listed>,
}

/// One device that was found, or expected and not found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Listed {
    /// The name that its source has in a run, where no rig file names it.
    pub id: String,
    /// Id of the driver.
    pub driver: &'static str,
    /// What the driver calls it: the `device` of a rig file.
    pub device: String,
    /// The device in words.
    pub name: String,
    /// Whether it can be read, and how to mend it if not.
    pub access: Access,
    /// What it measures; `None` where it was not opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub descriptor: Option<Descriptor>,
    /// How often `record` reads it where nobody says, in Hz; `None` where it was not opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_rate_hz: Option<f64>,
    /// What its driver is told, for a source of a rig file. Not shown, since a token may be among it.
    #[serde(skip)]
    told: Option<Options>,
}

impl Listed {
    /// Whether it can be read.
    pub fn is_ready(&self) -> bool {
        self.access == Access::Ready
    }
}

impl Inventory {
    /// Asks every driver what there is, without opening anything. Blocks as long as the slowest driver takes.
    pub fn discover() -> Self {
        let drivers = drivers::all();
        let found: Vec<(&dyn Driver, Vec<Found>)> = thread::scope(|scope| {
            let asked: Vec<_> =
                drivers.into_iter().map(|driver| (driver, scope.spawn(|| driver.discover()))).collect();
            // A driver that panics has found nothing; its panic is on stderr already.
            asked.into_iter().map(|(driver, found)| (driver, found.join().unwrap_or_default())).collect()
        });
        let mut taken = BTreeSet::new();
        let mut sources = Vec::new();
        for (driver, found) in found {
            let mut ids = Ids::default();
            for Found { device, name, access, .. } in found {
                let id = free(&ids.id(driver.id(), &device), &mut taken);
                let driver = driver.id();
                sources.push(Listed {
                    id,
                    driver,
                    device,
                    name,
                    access,
                    descriptor: None,
                    default_rate_hz: None,
                    told: None,
                });
            }
        }
        Self { schema_version: 1, sources }
    }

    /// What a rig file names, or everything that the drivers find where there is none.
    ///
    /// # Errors
    ///
    /// - if the rig file cannot be read, or is none.
    pub fn of(rig: Option<&Path>) -> Result<Self> {
        rig.map_or_else(|| Ok(Self::discover()), |path| Ok(Self::named(&Rig::read(path)?)))
    }

    /// The sources of a rig file, of which nothing is opened yet.
    fn named(rig: &Rig) -> Self {
        let listed = |source: &SourceSpec| Listed {
            id: source.name.clone(),
            // A rig names only drivers that there are.
            driver: drivers::find(&source.driver).map_or("", Driver::id),
            device: source.device.clone(),
            name: source.device.clone(),
            access: Access::Ready,
            descriptor: None,
            default_rate_hz: None,
            told: Some(source.options.clone()),
        };
        Self { schema_version: 1, sources: rig.sources.iter().map(listed).collect() }
    }

    /// Opens every device that can be read, learns what it measures, and closes it again.
    ///
    /// A device that does not open after all becomes unavailable, with the reason.
    pub fn describe(&mut self) {
        for listed in self.sources.iter_mut().filter(|listed| listed.is_ready()) {
            let Some(driver) = drivers::find(listed.driver) else { continue };
            match driver.open(&listed.device, listed.told.as_ref().unwrap_or(&Options::new())) {
                Ok(source) => {
                    let descriptor = source.descriptor().clone();
                    if listed.told.is_some() {
                        // A rig file says where it is, and only the device what it is.
                        listed.name.clone_from(&descriptor.device);
                    }
                    let period = rate::default_period(&descriptor, Duration::ZERO);
                    listed.default_rate_hz = Some(1.0 / period.as_secs_f64());
                    listed.descriptor = Some(descriptor);
                }
                Err(error) => {
                    listed.access = Access::Unavailable { reason: format!("{error:#}"), mend: None };
                }
            }
        }
    }

    /// The devices that can be read.
    pub fn ready(&self) -> impl Iterator<Item = &Listed> {
        self.sources.iter().filter(|listed| listed.is_ready())
    }
}

/// Longest name of a device that is short enough for an id.
const SHORT: usize = 16;

/// Gives the devices of one driver ids: `nvml0-gauges` for `GPU-5a3f…/gauges`, `rapl-package-0` for `package-0`.
#[derive(Debug, Default)]
struct Ids {
    heads: Vec<String>,
}

impl Ids {
    fn id(&mut self, driver: &str, device: &str) -> String {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if device.len() <= SHORT && !device.is_empty() && device.chars().all(plain) {
            return match device.strip_prefix(driver) {
                Some(_) => device.to_owned(),
                None => format!("{driver}-{device}"),
            };
        }
        let (head, tail) = match device.rsplit_once('/') {
            Some((head, tail)) if !tail.is_empty() => (head, Some(tail)),
            _ => (device, None),
        };
        let number = self.heads.iter().position(|known| known == head).unwrap_or_else(|| {
            self.heads.push(head.to_owned());
            self.heads.len() - 1
        });
        let tail: String =
            tail.unwrap_or_default().chars().map(|c| if plain(c) { c } else { '_' }).take(SHORT).collect();
        if tail.is_empty() { format!("{driver}{number}") } else { format!("{driver}{number}-{tail}") }
    }
}

/// The id itself, or the first of `id.2`, `id.3`, … that is not taken.
fn free(id: &str, taken: &mut BTreeSet<String>) -> String {
    let mut name = id.to_owned();
    let mut number = 2_u32;
    while !taken.insert(name.clone()) {
        name = format!("{id}.{number}");
        number += 1;
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_short_and_tell_twins_apart() {
        let mut ids = Ids::default();
        let mut id = |device: &str| ids.id("nvml", device);
        assert_eq!(id("GPU-5a3f0000-0000-0000-0000-000000000000/gauges"), "nvml0-gauges");
        assert_eq!(id("GPU-5a3f0000-0000-0000-0000-000000000000/ring"), "nvml0-ring");
        assert_eq!(id("GPU-77777777-0000-0000-0000-000000000000/gauges"), "nvml1-gauges");
        let mut ids = Ids::default();
        assert_eq!(ids.id("rapl", "package-0"), "rapl-package-0");
        assert_eq!(ids.id("meter", "tcp://192.0.2.7:502"), "meter0-192.0.2.7_502");
        let mut ids = Ids::default();
        assert_eq!(ids.id("smi", "GPU-77777777-0000-0000-0000-000000000000"), "smi0");
        let mut taken = BTreeSet::new();
        assert_eq!(free("a", &mut taken), "a");
        assert_eq!(free("a", &mut taken), "a.2");
    }
}
