//! What is known of a run when it begins.

use std::collections::BTreeMap;

use crate::run::{Origin, TimeBase};

/// What is known of a run when it begins.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRun {
    /// What its times count.
    pub time_base: TimeBase,
    /// How the readings come into it.
    pub origin: Origin,
    /// The machine that the sensors belong to, as far as it is known.
    pub host: BTreeMap<String, String>,
    /// What a reader has to know.
    pub notes: Vec<String>,
    /// Program and version that writes the run.
    pub written_by: String,
    /// When it is written, RFC 3339, UTC.
    pub written_at: String,
}

impl NewRun {
    /// A run that this program writes now, of a machine of which nothing is known.
    pub fn new(time_base: TimeBase, origin: Origin) -> Self {
        Self {
            time_base,
            origin,
            host: BTreeMap::new(),
            notes: Vec::new(),
            written_by: concat!("wattproof ", env!("CARGO_PKG_VERSION")).to_owned(),
            written_at: jiff::Timestamp::now().to_string(),
        }
    }
}
