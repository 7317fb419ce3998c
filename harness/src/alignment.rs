//! `alignment.json`: how each source's clock relates to the run's time base.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::run::Manifest;
use crate::{Error, Result};

/// How the clocks of a run relate, by source id; a source that is not named here keeps its own times.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Alignment(pub BTreeMap<String, AlignedClock>);

/// The map from one source's device time to the time base: `t = device + offset + drift × (device - origin)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlignedClock {
    /// Added to the device time.
    pub offset_ns: i64,
    /// Drift in parts per million; 0 where none was estimated.
    #[serde(default)]
    pub drift_ppm: f64,
    /// Device time at which the drift counts from.
    #[serde(default)]
    pub origin_ns: i64,
    /// Half the width of the interval that holds the true offset; `None` where nobody knows.
    pub uncertainty_ns: Option<u64>,
    /// How it was found, with its source.
    pub method: String,
}

impl Alignment {
    /// Reads an alignment from JSON. Takes any bytes.
    ///
    /// # Errors
    ///
    /// - if it is no alignment; the position is named.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        serde_json::from_slice(bytes)
            .map_err(|error| Error::new(format!("the alignment cannot be read, {error}")).because(error))
    }

    /// The alignment as JSON, indented, with a line end.
    pub(crate) fn to_json(&self) -> Result<Vec<u8>> {
        if let Some((id, _)) = self.0.iter().find(|(_, clock)| !clock.drift_ppm.is_finite()) {
            return Err(
                Error::new(format!("the drift of the clock of {id} is no number")).mend("leave it at 0")
            );
        }
        let mut json = serde_json::to_vec_pretty(self)
            .map_err(|error| Error::new("the alignment cannot be written as JSON").because(error))?;
        json.push(b'\n');
        Ok(json)
    }

    /// Fails if it names a source that the run has not.
    pub(crate) fn check(&self, manifest: &Manifest) -> Result<()> {
        match self.strangers(manifest).next() {
            None => Ok(()),
            Some(id) => {
                Err(Error::new(format!("the alignment names the source {id}, which the run has not"))
                    .mend("name one of its sources"))
            }
        }
    }

    /// The ids in it that are no sources of the run.
    pub(crate) fn strangers<'a>(&'a self, manifest: &'a Manifest) -> impl Iterator<Item = &'a str> {
        let known = |id: &&str| manifest.sources.iter().any(|source| source.id == *id);
        self.0.keys().map(String::as_str).filter(move |id| !known(id))
    }
}
