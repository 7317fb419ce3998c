//! `node-model.toml`: a fitted model with all that its user has to know.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use power_analysis::node::{NodeModel, PaperMethod};
use serde::{Deserialize, Serialize};

use super::components::ComponentChannels;
use crate::{Error, Result};

/// Version of the file that this program writes and reads.
const SCHEMA_VERSION: u32 = 1;

/// A model longer than this is none.
const LONGEST_MODEL: u64 = 1 << 24;

/// A fitted model with its provenance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelFile {
    /// Version of this structure.
    pub schema_version: u32,
    /// Program and version.
    pub written_by: String,
    /// When the newest of its runs was recorded.
    pub date: Timestamp,
    /// From when on it should no longer be believed: dust, paste, firmware and parts change a node.
    pub expires: Timestamp,
    /// Names of the runs that it was fitted to.
    pub runs: Vec<String>,
    /// Runs most of whose levels speak against all others.
    pub falsified: Vec<String>,
    /// Length of the blocks whose means were fitted, in seconds.
    pub block_s: f64,
    /// The meter's channel, `source/channel`.
    pub reference: String,
    /// The meter.
    pub meter: String,
    /// The machine: facts of the host, and the devices of all components.
    pub machine: BTreeMap<String, String>,
    /// The channels of each component.
    pub channels: Vec<ComponentChannels>,
    /// The paper's method on the same runs, where idle and busy levels exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paper: Option<PaperMethod>,
    /// Load during a calculation of prime numbers, 0 (idle) to 1 (busy), by the power of CPUs and memory: the prior of the
    /// paper's method, where the calibration had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prime_load: Option<f64>,
    /// The model.
    pub model: NodeModel,
}

impl ModelFile {
    /// The version of the structure that this program writes.
    pub(super) const fn schema_version() -> u32 {
        SCHEMA_VERSION
    }

    /// Length of a block in nanoseconds, at least 1.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float cast saturates, and a block is at least 1 ns"
    )]
    pub(super) fn block_ns(&self) -> i64 {
        ((self.block_s * 1e9) as i64).max(1)
    }

    /// Reads a model from TOML. Takes any text.
    ///
    /// # Errors
    ///
    /// - it is no model, or one that contradicts itself
    pub fn parse(text: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Version {
            schema_version: u32,
        }
        let fault = |what: String| {
            Error::new(format!("is no node model, {what}"))
                .mend("name a file that `wattproof calibrate` wrote")
        };
        let Version { schema_version } =
            toml::from_str(text).map_err(|error| fault(error.message().to_owned()))?;
        if schema_version > SCHEMA_VERSION {
            return Err(Error::new(format!(
                "has version {schema_version}, this program reads {SCHEMA_VERSION}"
            ))
            .mend("update wattproof"));
        }
        let file: Self = toml::from_str(text).map_err(|error| fault(error.message().to_owned()))?;
        let names = file.channels.iter().map(|component| &component.name);
        if !names.eq(file.model.measured.iter()) {
            return Err(fault("its channels are not those of its components".into()));
        }
        if !(file.block_s.is_finite() && file.block_s >= 1.0) {
            return Err(fault(format!("its blocks have {} s", file.block_s)));
        }
        match file.model.contradiction() {
            Some(what) => Err(fault(what)),
            None => Ok(file),
        }
    }

    /// The model as TOML.
    ///
    /// # Errors
    ///
    /// - it cannot be written as TOML
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string_pretty(self)
            .map_err(|error| Error::new("the model cannot be written as TOML").because(error))
    }
}

/// Reads a model from a file.
///
/// # Errors
///
/// - the file cannot be read, or is no model
pub fn read_model(path: &Path) -> Result<ModelFile> {
    let bytes = crate::import::read_small(path, LONGEST_MODEL)?;
    let text = String::from_utf8(bytes).map_err(|_| {
        Error::file(path, "is not UTF-8").mend("name a file that `wattproof calibrate` wrote")
    })?;
    ModelFile::parse(&text).map_err(|error| Error::file(path, error))
}

/// Writes a model to a file, whole or not at all.
///
/// # Errors
///
/// - the file cannot be written
pub fn write_model(path: &Path, model: &ModelFile) -> Result<()> {
    let mut partial = path.to_owned().into_os_string();
    partial.push(".partial");
    std::fs::write(&partial, model.to_toml()?)
        .and_then(|()| std::fs::rename(&partial, path))
        .map_err(|error| Error::io(path, "write", error))
}
