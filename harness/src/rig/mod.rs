//! What to open: the sources of a recording, from a rig file, from what is found here, or from the virtual rig.

mod file;
pub mod rate;
#[cfg(feature = "virtual")]
pub mod virtual_load;
#[cfg(feature = "virtual")]
pub mod virtual_node;

use std::path::Path;

use power_core::Options;

use crate::inventory::Inventory;
use crate::{Error, Result};

/// The sources of a recording.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rig {
    /// The channel that the others are compared with, `source/channel`.
    pub reference: Option<String>,
    /// The sources, in the order in which they are opened.
    pub sources: Vec<SourceSpec>,
}

/// One source to be opened.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceSpec {
    /// Its name in the run; its channels are `name/channel`.
    pub name: String,
    /// Id of the driver.
    pub driver: String,
    /// What the driver calls the device.
    pub device: String,
    /// How often it is read, in Hz; `None` for what suits it.
    pub rate_hz: Option<f64>,
    /// How often it is read if it has no rate of its own and is polled: what streams sets its own pace.
    pub polled_rate_hz: Option<f64>,
    /// What happens if it fails.
    pub policy: Policy,
    /// Options for the driver.
    pub options: Options,
}

/// What happens if a source fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// There is no recording without it: it has to open, and if it fails midway and does not come back soon, the
    /// recording ends.
    #[default]
    Required,
    /// The recording goes on without it; it is opened again as soon as that works.
    Optional,
}

impl Rig {
    /// Reads a rig file.
    ///
    /// # Errors
    ///
    /// - if it cannot be read, or is no rig: the message names the line, and the nearest known key for an unknown one.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| Error::io(path, "read", error))?;
        Self::parse(&text, path)
    }

    /// Everything that can be read on this machine; nothing in it is required.
    pub fn found(inventory: &Inventory) -> Self {
        let sources = inventory.ready().map(|listed| SourceSpec {
            name: listed.id.clone(),
            driver: listed.driver.to_owned(),
            device: listed.device.clone(),
            rate_hz: None,
            polled_rate_hz: None,
            policy: Policy::Optional,
            options: Options::new(),
        });
        Self { reference: None, sources: sources.collect() }
    }

    /// Sets rates: `RATE` of all polled sources that have none of their own in the file, or `SOURCE=RATE`, in Hz.
    ///
    /// # Errors
    ///
    /// - if a rate is no positive number, or there is no such source.
    pub fn set_rates(&mut self, rates: &[String]) -> Result<()> {
        for rate in rates {
            let (name, number) =
                rate.rsplit_once('=').map_or((None, &**rate), |(name, number)| (Some(name), number));
            let hz = number.parse().ok().filter(|hz| file::is_rate(*hz)).ok_or_else(|| {
                Error::new(format!("{number} is no rate"))
                    .mend("give a number of readings a second, such as 100")
            })?;
            let mut known = false;
            for source in &mut self.sources {
                match name {
                    Some(name) if source.name == name => source.rate_hz = Some(hz),
                    Some(_) => continue,
                    None => source.polled_rate_hz = Some(hz),
                }
                known = true;
            }
            if let (false, Some(name)) = (known, name) {
                let names: Vec<_> = self.sources.iter().map(|source| &source.name).collect();
                return Err(Error::new(format!("there is no source {name}"))
                    .mend(crate::import::nearest_hint(name, &names)));
            }
        }
        Ok(())
    }
}
