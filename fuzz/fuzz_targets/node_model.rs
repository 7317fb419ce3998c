//! node-model.toml: what is read can be used.
#![no_main]

use harness::node::ModelFile;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(file) = ModelFile::parse(text) else { return };
    let watts = vec![100.0; file.model.measured.len()];
    let _ = file.model.predict(&[(30.0, watts)], 0.95);
    let _ = file.to_toml();
});
