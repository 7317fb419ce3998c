//! driver-smi: what `dmon` prints.
#![no_main]

mod smi_checks;

use driver_smi::protocol::dmon::{self, Header};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let (rows, problems) = dmon::parse_log(&text);
    assert!(rows.len() + problems.len() <= text.lines().count());
    for (time, _, cells) in &rows {
        smi_checks::time(*time);
        cells.iter().for_each(|(column, cell)| smi_checks::cell(column.kind, *cell));
    }
    for line in text.lines() {
        if let Some(header) = Header::parse(line) {
            assert!(header.is(line));
        }
    }
});
