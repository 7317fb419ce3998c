//! Units as they stand in others' files, and how they become the unit of a quantity.

use power_core::{Quantity, Unit};

/// What a unit measures; energy apart, the dimension is the stored unit of a quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dimension {
    Stored(Unit),
    Energy,
}

/// A unit of a file: multiply by `factor` for watts, joules, hertz, bytes and so on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WireUnit {
    symbol: &'static str,
    dimension: Dimension,
    factor: f64,
}

macro_rules! units {
    ($($symbol:literal, $dimension:expr, $factor:expr;)*) => {
        &[$(WireUnit { symbol: $symbol, dimension: $dimension, factor: $factor }),*]
    };
}

use Dimension::{Energy, Stored};

/// All known spellings. Upper and lower case differ as in the SI; the spellings in lower case alone (`mw` for
/// milliwatt) are those of column names such as `power_mw`.
static UNITS: &[WireUnit] = units! {
    "W", Stored(Unit::Watt), 1.0;
    "w", Stored(Unit::Watt), 1.0;
    "watts", Stored(Unit::Watt), 1.0;
    "Watts", Stored(Unit::Watt), 1.0;
    "kW", Stored(Unit::Watt), 1e3;
    "kw", Stored(Unit::Watt), 1e3;
    "MW", Stored(Unit::Watt), 1e6;
    "mW", Stored(Unit::Watt), 1e-3;
    "mw", Stored(Unit::Watt), 1e-3;
    "uW", Stored(Unit::Watt), 1e-6;
    "µW", Stored(Unit::Watt), 1e-6;
    "μW", Stored(Unit::Watt), 1e-6;
    "uw", Stored(Unit::Watt), 1e-6;
    "J", Energy, 1.0;
    "j", Energy, 1.0;
    "kJ", Energy, 1e3;
    "kj", Energy, 1e3;
    "MJ", Energy, 1e6;
    "mJ", Energy, 1e-3;
    "mj", Energy, 1e-3;
    "uJ", Energy, 1e-6;
    "µJ", Energy, 1e-6;
    "μJ", Energy, 1e-6;
    "uj", Energy, 1e-6;
    "nJ", Energy, 1e-9;
    "nj", Energy, 1e-9;
    "Wh", Energy, 3.6e3;
    "wh", Energy, 3.6e3;
    "mWh", Energy, 3.6;
    "mwh", Energy, 3.6;
    "kWh", Energy, 3.6e6;
    "kwh", Energy, 3.6e6;
    "%", Stored(Unit::One), 1e-2;
    "percent", Stored(Unit::One), 1e-2;
    "1", Stored(Unit::One), 1.0;
    "°C", Stored(Unit::Celsius), 1.0;
    "C", Stored(Unit::Celsius), 1.0;
    "c", Stored(Unit::Celsius), 1.0;
    "m°C", Stored(Unit::Celsius), 1e-3;
    "mC", Stored(Unit::Celsius), 1e-3;
    "Hz", Stored(Unit::Hertz), 1.0;
    "hz", Stored(Unit::Hertz), 1.0;
    "kHz", Stored(Unit::Hertz), 1e3;
    "khz", Stored(Unit::Hertz), 1e3;
    "MHz", Stored(Unit::Hertz), 1e6;
    "mhz", Stored(Unit::Hertz), 1e6;
    "GHz", Stored(Unit::Hertz), 1e9;
    "ghz", Stored(Unit::Hertz), 1e9;
    "V", Stored(Unit::Volt), 1.0;
    "v", Stored(Unit::Volt), 1.0;
    "mV", Stored(Unit::Volt), 1e-3;
    "mv", Stored(Unit::Volt), 1e-3;
    "uV", Stored(Unit::Volt), 1e-6;
    "A", Stored(Unit::Ampere), 1.0;
    "a", Stored(Unit::Ampere), 1.0;
    "mA", Stored(Unit::Ampere), 1e-3;
    "ma", Stored(Unit::Ampere), 1e-3;
    "uA", Stored(Unit::Ampere), 1e-6;
    "VA", Stored(Unit::VoltAmpere), 1.0;
    "va", Stored(Unit::VoltAmpere), 1.0;
    "kVA", Stored(Unit::VoltAmpere), 1e3;
    "mVA", Stored(Unit::VoltAmpere), 1e-3;
    "B", Stored(Unit::Byte), 1.0;
    "KiB", Stored(Unit::Byte), 1_024.0;
    "MiB", Stored(Unit::Byte), 1_048_576.0;
    "GiB", Stored(Unit::Byte), 1_073_741_824.0;
    "kB", Stored(Unit::Byte), 1e3;
    "MB", Stored(Unit::Byte), 1e6;
    "GB", Stored(Unit::Byte), 1e9;
};

impl WireUnit {
    /// The unit of this spelling.
    pub fn find(symbol: &str) -> Option<Self> {
        UNITS.iter().find(|unit| unit.symbol == symbol).copied()
    }

    /// The unit's spelling.
    pub const fn symbol(self) -> &'static str {
        self.symbol
    }

    /// What a number in this unit is multiplied by to stand in the unit of `quantity`; `None` if the unit does
    /// not fit. For an energy counter it is the joules of one such unit.
    pub fn factor_for(self, quantity: Quantity) -> Option<f64> {
        let fits = match self.dimension {
            Dimension::Energy => matches!(quantity, Quantity::EnergyCounter { .. }),
            Dimension::Stored(unit) => unit == quantity.unit(),
        };
        fits.then_some(self.factor)
    }
}

/// The spellings that fit a quantity, for messages.
pub fn spellings_for(quantity: Quantity) -> String {
    let fitting = UNITS.iter().filter(|unit| unit.factor_for(quantity).is_some());
    fitting.map(|unit| unit.symbol).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_fits_its_quantity_alone() {
        let milliwatt = WireUnit::find("mW").unwrap();
        assert_eq!(milliwatt.factor_for(Quantity::power()), Some(1e-3));
        assert_eq!(milliwatt.factor_for(Quantity::Temperature), None);
        assert_eq!(WireUnit::find("MW").unwrap().factor_for(Quantity::power()), Some(1e6));
        assert_eq!(WireUnit::find("furlong"), None);
    }

    #[test]
    fn no_spelling_stands_twice() {
        for (index, unit) in UNITS.iter().enumerate() {
            assert!(UNITS[..index].iter().all(|other| other.symbol != unit.symbol), "{}", unit.symbol);
        }
    }

    #[test]
    fn messages_list_what_fits() {
        assert_eq!(spellings_for(Quantity::Utilisation), "%, percent, 1");
    }
}
