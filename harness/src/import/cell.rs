//! From one cell of a table to the value of a row: numbers, units written behind them, words for "no value".

use std::fmt;

use power_core::{Flags, Quantity};

use super::quantity::scaled;
use super::unit::{WireUnit, spellings_for};
use crate::run::RowValue;

/// A value with what is remarkable about it.
pub(crate) type Decoded = (RowValue, Flags);

const MISSING: Decoded = (RowValue::Missing, Flags::MISSING);

/// Why a cell holds no value of its channel.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum CellFault {
    NotANumber(String),
    TooLarge(String),
    NotACount(String),
    NotAMultiple { cell: String, quantum_j: f64 },
    Unit { symbol: String, quantity: Quantity },
}

impl fmt::Display for CellFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotANumber(cell) => write!(f, "`{cell}` is no number"),
            Self::TooLarge(cell) => write!(f, "`{cell}` is too large to be held"),
            Self::NotACount(cell) => write!(f, "`{cell}` is no count: counters hold whole numbers from 0"),
            Self::NotAMultiple { cell, quantum_j } => {
                write!(f, "`{cell}` is no whole number of counts of {quantum_j} J: state a smaller quantum")
            }
            Self::Unit { symbol, quantity } => {
                write!(f, "`{symbol}` is no unit of {quantity}: known are {}", spellings_for(*quantity))
            }
        }
    }
}

/// How the cells of one channel are read.
#[derive(Debug, Clone)]
pub(crate) struct Measure {
    quantity: Quantity,
    /// What a number without a unit is multiplied by.
    factor: f64,
    /// The unit that stood behind the last number, and its factor: nearly always the next one's too.
    last_suffix: Option<(Vec<u8>, f64)>,
}

impl Measure {
    /// Cells of `quantity` in `unit`, or in the stored unit where there is none; `None` if the unit does not fit.
    pub(crate) fn new(quantity: Quantity, unit: Option<WireUnit>) -> Option<Self> {
        let factor = match (unit, quantity) {
            (Some(unit), _) => unit.factor_for(quantity)?,
            (None, Quantity::EnergyCounter { quantum, .. }) => quantum.get(),
            (None, _) => 1.0,
        };
        Some(Self { quantity, factor, last_suffix: None })
    }

    /// The value of a text cell, which must be trimmed.
    pub(crate) fn text(&mut self, cell: &[u8]) -> Result<Decoded, CellFault> {
        if self.quantity == Quantity::State {
            return state(cell);
        }
        let (number, suffix) = split_number(cell);
        if number.is_empty() {
            return without_digits(cell);
        }
        let factor = if suffix.is_empty() { self.factor } else { self.suffix_factor(suffix)? };
        let text = std::str::from_utf8(number).unwrap_or_default();
        if self.quantity.is_counted() {
            let exact = text.parse().ok().and_then(|whole| self.whole(whole, factor));
            if let Some(count) = exact {
                return Ok((RowValue::Count(count), Flags::NONE));
            }
        }
        let number: f64 = text.parse().map_err(|_| CellFault::NotANumber(show(cell)))?;
        if number.is_infinite() {
            return Err(CellFault::TooLarge(show(cell)));
        }
        self.number(number, factor).map_err(|fault| fault.of(cell))
    }

    /// The value of a floating-point cell.
    pub(crate) fn float(&self, number: f64) -> Result<Decoded, CellFault> {
        if number.is_nan() {
            return Ok(MISSING);
        }
        if number.is_infinite() {
            return Ok((RowValue::Missing, Flags::MISSING | Flags::OVERRANGE));
        }
        self.number(number, self.factor).map_err(|fault| fault.of(number.to_string().as_bytes()))
    }

    /// The value of an integer cell.
    pub(crate) fn integer(&self, number: i128) -> Result<Decoded, CellFault> {
        let show = || number.to_string();
        if self.quantity.is_counted() {
            let whole = u64::try_from(number).map_err(|_| CellFault::NotACount(show()))?;
            if let Some(count) = self.whole(whole, self.factor) {
                return Ok((RowValue::Count(count), Flags::NONE));
            }
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "a measured number above 2^53 wire units has no such digits"
        )]
        let number = number as f64;
        self.number(number, self.factor).map_err(|fault| fault.of(show().as_bytes()))
    }

    /// A whole number of counts, where the unit is a whole number of them.
    fn whole(&self, number: u64, factor: f64) -> Option<u64> {
        number.checked_mul(whole_number(self.counts_per(factor))?)
    }

    fn counts_per(&self, factor: f64) -> f64 {
        match self.quantity {
            Quantity::EnergyCounter { quantum, .. } => factor / quantum.get(),
            _ => factor,
        }
    }

    fn number(&self, number: f64, factor: f64) -> Result<Decoded, NumberFault> {
        if !self.quantity.is_counted() {
            return Ok((RowValue::Number(scaled(number, factor)), Flags::NONE));
        }
        if number < 0.0 {
            return Err(NumberFault::NotACount);
        }
        let counts = number * self.counts_per(factor);
        let rounded = counts.round();
        // A decimal fraction is off by a few units in the last place; a real remainder is far more.
        if (counts - rounded).abs() > 1e-3 {
            return Err(match self.quantity {
                Quantity::EnergyCounter { quantum, .. } => NumberFault::NotAMultiple(quantum.get()),
                _ => NumberFault::NotACount,
            });
        }
        let count = whole_number(rounded).ok_or(NumberFault::TooLarge)?;
        Ok((RowValue::Count(count), Flags::NONE))
    }

    fn suffix_factor(&mut self, suffix: &[u8]) -> Result<f64, CellFault> {
        if let Some((known, factor)) = &self.last_suffix
            && known == suffix
        {
            return Ok(*factor);
        }
        let symbol = String::from_utf8_lossy(suffix);
        let factor = WireUnit::find(&symbol)
            .and_then(|unit| unit.factor_for(self.quantity))
            .ok_or_else(|| CellFault::Unit { symbol: show(suffix), quantity: self.quantity })?;
        self.last_suffix = Some((suffix.to_vec(), factor));
        Ok(factor)
    }
}

enum NumberFault {
    NotACount,
    NotAMultiple(f64),
    TooLarge,
}

impl NumberFault {
    fn of(self, cell: &[u8]) -> CellFault {
        let cell = show(cell);
        match self {
            Self::NotACount => CellFault::NotACount(cell),
            Self::NotAMultiple(quantum_j) => CellFault::NotAMultiple { cell, quantum_j },
            Self::TooLarge => CellFault::TooLarge(cell),
        }
    }
}

/// A float that holds a whole number which 53 bits hold exactly.
fn whole_number(number: f64) -> Option<u64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let near = number.round();
    let whole =
        (number - near).abs() <= 1e-9 * near.abs() && (1.0..EXACT).contains(&near) || near.abs() < 0.5;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, from 0 to 2^53")]
    whole.then_some(near as u64)
}

/// Splits the number at the head of a cell from what stands behind it.
fn split_number(cell: &[u8]) -> (&[u8], &[u8]) {
    let plain = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'+' | b'-');
    let mut end = cell.iter().take_while(|byte| plain(byte)).count();
    if let [b'e' | b'E', rest @ ..] = &cell[end..] {
        let exponent = rest.iter().take_while(|byte| plain(byte)).count();
        if rest[..exponent].iter().any(u8::is_ascii_digit) {
            end += 1 + exponent;
        }
    }
    if !cell[..end].iter().any(u8::is_ascii_digit) {
        return (&[], cell);
    }
    (&cell[..end], cell[end..].trim_ascii_start())
}

/// A cell without a number at its head: nothing, NaN, infinity, or a fault.
fn without_digits(cell: &[u8]) -> Result<Decoded, CellFault> {
    let word = cell.strip_prefix(b"-").or_else(|| cell.strip_prefix(b"+")).unwrap_or(cell);
    let is = |words: &[&str]| words.iter().any(|known| word.eq_ignore_ascii_case(known.as_bytes()));
    if cell.is_empty() || is(&["nan", "null"]) {
        Ok(MISSING)
    } else if is(&["inf", "infinity"]) {
        Ok((RowValue::Missing, Flags::MISSING | Flags::OVERRANGE))
    } else {
        Err(CellFault::NotANumber(show(cell)))
    }
}

/// A state: a whole number, `0x` and hexadecimal, `P8`, or a yes or no.
fn state(cell: &[u8]) -> Result<Decoded, CellFault> {
    let text = std::str::from_utf8(cell).unwrap_or("\u{fffd}");
    let (digits, radix) = match text.split_at_checked(2) {
        Some(("0x" | "0X", digits)) => (digits, 16),
        _ => (text.strip_prefix('P').unwrap_or(text), 10),
    };
    let plain = !digits.starts_with('+');
    if let (true, Ok(number)) = (plain, u64::from_str_radix(digits, radix)) {
        return Ok((RowValue::Count(number), Flags::NONE));
    }
    match text.to_ascii_lowercase().as_str() {
        "" | "nan" | "null" => Ok(MISSING),
        "active" | "enabled" | "true" | "yes" => Ok((RowValue::Count(1), Flags::NONE)),
        "not active" | "disabled" | "false" | "no" => Ok((RowValue::Count(0), Flags::NONE)),
        _ => Err(CellFault::NotACount(show(cell))),
    }
}

/// A cell for a message: cut, and readable whatever its bytes are.
pub(crate) fn show(cell: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(&cell[..cell.len().min(240)])
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(60)
        .collect();
    if text.len() < cell.len() { format!("{text}…") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use power_core::Joules;
    use proptest::prelude::*;

    fn measure(words: &str) -> Measure {
        let wire = super::super::quantity::parse(words).unwrap();
        Measure::new(wire.quantity, wire.unit).unwrap()
    }

    fn number(words: &str, cell: &str) -> f64 {
        match measure(words).text(cell.as_bytes()).unwrap() {
            (RowValue::Number(number), Flags::NONE) => number,
            other => panic!("{other:?}"),
        }
    }

    fn count(measure: &mut Measure, cell: &str) -> u64 {
        match measure.text(cell.as_bytes()).unwrap() {
            (RowValue::Count(count), Flags::NONE) => count,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "the reader promises these very numbers")]
    fn numbers_with_and_without_units() {
        assert_eq!(number("power", "78.45"), 78.45);
        assert_eq!(number("power", "78.45 W"), 78.45);
        assert_eq!(number("power", "78450mW"), 78.45);
        assert_eq!(number("power mW", "78450"), 78.45);
        assert_eq!(number("power mW", "0.07 kW"), 70.0);
        assert_eq!(number("power", "-1.5e-3"), -1.5e-3);
        assert_eq!(number("utilisation %", "55"), 0.55);
        assert_eq!(number("frequency", "1410 MHz"), 1.41e9);
    }

    #[test]
    fn counts_are_exact() {
        assert_eq!(count(&mut measure("energy counter mJ"), "18446744073709551615"), u64::MAX);
        assert_eq!(count(&mut measure("memory used MiB"), "143771"), 143_771 << 20);
        let wh = Quantity::EnergyCounter { quantum: Joules::from_joules(3_600.0), modulus: None };
        let mut kwh = Measure::new(wh, WireUnit::find("kWh")).unwrap();
        assert_eq!(count(&mut kwh, "1.234"), 1_234);
        assert_eq!(count(&mut kwh, "12"), 12_000);
        assert!(matches!(kwh.text(b"1.2345"), Err(CellFault::NotAMultiple { .. })));
        assert!(matches!(kwh.text(b"-1"), Err(CellFault::NotACount(_))));
        assert!(matches!(measure("energy counter J").text(b"1e300"), Err(CellFault::TooLarge(_))));
        assert_eq!(measure("energy counter mJ").integer(5), Ok((RowValue::Count(5), Flags::NONE)));
    }

    #[test]
    fn states() {
        assert_eq!(count(&mut measure("state"), "P8"), 8);
        assert_eq!(count(&mut measure("state"), "0x0000000000000004"), 4);
        assert_eq!(count(&mut measure("state"), "Not Active"), 0);
        assert!(measure("state").text(b"Px").is_err());
    }

    #[test]
    fn nothing_is_missing_and_never_zero() {
        let over = Ok((RowValue::Missing, Flags::MISSING | Flags::OVERRANGE));
        for cell in ["", "NaN", "-nan", "null"] {
            assert_eq!(measure("power").text(cell.as_bytes()), Ok(MISSING), "{cell}");
        }
        assert_eq!(measure("power").text(b"-inf"), over);
        assert_eq!(measure("power").float(f64::NEG_INFINITY), over);
        assert_eq!(measure("power").float(f64::NAN), Ok(MISSING));
    }

    #[test]
    fn faults() {
        let says = |words: &str, cell: &str| measure(words).text(cell.as_bytes()).unwrap_err().to_string();
        assert_eq!(says("power", "many"), "`many` is no number");
        assert_eq!(says("power", "1e999"), "`1e999` is too large to be held");
        assert!(says("power", "35 C").starts_with("`C` is no unit of power"));
        assert!(says("power", "1,234.5").starts_with("`,234.5` is no unit of power"));
        assert_eq!(says("power", "1.2.3"), "`1.2.3` is no number");
        assert!(Measure::new(Quantity::power(), WireUnit::find("°C")).is_none());
    }

    proptest! {
        #[test]
        fn any_cell_is_a_value_or_a_fault(cell in proptest::collection::vec(any::<u8>(), 0..30)) {
            for words in ["power mW", "energy counter mJ", "memory used MiB", "state", "utilisation %"] {
                if let Ok((RowValue::Number(number), _)) = measure(words).text(cell.trim_ascii()) {
                    prop_assert!(number.is_finite());
                }
            }
        }

        #[test]
        fn numbers_round_trip(number in any::<f64>().prop_filter("finite", |n| n.is_finite())) {
            let decoded = measure("power").text(number.to_string().as_bytes()).unwrap();
            prop_assert_eq!(decoded, (RowValue::Number(number), Flags::NONE));
        }
    }
}
