//! Sensor cards: what is known of one field of one device by one driver version, with its evidence.

use std::path::{Path, PathBuf};

use power_analysis::characterise::Character;
use power_core::Channel;
use serde::{Deserialize, Serialize};

use crate::load::Load;
use crate::{Error, Result};

/// The version of a card that this program writes.
pub const CARD_VERSION: u32 = 1;

/// What is known of one sensor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SensorCard {
    /// Version of the card's format; this program reads 1.
    pub schema_version: u32,
    /// Program and version that wrote it.
    pub written_by: String,
    /// Id of the driver, such as `nvml`.
    pub driver: String,
    /// The vendor's driver version, where it is known: a field can mean something else in the next.
    pub driver_version: Option<String>,
    /// The device in the maker's words.
    pub device: String,
    /// The channel as its driver describes it.
    pub channel: Channel,
    /// `source/channel` in the run.
    pub name: String,
    /// The run that it comes from.
    pub run: String,
    /// What drove the sensor; `None` where only its own readings were looked at.
    pub reference: Option<Load>,
    /// Whether the reference is a meter of the same power with a stated accuracy: only then are gain and offset the
    /// sensor's, and corrected.
    #[serde(default)]
    pub calibrated: bool,
    /// What was found, with intervals.
    pub character: Character,
    /// The same in sentences, the most important first.
    pub verdict: Vec<String>,
}

impl SensorCard {
    /// Reads a card from JSON. Takes any bytes.
    ///
    /// # Errors
    ///
    /// - if it is no card, or of a version that this program does not know.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let card: Self = serde_json::from_slice(bytes)
            .map_err(|error| Error::new(format!("the card cannot be read, {error}")).because(error))?;
        if card.schema_version != CARD_VERSION {
            return Err(Error::new(format!(
                "the card has version {}, and this program reads {CARD_VERSION}",
                card.schema_version
            ))
            .mend("update wattproof, or characterise the sensor again"));
        }
        Ok(card)
    }

    /// The card's name as a file: driver, device, field and driver version.
    pub fn file_name(&self) -> String {
        let version = self.driver_version.as_deref().unwrap_or("unknown");
        let whole = format!("{} {} {} {version}", self.driver, self.device, self.channel.name);
        let mut name = String::with_capacity(whole.len());
        for letter in whole.chars() {
            let plain = if letter.is_ascii_alphanumeric() || letter == '.' { letter } else { '-' };
            if plain != '-' || !name.ends_with('-') {
                name.push(plain.to_ascii_lowercase());
            }
        }
        format!("{}.json", name.trim_matches(['-', '.']))
    }

    /// Writes the card into the folder `dir`, which is created; one of the same sensor is replaced. Gives its path.
    ///
    /// # Errors
    ///
    /// - if it cannot be written.
    pub fn save(&self, dir: &Path) -> Result<PathBuf> {
        std::fs::create_dir_all(dir).map_err(|error| Error::io(dir, "create", error))?;
        let path = dir.join(self.file_name());
        let mut json = serde_json::to_string_pretty(self)
            .map_err(|error| Error::new("the card cannot be written as JSON").because(error))?;
        json.push('\n');
        // Whole or not at all: a card that is cut off would be taken for another.
        let draft = path.with_extension("json.new");
        std::fs::write(&draft, json).map_err(|error| Error::io(&draft, "write", error))?;
        std::fs::rename(&draft, &path).map_err(|error| Error::io(&path, "write", error))?;
        Ok(path)
    }
}

/// The folder of this user's cards: `wattproof/cards` in the XDG data folder; `None` without a home.
pub fn folder() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let data = absolute("XDG_DATA_HOME").or_else(|| Some(absolute("HOME")?.join(".local/share")))?;
    Some(data.join("wattproof/cards"))
}
