//! driver-smi: what `-q` prints.
#![no_main]

mod smi_checks;

use driver_smi::protocol::query::{self, Entry};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    if let Ok(reports) = query::parse(&text) {
        reports.iter().for_each(smi_checks::report);
    }
    let lines = text.lines().count();
    let outcome: Result<(), ()> = query::visit(&text, |line, entry| {
        assert!((1..=lines).contains(&line));
        if let Entry::Value(path, value) = entry {
            assert!(value.trim() == value && path.len() <= data.len() * 3 + lines);
        }
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
});
