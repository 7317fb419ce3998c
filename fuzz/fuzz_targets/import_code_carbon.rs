//! Code Carbon's emissions.csv.
#![no_main]

use std::path::Path;

use harness::import::code_carbon::{Options, read};
use harness::import::sink::MemorySink;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let options = Options { source: None, utc_offset: jiff::tz::Offset::UTC };
    let _ = read(data, Path::new("emissions.csv"), &options, &mut MemorySink::default());
});
