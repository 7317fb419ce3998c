//! The words of a profile for quantities, units and scopes.

use std::borrow::Cow;

use power_core::Scope;

/// What a channel measures, before averaging and quantum are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measured {
    Power,
    Energy,
    Voltage,
    Current,
    ApparentPower,
    PowerFactor,
    Frequency,
    Temperature,
}

/// The words for quantities.
pub(super) const QUANTITIES: &[(&str, Measured)] = &[
    ("power", Measured::Power),
    ("energy", Measured::Energy),
    ("voltage", Measured::Voltage),
    ("current", Measured::Current),
    ("apparent_power", Measured::ApparentPower),
    ("power_factor", Measured::PowerFactor),
    ("frequency", Measured::Frequency),
    ("temperature", Measured::Temperature),
];

impl Measured {
    /// The units that it may be given in, and what one is in the base unit: W, J, V, A, VA, 1, Hz, °C.
    pub(super) const fn units(self) -> &'static [(&'static str, f64)] {
        match self {
            Self::Power => &[("W", 1.0), ("mW", 1e-3), ("kW", 1e3)],
            Self::Energy => {
                &[("J", 1.0), ("mJ", 1e-3), ("kJ", 1e3), ("Wh", 3.6e3), ("kWh", 3.6e6), ("mWh", 3.6)]
            }
            Self::Voltage => &[("V", 1.0), ("mV", 1e-3), ("kV", 1e3)],
            Self::Current => &[("A", 1.0), ("mA", 1e-3)],
            Self::ApparentPower => &[("VA", 1.0), ("kVA", 1e3)],
            Self::PowerFactor => &[("1", 1.0), ("%", 1e-2)],
            Self::Frequency => &[("Hz", 1.0), ("mHz", 1e-3)],
            Self::Temperature => &[("°C", 1.0), ("degC", 1.0)],
        }
    }
}

/// The words for scopes; any other word after `rail:` names a rail.
pub(crate) const SCOPES: &[&str] =
    &["node_ac", "node_dc", "board", "module", "package", "platform", "unknown"];

/// The scope that a word names.
pub(crate) fn scope(word: &str) -> Option<Scope> {
    Some(match word {
        "node_ac" => Scope::NodeAc,
        "node_dc" => Scope::NodeDc,
        "board" => Scope::Board,
        "module" => Scope::Module,
        "package" => Scope::Package,
        "platform" => Scope::Platform,
        "unknown" => Scope::Unknown,
        _ => {
            let rail = word.strip_prefix("rail:").map(str::trim).filter(|rail| !rail.is_empty())?;
            Scope::Rail(Cow::Owned(rail.to_owned()))
        }
    })
}
