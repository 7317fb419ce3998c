//! `alignment.json`: how each source's clock relates to the run's time base.

use std::collections::BTreeMap;

use power_analysis::clock::StampPosition;
use serde::{Deserialize, Serialize};

use crate::run::Manifest;
use crate::{Error, Result};

/// How the clocks of a run relate, by source id; a source that is not named here keeps its own times.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Alignment(pub BTreeMap<String, AlignedClock>);

/// The map from one source's own time to the time base: `t = own + offset + drift × (own - origin)`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct AlignedClock {
    /// Which of the source's times are mapped.
    #[serde(default, skip_serializing_if = "AlignedTimes::is_default")]
    pub times: AlignedTimes,
    /// Added to the source's own time.
    pub offset_ns: i64,
    /// Drift in parts per million; 0 where none was estimated.
    #[serde(default)]
    pub drift_ppm: f64,
    /// The source's own time at which the drift counts from.
    #[serde(default)]
    pub origin_ns: i64,
    /// Half the width of the interval that holds the true offset; `None` where nobody knows.
    pub uncertainty_ns: Option<u64>,
    /// Half the width of the interval that holds the true drift; `None` where nobody knows or there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift_uncertainty_ppm: Option<f64>,
    /// Where it is known: the mapped time is the end of an averaging window of this length. As a reference, the
    /// values then count at the window's middle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_ns: Option<i64>,
    /// Which moment of its window the source stamps, as far as it could be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stamps: Option<StampPosition>,
    /// How it was found, with its source.
    pub method: String,
}

/// Which times of a source an alignment maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlignedTimes {
    /// The device's own time where a reading has one, the host's bracket where it has none.
    #[default]
    DeviceOrBracket,
    /// The device's own time alone; a reading without keeps the host's bracket as it is.
    Device,
    /// The host's bracket: the source is late by as much as its offset is negative.
    Bracket,
}

impl AlignedTimes {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl AlignedClock {
    /// By how much a mapped time can be wrong at the source's own time `own_ns`; `None` where nobody knows.
    pub fn uncertainty_at_ns(&self, own_ns: i64) -> Option<u64> {
        let offset = self.uncertainty_ns?;
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a span of time, not negative; a float cast saturates"
        )]
        let drift = {
            let away = own_ns.abs_diff(self.origin_ns) as f64;
            (away * self.drift_uncertainty_ppm.unwrap_or(0.0).abs() * 1e-6) as u64
        };
        Some(offset.saturating_add(drift))
    }
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
