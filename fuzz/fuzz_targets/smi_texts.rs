//! driver-smi: the table, the help text, messages, times and single values.
#![no_main]

mod smi_checks;

use driver_smi::protocol::{
    Absence, Kind, help, message, parse_cell, parse_csv_time, parse_date_and_time, parse_log_time, table,
};
use libfuzzer_sys::fuzz_target;

const KINDS: [Kind; 9] = [
    Kind::Power,
    Kind::PowerLimit,
    Kind::Share,
    Kind::Memory,
    Kind::Temperature,
    Kind::Clock,
    Kind::PState,
    Kind::Mask,
    Kind::Text,
];

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    if let Ok(report) = table::parse(&text) {
        smi_checks::report(&report);
    }
    assert!(help::names(&text).all(|name| !name.is_empty() && !name.contains(['"', ' ', '\n'])));
    let _ = message::unknown_field(&text);
    assert!(message::first_line(&text).is_none_or(|line| !line.contains('\n') && line.chars().count() <= 200));
    for line in text.lines() {
        smi_checks::time(parse_csv_time(line));
        smi_checks::time(parse_log_time(line));
        let (date, clock) = line.split_once(' ').unwrap_or((line, line));
        smi_checks::time(parse_date_and_time(date, clock));
        for kind in KINDS {
            if let Ok(cell) = parse_cell(kind, line) {
                smi_checks::cell(kind, cell);
                // A number comes from digits, and what says that there is none is never one.
                let said = Absence::parse(line.trim());
                assert!(cell.absence() == said && (said.is_some() || line.bytes().any(|byte| byte.is_ascii_hexdigit())));
            }
        }
    }
});
