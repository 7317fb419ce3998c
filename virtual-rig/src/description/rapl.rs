//! The energy counters of the CPUs.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A powercap tree, as Linux shows RAPL below `/sys/class/powercap`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct RaplDescription {
    /// Domains below each package; a server has `dram` alone.
    pub domains: Vec<RaplDomain>,
    /// How often the counters are updated, in ms.
    pub period_ms: f64,
    /// Energy in J at which a package's counter is back at 0; where absent, that of 32 bits: 262144 J.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub package_wrap_j: Option<f64>,
    /// The same of the memory's; where absent, that of 32 bits: 65712 J.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dram_wrap_j: Option<f64>,
    /// Joules counted per joule, of packages, cores and uncore.
    pub package_gain: f64,
    /// Joules counted per joule of the memory.
    pub dram_gain: f64,
}

/// A domain below a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RaplDomain {
    /// The memory at the package; not part of it.
    Dram,
    /// The cores, part of the package.
    Core,
    /// All but the cores, part of the package.
    Uncore,
}

impl Default for RaplDescription {
    fn default() -> Self {
        Self {
            domains: vec![RaplDomain::Dram],
            period_ms: 1.0,
            package_wrap_j: None,
            dram_wrap_j: None,
            package_gain: 1.0,
            dram_gain: 1.0,
        }
    }
}

impl RaplDescription {
    /// Sets the domains below each package.
    #[must_use]
    pub fn with_domains(mut self, domains: impl IntoIterator<Item = RaplDomain>) -> Self {
        self.domains = domains.into_iter().collect();
        self
    }

    /// Sets how often the counters are updated, in ms.
    #[must_use]
    pub const fn with_period_ms(mut self, period_ms: f64) -> Self {
        self.period_ms = period_ms;
        self
    }

    /// Makes all counters return to 0 after `wrap_j` J.
    #[must_use]
    pub const fn with_wrap_j(mut self, wrap_j: f64) -> Self {
        self.package_wrap_j = Some(wrap_j);
        self.dram_wrap_j = Some(wrap_j);
        self
    }

    pub(crate) fn check(&self) -> Result<()> {
        if !(0.2..=1_000.0).contains(&self.period_ms) {
            return Err(Error::new("the update period of RAPL is 0.2 to 1000 ms"));
        }
        let wraps = [self.package_wrap_j, self.dram_wrap_j];
        if !wraps.iter().flatten().all(|wrap| (0.1..=262_144.0).contains(wrap)) {
            return Err(Error::new("RAPL counters wrap after 0.1 to 262144 J"));
        }
        if ![self.package_gain, self.dram_gain].iter().all(|gain| (0.1..=10.0).contains(gain)) {
            return Err(Error::new("the gain of RAPL is 0.1 to 10"));
        }
        Ok(())
    }
}
