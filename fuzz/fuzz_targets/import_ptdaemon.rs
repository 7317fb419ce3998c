//! SPEC PTDaemon's samples and the logs beside them.
#![no_main]

use std::path::Path;

use harness::import::ptdaemon::client_log::ClientLog;
use harness::import::ptdaemon::ptd_log::PtdLog;
use harness::import::ptdaemon::{Context, LogTime, loadgen, read};
use harness::import::sink::MemorySink;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let time = LogTime::new(jiff::tz::Offset::UTC).expect("UTC exists");
    let context = Context {
        ptd: Some(PtdLog::parse(data, &time)),
        client: Some(ClientLog::parse(data)),
        marks: loadgen::parse(data, &time),
        ..Context::default()
    };
    let _ = read(data, Path::new("spl.txt"), &time, &context, &mut MemorySink::default());
});
