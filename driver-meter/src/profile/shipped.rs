//! The profiles that come with this crate.

use super::{Profile, check};

macro_rules! profiles {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../meters/", $name, ".toml")))),*]
    };
}

/// Name and text of every profile in `meters/`; a test compares the two.
const PROFILES: &[(&str, &str)] = profiles!["sdm120"];

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
