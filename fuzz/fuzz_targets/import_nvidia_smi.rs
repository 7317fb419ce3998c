//! Logs of nvidia-smi, by the shipped map.
#![no_main]

use std::path::Path;

use harness::import::find_map;
use harness::import::sink::MemorySink;
use harness::import::table::{TableOptions, read_text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let map = find_map("nvidia-smi").expect("the shipped map is right");
    for table in &map.tables {
        let options = TableOptions { utc_offset: Some(jiff::tz::Offset::UTC), ..TableOptions::default() };
        let _ = read_text(data, Path::new("log.csv"), table, &options, &mut MemorySink::default());
    }
});
