//! What a driver is told when it opens a device.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::{Error, ErrorKind, Result};

/// Options of a driver by name, as they stand in a rig file or on a command line.
///
/// ```
/// use power_core::Options;
/// let options = Options::new().with("unit", "247").with("timeout_ms", "50");
/// options.only(&["unit", "timeout_ms", "baud"])?;
/// assert_eq!(options.parse::<u8>("unit")?, Some(247));
/// assert_eq!(options.parse::<u32>("baud")?, None);
/// # Ok::<(), power_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct Options(BTreeMap<String, String>);

impl Options {
    /// No options: the driver's defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces an option.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }

    /// All options in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The text of an option, `None` if it was not given.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// An option as a number, a flag, an address: anything that parses from text.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidConfig`] if the text does not parse.
    pub fn parse<T: FromStr>(&self, name: &str) -> Result<Option<T>>
    where
        T::Err: fmt::Display,
    {
        self.text(name)
            .map(|text| {
                text.parse().map_err(|error| {
                    Error::new(ErrorKind::InvalidConfig, format!("option {name} = {text:?}: {error}"))
                })
            })
            .transpose()
    }

    /// Refuses options that the driver does not know.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidConfig`] naming the unknown option and those that are known.
    pub fn only(&self, known: &[&str]) -> Result<()> {
        match self.0.keys().find(|name| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some(unknown) => {
                let known = if known.is_empty() { "no options".to_owned() } else { known.join(", ") };
                let message = format!("unknown option {unknown}; this driver knows {known}");
                Err(Error::new(ErrorKind::InvalidConfig, message))
            }
        }
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Options {
    /// Of two options with one name the later one holds.
    fn from_iter<I: IntoIterator<Item = (N, V)>>(options: I) -> Self {
        Self(options.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}
