//! The profiles that come with this crate.

use super::{Profile, check};

macro_rules! profiles {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../meters/", $name, ".toml")))),*]
    };
}

/// Name and text of every profile in `meters/`; a test compares the two.
const PROFILES: &[(&str, &str)] = profiles![
    "abb-b2x",
    "em24-e1",
    "em24-rs485",
    "em340",
    "iem3000",
    "pm5000",
    "pzem-004t",
    "sdm120",
    "sdm220",
    "sdm230",
    "sdm630",
    "shelly-pro-3em",
    "shelly-pro-em",
    "umg604",
    "umg96rm",
    "wt310e-modbus",
];

/// The names of the shipped profiles, in order.
pub fn shipped_names() -> impl Iterator<Item = &'static str> {
    PROFILES.iter().map(|(name, _)| *name)
}

/// The shipped profile of this name; `None` if there is none.
pub fn shipped(name: &str) -> Option<Profile> {
    let (_, text) = PROFILES.iter().find(|(known, _)| *known == name)?;
    // A test checks every shipped profile, so that none is lost here.
    check(text, name).ok()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_profile_in_the_folder_is_shipped_under_its_name_and_is_right() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("meters");
        let mut files: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let stems: Vec<_> = files.iter().map(|file| file.file_stem().unwrap().to_str().unwrap()).collect();
        assert_eq!(stems, shipped_names().collect::<Vec<_>>());
        for (name, text) in PROFILES {
            let profile = check(text, name).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(profile.name, *name);
            assert!(profile.channels.iter().any(|spec| spec.channel.quantity.has_energy()), "{name}");
        }
    }
}
