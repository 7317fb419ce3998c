//! driver-smi: what `--query-gpu` prints, once, in a loop, or saved, with its header and without.
#![no_main]

mod smi_checks;

use driver_smi::protocol::csv::{self, Header};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let names = ["timestamp", "uuid", "power.draw", "power.limit", "clocks.current.sm", "pstate"];
    for columns in [&[][..], &names] {
        let log = csv::parse_log(data, columns);
        let lines = data.split(|byte| *byte == b'\n').count();
        assert!(log.rows.len() + log.problems.len() <= lines);
        for row in &log.rows {
            smi_checks::time(row.time);
            row.cells.iter().for_each(|(field, cell)| smi_checks::cell(field.kind(), *cell));
        }
    }
    if let Ok(text) = str::from_utf8(data) {
        // What a header's columns are called makes the same header.
        if let Some(header) = Header::parse(text) {
            let names = header.columns().iter().map(|column| column.name.as_str());
            assert_eq!(Header::of_names(names), header);
        }
    }
});
