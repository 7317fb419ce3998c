//! A column map and a table: the input is a map, a line of dashes, and the table.
#![no_main]

use std::path::Path;

use harness::import::sink::MemorySink;
use harness::import::table::{Map, TableOptions, read_text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &str| {
    let (map, table) = data.split_once("\n---\n").unwrap_or((data, ""));
    let Ok(map) = Map::parse(map, Path::new("map.toml")) else { return };
    for table_map in &map.tables {
        let options = TableOptions { utc_offset: Some(jiff::tz::Offset::UTC), ..TableOptions::default() };
        let _ = read_text(
            table.as_bytes(),
            Path::new("table.csv"),
            table_map,
            &options,
            &mut MemorySink::default(),
        );
    }
});
