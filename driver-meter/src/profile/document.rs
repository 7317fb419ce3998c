//! A TOML table whose values are taken out with messages that point at them.

use std::ops::Range;

use power_core::Result;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::place::{Text, suggest};

/// One table of a profile.
#[derive(Debug, Clone)]
pub(super) struct Section<'t> {
    text: Text<'t>,
    name: &'static str,
    span: Range<usize>,
    table: &'t DeTable<'t>,
}

/// A value with its place.
#[derive(Debug, Clone)]
pub(super) struct Placed<'t, T> {
    pub(super) value: T,
    pub(super) at: Range<usize>,
    text: Text<'t>,
}

impl<T> Placed<'_, T> {
    /// The error that this value is wrong.
    pub(super) fn wrong<R>(&self, what: impl std::fmt::Display) -> Result<R> {
        Err(self.text.wrong(&self.at, what))
    }
}

impl<'t> Section<'t> {
    /// The whole file; refuses keys that it cannot have.
    pub(super) fn root(text: Text<'t>, table: &'t DeTable<'t>, known: &[&str]) -> Result<Self> {
        Self { text, name: "profile", span: 0..0, table }.only(known)
    }

    fn only(self, known: &[&str]) -> Result<Self> {
        match self.table.keys().find(|key| !known.contains(&key.get_ref().as_ref())) {
            None => Ok(self),
            Some(key) => {
                let name = key.get_ref();
                let what = format!("unknown key {name:?} in {}; {}", self.name, suggest(name, known));
                Err(self.text.wrong(&key.span(), what))
            }
        }
    }

    /// The error that this table as a whole is wrong.
    pub(super) fn wrong<R>(&self, what: impl std::fmt::Display) -> Result<R> {
        Err(self.text.wrong(&self.span, what))
    }

    fn get(&self, key: &'static str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
    }

    fn mismatch<R>(&self, key: &str, value: &Spanned<DeValue<'_>>, wanted: &str) -> Result<R> {
        let what = format!("{key} is {}, not {wanted}", value.get_ref().type_str());
        Err(self.text.wrong(&value.span(), what))
    }

    fn placed<T>(&self, value: T, at: Range<usize>) -> Placed<'t, T> {
        Placed { value, at, text: self.text }
    }

    /// A table within this one.
    pub(super) fn section(&self, key: &'static str, known: &[&str]) -> Result<Option<Self>> {
        self.get(key).map(|value| self.as_section(key, value, known)).transpose()
    }

    fn as_section(&self, key: &'static str, value: &'t Spanned<DeValue<'t>>, known: &[&str]) -> Result<Self> {
        match value.get_ref() {
            DeValue::Table(table) => {
                Self { text: self.text, name: key, span: value.span(), table }.only(known)
            }
            _ => self.mismatch(key, value, "a table"),
        }
    }

    /// A list of tables within this one.
    pub(super) fn sections(&self, key: &'static str, known: &[&str]) -> Result<Vec<Self>> {
        match self.get(key) {
            None => Ok(Vec::new()),
            Some(value) => match value.get_ref() {
                DeValue::Array(items) => items.iter().map(|item| self.as_section(key, item, known)).collect(),
                _ => self.mismatch(key, value, "a list of tables, written [[channel]]"),
            },
        }
    }

    /// A text.
    pub(super) fn text(&self, key: &'static str) -> Result<Option<Placed<'t, &'t str>>> {
        match self.get(key) {
            None => Ok(None),
            Some(value) => match value.get_ref() {
                DeValue::String(text) => Ok(Some(self.placed(text.as_ref(), value.span()))),
                _ => self.mismatch(key, value, "a text in quotes"),
            },
        }
    }

    /// A text that has to be there and says something.
    pub(super) fn needed_text(&self, key: &'static str) -> Result<Placed<'t, &'t str>> {
        match self.text(key)? {
            Some(text) if text.value.trim().is_empty() => text.wrong(format!("{key} is empty")),
            Some(text) => Ok(text),
            None => self.wrong(format!("{} has no {key}", self.name)),
        }
    }

    /// A text that is one of several words.
    pub(super) fn word<T: Copy>(
        &self,
        key: &'static str,
        words: &[(&str, T)],
    ) -> Result<Option<Placed<'t, T>>> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text.value) {
            Ok(Some(self.placed(*value, text.at)))
        } else {
            let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            text.wrong(format!("{key} = {:?}; {}", text.value, suggest(text.value, &known)))
        }
    }

    /// Yes or no.
    pub(super) fn flag(&self, key: &'static str) -> Result<bool> {
        match self.get(key) {
            None => Ok(false),
            Some(value) => match value.get_ref() {
                DeValue::Boolean(flag) => Ok(*flag),
                _ => self.mismatch(key, value, "true or false"),
            },
        }
    }

    /// A whole number within limits.
    pub(super) fn integer(
        &self,
        key: &'static str,
        limits: std::ops::RangeInclusive<u64>,
    ) -> Result<Option<Placed<'t, u64>>> {
        self.get(key).map(|value| self.as_integer(key, value, &limits)).transpose()
    }

    fn as_integer(
        &self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        limits: &std::ops::RangeInclusive<u64>,
    ) -> Result<Placed<'t, u64>> {
        let DeValue::Integer(integer) = value.get_ref() else {
            return self.mismatch(key, value, "a whole number");
        };
        match u64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(number) if limits.contains(&number) => Ok(self.placed(number, value.span())),
            _ => {
                let what = format!("{key} = {integer}: it is {} to {}", limits.start(), limits.end());
                Err(self.text.wrong(&value.span(), what))
            }
        }
    }

    /// A list of whole numbers within limits.
    pub(super) fn integers(
        &self,
        key: &'static str,
        limits: std::ops::RangeInclusive<u64>,
    ) -> Result<Vec<u64>> {
        match self.get(key) {
            None => Ok(Vec::new()),
            Some(value) => match value.get_ref() {
                DeValue::Array(items) => {
                    let number = |item| Ok(self.as_integer(key, item, &limits)?.value);
                    items.iter().map(number).collect()
                }
                _ => self.mismatch(key, value, "a list of whole numbers, such as [0x7FFFFFFF]"),
            },
        }
    }

    /// A finite number.
    pub(super) fn number(&self, key: &'static str) -> Result<Option<Placed<'t, f64>>> {
        self.get(key).map(|value| self.as_number(key, value)).transpose()
    }

    fn as_number(&self, key: &str, value: &Spanned<DeValue<'_>>) -> Result<Placed<'t, f64>> {
        let number = match value.get_ref() {
            DeValue::Float(float) => float.as_str().parse().ok(),
            // TOML's hexadecimal numbers are whole; a decimal one parses as it stands.
            DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str().parse().ok(),
            _ => return self.mismatch(key, value, "a number"),
        };
        match number.filter(|number: &f64| number.is_finite()) {
            Some(number) => Ok(self.placed(number, value.span())),
            None => Err(self.text.wrong(&value.span(), format!("{key} is not a finite number"))),
        }
    }

    /// Two finite numbers, the lower one first.
    pub(super) fn range(&self, key: &'static str) -> Result<Option<(f64, f64)>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        if let DeValue::Array(items) = value.get_ref()
            && let [low, high] = items.iter().collect::<Vec<_>>()[..]
        {
            let (low, high) = (self.as_number(key, low)?.value, self.as_number(key, high)?.value);
            if low < high {
                return Ok(Some((low, high)));
            }
        }
        Err(self.text.wrong(&value.span(), format!("{key} is two numbers, the lower one first: [0, 3680]")))
    }
}
