//! carbontracker's results.json.
#![no_main]

use std::path::Path;

use harness::import::carbontracker::{Options, read};
use harness::import::sink::MemorySink;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let options = Options { source: String::new(), utc_offset: jiff::tz::Offset::UTC };
    let _ = read(data, Path::new("results.json"), &options, &mut MemorySink::default());
});
