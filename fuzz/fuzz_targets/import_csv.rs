//! The neutral format, its marks and clock anchors.
#![no_main]

use std::path::Path;

use harness::import::sink::MemorySink;
use harness::import::{csv, marks, read_anchors};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let path = Path::new("fuzz.csv");
    let _ = csv::read(data, path, &csv::Options::default(), &mut MemorySink::default());
    let _ = marks::read(data, path, &mut MemorySink::default());
    let _ = read_anchors(data, path);
});
