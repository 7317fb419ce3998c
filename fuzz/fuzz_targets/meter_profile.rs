//! Profiles of meters: any text is a profile, or an error that points into it.

#![no_main]

use driver_meter::profile;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match profile::check(text, "fuzz.toml") {
        Ok(profile) => {
            assert!(!profile.channels.is_empty());
            for spec in &profile.channels {
                assert!(spec.scale.is_finite() && spec.float_step.is_finite());
                let whole = spec.channel.part_of.map(|whole| usize::from(whole.0));
                assert!(whole.is_none_or(|whole| whole < profile.channels.len()));
            }
        }
        Err(error) => assert!(error.message().starts_with("fuzz.toml:")),
    }
});
