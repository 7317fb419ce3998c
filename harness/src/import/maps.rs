//! The column maps that come with the program.

use std::path::Path;

use super::input::read_small;
use super::nearest::hint;
use super::table::Map;
use crate::{Error, Result};

/// A map that comes with the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShippedMap {
    /// Its name, for `--map`.
    pub name: &'static str,
    /// Its text.
    pub toml: &'static str,
}

macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        &[$(ShippedMap { name: $name, toml: include_str!(concat!("../../maps/", $name, ".toml")) }),*]
    };
}

static MAPS: &[ShippedMap] = shipped!["nvidia-smi", "h200", "dos-group"];

/// A map longer than this is none.
const LONGEST_MAP: u64 = 1 << 20;

/// The maps that come with the program.
pub fn maps() -> &'static [ShippedMap] {
    MAPS
}

impl ShippedMap {
    /// Reads the map.
    ///
    /// # Errors
    ///
    /// - none for a map that a test of this crate has read
    pub fn map(&self) -> Result<Map> {
        Map::parse(self.toml, Path::new(self.name))
    }
}

/// The map of this name, or in this file.
///
/// # Errors
///
/// - there is no such map and no such file
/// - the file is no map
pub fn find_map(name: &str) -> Result<Map> {
    if let Some(shipped) = MAPS.iter().find(|shipped| shipped.name == name) {
        return shipped.map();
    }
    let path = Path::new(name);
    if !path.exists() {
        let names: Vec<&str> = MAPS.iter().map(|shipped| shipped.name).collect();
        return Err(Error::new(format!("there is no map and no file `{name}`")).mend(hint(name, &names)));
    }
    let bytes = read_small(path, LONGEST_MAP)?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Error::file(path, "is not UTF-8").mend("a map is a TOML file"))?;
    Map::parse(&text, path)
}
