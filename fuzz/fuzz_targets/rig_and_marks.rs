//! What a recording is told from outside: a rig file, marks as datagrams and on stdout.
#![no_main]

use std::path::Path;

use harness::record::marks;
use harness::rig::Rig;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = marks::parse_line(data);
    let text = String::from_utf8_lossy(data);
    let _ = marks::parse(&text);
    let _ = marks::parse_datagram(&text, 1 << 40);
    let _ = Rig::parse(&text, Path::new("rig.toml"));
});
