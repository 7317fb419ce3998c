//! Recordings of the ElmorLabs PMD.
#![no_main]

use std::path::Path;

use harness::import::pmd;
use harness::import::sink::MemorySink;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let path = Path::new("PMD_data.bin");
    let _ = pmd::parse_start(data, path);
    for rails in [false, true] {
        let options = pmd::Options { start: b"1688840907467245".to_vec(), rails, ..pmd::Options::default() };
        let _ = pmd::read(data, path, path, &options, &mut MemorySink::default());
    }
});
